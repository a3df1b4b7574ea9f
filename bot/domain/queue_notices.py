"""Who of those that wait for a free place is told of it, and what. Pure.

Quiet on purpose: nothing for a wait of seconds, an exact place only near the front, at most one edit for each task
in COMMENT_EDIT_SPACING_S, and none while its place has not changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.domain.ids import TaskId
from bot.domain.limits import COMMENT_EDIT_SPACING_S, QUEUE_NOTICES, QUEUE_QUIET_S, QUEUE_SHOWN


@dataclass(frozen=True)
class Told:
    """What people were last told of a task's place, and when (seconds since the epoch)."""

    before: int
    at: float


@dataclass(frozen=True)
class Notice:
    """`before`: tasks that are admitted first; QUEUE_SHOWN stands for that many and more."""

    task: TaskId
    before: int
    first: bool  # of this task, as far as is known here


def decide_notices(
    queue: Sequence[TaskId], since: Mapping[TaskId, float], told: Mapping[TaskId, Told], now: float
) -> tuple[Notice, ...]:
    """`queue` in the order of admission; `since`: when each was first seen in it. Who was told nothing yet comes
    first, then the front of the queue."""
    notices: list[Notice] = []
    for index, task in enumerate(queue):
        before, last = min(index, QUEUE_SHOWN), told.get(task)
        if now - since.get(task, now) < QUEUE_QUIET_S:
            continue
        if last is None or (last.before != before and now - last.at >= COMMENT_EDIT_SPACING_S):
            notices.append(Notice(task, before, last is None))
    return tuple(sorted(notices, key=lambda one: not one.first)[:QUEUE_NOTICES])
