"""On one host everybody has its clock already; several hosts are `tests/postgres/test_clocks.py`."""

from pathlib import Path

from bot.store.clock import FleetClock
from bot.store.database import Database


def test_on_one_host_it_is_the_clock_of_that_host(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'pullwright.db'}")
    wall = 1_000.0
    clock = FleetClock(database, lambda: wall, lambda: 5.0)
    clock.look()
    assert clock() == 1_000.0
    wall = 1_090.0  # set by whoever keeps it: all processes see the same
    assert clock() == 1_090.0
    assert list(tmp_path.iterdir()) == [], "nothing was asked"
    database.close()
