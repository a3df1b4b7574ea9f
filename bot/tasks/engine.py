"""What we need of a durable engine, and no more: run a workflow by its id, again after any death.

The engine holds no truth. The task's row says which phase is next and who owns it; the engine only sees to it
that somebody goes on. So an engine can be exchanged: the tests in `tests/tasks/` are its contract.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bot.domain.ids import TaskId


class RunStatus(StrEnum):
    """What the engine says about one run."""

    QUEUED = "queued"  # nobody has it yet
    RUNNING = "running"  # on the worker `Run.worker`, which may be dead
    DONE = "done"  # came to its end by itself
    FAILED = "failed"  # an error left the workflow: ours let none out, so this is a bug
    CANCELLED = "cancelled"


@dataclass(frozen=True, order=True)
class RunId:
    """One segment of a task: from an admission (they are counted in the row) to its end or its next wait. An
    id runs once; `again` counts the runs that had to replace one that ended without the row being told."""

    task: TaskId
    segment: int
    again: int = 0

    def __str__(self) -> str:
        return f"{self.task}.{self.segment}.{self.again}"

    @classmethod
    def parse(cls, text: str) -> "RunId":
        """The inverse of `str`. Raises ValueError for a name that is not ours."""
        task, segment, again = text.rsplit(".", 2)
        return cls(TaskId(task), int(segment), int(again))


@dataclass(frozen=True)
class Run:
    """A run as the engine knows it. `worker` is empty while nobody has it."""

    id: RunId
    status: RunStatus
    worker: str = ""


@dataclass(frozen=True)
class StepAnswer:
    """What one step says to the workflow, for the engine's record only: the row is the truth."""

    more: bool  # whether another step follows
    said: str  # one word for people who look at the engine's own tables


class Execution(Protocol):
    """One life of a run: made anew whenever the engine begins it or begins it again."""

    async def step(self) -> StepAnswer:
        """Do what the task's row says is next. May happen again after a death. Raises nothing, except that
        cancelling goes through once everything is cleaned up."""
        ...

    def hand_over(self) -> None:
        """End soon and let the row say that somebody else may go on. Returns at once."""
        ...


class Engine(Protocol):
    """What is not async blocks. Raises RetryLater when the database is away."""

    async def launch(self, open_execution: Callable[[RunId], Execution]) -> None:
        """Begin to execute runs, on the running event loop. Once in a process."""
        ...

    def enqueue(self, run: RunId) -> None:
        """Have it run by some worker. Does nothing when this very run is known already."""
        ...

    def cancel(self, task: TaskId) -> None:
        """End every run of the task that has not ended. A phase that runs is cancelled within about a second
        and may only clean up; its workflow does nothing more. The row is the caller's business."""
        ...

    def unfinished(self) -> tuple[Run, ...]:
        """All runs that are queued or running, on every worker."""
        ...

    def find_latest(self, task: TaskId) -> Run | None:
        """The task's newest run, ended or not; None when it never had one (or it is forgotten)."""
        ...

    def take_over(self, runs: tuple[RunId, ...]) -> None:
        """Queue running ones again because their worker is dead. If it is not dead after all, the engine
        records nothing of it any more, and the task's epoch keeps it from recording anything with us."""
        ...

    def forget(self, ended_before: float, most: int) -> int:
        """Drop what it knows of at most so many runs that ended before then (seconds since the epoch); how many."""
        ...

    async def drain(self, within_s: float) -> None:
        """Take no more runs, and return when those that run here have ended by themselves, at the latest after
        `within_s` seconds. What others enqueue, or we, is left to other workers. `hand_over` follows."""
        ...

    async def hand_over(self, within_s: float) -> None:
        """Stop for good: take no more runs, ask those that run here to hand over, cancel those that have not
        after `within_s` seconds, and queue them for others. Afterwards the engine does nothing more."""
        ...

    async def abandon(self) -> None:
        """Cancel what runs here and execute nothing more; write nothing. The process must end."""
        ...
