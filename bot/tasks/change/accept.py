"""Accept: 👀 on the comment, the tracking comment, the base commit pinned. Seconds after the comment.

A task that has to wait for a free place gets the first two while it waits (`tasks/queue_notices.py`). Two writes are a
second apart (GitHub's wish): meanwhile the base is brought here, which PREPARE then finds.
"""

import asyncio

import structlog

from bot.domain.ids import CommitSha
from bot.domain.outcomes import Outcome
from bot.domain.tasks import TaskKind
from bot.errors import GitHubFault, PullwrightError
from bot.tasks.change.desk import Desk
from bot.tasks.change.pages import GONE, Told, tell
from bot.texts.markers import tracking_marker
from bot.texts.redact import redact
from bot.texts.tracking import TrackingState, render_tracking

log = structlog.get_logger()


async def accept(desk: Desk) -> bool:
    """False: the issue was closed before the task began (its delivery came late, or again), which the facts say.
    Idempotent: the reaction is there once by GitHub's own rule, the comment by the ledger."""
    await react(desk)
    pinning = asyncio.create_task(_pin_base(desk))
    try:
        await begin_tracking(desk)
        pinned = await pinning
    finally:
        pinning.cancel()
        await asyncio.gather(pinning, return_exceptions=True)
    if pinned is None:
        await desk.learn(outcome=Outcome.CLOSED.value, detail="It was closed before I began.")
        return False
    if not desk.facts.base_commit:
        await desk.learn(base_commit=pinned[0], others=pinned[1])
    return True


async def _pin_base(desk: Desk) -> tuple[CommitSha, tuple[tuple[int, str], ...]] | None:
    """The base commit and who else is at the issue, as known or as they are now; None: it is closed. Learns nothing
    itself. Who closes it from now on ends the task by that."""
    base, others = desk.facts.base_commit, desk.facts.others
    if not base:
        if not await desk.call(desk.github.threads.is_open, desk.request.issue):
            return None
        base = await desk.call(desk.github.refs.fetch_head, desk.request.base_branch)
        others = await find_others(desk)
    await _bring_base(desk, base)
    return base, others


async def _bring_base(desk: Desk, base: CommitSha) -> None:
    """Its objects and plain files are in this host's cache, if nothing goes wrong: PREPARE does the same again and says
    what does."""
    repos, ref = desk.services.repos, f"refs/heads/{desk.request.base_branch}"
    try:
        fetched = await desk.with_remote(
            desk.fetch_remote, lambda remote: repos.fetch(desk.key, remote, ref, base)
        )
        await repos.materialise(desk.key, fetched.tree)
    except PullwrightError as fault:
        log.info("the base is not here yet", task=desk.taken.id, why=str(fault))


async def find_others(desk: Desk) -> tuple[tuple[int, str], ...]:
    """Open pull requests that are to close the same issue: told to the model and to whoever reviews, no obstacle."""
    if desk.request.kind is not TaskKind.CHANGE:
        return ()
    try:
        found = await desk.call(desk.github.pulls.list_closing, desk.request.issue)
    except GitHubFault:
        return ()
    return tuple((one.number, one.author) for one in found)


async def begin_tracking(desk: Desk) -> None:
    """The tracking comment is there and says that the task is at work."""
    if desk.facts.comment:  # its place in the queue stood there
        await edit_tracking(desk, _render(desk, None))
    else:
        await learn_tracking_comment(desk)


async def react(desk: Desk) -> None:
    """A comment that was deleted meanwhile is no reason to stop. GitHub knows no reaction to a review's own text."""
    request, github = desk.request, desk.github
    if request.review and not request.comment_id:
        return
    try:
        if request.thread:
            await desk.call(github.review_comments.create_reaction, request.comment_id)
        else:
            await desk.call(github.threads.create_reaction, request.issue, request.comment_id)
    except GitHubFault as fault:
        if fault.status not in GONE:
            raise


async def learn_tracking_comment(desk: Desk, before: int | None = None) -> None:
    """The one comment of this task is there, and its id and address are known. `before`: see `TrackingState`."""
    made = await ensure_tracking_comment(desk, desk.request.issue, _render(desk, before))
    await desk.learn(comment=made["id"], comment_url=made["url"])


async def ensure_tracking_comment(desk: Desk, issue: int, body: str) -> dict[str, object]:
    """The task's one comment on `issue`: `id` and `url`. `body` has its marker."""
    marker, threads = tracking_marker(desk.taken.id), desk.github.threads

    def find() -> dict[str, object] | None:
        found = threads.find_tracking_comment(issue, marker)
        return {"id": found.id, "url": found.url} if found else None

    def create() -> dict[str, object]:
        made = threads.create_tracking_comment(issue, body)
        return {"id": made.id, "url": made.url}

    ledger = desk.services.ledger
    return await ledger.ensure(desk.taken.id, desk.taken.epoch, "tracking-comment", find, create)


async def tell_place(desk: Desk, before: int) -> None:
    """While the task waits for a free place: how many are before it."""
    if desk.facts.comment:
        await edit_tracking(desk, _render(desk, before))
    else:
        await learn_tracking_comment(desk, before)


async def edit_tracking(desk: Desk, body: str, *, last: bool = False) -> None:
    """New text in the tracking comment, and behind it if it is long. One that somebody deleted is not made again; a
    schedule's task has none. `last`: nobody edits it any more."""
    facts = desk.facts
    if facts.comment:
        await tell(desk, Told(desk.request.issue, facts.comment, facts.comment_url), body, last=last)


def _render(desk: Desk, before: int | None) -> str:
    facts, marker = desk.facts, tracking_marker(desk.taken.id)
    state = TrackingState(desk.taken.phase, 0, facts.plan, facts.spent, (), marker, before)
    return redact(render_tracking(state), desk.services.settings.secrets)
