"""What the engine adds to its library: a worker at rest begins a run at once, without a poll."""

import asyncio
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from bot.domain.ids import TaskId
from bot.store.database import Database
from bot.tasks.engine import RunId, RunStatus, StepAnswer
from bot.tasks.engine_dbos import DbosEngine

FIRST, SECOND = RunId(TaskId("t-1"), 1), RunId(TaskId("t-2"), 1)


@dataclass
class Held:
    """Executions that go on when they are let."""

    begun: list[RunId] = field(default_factory=list)
    has_begun: asyncio.Event = field(default_factory=asyncio.Event)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)

    def open(self, run: RunId) -> "Execution":
        self.begun.append(run)
        return Execution(self)


@dataclass
class Execution:
    held: Held

    async def step(self) -> StepAnswer:
        self.held.has_begun.set()
        await self.held.may_end.wait()
        return StepAnswer(False, "done")

    def hand_over(self) -> None:
        self.held.may_end.set()


@pytest.mark.timeout(60)
async def test_a_worker_that_is_not_half_full_begins_a_run_without_a_poll(database: Database) -> None:
    held, engine = Held(), DbosEngine(database.url, "worker-here-0", slots=2, poll_s=3600.0)
    await engine.launch(held.open)
    try:
        await asyncio.to_thread(engine.enqueue, FIRST)
        await held.has_begun.wait()
        await asyncio.to_thread(engine.enqueue, FIRST)  # known already: begun once
        await asyncio.to_thread(engine.enqueue, SECOND)  # half full: for whoever polls
        seen = {run.id: run for run in await asyncio.to_thread(engine.unfinished)}
        assert seen[FIRST].status is RunStatus.RUNNING
        assert seen[FIRST].worker == "worker-here-0"
        assert seen[SECOND].status is RunStatus.QUEUED
        assert held.begun == [FIRST]
        held.may_end.set()
        while await asyncio.to_thread(lambda: engine.find_latest(FIRST.task).status) is not RunStatus.DONE:  # type: ignore[union-attr]
            await asyncio.sleep(0.02)
    finally:
        await engine.hand_over(1.0)


async def test_an_engine_that_executes_nothing_queues(database: Database) -> None:
    engine = DbosEngine(database.url, "worker-here-1", slots=2)
    launched = DbosEngine(database.url, "worker-here-2", slots=2, poll_s=3600.0)
    await launched.launch(Held().open)  # makes the tables
    try:
        await asyncio.to_thread(engine.enqueue, FIRST)
        (run,) = await asyncio.to_thread(launched.unfinished)
        assert (run.id, run.status) == (FIRST, RunStatus.QUEUED)
    finally:
        engine.close()
        await launched.hand_over(1.0)


@pytest.mark.timeout(60)
async def test_a_draining_engine_gives_back_what_its_poll_brings(database: Database) -> None:
    held, draining = Held(), DbosEngine(database.url, "worker-here-3", slots=2, poll_s=0.1)
    await draining.launch(held.open)
    try:
        await asyncio.to_thread(draining.enqueue, FIRST)
        await held.has_begun.wait()
        drained = asyncio.create_task(draining.drain(3600.0))
        await asyncio.sleep(0)
        with capture_logs() as log:
            await asyncio.to_thread(draining.enqueue, SECOND)
            while not any(one["event"] == "a run was given back" for one in log):
                await asyncio.sleep(0.02)
        assert held.begun == [FIRST], "nothing new"
        assert not drained.done(), "the one that runs is waited for"
        held.may_end.set()
        await drained
        (left,) = await asyncio.to_thread(draining.unfinished)
        assert left.id == SECOND
    finally:
        await draining.hand_over(1.0)
    assert held.begun == [FIRST]


@pytest.mark.timeout(60)
async def test_what_began_without_a_poll_and_what_a_poll_brings_are_one_bound(database: Database) -> None:
    held, engine = Held(), DbosEngine(database.url, "worker-here-4", slots=1, poll_s=0.1)
    await engine.launch(held.open)
    try:
        await asyncio.to_thread(engine.enqueue, FIRST)  # at once
        await held.has_begun.wait()
        with capture_logs() as log:
            await asyncio.to_thread(engine.enqueue, SECOND)  # by the poll
            while not any(one["event"] == "a run was given back" for one in log):
                await asyncio.sleep(0.02)
        assert held.begun == [FIRST]
        held.may_end.set()
        while held.begun != [FIRST, SECOND]:
            await asyncio.sleep(0.02)
    finally:
        await engine.hand_over(1.0)
