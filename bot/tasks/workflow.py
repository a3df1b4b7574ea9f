"""One execution of a task: take it, do the phase that its row names, write down what follows, and again.

The phases themselves are somebody else's (`Steps`). Everything here is bookkeeping on the task's row, which
is the truth: after any death another execution begins at the phase that the row names.

Must never: let an error out to the engine (the row would stay RUNNING and nobody be told), or write without
the epoch.

Races, and how each is closed:
- Two executions of one task (a worker that was taken for dead): taking raises the epoch, every write checks
  it, the older one ends silently with its next write.
- A run of an older segment is resumed after the task was admitted again: it sees the newer segment and stops.
- A death between a phase's end and its record: the phase is done again, so phases are idempotent.
- A death while people are told of a failure: the row `ending` says that it is over; it is told again, the
  effect is there once.
- SIGTERM in the middle of a phase: the phase is cancelled, cleans up, and the row goes back to the admission.
"""

import asyncio
import contextvars
import functools
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, Protocol, TypeVar, assert_never

import structlog

from bot.domain import limits
from bot.domain.outcomes import Outcome, parse_outcome
from bot.domain.tasks import Phase
from bot.errors import (
    AccessWithdrawn,
    BranchTaken,
    ForPerson,
    GitHubFault,
    ModelFault,
    RecordingMismatch,
    RepositoryFault,
    RetryLater,
    SandboxUnavailable,
    SetupFailed,
    Superseded,
)
from bot.store.events import Events
from bot.store.tasks import ENDING as STORED_ENDING
from bot.store.tasks import JsonObject, Taken, Tasks
from bot.tasks.engine import RunId, StepAnswer

T = TypeVar("T")

log = structlog.get_logger()


# -- what a phase says ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Next:
    """The phase is done. `facts` None: as they were last saved (`Tasks.save_facts`)."""

    phase: Phase
    facts: JsonObject | None = None


@dataclass(frozen=True)
class Finished:
    """The task is over and people know it."""

    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True)
class Waiting:
    """Not now: until a time (seconds since the epoch), or None: until somebody wakes it. Then the same phase
    is run again. With a time: one of TASK_DEFERRALS, unless the phase itself sees to it that it ends."""

    until: float | None = None
    why: str = ""
    counted: bool = True


PhaseEnd = Next | Finished | Waiting


class Steps(Protocol):
    """The phases of a task. May be run again after a death, from the beginning: idempotent."""

    async def run_phase(self, task: Taken, phase: Phase) -> PhaseEnd:
        """Do `phase`; `task.facts` are the stored ones. When cancelled: clean up, write nothing, let it
        through. RetryLater: again later; Superseded: somebody else has it; anything else ends the task."""
        ...

    async def run_failure(self, task: Taken, outcome: Outcome, detail: str) -> None:
        """Tell people that the task ended like this; the row is finished afterwards."""
        ...


class RowKind(StrEnum):
    """Event rows of this module, beside the agent's."""

    DEFERRED = "deferred"  # {"why", "until", "sandbox"}
    ENDING = STORED_ENDING  # {"outcome", "detail"}: decided, people are being told


_FAULT_OUTCOMES: Final[tuple[tuple[type[ForPerson], Outcome], ...]] = (
    (SandboxUnavailable, Outcome.NO_SANDBOX),
    (SetupFailed, Outcome.SETUP_FAILED),
    (BranchTaken, Outcome.BRANCH_TAKEN),
    (RepositoryFault, Outcome.REPOSITORY_UNUSABLE),
    (ModelFault, Outcome.MODEL_UNAVAILABLE),
    (RecordingMismatch, Outcome.MODEL_UNAVAILABLE),
)
_ACCESS_STATUSES: Final = (401, 403, 404, 410, 451)  # what GitHub says to those who may not, or not any more


