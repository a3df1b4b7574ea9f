"""Undo: the newest commit of ours on a pull request is taken back by one more commit, whose tree is the one before it.

No model and no sandbox: what is restored was there before. History is never rewritten, and nobody's commit but ours is
taken back.

Races, and how each is closed:
- Somebody pushes meanwhile: the push is compare-and-swap from the commit that is taken back; the end is STALE.
- Death after the push: the same tree, parent, message and time give the same commit, which the branch then has.
- The requester has lost write access meanwhile: asked again here, ACCESS_WITHDRAWN (law 6).
"""

from datetime import datetime

from bot.domain.ids import CommitSha
from bot.domain.outcomes import Outcome
from bot.domain.tasks import TaskKind
from bot.tasks.change.accept import edit_tracking
from bot.tasks.change.access import check_access
from bot.tasks.change.desk import Desk
from bot.tasks.change.facts import ChangeFacts, parse_facts
from bot.tasks.change.publish import move_branch
from bot.texts.commit_message import render_undo_message
from bot.texts.follow_ups import render_undone
from bot.texts.markers import tracking_marker

_NOT_OURS = "The newest commit here is not mine: I take back only what I have pushed, from the newest on."
_MERGE = (
    "My newest commit here is a merge. A commit that takes it back would take back what the base branch did as well, "
    "as soon as this pull request is merged: reset the branch by hand if you want it gone."
)
_MOVED = "Somebody pushed to the branch meanwhile, so I left it alone."


async def find_ours(desk: Desk) -> ChangeFacts | None:
    """What the task knows that made the head; None: it was no task of ours, or that head was an undoing itself."""
    repository, head = desk.request.repository.id, desk.facts.base_commit
    found = await desk.call(desk.services.tasks.list_knowing, repository, "commit", head)
    made = [parse_facts(view.facts) for view, asked in found if asked.kind in _MAKING]
    return made[-1] if made and made[-1].submission is not None else None


_MAKING = (TaskKind.CHANGE, TaskKind.FOLLOW_UP, TaskKind.MAINTENANCE)


async def undo(desk: Desk) -> None:
    """From the pinned head to the commit on the branch. Raises GitHubFault, RepositoryFault, RetryLater."""
    made = await find_ours(desk)
    if made is None or desk.follow.fork or _is_merge(made):
        detail = _NOT_OURS if made is None or desk.follow.fork else _MERGE
        await desk.learn(outcome=Outcome.BLOCKED.value, detail=detail)
        return
    await check_access(desk)
    if not desk.facts.commit:
        await desk.learn(commit=await _write(desk, made))
    if not await move_branch(desk, desk.follow.head_branch, desk.facts.base_commit):
        await desk.learn(outcome=Outcome.STALE.value, detail=_MOVED)
        return
    await desk.learn(branch=desk.follow.head_branch, outcome=Outcome.UNDONE.value)


def _is_merge(made: ChangeFacts) -> bool:
    return made.follow is not None and made.follow.merge is not None


async def _write(desk: Desk, made: ChangeFacts) -> CommitSha:
    """The tree before the commit, on top of it."""
    request, repos, key = desk.request, desk.services.repos, desk.key
    ref = f"refs/heads/{desk.follow.head_branch}"
    before = await desk.with_remote(
        desk.fetch_remote, lambda remote: repos.fetch(key, remote, ref, made.base_commit)
    )
    await desk.with_remote(
        desk.fetch_remote, lambda remote: repos.fetch(key, remote, ref, desk.facts.base_commit)
    )
    title = made.submission.title if made.submission else ""
    message = render_undo_message(
        title, desk.facts.base_commit, request.issue, request.requested_by, request.requested_by_id
    )
    when = int(datetime.fromisoformat(request.requested_at).timestamp())
    return await repos.commit(key, before.tree, (desk.facts.base_commit,), message, when)


async def report_undone(desk: Desk) -> None:
    """The tracking comment says what was taken back."""
    made = await find_ours(desk)
    title = made.submission.title if made and made.submission else ""
    facts, marker = desk.facts, tracking_marker(desk.taken.id)
    text = render_undone(facts.commit, facts.base_commit, title, marker)
    await edit_tracking(desk, text, last=True)
