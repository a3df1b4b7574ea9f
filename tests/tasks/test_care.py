"""Who is alive, who replaces the dead, and which rows nobody works on."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.agent.contract import EventKind, Heard
from bot.domain.admission import AdmissionLimits
from bot.domain.ids import TaskId
from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase, TaskStatus
from bot.errors import Superseded
from bot.store.database import Database
from bot.store.events import Events
from bot.store.tasks import Taken, Tasks, insert_task
from bot.store.workers import Workers
from bot.tasks.admission import Admission
from bot.tasks.engine import Run, RunId, RunStatus
from bot.tasks.events import STEERING, TaskEventLog, TaskInbox, TaskRows
from bot.tasks.reconcile import Reconciler
from bot.tasks.workers import Heartbeat, HostLocks, LifeTimes, Reaper
from bot.tasks.workflow import Bookkeeping, Finished, PhaseEnd
from tests.store.requests import request
from tests.tasks.quiet_engine import QuietEngine

NOW = 10_000.0
T1, T2 = TaskId("t-1"), TaskId("t-2")


class Telling:
    async def run_phase(self, task: Taken, phase: Phase) -> PhaseEnd:
        return Finished(Outcome.PROVEN)

    async def run_failure(self, task: Taken, outcome: Outcome, detail: str) -> None:
        """Nobody is there."""


@dataclass
class Room:
    database: Database
    folder: Path
    executor: ThreadPoolExecutor
    engine: QuietEngine = field(default_factory=QuietEngine)
    time: float = NOW

    @property
    def tasks(self) -> Tasks:
        return Tasks(self.database)

    @property
    def workers(self) -> Workers:
        return Workers(self.database)

    @property
    def locks(self) -> HostLocks:
        return HostLocks(self.folder / "locks")

    def queue(self, *comments: int, repository: int = 10) -> None:
        with self.database.write() as connection:
            for one in comments:
                insert_task(connection, request(one, issue=one, repository=repository), float(one))

    def admission(self, fleet: int = 10, repository: int = 10) -> Admission:
        limits = AdmissionLimits(fleet, repository, 10)
        return Admission(self.tasks, self.engine, limits, lambda: self.time)

    def reaper(self) -> Reaper:
        return Reaper(
            self.workers, self.tasks, self.engine, self.locks, LifeTimes(dead_s=30), lambda: self.time
        )

    def reconciler(self) -> Reconciler:
        books = Bookkeeping(
            self.tasks, Events(self.database), Telling(), self.executor, "w1", lambda: self.time
        )
        return Reconciler(self.tasks, self.engine, books.open_execution, self.executor)

    def status(self, task: TaskId) -> TaskStatus:
        view = self.tasks.find(task)
        assert view is not None
        return view.status


@pytest.fixture
def room(database: Database, tmp_path: Path) -> Iterator[Room]:
    with ThreadPoolExecutor(4) as executor:
        yield Room(database, tmp_path, executor)


# -- admission ----------------------------------------------------------------------------------------------


def test_admitted_tasks_get_a_run_each_within_the_limits_of_fleet_and_repository(room: Room) -> None:
    room.queue(1, 2, 3)
    room.queue(4, repository=20)
    assert room.admission(fleet=3, repository=2).admit() == ("t-1", "t-2", "t-4")
    assert room.admission(fleet=3, repository=2).admit() == ()
    assert set(room.engine.runs) == {RunId(TaskId(f"t-{n}"), 1) for n in (1, 2, 4)}


# -- the dead -----------------------------------------------------------------------------------------------


def test_a_dead_workers_tasks_are_fenced_and_queued_for_the_others(room: Room) -> None:
    room.queue(1, 2)
    room.admission().admit()
    room.workers.register("dead", room.time - 60)
    room.workers.register("alive", room.time)
    lost = room.tasks.take(T1, "dead")
    kept = room.tasks.take(T2, "alive")
    room.engine.start(RunId(T1, 1), "dead")
    room.engine.start(RunId(T2, 1), "alive")
    assert room.reaper().reap() == ("dead",)
    assert room.engine.runs[RunId(T1, 1)].status is RunStatus.QUEUED
    assert room.engine.runs[RunId(T2, 1)].status is RunStatus.RUNNING
    with pytest.raises(Superseded):
        room.tasks.finish(lost, Outcome.PROVEN, "", room.time)
    room.tasks.finish(kept, Outcome.PROVEN, "", room.time)
    assert room.reaper().reap() == ()


def test_a_run_on_a_worker_that_nobody_knows_is_queued_again(room: Room) -> None:
    room.queue(1)
    room.admission().admit()
    room.engine.start(RunId(T1, 1), "forgotten")
    room.reaper().reap()
    assert room.engine.runs[RunId(T1, 1)].status is RunStatus.QUEUED


async def test_at_rest_nobody_asks_the_engine(room: Room) -> None:
    """Its answers cost many times what ours do."""

    class NotToBeAsked(QuietEngine):
        def unfinished(self) -> tuple[Run, ...]:
            raise AssertionError("asked, with no work and nobody missing")

    room.engine = NotToBeAsked()
    room.workers.register("alive", room.time)
    assert room.reaper().reap() == ()
    assert await room.reconciler().mend() == ()


def test_a_worker_of_this_host_is_dead_as_soon_as_its_process_is(room: Room) -> None:
    hold = (
        "import pathlib, sys; from bot.tasks.workers import HostLocks;"
        f"HostLocks(pathlib.Path({str(room.folder / 'locks')!r})).hold('other'); print(flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    room.workers.register("other", room.time)
    assert room.reaper().living() == ("other",)
    process.kill()
    process.communicate()
    assert room.reaper().living() == ()
    assert room.reaper().reap() == ("other",)


# -- the living ---------------------------------------------------------------------------------------------


async def test_a_worker_that_was_declared_dead_stops_itself(room: Room) -> None:
    room.workers.register("w1", time.time())
    heart = Heartbeat(room.workers, "w1", LifeTimes(beat_s=0.02, fence_s=5, dead_s=9), time.time)
    beating = asyncio.create_task(heart.run_until_fenced())
    await asyncio.sleep(0.1)
    assert not beating.done()
    room.workers.remove("w1")
    assert "declared" in await beating
    heart.close()


async def test_a_worker_that_can_not_write_its_heartbeat_stops_itself(room: Room) -> None:
    room.workers.register("w1", time.time())
    heart = Heartbeat(room.workers, "w1", LifeTimes(beat_s=0.02, fence_s=0.3, dead_s=9), time.time)
    beating = asyncio.create_task(heart.run_until_fenced())
    with room.database.write() as connection:  # the write lock, held
        connection.exec_driver_sql("update worker set beat_at = beat_at")
        assert "in time" in await beating
    heart.close()


# -- rows that nobody works on ------------------------------------------------------------------------------


async def test_an_admitted_task_whose_run_was_never_made_gets_it_at_the_second_look(room: Room) -> None:
    room.queue(1)
    room.tasks.admit(AdmissionLimits(1, 1, 1), room.time)  # and death before the enqueue
    reconciler = room.reconciler()
    assert await reconciler.mend() == ()
    assert await reconciler.mend() == (T1,)
    assert room.engine.runs[RunId(T1, 1)].status is RunStatus.QUEUED
    assert await reconciler.mend() == ()


async def test_a_run_that_ended_without_the_rows_knowledge_is_replaced(room: Room) -> None:
    room.queue(1)
    room.admission().admit()
    room.engine.end(RunId(T1, 1), RunStatus.FAILED)
    reconciler = room.reconciler()
    await reconciler.mend()
    await reconciler.mend()
    assert room.engine.runs[RunId(T1, 1, again=1)].status is RunStatus.QUEUED


async def test_a_task_whose_run_was_cancelled_is_finished_as_stopped(room: Room) -> None:
    room.queue(1)
    room.admission().admit()
    room.engine.cancel(T1)
    reconciler = room.reconciler()
    await reconciler.mend()
    assert room.status(T1) is TaskStatus.RUNNING
    await reconciler.mend()
    view = room.tasks.find(T1)
    assert view is not None
    assert view.outcome == Outcome.STOPPED


# -- the agent's rows ---------------------------------------------------------------------------------------


async def test_the_agents_log_holds_its_own_rows_in_order_and_ends_with_the_epoch(room: Room) -> None:
    room.queue(1)
    room.admission().admit()
    taken, events = room.tasks.take(T1, "w1"), Events(room.database)
    rows = TaskRows(events, T1, taken.epoch, room.executor, lambda: room.time)
    log, second = TaskEventLog(rows), TaskEventLog(rows, attempt=2)
    await log.append(EventKind.STARTED, {"n": 1})
    await rows.append("lines", {"lines": ["$ pytest"]})
    await second.append(EventKind.STARTED, {"n": 9})
    await log.append(EventKind.REPLY, {"n": 2})
    assert [row.body for row in await second.load()] == [{"n": 9}], "another attempt has a memory of its own"
    assert [(row.kind, row.body) for row in await log.load()] == [
        (EventKind.STARTED, {"n": 1}),
        (EventKind.REPLY, {"n": 2}),
    ]
    room.tasks.take(T1, "w2")
    with pytest.raises(Superseded):
        await log.append(EventKind.REPLY, {"n": 3})


async def test_what_people_say_in_between_is_drained_in_the_order_in_which_it_was_taken_in(
    room: Room,
) -> None:
    room.queue(1)
    room.admission().admit()
    taken, events = room.tasks.take(T1, "w1"), Events(room.database)
    numbers = []
    for number in (7, 5, 9):
        body = {"id": number, "author": "ada", "text": f"and {number}"}
        numbers.append(events.append(T1, taken.epoch, STEERING, body, room.time))
    inbox = TaskInbox(events, T1, room.executor)
    assert [said.id for said in await inbox.drain(Heard())] == [7, 5, 9]
    later = await inbox.drain(Heard(numbers[0]))
    assert [(said.text, said.seq) for said in later] == [("and 5", numbers[1]), ("and 9", numbers[2])]
    assert [said.id for said in await inbox.drain(Heard(0, frozenset({9})))] == [7, 5], "of an older version"


def test_the_name_of_a_run_comes_back() -> None:
    run = RunId(TaskId("t-i10-3"), 12, 1)
    assert RunId.parse(str(run)) == run
