"""The second look of a change that is about to be published (`agent/second_look.py`), joined to the task.

Once for a task: a change that was sent back is published as it comes back, with what was measured of it. Dies the
worker in between, the question is asked again: one request, and nothing was said to anybody.
"""

import hashlib
from dataclasses import replace

from bot.agent.second_look import Advice, FinishedChange, Verdict, load_review_prompt, take_second_look
from bot.domain.budget import Spent
from bot.tasks.change.desk import Desk
from bot.tasks.change.facts import ChangeFacts
from bot.texts.evidence_table import render_verdict


async def look_twice(desk: Desk, facts: ChangeFacts) -> ChangeFacts:
    """The facts with the advice; `feedback` is set when the change goes back."""
    model, evidence = desk.model, facts.evidence
    change = FinishedChange(
        request=desk.request.instruction or "fix this",
        issue=f"{desk.request.issue_title}\n\n{desk.request.issue_body}",
        diff=await desk.services.repos.diff(desk.key, facts.base_tree, facts.tree),
        measured=render_verdict(evidence) if evidence else "",
    )
    content = "\n".join((desk.request.repository.full_name, model.name, load_review_prompt()))
    key = hashlib.sha256(content.encode()).hexdigest()[:32]
    return decide_advice(facts, await take_second_look(model, change, key))


def decide_advice(facts: ChangeFacts, advice: Advice) -> ChangeFacts:
    """Pure: back to the work with the points, or on with them as words for the reviewer."""
    usage = advice.reply.usage if advice.reply else None
    looked = Spent()
    if usage is not None:
        looked = Spent(
            requests=usage.requests,
            input_tokens=usage.input_tokens,
            cached_tokens=usage.cached_tokens,
            output_tokens=usage.output_tokens,
            cost_usd=usage.cost_usd or 0.0,
            priced=usage.cost_usd is not None,
        )
    seen = replace(facts, looked_twice=True, looked=looked)
    if advice.verdict is Verdict.SEND_BACK:
        return replace(seen, feedback=render_advice(advice.points))
    return replace(seen, advice=advice.points)


def render_advice(points: tuple[str, ...]) -> str:
    """For the author: advice may be wrong, so it has a way out."""
    listed = "\n".join(f"- {point}" for point in points)
    return (
        "[second look] Another reader of your change, who could not run it, says:\n"
        f"{listed}\nMend what is right in it and submit again; where it is wrong, submit again and say so in `risks`."
    )