def decide_outcome(error: Exception) -> tuple[Outcome, str]:
    """The end that an error of a phase means, and the words for people. A fault that nobody foresaw says only
    its kind: its text may hold anything."""
    if isinstance(error, AccessWithdrawn):
        return Outcome.ACCESS_WITHDRAWN, str(error)
    if isinstance(error, GitHubFault):
        lost = error.status in _ACCESS_STATUSES
        return (Outcome.ACCESS_LOST if lost else Outcome.REPOSITORY_UNUSABLE), str(error)
    if isinstance(error, ForPerson):
        for kind, outcome in _FAULT_OUTCOMES:
            if isinstance(error, kind):
                return outcome, str(error)
        return Outcome.CRASHED, str(error)
    return Outcome.CRASHED, f"An error of the agent itself: {type(error).__name__}."


def decide_pause(asked_s: float, waited_until: tuple[float, ...], now: float) -> float:
    """Seconds until the next try: as long as was asked, and ever longer while the task has just waited again and again.
    `waited_until`: the ends of its waits so far; with `now` in seconds since the epoch."""
    in_a_row = sum(until > now - limits.DEFERRAL_QUIET_S for until in waited_until)
    return max(1.0, asked_s, min(2.0 ** min(in_a_row, 10), limits.DEFERRAL_PAUSE_S))


# -- one execution -------------------------------------------------------------------------------------------


def _nothing(_phase: Phase, _seconds: float) -> None:
    """Nobody measures."""


def _nobody(_seconds: float) -> None:
    """Nobody measures."""


@dataclass(frozen=True)
class Bookkeeping:
    """What every execution of this worker's process uses. `now`: seconds since the epoch."""

    tasks: Tasks
    events: Events
    steps: Steps
    executor: Executor
    worker: str
    now: Callable[[], float]
    attempts: int = limits.TASK_ATTEMPTS
    deferrals: int = limits.TASK_DEFERRALS
    observe_phase: Callable[[Phase, float], None] = _nothing
    observe_wait: Callable[[float], None] = _nobody

    def open_execution(self, run: RunId) -> "TaskExecution":
        """For `Engine.launch`."""
        return TaskExecution(self, run)

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """A blocking call in a thread. A busy database is asked three times."""
        loop = asyncio.get_running_loop()
        for _ in range(2):
            try:
                return await loop.run_in_executor(self.executor, _in_context(function), *arguments)
            except RetryLater as error:
                log.warning("the database is busy", why=str(error))
                await asyncio.sleep(error.after_s)
        return await loop.run_in_executor(self.executor, _in_context(function), *arguments)


def _in_context(function: Callable[..., T]) -> Callable[..., T]:
    """With the names that are bound for the log here, in whatever thread it runs."""
    return functools.partial(contextvars.copy_context().run, function)


