"""The end of effects of tasks that are over, of which nobody knows whether they are there: they are looked for on
GitHub as the task would have done, by a worker (`late.py`) or by hand (`pullwright doctor --fix`). Sends nothing.
Blocking.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never

from bot.domain.follow_up import PointAnswer
from bot.domain.tasks import TaskKind
from bot.forge.forge import Forge, RepositoryForge
from bot.store.effects import Effects, EffectState, HalfSent
from bot.tasks.change.facts import ChangeFacts, parse_facts
from bot.tasks.ledger import LedgerTimes
from bot.texts.checks import CHECK_NAME
from bot.texts.markers import (
    asking_marker,
    page_marker,
    point_marker,
    pull_marker,
    review_marker,
    tracking_marker,
)
from bot.texts.reviews import REVIEW_CHECK_NAME


class Look(StrEnum):
    """What there is to say of one."""

    THERE = "there"
    NEVER_MADE = "never made"
    ON_ITS_WAY = "on its way"  # it is not there, and may still come
    UNKNOWN = "unknown"  # of a kind that is not looked for


@dataclass(frozen=True)
class HalfSentDesk:
    """`now`: seconds since the epoch. `settle_s`: so long after it was sent, or the task's end, nothing comes any more;
    see `ledger.LedgerTimes`."""

    effects: Effects
    forge: Forge
    now: Callable[[], float]
    settle_s: float = LedgerTimes.settle_s

    def settle(self, half: HalfSent) -> str:
        """What was found and done, in words. Raises GitHubFault, RetryLater."""
        look, found = self.look(half)
        match look:
            case Look.ON_ITS_WAY:
                return "left alone: it may still be on its way"
            case Look.UNKNOWN:
                request = half.request
                return f"left alone: look at #{request.issue} of {request.repository.full_name}"
            case Look.THERE | Look.NEVER_MADE:
                return self._write_down(half, found)
            case _:
                assert_never(look)

    def look(self, half: HalfSent) -> tuple[Look, Any]:
        """Whether it is there, and then what is kept of it. Raises GitHubFault, RetryLater."""
        if half.state is EffectState.PLANNED:  # it never left
            return Look.NEVER_MADE, None
        find = _LOOKS.get(half.key.rpartition(":")[2].partition("-")[0])
        if find is None:
            return Look.UNKNOWN, None
        # Before it is looked for: what comes in between is seen by the next look.
        sent_at = half.sent_at or 0.0
        last = max(sent_at, half.ended_at) if find is _find_push else sent_at  # a push ends with its task
        is_over = self.now() - last >= self.settle_s
        request = half.request
        place = (request.installation, request.repository.full_name, request.repository.id)
        with self.forge.repository(*place) as github:
            found = find(github, half, parse_facts(half.facts))
        if found is not None:
            return Look.THERE, found
        return (Look.NEVER_MADE if is_over else Look.ON_ITS_WAY), None

    def _write_down(self, half: HalfSent, found: Any) -> str:
        if not self.effects.settle(half, found):
            return "left alone: it changed meanwhile"
        return "it was never made: forgotten" if found is None else "it is there: written down"


def _find_tracking(github: RepositoryForge, half: HalfSent, _facts: ChangeFacts) -> Any:
    return _find_comment(github, half, tracking_marker(half.task))


def _find_page(github: RepositoryForge, half: HalfSent, _facts: ChangeFacts) -> Any:
    return _find_comment(github, half, page_marker(half.task, int(half.key.rpartition("page-")[2])))


def _find_comment(github: RepositoryForge, half: HalfSent, marker: str) -> Any:
    """On the issue with the task's comments; of a schedule's turn that is the dashboard."""
    issue, turn = half.request.issue, half.request.maintenance
    if turn is not None and half.request.kind is TaskKind.MAINTENANCE:
        issue = turn.dashboard
    found = github.threads.find_tracking_comment(issue, marker)
    return {"id": found.id, "url": found.url} if found else None


def _find_asking(github: RepositoryForge, half: HalfSent, _facts: ChangeFacts) -> Any:
    marker = asking_marker(half.task, half.key.rpartition("asking-")[2])
    found = github.threads.find_tracking_comment(half.request.issue, marker)
    return {"id": found.id} if found else None


def _find_pull(github: RepositoryForge, half: HalfSent, facts: ChangeFacts) -> Any:
    found = github.pulls.find_pull(facts.branch, pull_marker(half.task))
    return {"number": found.number, "url": found.url} if found else None


def _find_check(github: RepositoryForge, half: HalfSent, facts: ChangeFacts) -> Any:
    found = github.checks.find_check(facts.commit, CHECK_NAME, half.task)
    return {"id": found.id} if found else None


def _find_review(github: RepositoryForge, half: HalfSent, facts: ChangeFacts) -> Any:
    """The check run of a review, or the review itself."""
    if half.key.endswith("review-check"):
        head = facts.review.head_commit if facts.review else None
        check = github.checks.find_check(head, REVIEW_CHECK_NAME, half.task) if head else None
        return {"id": check.id, "url": check.url} if check else None
    review = github.reviews.find_review(half.request.issue, review_marker(half.task))
    return {"url": review.url} if review else None


def _find_point(github: RepositoryForge, half: HalfSent, _facts: ChangeFacts) -> Any:
    """An answer in somebody's thread, whatever it says."""
    comment = int(half.key.rpartition("point-")[2])
    for answer in PointAnswer:
        marker = point_marker(half.task, comment, answer)
        found = github.review_comments.find_reply(half.request.issue, marker)
        if found is not None:
            return {"id": found}
    return None


def _find_push(github: RepositoryForge, half: HalfSent, _facts: ChangeFacts) -> Any:
    commit, _, branch = half.key.rpartition(":push-")[2].partition("-")
    return {} if github.refs.find_branch(branch) == commit else None


_LOOKS: dict[str, Callable[[RepositoryForge, HalfSent, ChangeFacts], Any]] = {
    "tracking": _find_tracking,
    "page": _find_page,
    "asking": _find_asking,
    "pull": _find_pull,
    "check": _find_check,
    "point": _find_point,
    "push": _find_push,
    "review": _find_review,
}
"""By the first word of an effect's key (`ledger.ensure`)."""
