"""Ask: the agent's questions stand in the tracking comment, and the task rests until a person answers.

Races, and how each is closed:
- The answer comes before the task rests: it is a row by then, and `Tasks.wait` queues the task again.
- A death at any point: run again from the beginning; the comment is edited to the same text.
"""

from bot.agent.contract import EventKind
from bot.store.tasks import STEERING
from bot.tasks.change.desk import Desk
from bot.tasks.change.report import edit_tracking
from bot.texts.markers import tracking_marker
from bot.texts.redact import redact
from bot.texts.tracking import render_questions, render_spent


async def ask(desk: Desk) -> bool:
    """Post the questions; True when the answer is there already and the work may go on."""
    if await has_unheard(desk):
        return True
    facts, secrets = desk.facts, desk.services.settings.secrets
    spent = render_spent(facts.spent) if facts.spent.turns else ""
    questions = tuple(redact(question, secrets) for question in facts.questions)
    await edit_tracking(desk, render_questions(questions, spent, tracking_marker(desk.taken.id)))
    return False


async def has_unheard(desk: Desk) -> bool:
    """Whether people said something that the agent has not heard yet."""
    load, task = desk.services.events.load, desk.taken.id
    said = await desk.call(load, task, 0, (STEERING,))
    heard = [
        int(row.body["id"])
        for row in await desk.call(load, task, 0, (EventKind.MESSAGE,))
        if row.body["source"] == "steering"
    ]
    return any(int(row.body["id"]) > max(heard, default=0) for row in said)
