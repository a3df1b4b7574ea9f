"""What shows up after people were told that a task is over: it is looked for, and its end is told once more.

A stop is told at once, and a request that was under way may be carried out behind it: a push, a pull request, a review
and its check run. The row of such an effect goes on saying that it was sent, and that row is what this goes by: nothing
else has to be remembered. What is there is told by the telling of the end itself, run again over what the task knows;
then the row is settled. What is not there when nothing can be under way any more is forgotten.

Races, and how each is closed:
- Death at any point: the row is settled last, so the next pass, or the next leading worker, does it all again. Telling
  edits what stands there.
- Two leaders: telling holds the task under an epoch of its own (`Tasks.hold_ended`); the older one writes no more.
- It arrives between a look and the forgetting: the time is read before the look, so the look came after it was over.
- The run that sent it lives on, and gets its answer: its epoch is over, it keeps nothing.

Never: send what is not there.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import structlog

from bot.domain import limits
from bot.domain.ids import TaskId
from bot.domain.outcomes import parse_outcome
from bot.errors import GitHubFault, RetryLater, Superseded
from bot.store.effects import HalfSent
from bot.store.events import Events
from bot.store.tasks import ENDING, Tasks
from bot.tasks.half_sent import HalfSentDesk, Look
from bot.tasks.workflow import Steps

log = structlog.get_logger()


@dataclass
class LateEffects:
    """One for the worker's process; only the leading worker's runs. `now`: seconds since the epoch."""

    desk: HalfSentDesk
    tasks: Tasks
    events: Events
    steps: Steps
    executor: Executor
    now: Callable[[], float]
    _not_before: dict[TaskId, float] = field(default_factory=dict, init=False)

    async def tell(self) -> None:
        """One pass. Raises RetryLater when the database is away."""
        now = self.now()
        found: tuple[HalfSent, ...] = await self._call(self.desk.effects.half_sent, now - limits.LATE_S)
        tasks = {one.task for one in found}
        self._not_before = {task: at for task, at in self._not_before.items() if task in tasks}
        for task, halves in groupby(found, key=lambda half: half.task):
            if now >= self._not_before.get(task, 0.0):
                await self._tell_one(task, tuple(halves))

    async def _tell_one(self, task: TaskId, halves: tuple[HalfSent, ...]) -> None:
        with structlog.contextvars.bound_contextvars(task=task):
            try:
                await self._look(task, halves)
            except Superseded:
                pass  # another leader is at it
            except RetryLater as error:
                self._not_before[task] = self.now() + error.after_s
                log.warning("what was sent late is looked for later", why=str(error))
            except GitHubFault as fault:
                self._not_before[task] = self.now() + limits.LATE_AGAIN_S
                log.warning("what was sent late can't be looked for", why=str(fault))
            except Exception:  # one task's fault is no reason to leave the others untold
                self._not_before[task] = self.now() + limits.LATE_AGAIN_S
                log.exception("what was sent late was not told")

    async def _look(self, task: TaskId, halves: tuple[HalfSent, ...]) -> None:
        seen: list[tuple[HalfSent, Look, Any]] = []
        for half in halves:
            seen.append((half, *await self._call(self.desk.look, half)))
        if any(look is Look.THERE for _, look, _ in seen):
            await self._tell_again(task)
        for half, look, result in seen:
            if look in (Look.THERE, Look.NEVER_MADE):
                log.info("an effect of an ended task", effect=half.key, look=look)
                await self._call(self.desk.effects.settle, half, result)

    async def _tell_again(self, task: TaskId) -> None:
        """An end that was told by itself had read back all that it told."""
        rows = await self._call(self.events.load, task, 0, (ENDING,))
        if not rows:
            return
        taken = await self._call(self.tasks.hold_ended, task)
        ending = rows[-1].body
        await self.steps.run_failure(taken, parse_outcome(ending["outcome"]), str(ending["detail"]))

    async def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.executor, function, *arguments)
