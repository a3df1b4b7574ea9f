"""Whose phases a task runs through: by its kind. Implements `workflow.Steps`."""

from dataclasses import dataclass
from typing import assert_never

from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase, TaskKind
from bot.store.tasks import Taken
from bot.tasks.workflow import PhaseEnd, Steps


@dataclass(frozen=True)
class KindSteps:
    """One for the worker's process."""

    change: Steps
    answer: Steps
    review: Steps
    follow_up: Steps
    maintenance: Steps

    async def run_phase(self, task: Taken, phase: Phase) -> PhaseEnd:
        """See `workflow.Steps`."""
        return await self._steps(task.request.kind).run_phase(task, phase)

    async def run_failure(self, task: Taken, outcome: Outcome, detail: str) -> None:
        """See `workflow.Steps`."""
        await self._steps(task.request.kind).run_failure(task, outcome, detail)

    def _steps(self, kind: TaskKind) -> Steps:
        match kind:
            case TaskKind.CHANGE:
                return self.change
            case TaskKind.ANSWER:
                return self.answer
            case TaskKind.REVIEW:
                return self.review
            case TaskKind.FOLLOW_UP:
                return self.follow_up
            case TaskKind.MAINTENANCE:
                return self.maintenance
            case _:
                assert_never(kind)
