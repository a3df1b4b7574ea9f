"""The database goes away for half a minute in the middle of the work, and comes back."""

import contextlib
import time
from pathlib import Path

import psycopg
import pytest

from bot.errors import ForPerson
from tests.stories.registry import GOOD
from tests.stories.world import World, story

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(400)]

_AWAY_S = 30.0


def take_away(url: str, seconds: float) -> None:
    """Nobody gets in, whoever is in is thrown out; then the doors are open again."""
    server, _, name = url.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"alter database {name} allow_connections false".encode())
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,)
            )
            time.sleep(0.2)
        connection.execute(f"alter database {name} allow_connections true".encode())


def restart_the_fenced(world: World) -> None:
    """As whoever supervises a worker does: one that could not beat for so long has ended itself, and one that is
    started before the database is back ends at once, so that it is started again."""
    for child in [one for one in world.supervisor.children if one.process.poll() is not None]:
        assert child.name == "worker", f"the {child.name} ended\n{child.log_tail}"
        world.supervisor.children.remove(child)
        with contextlib.suppress(ForPerson):  # too early: the next look finds it ended
            world.start_worker()


def test_a_database_that_goes_away_for_half_a_minute_costs_time_and_nothing_else(
    tmp_path: Path, url: str
) -> None:
    with story(tmp_path, GOOD, PULLWRIGHT_DATABASE_URL=url) as world:
        world.patience_s = 200.0
        away = [True]

        def before(turn: int) -> None:
            if turn == 2 and away:
                away.clear()
                take_away(url, _AWAY_S)

        world.model.before = before
        asked = world.comment("ada", "@agent fix this")
        deadline = time.monotonic() + 120
        while away or time.monotonic() < deadline:
            restart_the_fenced(world)
            if not away and world.pulls():
                break
            time.sleep(0.2)
        assert world.wait_until_over().outcome == "proven"
        assert len(world.pulls()) == 1
        assert len(world.bot_comments()) == 1
        assert world.thread()["reactions"][str(asked)] == [["pullwright[bot]", "eyes"]]
        assert len(world.model.requests) <= len(GOOD) + 2
