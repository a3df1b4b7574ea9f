"""Effects once: looked for, sent under an epoch, kept."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from bot.domain.admission import AdmissionLimits
from bot.domain.ids import TaskId
from bot.domain.outcomes import Outcome
from bot.errors import GitHubFault, RepositoryFault, RetryLater, Superseded
from bot.forge.answers import WriteUnclear
from bot.store.database import Database
from bot.store.effects import Effects, EffectState
from bot.store.tasks import Taken, Tasks, insert_task
from bot.tasks.ledger import Ledger, LedgerTimes
from tests.store.requests import request

TASK = TaskId("t-1")


@dataclass
class Comments:
    """GitHub's side of one comment. `late`: searches that do not see it yet."""

    written: list[int] = field(default_factory=list)
    searches: int = 0
    late: int = 0
    error: Exception | None = None
    gate: threading.Event | None = None

    def find(self) -> dict[str, int] | None:
        self.searches += 1
        return {"id": self.written[0]} if self.written and self.searches > self.late else None

    def create(self) -> dict[str, int]:
        if self.gate is not None:
            self.gate.wait(10)
        if self.error is not None:
            raise self.error
        self.written.append(len(self.written) + 1)
        return {"id": self.written[-1]}


@dataclass
class Room:
    tasks: Tasks
    effects: Effects
    executor: ThreadPoolExecutor
    pauses: list[float] = field(default_factory=list)

    def ledger(self, times: LedgerTimes | None = None) -> Ledger:
        async def pause(seconds: float) -> None:
            self.pauses.append(seconds)

        return Ledger(self.effects, self.executor, time.time, times or LedgerTimes(), pause)

    def take(self) -> Taken:
        return self.tasks.take(TASK, "w")

    async def ensure(self, taken: Taken, comments: Comments) -> dict[str, int]:
        return await self.ledger().ensure(TASK, taken.epoch, "comment", comments.find, comments.create)

    def state(self) -> EffectState:
        effect = self.effects.find(f"{TASK}:comment")
        assert effect is not None
        return effect.state


@pytest.fixture
def room(database: Database) -> Iterator[Room]:
    with database.write() as connection:
        insert_task(connection, request(1), 1.0)
    tasks = Tasks(database)
    tasks.admit(AdmissionLimits(1, 1, 1), 2.0)
    with ThreadPoolExecutor(4) as executor:
        yield Room(tasks, Effects(database), executor)


async def test_made_once_and_remembered_by_every_later_run(room: Room) -> None:
    comments = Comments()
    assert await room.ensure(room.take(), comments) == {"id": 1}
    assert await room.ensure(room.take(), comments) == {"id": 1}
    assert (comments.written, comments.searches) == ([1], 1)


async def test_what_is_there_already_is_not_made(room: Room) -> None:
    comments = Comments(written=[41])
    assert await room.ensure(room.take(), comments) == {"id": 41}
    assert comments.written == [41]


async def test_after_a_death_in_flight_the_effect_is_found_and_not_sent_again(room: Room) -> None:
    dead = room.take()
    room.effects.plan(TASK, dead.epoch, f"{TASK}:comment")
    room.effects.begin_sending(TASK, dead.epoch, f"{TASK}:comment", time.time())
    comments = Comments(written=[5])
    assert await room.ensure(room.take(), comments) == {"id": 5}
    assert (comments.written, room.pauses) == ([5], [])


async def test_an_effect_that_shows_late_is_waited_for_before_anything_is_sent(room: Room) -> None:
    dead = room.take()
    room.effects.plan(TASK, dead.epoch, f"{TASK}:comment")
    room.effects.begin_sending(TASK, dead.epoch, f"{TASK}:comment", time.time())
    comments = Comments(written=[5], late=2)
    assert await room.ensure(room.take(), comments) == {"id": 5}
    assert comments.written == [5]
    assert room.pauses == [1.0, 2.0], "soon at first"


async def test_before_it_is_sent_again_all_its_time_has_passed(room: Room) -> None:
    dead = room.take()
    room.effects.plan(TASK, dead.epoch, f"{TASK}:comment")
    room.effects.begin_sending(TASK, dead.epoch, f"{TASK}:comment", time.time())
    comments = Comments()
    assert await room.ensure(room.take(), comments) == {"id": 1}
    assert 40 < sum(room.pauses) <= 50, (
        "all the time that a write may take to leave, a request's timeout, settling"
    )
    assert comments.searches == 1 + len(room.pauses)


async def test_after_two_empty_searches_it_is_sent_again(room: Room) -> None:
    dead = room.take()
    room.effects.plan(TASK, dead.epoch, f"{TASK}:comment")
    room.effects.begin_sending(TASK, dead.epoch, f"{TASK}:comment", time.time() - 100)
    comments = Comments()
    assert await room.ensure(room.take(), comments) == {"id": 1}
    assert (comments.searches, room.pauses) == (2, [0.0])


