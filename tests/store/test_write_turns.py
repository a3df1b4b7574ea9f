"""Turns to write, over all workers on one database."""

import contextlib
import itertools
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa

from bot.domain import limits
from bot.domain.ids import InstallationId
from bot.errors import RetryLater
from bot.forge.pacing import WritePace
from bot.store.database import Database
from bot.store.schema import write_turn
from bot.store.workers import Workers
from bot.store.write_turns import WriteTurns

SPAWN = multiprocessing.get_context("spawn")
ONE, OTHER = InstallationId(1), InstallationId(2)
SPACING_S = 1.0


class Clock:
    """Seconds since the epoch; goes on only when it is told to."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def turns_of(database: Database, holder: str, clock: Clock) -> WriteTurns:
    return WriteTurns(database, holder, SPACING_S, clock)


def test_one_writes_at_a_time_and_the_spacing_begins_when_it_is_over(
    database: Database, clock: Clock
) -> None:
    first, second = (turns_of(database, holder, clock) for holder in ("w1", "w2"))
    assert first.claim(ONE) == 0.0
    assert second.claim(ONE) == SPACING_S  # before that it can't be free
    clock.now += 2.5
    assert second.claim(ONE) == limits.WRITE_LOOK_S
    first.end(ONE)
    for holder in (first, second):
        assert holder.claim(ONE) == SPACING_S
    clock.now += SPACING_S
    assert second.claim(ONE) == 0.0
    assert first.claim(ONE) > 0.0


def test_installations_do_not_wait_for_each_other(database: Database, clock: Clock) -> None:
    first, second = (turns_of(database, holder, clock) for holder in ("w1", "w2"))
    assert [first.claim(ONE), second.claim(OTHER), first.claim(InstallationId(2**40))] == [0.0] * 3


def test_of_many_that_want_the_very_first_turn_one_has_it(database: Database, clock: Clock) -> None:
    many = [turns_of(database, f"w{n}", clock) for n in range(6)]
    for installation in map(InstallationId, range(5)):
        barrier = Barrier(len(many))

        def claim(turns: WriteTurns, barrier: Barrier = barrier, of: InstallationId = installation) -> float:
            barrier.wait()
            return turns.claim(of)

        with ThreadPoolExecutor(len(many)) as pool:
            waits = list(pool.map(claim, many))
        assert waits.count(0.0) == 1


def test_a_dead_ones_turn_ends_by_itself_and_is_not_ended_by_it_afterwards(
    database: Database, clock: Clock
) -> None:
    dead, heir, third = (turns_of(database, holder, clock) for holder in ("w1", "w2", "w3"))
    assert dead.claim(ONE) == 0.0
    clock.now += limits.WRITE_LEASE_S - 0.5
    assert heir.claim(ONE) > 0.0
    clock.now += 0.5
    assert heir.claim(ONE) == 0.0
    dead.end(ONE)
    clock.now += SPACING_S
    assert third.claim(ONE) == limits.WRITE_LOOK_S
    heir.end(ONE)
    clock.now += SPACING_S
    assert third.claim(ONE) == 0.0


def test_a_worker_that_is_known_to_be_dead_is_not_waited_for(database: Database, clock: Clock) -> None:
    dead, heir = (turns_of(database, holder, clock) for holder in ("w1", "w2"))
    workers = Workers(database)
    workers.register("w1", clock.now)
    assert [dead.claim(ONE), heir.claim(OTHER)] == [0.0, 0.0]
    workers.remove("w1")
    clock.now += SPACING_S
    assert heir.claim(ONE) == 0.0
    assert dead.claim(OTHER) > 0.0, "the turns of others stay theirs"


def test_a_turn_that_could_not_be_given_back_is_taken_anew(database: Database, clock: Clock) -> None:
    turns = turns_of(database, "w1", clock)
    assert turns.claim(ONE) == 0.0
    assert turns.claim(ONE) == SPACING_S
    clock.now += SPACING_S
    assert turns.claim(ONE) == 0.0


def test_a_limit_that_one_has_met_is_known_to_all(database: Database, clock: Clock) -> None:
    first, second = (turns_of(database, holder, clock) for holder in ("w1", "w2"))
    assert first.claim(ONE) == 0.0
    first.hold_back(ONE, 120.0)
    first.hold_back(ONE, 60.0)  # another answer, of another request
    assert second.claim(ONE) == 120.0
    first.end(ONE)
    clock.now += 20.0
    assert [first.claim(ONE), second.claim(ONE)] == [100.0, 100.0]
    assert second.claim(OTHER) == 0.0
    clock.now += 100.0
    assert second.claim(ONE) == 0.0


def test_a_limit_may_be_met_before_anybody_wrote(database: Database, clock: Clock) -> None:
    first, second = (turns_of(database, holder, clock) for holder in ("w1", "w2"))
    first.hold_back(ONE, 9.0)
    assert second.claim(ONE) == 9.0


def test_a_clock_that_is_set_back_by_a_day_holds_nobody_up(database: Database, clock: Clock) -> None:
    first, second = (turns_of(database, holder, clock) for holder in ("w1", "w2"))
    assert first.claim(ONE) == 0.0
    first.hold_back(ONE, limits.WRITE_HELD_BACK_S)
    clock.now -= 86_400.0
    assert second.claim(ONE) == 0.0


def test_a_database_that_is_away_gives_no_turn(clock: Clock) -> None:
    with contextlib.closing(Database("postgresql://nobody@127.0.0.1:1/none")) as away:
        for ask in (lambda turns: turns.claim(ONE), lambda turns: turns.hold_back(ONE, 1.0)):
            with pytest.raises(RetryLater):
                ask(turns_of(away, "w1", clock))


# -- with the pace of each process in front ---------------------------------------------------------------------

BETWEEN_S = 0.1
WRITE_S = 0.15  # longer than the spacing: the spacing alone keeps nobody out
WRITES = 5


def pace_of(database: Database, holder: str) -> WritePace:
    return WritePace(WriteTurns(database, holder, BETWEEN_S, time.time), time.monotonic, time.sleep)


def write_some(url: str, holder: str, begin: Any, written: Any) -> None:
    with contextlib.closing(Database(url)) as database, ThreadPoolExecutor(2) as pool:
        pace = pace_of(database, holder)
        begin.wait()

        def write(_number: int) -> tuple[float, float]:
            with pace.turn(ONE, 60.0):
                begun = time.time()
                time.sleep(WRITE_S)
                return begun, time.time()

        written.put(list(pool.map(write, range(WRITES))))


@pytest.fixture
def processes() -> Iterator[list[Any]]:
    started: list[Any] = []
    yield started
    for process in started:
        process.join(60)
    assert [process.exitcode for process in started] == [0] * len(started)


def test_writes_of_several_processes_do_not_overlap_and_are_spaced(
    database: Database, processes: list[Any]
) -> None:
    begin, written = SPAWN.Barrier(3), SPAWN.Queue()
    for n in range(3):
        given = (database.url, f"w{n}", begin, written)
        processes.append(SPAWN.Process(target=write_some, args=given))
        processes[-1].start()
    spans = sorted(span for _ in processes for span in written.get(timeout=120))
    assert len(spans) == 3 * WRITES
    gaps = [later[0] - earlier[1] for earlier, later in itertools.pairwise(spans)]
    assert min(gaps) >= BETWEEN_S - 0.001, gaps


def die_in_its_turn(url: str) -> None:
    with pace_of(Database(url), "w1").turn(ONE):
        os._exit(0)


def test_a_process_that_dies_in_its_turn_holds_the_others_up_until_the_turn_is_over(
    database: Database, processes: list[Any]
) -> None:
    dies = SPAWN.Process(target=die_in_its_turn, args=(database.url,))
    processes.append(dies)
    dies.start()
    dies.join()
    with pytest.raises(RetryLater, match="nothing was sent"), pace_of(database, "w2").turn(ONE, 0.3):
        raise AssertionError("two at once")
    later = WriteTurns(database, "w2", BETWEEN_S, lambda: time.time() + limits.WRITE_LEASE_S)
    with WritePace(later, time.monotonic, time.sleep).turn(ONE, 0.3):
        pass
    with database.read() as connection:
        assert connection.execute(sa.select(write_turn.c.holder)).scalar_one() == ""


def test_a_limit_met_in_one_process_is_an_answer_in_the_others(database: Database) -> None:
    pace_of(database, "w1").hold_back(ONE, 120.0)
    with contextlib.closing(Database(database.url)) as other:
        with pytest.raises(RetryLater) as caught, pace_of(other, "w2").turn(ONE, limits.WRITE_BEGIN_S):
            raise AssertionError("it was sent")
        assert 110.0 < caught.value.after_s <= 120.0
