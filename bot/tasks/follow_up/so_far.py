"""The work so far on a pull request of ours: the task that opened it, and every push since.

Found in our own database; a marker in the pull request's text only says where to look.
"""

from dataclasses import dataclass

from bot.agent.hidden_text import strip_hidden
from bot.domain.follow_up import Way
from bot.domain.ids import TaskId
from bot.domain.tasks import TaskKind, TaskRequest
from bot.tasks.change.desk import Desk
from bot.tasks.change.facts import ChangeFacts, parse_facts
from bot.texts.claims import drop_claims
from bot.texts.evidence_table import render_verdict
from bot.texts.markers import find_pull_task
from bot.texts.pull_request import Push

_WORDS = 1_500  # characters of one earlier summary: a paragraph or two


@dataclass(frozen=True)
class Earlier:
    """A task of ours that pushed something, with what it knew at its end."""

    task: TaskId
    request: TaskRequest
    facts: ChangeFacts


async def find_origin(desk: Desk, body: str) -> TaskId:
    """The task that opened this pull request, as its text says and our own rows confirm; empty: none."""
    named = find_pull_task(body)
    if named is None:
        return TaskId("")
    found = await desk.call(desk.services.tasks.find_with_request, named)
    if found is None:
        return TaskId("")
    view, request = found
    here = request.repository.id == desk.request.repository.id
    return named if here and parse_facts(view.facts).pull == desk.request.issue else TaskId("")


async def load_so_far(desk: Desk) -> tuple[Earlier, ...]:
    """What pushed to this pull request, oldest first: whoever opened it, then the follow-ups."""
    tasks, origin = desk.services.tasks, desk.follow.origin
    rows = []
    if origin and (opened := await desk.call(tasks.find_with_request, origin)):
        rows.append(opened)
    finished = await desk.call(tasks.list_finished, desk.request.active_key)
    rows += [(view, asked) for view, asked in finished if asked.kind is TaskKind.FOLLOW_UP]
    found = (Earlier(view.id, asked, parse_facts(view.facts)) for view, asked in rows)
    return tuple(
        one
        for one in found
        if one.facts.commit and one.facts.submission and one.facts.evidence and not _is_elsewhere(one, origin)
    )


def _is_elsewhere(one: Earlier, origin: TaskId) -> bool:
    """Whether it is a commit on a branch of its own, beside this pull request."""
    follow = one.facts.follow
    return one.task != origin and follow is not None and follow.way is not Way.PUSH


def render_so_far(earlier: tuple[Earlier, ...]) -> str:
    """For the model: goal, what it said of itself, what was measured. Pure."""
    parts = []
    for one in earlier:
        said, measured = one.facts.submission, one.facts.evidence
        if said is None or measured is None:
            continue
        goal = one.request.instruction or f"{one.request.issue_title}\n{one.request.issue_body}"
        parts.append(
            "\n".join(
                (
                    f"Commit {one.facts.commit[:10]}, asked for by {one.request.requested_by}: {_cut(goal)}",
                    f"What it said of itself: {_cut(drop_claims(f'{said.title}. {said.summary}')[0])}",
                    f"What was measured: {render_verdict(measured)}",
                )
            )
        )
    return "\n\n".join(parts)


def list_pushes(earlier: tuple[Earlier, ...], origin: TaskId) -> tuple[Push, ...]:
    """What came after the pull request was opened. Pure."""
    return tuple(
        Push(
            one.facts.commit,
            one.facts.submission.title,
            one.request.requested_by,
            one.facts.evidence.tier.value,
        )
        for one in earlier
        if one.task != origin and one.facts.submission and one.facts.evidence
    )


def _cut(text: str) -> str:
    words = " ".join(strip_hidden(text).split())
    return words if len(words) <= _WORDS else f"{words[:_WORDS]}…"
