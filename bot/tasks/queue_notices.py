"""Tells people that their request was read and waits for a free place: 👀 on the comment, its place in the tracking
comment. What to tell is decided in `domain/queue_notices.py`; the comment is the task's own, through the ledger.

Must never: hold a task up, or make a second comment.

Races, and how each is closed:
- The task is admitted while it is told: telling holds the task under an epoch of its own (`Tasks.hold_queued`), the
  run that takes it supersedes that, and finds a comment that was under way by its marker.
- Two leaders tell at once: the second one holds it, the first one is superseded before it sends.
- Death in the middle: what is known here is only when people were last told; it is told once more.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from bot.domain.ids import TaskId
from bot.domain.limits import QUEUE_LOOKED_AT, QUEUE_SHOWN
from bot.domain.queue_notices import Notice, Told, decide_notices
from bot.domain.tasks import TaskKind
from bot.errors import GitHubFault, RetryLater, Superseded
from bot.store.tasks import Queued, Taken
from bot.tasks.change.accept import react, tell_place
from bot.tasks.change.desk import Services, open_desk

log = structlog.get_logger()


@dataclass
class QueueNotices:
    """One for the worker's process; only the leading worker's runs. `now`: seconds since the epoch."""

    services: Services
    now: Callable[[], float]
    _since: dict[TaskId, float] = field(default_factory=dict, init=False)
    _told: dict[TaskId, Told] = field(default_factory=dict, init=False)

    async def tell(self) -> None:
        """One pass. Raises RetryLater when the database is away."""
        now, services = self.now(), self.services
        queue: tuple[Queued, ...] = await self._call(services.tasks.queue, QUEUE_LOOKED_AT)
        waiting = {one.id: one for one in queue}
        self._since = {task: self._since.get(task, now) for task in waiting}
        self._told = {task: told for task, told in self._told.items() if task in waiting}
        for notice in decide_notices(tuple(waiting), self._since, self._told, now):
            self._told[notice.task] = Told(notice.before, self.now())
            await self._tell_one(waiting[notice.task], notice)

    async def _tell_one(self, queued: Queued, notice: Notice) -> None:
        try:
            taken: Taken = await self._call(self.services.tasks.hold_queued, queued)
            if is_talked_about(taken):
                await self._say(taken, notice)
        except Superseded:
            pass  # it is at work, or over: whoever has it tells of it
        except (RetryLater, GitHubFault) as fault:  # politeness only: told when its place changes
            log.warning("its place in the queue was not told", task=queued.id, why=str(fault))

    async def _say(self, taken: Taken, notice: Notice) -> None:
        async with open_desk(self.services, taken) as desk:
            if notice.first and not desk.facts.comment:
                await react(desk)
            if taken.request.kind in _TRACKED and (notice.before < QUEUE_SHOWN or desk.facts.comment):
                await tell_place(desk, notice.before)

    async def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.services.executor, function, *arguments)


_TRACKED = (TaskKind.CHANGE, TaskKind.ANSWER, TaskKind.FOLLOW_UP)  # those whose state stands in a comment


def is_talked_about(taken: Taken) -> bool:
    """Whether somebody asked in words, and waits for a sign. Nobody does where an event asked."""
    return taken.request.kind in (*_TRACKED, TaskKind.REVIEW) and not taken.request.head
