"""From a queued task to a run of the engine, as far as the limits allow.

Race: death between the row (RUNNING) and the engine's run. `reconcile` finds a running row without a run.
"""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bot.domain.admission import AdmissionLimits
from bot.domain.ids import TaskId
from bot.store.tasks import Tasks
from bot.tasks.engine import Engine, RunId

log = structlog.get_logger()


@dataclass(frozen=True)
class Admission:
    """One for the worker's process; several processes may admit at once. Blocking."""

    tasks: Tasks
    engine: Engine
    limits: AdmissionLimits
    now: Callable[[], float]  # seconds since the epoch

    def admit(self) -> tuple[TaskId, ...]:
        """Admit what may run now and has come to its time. Raises RetryLater."""
        admitted = self.tasks.admit(self.limits, self.now())
        for one in admitted:
            self.engine.enqueue(RunId(one.task, one.segment))
            log.info("task admitted", task=one.task, segment=one.segment)
        return tuple(one.task for one in admitted)
