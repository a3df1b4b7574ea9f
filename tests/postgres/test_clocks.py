"""Hosts whose clocks are 90 s off, on one database: nobody is taken for dead, no write for an old one."""

import time
from pathlib import Path

import pytest
import structlog.testing

from bot.store.clock import FleetClock
from bot.store.database import Database
from bot.store.tasks import Tasks
from bot.store.workers import Workers
from bot.tasks.workers import HostLocks, LifeTimes, Reaper
from tests.tasks.quiet_engine import QuietEngine

pytestmark = pytest.mark.postgres

OFF_S = (-90.0, 0.0, 90.0)


def clock_off_by(seconds: float, database: Database) -> FleetClock:
    clock = FleetClock(database, lambda: time.time() + seconds)
    clock.look()
    return clock


def test_all_hosts_tell_the_same_time(database: Database) -> None:
    told = [clock_off_by(seconds, database)() for seconds in OFF_S]
    assert max(told) - min(told) < 5, "as long as three questions may take, and no minute and a half"


def test_nobody_is_taken_for_dead(database: Database, tmp_path: Path) -> None:
    clocks = {f"worker-{n}-a": clock_off_by(seconds, database) for n, seconds in enumerate(OFF_S)}
    for worker, clock in clocks.items():
        Workers(database).register(worker, clock())
    for worker, clock in clocks.items():
        locks = HostLocks(tmp_path / worker)
        reaper = Reaper(Workers(database), Tasks(database), QuietEngine(), locks, LifeTimes(), clock)
        assert reaper.living() == tuple(sorted(clocks))
        assert reaper.reap() == ()


def test_who_sets_a_clock_back_in_between_changes_nothing(database: Database) -> None:
    wall = time.time()
    clock = FleetClock(database, lambda: wall)
    clock.look()
    before = clock()
    wall -= 3_600
    assert clock() >= before


def test_an_answer_that_took_long_is_passed_over(database: Database) -> None:
    ticks = iter((0.0, 0.0, 0.0, 100.0, 130.0, 130.0))
    clock = FleetClock(database, time.time, lambda: next(ticks))
    clock.look()  # begun, took, and told for the comparison
    clock.look()
    assert clock() == pytest.approx(time.time() + 130, abs=5), "from what was known before"


def test_a_clock_that_is_off_is_told_to_whoever_reads_the_log(database: Database) -> None:
    with structlog.testing.capture_logs() as log:
        clock_off_by(90, database)
    (entry,) = log
    assert entry["event"] == "this host's clock is off"
    assert entry["seconds"] == pytest.approx(90, abs=5)
