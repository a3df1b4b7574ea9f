"""An `Engine` that keeps lists instead of running anything."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bot.domain.ids import TaskId
from bot.tasks.engine import Execution, Run, RunId, RunStatus


@dataclass
class QuietEngine:
    runs: dict[RunId, Run] = field(default_factory=dict)

    async def launch(self, open_execution: Callable[[RunId], Execution]) -> None:
        """Nothing is executed."""

    def enqueue(self, run: RunId) -> None:
        self.runs.setdefault(run, Run(run, RunStatus.QUEUED))

    def start(self, run: RunId, worker: str) -> None:
        self.runs[run] = Run(run, RunStatus.RUNNING, worker)

    def end(self, run: RunId, status: RunStatus = RunStatus.DONE) -> None:
        self.runs[run] = replace(self.runs[run], status=status, worker="")

    def cancel(self, task: TaskId) -> None:
        for run in self.unfinished():
            if run.id.task == task:
                self.end(run.id, RunStatus.CANCELLED)

    def unfinished(self) -> tuple[Run, ...]:
        open_ones = (RunStatus.QUEUED, RunStatus.RUNNING)
        return tuple(run for run in self.runs.values() if run.status in open_ones)

    def find_latest(self, task: TaskId) -> Run | None:
        found = [run for run in self.runs.values() if run.id.task == task]
        return max(found, key=lambda run: run.id, default=None)

    def take_over(self, runs: tuple[RunId, ...]) -> None:
        for run in runs:
            self.runs[run] = Run(run, RunStatus.QUEUED)

    def forget(self, ended_before: float, most: int) -> int:
        return 0

    async def drain(self, within_s: float) -> None:
        """Nothing runs."""

    async def hand_over(self, within_s: float) -> None:
        """Nothing runs."""

    async def abandon(self) -> None:
        """Nothing runs."""