class TaskExecution:
    """Implements `engine.Execution`."""

    def __init__(self, books: Bookkeeping, run: RunId) -> None:
        self._books, self._run = books, run
        self._taken: Taken | None = None
        self._work: asyncio.Task[Any] | None = None
        self._handing_over = False

    # -- for the engine -------------------------------------------------------------------------------------
    async def step(self) -> StepAnswer:
        """One phase. What it says is for the engine's record only."""
        try:
            return await self._do(self._next_phase)
        except asyncio.CancelledError:
            if not self._handing_over or self._taken is None:
                raise
        try:
            await self._books.call(self._books.tasks.wait, self._taken, self._books.now())
        except (Superseded, RetryLater) as error:
            log.warning("not handed over", task=self._run.task, why=str(error))
        return StepAnswer(False, "handed_over")

    def hand_over(self) -> None:
        """End soon, so that another worker can go on: `step` cleans up and answers."""
        self._handing_over = True
        if self._work is not None:
            self._work.cancel()

    async def end(self, outcome: Outcome, detail: str) -> None:
        """Not for the engine: end the task from outside of its workflow, which must be over."""
        await self._do(lambda: self._end_from_outside(outcome, detail))

    # -- inside ---------------------------------------------------------------------------------------------
    async def _do(self, action: Callable[[], Coroutine[Any, Any, StepAnswer]]) -> StepAnswer:
        """`action`, with nothing let out but cancelling. A row that stays RUNNING is found by `reconcile`."""
        try:
            with structlog.contextvars.bound_contextvars(task=self._run.task, segment=self._run.segment):
                return await action()
        except Superseded:
            return StepAnswer(False, "superseded")
        except RetryLater as error:
            log.warning("the database stays away", task=self._run.task, why=str(error))
            return StepAnswer(False, "database_away")
        except Exception:  # the edge: whatever it is, the workflow must come to an end
            log.exception("bookkeeping failed", task=self._run.task)
            return StepAnswer(False, "crashed")

    async def _next_phase(self) -> StepAnswer:
        if self._handing_over:
            raise asyncio.CancelledError
        taken = self._taken
        if taken is None:
            taken = await self._take()
            over = await self._find_ending(taken)
            if over is not None:
                return await self._fail(taken, *over)
        begun = time.monotonic()
        try:
            end: PhaseEnd = await self._cancellable(self._books.steps.run_phase(taken, taken.phase))
        except RetryLater as error:
            return await self._defer(taken, error)
        except SandboxUnavailable as error:
            return await self._wait_for_sandbox(taken, error)
        except Superseded:
            raise
        except Exception as error:  # every other end of a phase has a name and is told
            if not isinstance(error, ForPerson):
                log.exception("a phase failed", task=taken.id, phase=taken.phase)
            return await self._fail(taken, *decide_outcome(error))
        finally:
            self._books.observe_phase(taken.phase, time.monotonic() - begun)
        return await self._record(taken, end)

    async def _take(self) -> Taken:
        view = await self._books.call(self._books.tasks.find, self._run.task)
        if view is None or view.segment != self._run.segment:
            raise Superseded(f"{self._run} is not the task's newest segment")
        self._taken = await self._books.call(self._books.tasks.take, self._run.task, self._books.worker)
        if (view.phase, view.segment, view.attempts) == (Phase.ACCEPT, 1, 0):
            self._books.observe_wait(max(0.0, self._books.now() - view.created_at))
        log.info("task taken", task=self._run.task, epoch=self._taken.epoch, phase=self._taken.phase)
        return self._taken

    async def _find_ending(self, taken: Taken) -> tuple[Outcome, str] | None:
        """Why no phase may run any more: it was decided before a death, or there were too many of them."""
        rows = await self._books.call(self._books.events.load, taken.id, 0, (RowKind.ENDING,))
        if rows:
            return parse_outcome(rows[-1].body["outcome"]), str(rows[-1].body["detail"])
        if taken.attempts > self._books.attempts:
            return Outcome.CRASHED, (
                f"The work was cut short {taken.attempts - 1} times in the phase `{taken.phase}`."
            )
        return None

    async def _record(self, taken: Taken, end: PhaseEnd) -> StepAnswer:
        tasks, call = self._books.tasks, self._books.call
        match end:
            case Next(phase, facts):
                if facts is None:
                    view = await call(tasks.find, taken.id)
                    facts = view.facts if view is not None else taken.facts
                await call(tasks.move, taken, phase, facts)
                self._taken = replace(taken, phase=phase, facts=facts, attempts=1)
                return StepAnswer(True, taken.phase.value)
            case Finished(outcome, detail):
                await call(tasks.finish, taken, outcome, detail, self._books.now())
                log.info("task finished", task=taken.id, outcome=outcome)
                return StepAnswer(False, outcome.value)
            case Waiting(until, why, counted):
                deferred = until is not None and counted
                if deferred and not await self._append_deferral(taken, why, until or 0.0):
                    given_up = f"Given up after {self._books.deferrals} waits: {why}"
                    return await self._fail(taken, Outcome.MODEL_UNAVAILABLE, given_up)
                await call(tasks.wait, taken, until)
                return StepAnswer(False, "waiting")
            case _:
                assert_never(end)

    async def _defer(self, taken: Taken, error: RetryLater, sandbox: bool = False) -> StepAnswer:
        """Wait outside of the slot; too often is an end."""
        until = await self._decide_until(taken, error.after_s)
        if not await self._append_deferral(taken, str(error), until, sandbox):
            why = f"Given up after {self._books.deferrals} waits: {error}"
            return await self._fail(taken, Outcome.CRASHED, why)
        await self._books.call(self._books.tasks.wait, taken, until)
        log.info("task deferred", task=taken.id, phase=taken.phase, why=str(error))
        return StepAnswer(False, "deferred")

    async def _wait_for_sandbox(self, taken: Taken, error: SandboxUnavailable) -> StepAnswer:
        """Nothing runs without one. A host may only have been too busy to pass, and another one may have one."""
        rows = await self._books.call(self._books.events.load, taken.id, 0, (RowKind.DEFERRED,))
        tried = sum(bool(row.body.get("sandbox")) for row in rows)
        if tried >= len(limits.SANDBOX_WAITS_S):
            return await self._fail(taken, *decide_outcome(error))
        log.warning("no sandbox", task=taken.id, phase=taken.phase, why=error.message)
        return await self._defer(
            taken, RetryLater(error.message, limits.SANDBOX_WAITS_S[tried]), sandbox=True
        )

    async def _decide_until(self, taken: Taken, asked_s: float) -> float:
        rows = await self._books.call(self._books.events.load, taken.id, 0, (RowKind.DEFERRED,))
        now = self._books.now()
        return now + decide_pause(asked_s, tuple(float(row.body["until"]) for row in rows), now)

    async def _append_deferral(self, taken: Taken, why: str, until: float, sandbox: bool = False) -> bool:
        rows = await self._books.call(self._books.events.load, taken.id, 0, (RowKind.DEFERRED,))
        if len(rows) >= self._books.deferrals:
            return False
        body: JsonObject = {"why": why[:500], "until": until, "sandbox": sandbox}
        await self._append(taken, RowKind.DEFERRED, body)
        return True

    async def _fail(self, taken: Taken, outcome: Outcome, detail: str) -> StepAnswer:
        """Tell people, then finish. Told is best effort, finished is certain."""
        if await self._find_ending(replace(taken, attempts=0)) is None:
            await self._append(taken, RowKind.ENDING, {"outcome": outcome.value, "detail": detail[:2000]})
        view = await self._books.call(self._books.tasks.find, taken.id)
        if view is not None:  # what the phase learned before it failed
            taken = replace(taken, facts=view.facts)
        try:
            if taken.attempts <= 2 * self._books.attempts:  # else telling itself kills the worker
                await self._cancellable(self._books.steps.run_failure(taken, outcome, detail))
        except RetryLater as error:
            until = await self._decide_until(taken, error.after_s)
            if await self._append_deferral(taken, str(error), until):
                await self._books.call(self._books.tasks.wait, taken, until)
                return StepAnswer(False, "deferred")
            log.warning("nobody could be told", task=taken.id, outcome=outcome, why=str(error))
        except Superseded:
            raise
        except Exception:  # the task is over even so
            log.exception("nobody could be told", task=taken.id, outcome=outcome)
        return await self._record(taken, Finished(outcome, detail))

    async def _end_from_outside(self, outcome: Outcome, detail: str) -> StepAnswer:
        """An end that was written down before is the one that people are told."""
        taken = await self._take()
        return await self._fail(
            taken, *(await self._find_ending(replace(taken, attempts=0)) or (outcome, detail))
        )

    async def _append(self, taken: Taken, kind: RowKind, body: JsonObject) -> None:
        append, now = self._books.events.append, self._books.now()
        await self._books.call(append, taken.id, taken.epoch, kind.value, body, now)

    async def _cancellable(self, work: Coroutine[Any, Any, T]) -> T:
        """Await `work` as a task of its own, so that a hand-over cancels it and not the whole workflow."""
        current = asyncio.create_task(work)
        self._work = current
        try:
            return await current
        finally:
            self._work = None
