"""The end of a task that was tried twice: the better of the two attempts is what people get."""

from dataclasses import replace

from bot.domain.ids import TreeSha
from bot.domain.outcomes import Outcome
from bot.tasks.change.attempts import Candidate, choose_best
from bot.tasks.change.desk import Desk
from bot.tasks.change.facts import ChangeFacts

_TOLD = "A second attempt from the start ended as {outcome}; this is the first one."


async def prefer_better(desk: Desk, ended: ChangeFacts) -> ChangeFacts:
    """`ended` as it is, or with the first attempt's change where that one is better. Both were red."""
    earlier = ended.earlier
    if earlier is None:
        return ended
    first = Candidate(1, Outcome.UNVERIFIED, earlier.tree, earlier.evidence, await _size(desk, earlier.tree))
    second = Candidate(2, Outcome(ended.outcome), ended.tree, ended.evidence, await _size(desk, ended.tree))
    if choose_best((first, second)) is second:
        return ended
    told = _TOLD.format(outcome=ended.outcome)
    return replace(
        ended,
        attempt=1,
        outcome=Outcome.UNVERIFIED.value,
        detail=earlier.evidence.reason,
        tree=earlier.tree,
        submission=earlier.submission,
        evidence=replace(earlier.evidence, notes=(*earlier.evidence.notes, told)),
    )


async def _size(desk: Desk, tree: TreeSha) -> int:
    """Lines of the diff from the base."""
    if not tree or tree == desk.facts.base_tree:
        return 0
    return len((await desk.services.repos.diff(desk.key, desk.facts.base_tree, tree)).splitlines())
