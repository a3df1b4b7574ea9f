"""The worker: everything durable joined into one process, from its start to its end.

Start: lock file, heartbeat's row, engine, then the loops. Loops survive their faults: a pass that fails is
logged and tried again. End by SIGTERM: no run is taken any more, those that run may come to their end within
`drain_s` while the loops go on (or by a second signal: at once), then the loops stop, runs hand their tasks over,
the row goes. End by fencing: runs are cancelled, nothing is written, the caller ends the process with an error.

Only the leading worker (the first of the living by name) decides deliveries, sweeps up lost ones,
reaps and reconciles. All admit.

At rest one statement asks whether there is anything to do (`store/lookout.py`); the passes that people wait for
(intake, admission, places in the queue) begin only if there is.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from bot.domain import limits
from bot.domain.admission import AdmissionLimits
from bot.domain.allowance import Allowances
from bot.domain.effective import OperatorSays
from bot.domain.tasks import Phase
from bot.errors import GitHubFault, RetryLater
from bot.store.database import Database
from bot.store.deliveries import Deliveries
from bot.store.events import Events
from bot.store.lookout import Lookout, look_out
from bot.store.retention import Cleared, clear_old
from bot.store.tasks import Tasks
from bot.store.workers import Workers
from bot.tasks.admission import Admission
from bot.tasks.control import Answerer, ControlParts, Controls
from bot.tasks.dashboard import Dashboards
from bot.tasks.engine import Engine
from bot.tasks.intake import Intake, Permissions
from bot.tasks.reconcile import Reconciler
from bot.tasks.schedules import Ticker
from bot.tasks.sweep import Sweep
from bot.tasks.telling import Refuser
from bot.tasks.ticks import Ticks
from bot.tasks.workers import Heartbeat, HostLocks, LifeTimes, Reaper
from bot.tasks.workflow import Bookkeeping, Steps

_FAULT_PAUSE_S: Final = 5.0  # after a pass that failed for a reason that nobody foresaw

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True)
class Intervals:
    """Seconds between two passes of each loop."""

    intake_s: float = (
        0.25  # a person waits for the reaction; when there is nothing to do it is one short query
    )
    admission_s: float = 0.5  # while tasks wait for a place
    care_s: float = 5.0  # reaper and reconciler: as often as hearts beat
    hand_over_s: float = limits.HAND_OVER_S
    sweep_s: float = limits.SWEEP_S
    scan_s: float = limits.SCAN_S
    tick_s: float = limits.SCHEDULE_TICK_S
    dashboard_s: float = limits.DASHBOARD_S


@dataclass(frozen=True)
class WorkerSettings:
    """`id`: unique for each start, no path separators. `lock_dir`: on a local disk, the same for all workers
    of the host."""

    id: str
    handle: str
    lock_dir: Path
    admission: AdmissionLimits
    allowances: Allowances = field(default_factory=Allowances)
    attempts: int = limits.TASK_ATTEMPTS
    times: LifeTimes = field(default_factory=LifeTimes)
    intervals: Intervals = field(default_factory=Intervals)
    drain_s: float = 0.0


@dataclass(frozen=True)
class Stop:
    """`asked`: come to an end; `at_once`: without waiting for tasks that run."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self) -> None:
        """The first signal asks, a further one hurries."""
        if self.asked.is_set():
            self.at_once.set()
        self.asked.set()


@dataclass(frozen=True)
class WorkerParts:
    """What the worker is joined from. `executor`: the process's bounded pool for blocking calls; `now`:
    seconds since the epoch."""

    database: Database
    engine: Engine
    steps: Steps
    permissions: Permissions
    refuser: Refuser
    answerer: Answerer
    executor: Executor
    now: Callable[[], float]
    look_at_clock: Callable[[], None] = lambda: None  # blocking; keeps `now` right, about once a minute
    clear_disk: Callable[[frozenset[tuple[int, int]]], object] | None = None  # given the busy repositories
    sweep: Sweep | None = None
    ticker: Ticker | None = None
    dashboards: Dashboards | None = None
    tell_queue: Callable[[], Awaitable[None]] | None = None  # one pass over those who wait for a free place
    tell_late: Callable[[], Awaitable[None]] | None = None  # one pass over what shows up behind an end
    observe_phase: Callable[[Phase, float], None] = lambda _phase, _seconds: None
    observe_wait: Callable[[float], None] = lambda _seconds: None
    operator: OperatorSays = field(default_factory=OperatorSays)


class WorkerEnd(StrEnum):
    STOPPED = "stopped"  # everything was handed over
    FENCED = "fenced"  # end the process now, with an error


