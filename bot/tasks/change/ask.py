"""Ask: the agent's questions stand in the tracking comment, and the task rests until a person answers.

GitHub tells nobody of an edited comment, so one short comment of its own calls the person who asked for the task; it is
in the ledger, one for each asking.

Races, and how each is closed:
- The answer comes before the task rests: it is a row by then, and `Tasks.wait` queues the task again.
- A death at any point: run again from the beginning; the comment is edited to the same text.
"""

import hashlib

from bot.tasks.change.accept import edit_tracking
from bot.tasks.change.desk import Desk
from bot.tasks.change.late_words import has_unheard
from bot.texts.markers import asking_marker, tracking_marker
from bot.texts.redact import redact
from bot.texts.tracking import render_call, render_questions, render_spent


async def ask(desk: Desk) -> bool:
    """Post the questions; True when the answer is there already and the work may go on."""
    if await has_unheard(desk):
        return True
    facts, secrets = desk.facts, desk.services.settings.secrets
    spent = render_spent(facts.spent) if facts.spent.turns else ""
    questions = tuple(redact(question, secrets) for question in facts.questions)
    await edit_tracking(desk, render_questions(questions, spent, tracking_marker(desk.taken.id)))
    await _call_person(desk, questions)
    return False


async def _call_person(desk: Desk, questions: tuple[str, ...]) -> None:
    """The comment that notifies; the same questions are the same asking."""
    asking = hashlib.sha256("\n".join(questions).encode()).hexdigest()[:16]
    marker, issue, threads = asking_marker(desk.taken.id, asking), desk.request.issue, desk.github.threads
    body = render_call(desk.request.requested_by, len(questions), desk.facts.comment_url, marker)

    def find() -> dict[str, object] | None:
        found = threads.find_tracking_comment(issue, marker)
        return {"id": found.id} if found else None

    def create() -> dict[str, object]:
        return {"id": threads.create_tracking_comment(issue, body).id}

    await desk.services.ledger.ensure(desk.taken.id, desk.taken.epoch, f"asking-{asking}", find, create)
