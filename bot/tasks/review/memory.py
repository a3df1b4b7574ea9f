"""What earlier reviews of a pull request said and saw, and what became of it: read from GitHub (decision 43)."""

from collections.abc import Sequence

from bot.agent.contract import EarlierFinding
from bot.domain import limits
from bot.domain.access import Permission
from bot.domain.ids import CommitSha
from bot.domain.review_memory import Standing, ThreadState, decide_standing, objectors
from bot.domain.review_report import Told
from bot.domain.review_scope import Scope, Seen, decide_scope
from bot.errors import GitHubFault
from bot.tasks.change.desk import Desk
from bot.texts.markers import find_seen
from bot.texts.reviews import parse_told


async def recall_scope(desk: Desk, now: Seen) -> tuple[Seen | None, Scope]:
    """What the last finished review saw, and how much this one is to look at. Raises GitHubFault, RetryLater."""
    texts = await desk.call(desk.github.reviews.fetch_said, desk.request.issue)
    found = [seen for text in texts if (seen := find_seen(text)) is not None]
    last = Seen(*found[-1]) if found else None
    grown = last is not None and last.head != now.head and await _is_grown(desk, last.head, now.head)
    return last, decide_scope(last, now, desk.request.instruction, grown=grown)


async def _is_grown(desk: Desk, old: CommitSha, new: CommitSha) -> bool:
    """GitHub knows commits that no branch has any more for a while; afterwards it has forgotten them."""
    try:
        return await desk.call(desk.github.refs.fetch_merge_base, old, new) == old
    except GitHubFault:
        return False


async def recall_told(desk: Desk) -> tuple[Told, ...]:
    """Every finding that stands in a thread of ours, with what people did to it. Raises GitHubFault, RetryLater."""
    threads: Sequence[ThreadState] = await desk.call(desk.github.review_threads.fetch_own, desk.request.issue)
    names = dict.fromkeys(name for thread in threads for name in objectors(thread))
    asked = tuple(names)[: limits.REVIEW_OBJECTORS]
    may: dict[str, Permission] = {
        name: await desk.call(desk.github.threads.fetch_permission, name) for name in asked
    }
    found = ((thread, parse_told(thread.text)) for thread in threads)
    return tuple(
        Told(thread.id, thread.path, thread.line or 0, *told, thread.url, decide_standing(thread, may))
        for thread, told in found
        if told is not None
    )


def list_earlier(told: Sequence[Told]) -> tuple[tuple[EarlierFinding, ...], tuple[str, ...]]:
    """For the model, and the threads behind its numbers, in their order. What was resolved by us is forgotten."""
    counting = [one for one in told if one.counts]
    numbered = (_shown(number, one) for number, one in enumerate(counting, 1))
    waved = (_shown(0, one) for one in told if one.standing is Standing.DISMISSED)
    return (*numbered, *waved), tuple(one.thread for one in counting)


def _shown(number: int, told: Told) -> EarlierFinding:
    place = f"{told.path}:{told.line}" if told.line else told.path
    return EarlierFinding(number, place, told.priority.value, told.title)