class Worker:
    """One for each process; `run` once. The database is migrated by the caller."""

    def __init__(self, settings: WorkerSettings, parts: WorkerParts) -> None:
        self._settings, self._parts = settings, parts
        database, engine, now, pool = parts.database, parts.engine, parts.now, parts.executor
        tasks = Tasks(database)
        self._tasks, self._workers = tasks, Workers(database)
        self._books = Bookkeeping(
            tasks,
            Events(database),
            parts.steps,
            pool,
            settings.id,
            now,
            attempts=settings.attempts,
            observe_phase=parts.observe_phase,
            observe_wait=parts.observe_wait,
        )
        deliveries = Deliveries(database, settings.allowances)
        open_execution = self._books.open_execution
        controls = Controls(
            ControlParts(
                deliveries,
                tasks,
                engine,
                open_execution,
                parts.answerer,
                settings.handle,
                pool,
                now,
                parts.operator,
                Ticks(parts.ticker.store, now) if parts.ticker is not None else None,
            )
        )
        self._intake = Intake(
            deliveries,
            parts.permissions,
            parts.refuser,
            controls,
            settings.handle,
            pool,
            now,
            on_task=self._admit_soon,
        )
        self._admission = Admission(tasks, engine, settings.admission, now)
        self._locks = HostLocks(settings.lock_dir)
        self._reaper = Reaper(self._workers, tasks, engine, self._locks, settings.times, now)
        self._reconciler = Reconciler(tasks, engine, self._books.open_execution, pool)
        self._heartbeat = Heartbeat(self._workers, settings.id, settings.times, now)
        self._arrived = asyncio.Event()  # set: something to admit
        self._seen = Lookout()  # by the last intake's pass
        self._told_places = False  # whether the last pass over the queue may have told somebody of a place

    async def run(self, stop: Stop) -> WorkerEnd:
        """Work until `stop` is asked for, then drain and hand everything over; or until fenced. Raises RetryLater
        when the database is away at the start."""
        settings = self._settings
        self._locks.hold(settings.id)
        await self._call(self._workers.register, settings.id, self._parts.now())
        # It beats while the engine starts: on a busy machine that takes longer than a worker may be silent.
        heart = asyncio.create_task(self._heartbeat.run_until_fenced())
        try:
            await self._parts.engine.launch(self._books.open_execution)
        except BaseException:
            await _cancel(heart)
            raise
        log.info("worker started", worker=settings.id)
        loops = self._start_loops()
        stopped = asyncio.create_task(stop.asked.wait())
        try:
            await asyncio.wait({heart, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not heart.done() and settings.drain_s:
                await self._drain(heart, stop)
        finally:
            await _cancel(stopped, *loops)
            await self._intake.close()
        if heart.done():
            log.error("worker fenced", worker=settings.id, why=heart.result())
            await self._parts.engine.abandon()
            return WorkerEnd.FENCED
        await self._hand_over(heart)
        return WorkerEnd.STOPPED

    def _start_loops(self) -> list[asyncio.Task[None]]:
        intervals = self._settings.intervals
        passes = (
            ("care", self._care, intervals.care_s, None),
            ("reconcile", self._reconcile, intervals.care_s, None),
            ("late effects", self._tell_late, intervals.care_s, None),
            ("intake", self._take_in, intervals.intake_s, None),
            ("admission", self._admit, intervals.admission_s, self._arrived),
            ("queue", self._tell_queue, limits.QUEUE_LOOK_S, None),
            ("sweep", self._redeliver, intervals.sweep_s, None),
            ("scan", self._look_for_comments, intervals.scan_s, None),
            ("schedule files", self._read_schedules, intervals.tick_s, None),
            ("schedules", self._tick, intervals.tick_s, None),
            ("dashboards", self._write_dashboards, intervals.dashboard_s, None),
            ("retention", self._clear_old, limits.RETENTION_S, None),
            ("disk", self._clear_disk, limits.RETENTION_S, None),
            ("clock", self._look_at_clock, limits.CLOCK_LOOK_S, None),
        )
        return [asyncio.create_task(_repeat(*one), name=one[0]) for one in passes]

    async def _care(self) -> None:
        if await self._leads():
            await self._call(self._reaper.reap)

    async def _reconcile(self) -> None:
        """A loop of its own: ending a task tells people, and the dead must not wait for that."""
        if await self._leads():
            await self._reconciler.mend()

    async def _tell_late(self) -> None:
        """A loop of its own as well: it waits for GitHub."""
        if self._parts.tell_late is not None and await self._leads():
            await self._parts.tell_late()

    async def _take_in(self) -> None:
        self._seen = await self._call(look_out, self._parts.database, self._parts.now())
        if (self._seen.deliveries or self._intake.owes_words) and await self._leads():
            await self._intake.begin()

    async def _tell_queue(self) -> None:
        """Once more when the queue has become empty: who was told is forgotten then."""
        if self._parts.tell_queue is None or not (self._seen.queued or self._told_places):
            return
        self._told_places = self._seen.queued
        if await self._leads():
            await self._parts.tell_queue()

    async def _clear_old(self) -> None:
        """Portion by portion; other loops have their turn in between."""
        if not await self._leads():
            return
        parts = self._parts
        while await self._call(clear_old, parts.database, parts.now()) != Cleared(0, 0):
            pass
        before = parts.now() - limits.KEEP_RUNS_S
        while await self._call(parts.engine.forget, before, limits.RETENTION_ROWS):
            pass

    async def _clear_disk(self) -> None:
        """Every worker: each may be on a host of its own."""
        if self._parts.clear_disk is not None:
            busy = await self._call(self._tasks.busy_repositories)
            await self._call(self._parts.clear_disk, busy)

    async def _look_at_clock(self) -> None:
        await self._call(self._parts.look_at_clock)

    async def _redeliver(self) -> None:
        if self._parts.sweep is not None:
            await self._sweep(self._parts.sweep.redeliver)

    async def _look_for_comments(self) -> None:
        if self._parts.sweep is not None:
            await self._sweep(self._parts.sweep.look_for_comments)

    async def _read_schedules(self) -> None:
        if self._parts.ticker is not None:
            await self._sweep(self._parts.ticker.read)

    async def _write_dashboards(self) -> None:
        if self._parts.dashboards is not None:
            await self._sweep(self._parts.dashboards.write)

    async def _tick(self) -> None:
        ticker = self._parts.ticker
        if ticker is None or not await self._leads():
            return
        await self._call(ticker.settle)
        if await self._call(ticker.begin):
            self._admit_soon()

    async def _sweep(self, one_pass: Callable[[], int]) -> None:
        if not await self._leads():
            return
        try:
            await self._call(one_pass)
        except GitHubFault as fault:
            log.warning("nothing could be swept up", why=str(fault))

    async def _leads(self) -> bool:
        """Asked before every pass, so that two leaders overlap for one pass at most."""
        living = await self._call(self._reaper.living)
        return bool(living) and living[0] == self._settings.id

    async def _admit(self) -> None:
        if self._seen.queued or self._seen.due:
            await self._call(self._admission.admit)

    def _admit_soon(self) -> None:
        self._seen = replace(self._seen, queued=True)
        self._arrived.set()

    async def _drain(self, heart: asyncio.Task[str], stop: Stop) -> None:
        """Whatever leads goes on leading meanwhile: nobody else would before this worker's row is gone."""
        log.info("worker drains", worker=self._settings.id, within_s=self._settings.drain_s)
        drained = asyncio.create_task(self._parts.engine.drain(self._settings.drain_s))
        hurried = asyncio.create_task(stop.at_once.wait())
        await asyncio.wait({heart, drained, hurried}, return_when=asyncio.FIRST_COMPLETED)
        await _cancel(drained, hurried)

    async def _hand_over(self, heart: asyncio.Task[str]) -> None:
        """The heart beats until the runs have cleaned up: nobody else may begin before."""
        await self._parts.engine.hand_over(self._settings.intervals.hand_over_s)
        await _cancel(heart)
        self._heartbeat.close()
        await self._call(self._tasks.release, self._settings.id)
        await self._call(self._workers.remove, self._settings.id)
        self._locks.forget(self._settings.id)
        log.info("worker stopped", worker=self._settings.id)

    async def _call(self, function: Callable[..., T], *arguments: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._parts.executor, function, *arguments)


def stop_on_signals(stop: Stop) -> None:
    """SIGTERM and SIGINT ask for it. From the main thread, in the running loop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.note)


async def _repeat(
    name: str, one_pass: Callable[[], Awaitable[None]], interval_s: float, wake: asyncio.Event | None
) -> None:
    """For ever, whatever happens in a pass: this is the edge of the process."""
    while True:
        pause = interval_s
        try:
            await one_pass()
        except RetryLater as error:
            log.warning("a pass waits", loop=name, why=str(error))
            pause = max(interval_s, error.after_s)
        except Exception:  # logged, and tried again
            log.exception("a pass failed", loop=name)
            pause = max(interval_s, _FAULT_PAUSE_S)
        if wake is None:
            await asyncio.sleep(pause)
            continue
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), pause)
        wake.clear()


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