async def test_a_lost_answer_is_looked_for_at_once(room: Room) -> None:
    comments = Comments(error=WriteUnclear("connection dropped"), late=1)
    comments.written.append(9)  # it had arrived
    assert await room.ensure(room.take(), comments) == {"id": 9}
    assert room.state() is EffectState.DONE


async def test_a_passing_fault_goes_on_and_the_next_run_looks_first(room: Room) -> None:
    comments = Comments(error=WriteUnclear("503"))
    with pytest.raises(RetryLater):
        await room.ensure(room.take(), comments)
    assert room.state() is EffectState.SENDING
    comments.error = None
    assert await room.ensure(room.take(), comments) == {"id": 1}
    assert 10 < sum(room.pauses) <= 15, "our side of the request is over: only GitHub's is waited for"


async def test_a_refusal_goes_through(room: Room) -> None:
    with pytest.raises(GitHubFault):
        await room.ensure(room.take(), Comments(error=GitHubFault("no permission", status=403)))
    assert room.state() is EffectState.PLANNED


async def test_a_limit_refused_it_for_certain_so_the_next_run_does_not_wait(room: Room) -> None:
    comments = Comments(error=RetryLater("rate limit", 60.0))
    with pytest.raises(RetryLater):
        await room.ensure(room.take(), comments)
    comments.error = None
    assert await room.ensure(room.take(), comments) == {"id": 1}
    assert room.pauses == []


async def test_a_superseded_run_sends_nothing(room: Room) -> None:
    old = room.take()
    room.take()
    comments = Comments()
    with pytest.raises(Superseded):
        await room.ensure(old, comments)
    assert comments.written == []


async def test_a_cancelled_run_waits_for_its_write_and_keeps_it(room: Room) -> None:
    comments = Comments(gate=threading.Event())
    assert comments.gate is not None
    taken = room.take()
    ensuring = asyncio.create_task(room.ensure(taken, comments))
    while (effect := room.effects.find(f"{TASK}:comment")) is None or effect.state is EffectState.PLANNED:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.02)
    ensuring.cancel()
    await asyncio.sleep(0.02)
    assert not ensuring.done()
    comments.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await ensuring
    assert room.state() is EffectState.DONE


async def test_a_write_that_takes_too_long_is_left_to_the_next_run(room: Room) -> None:
    comments = Comments(gate=threading.Event())
    assert comments.gate is not None
    ledger = room.ledger(LedgerTimes(in_flight_s=0.05))
    taken = room.take()
    ensuring = asyncio.create_task(
        ledger.ensure(TASK, taken.epoch, "comment", comments.find, comments.create)
    )
    while (effect := room.effects.find(f"{TASK}:comment")) is None or effect.state is EffectState.PLANNED:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.02)
    ensuring.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ensuring
    assert room.state() is EffectState.SENDING
    comments.gate.set()


async def test_a_write_that_waited_too_long_for_a_thread_is_not_begun(room: Room) -> None:
    comments = Comments()
    with pytest.raises(RetryLater, match="nothing was sent"):
        await room.ledger(LedgerTimes(queue_s=-1.0)).ensure(
            TASK, room.take().epoch, "comment", comments.find, comments.create
        )
    assert comments.written == []


async def test_a_push_has_a_row_while_it_may_be_under_way(room: Room) -> None:
    taken, seen = room.take(), []

    async def push() -> None:
        seen.append(room.state())

    for _ in range(2):
        await room.ledger().trace(TASK, taken.epoch, "comment", push)
    assert seen == [EffectState.SENDING, EffectState.DONE], "a second one does no harm"
    assert room.state() is EffectState.DONE


@pytest.mark.parametrize(
    ("error", "left"),
    [(RepositoryFault("refused"), EffectState.PLANNED), (RetryLater("broken off", 1.0), EffectState.SENDING)],
)
async def test_a_push_that_failed_is_looked_for_by_whoever_ends_the_task(
    room: Room, error: Exception, left: EffectState
) -> None:
    taken = room.take()

    async def push() -> None:
        raise error

    with pytest.raises(type(error)):
        await room.ledger().trace(TASK, taken.epoch, "comment", push)
    assert room.effects.half_sent() == (), "it is not over"
    room.tasks.finish(taken, Outcome.STOPPED, "", 5.0)
    (half,) = room.effects.half_sent(5.0)
    assert (half.key, half.state, half.ended_at) == (f"{TASK}:comment", left, 5.0)
    assert room.effects.half_sent(6.0) == ()
    assert room.effects.settle(half, None)
    assert room.effects.half_sent() == ()
