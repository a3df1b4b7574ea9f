"""Closes the gaps between our rows and the engine's runs: a task that is RUNNING while no run of it is.

How that comes: death between the two writes of an admission; a database that was away when a run ended; a
run that was cancelled (stop). A row counts as left alone when two passes in a row see it so: in between, an
admission may just be writing.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

import structlog

from bot.domain.ids import TaskId
from bot.domain.outcomes import Outcome
from bot.store.tasks import Tasks, TaskView
from bot.tasks.engine import Engine, RunId, RunStatus
from bot.tasks.workflow import TaskExecution

log = structlog.get_logger()


@dataclass
class Reconciler:
    """One for the worker's process; only the leading worker's runs."""

    tasks: Tasks
    engine: Engine
    open_execution: Callable[[RunId], TaskExecution]
    executor: Executor
    _left_alone: frozenset[TaskId] = field(default=frozenset(), init=False)

    async def mend(self) -> tuple[TaskId, ...]:
        """One pass; the tasks that were set going again or ended. Raises RetryLater."""
        rows = await self._call(self.tasks.running)
        if not rows:
            self._left_alone = frozenset()
            return ()
        runs = await self._call(self.engine.unfinished)
        cared_for = {run.id.task for run in runs}
        left_alone = frozenset(row.id for row in rows if row.id not in cared_for)
        mended = [row for row in rows if row.id in left_alone & self._left_alone]
        self._left_alone = left_alone - {row.id for row in mended}
        for row in mended:
            try:
                await self._mend_one(row)
            except Exception:  # one that can't be mended must not hold up the others; it is seen again
                log.exception("a task could not be mended", task=row.id)
        return tuple(row.id for row in mended)

    async def _mend_one(self, row: TaskView) -> None:
        latest = await self._call(self.engine.find_latest, row.id)
        log.warning("a running task without a run", task=row.id, latest=latest.status if latest else None)
        if latest is None or latest.id.segment < row.segment:  # admitted, and never enqueued
            await self._call(self.engine.enqueue, RunId(row.id, row.segment))
        elif latest.status is RunStatus.CANCELLED:
            await self.open_execution(latest.id).end(Outcome.STOPPED, "")
        else:  # it ended and could not say so; the row's attempts bound how often
            await self._call(self.engine.enqueue, RunId(row.id, latest.id.segment, latest.id.again + 1))

    async def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.executor, function, *arguments)
