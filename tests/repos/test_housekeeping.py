"""What is kept of repositories: as long as it is used, and as much as fits."""

import fcntl
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.limits import CACHE_GRACE_S, TEMPLATE_GRACE_S
from bot.repos.housekeeping import Gone, Kept, Shelf, clear, decide_removals
from bot.repos.marks import take_template
from tests.repos.conftest import KEY, GitWorld

DAY = 86_400.0
NOW = 1_000 * DAY
WIDE = Shelf(Path("/"), days=10, total_bytes=10_000)


def template(days: float, size: int = 100) -> Kept:
    return Kept(Path(f"/1/2/templates/{days}"), NOW - days * DAY, size)


def cache(days: float, size: int = 100) -> Kept:
    return Kept(Path(f"/1/{days}/cache.git"), NOW - days * DAY, size)


def test_what_nobody_used_for_long_goes_and_what_has_no_room_the_oldest_first() -> None:
    kept = (template(2), template(11), cache(12), cache(3), template(1.5))
    assert decide_removals(kept, WIDE, NOW) == (cache(12), template(11))
    narrow = replace(WIDE, total_bytes=250)
    assert decide_removals(kept, narrow, NOW) == (cache(12), template(11), cache(3))


def test_what_is_in_use_stays_however_full_it_is() -> None:
    full = replace(WIDE, total_bytes=0)
    fresh = template(TEMPLATE_GRACE_S / DAY / 2), cache(CACHE_GRACE_S / DAY / 2)
    assert decide_removals((*fresh, replace(cache(99), fixed=True)), full, NOW) == ()


def age(path: Path, seconds: float) -> None:
    for one in (path, path.with_name(path.name + ".used")):
        if one.exists():
            os.utime(one, (time.time() - seconds,) * 2)


async def test_removed_things_are_there_again_when_they_are_needed(world: GitWorld) -> None:
    base = await world.fetch()
    folder = await world.repos.materialise(KEY, base.tree)
    shelf = Shelf(world.repos.state_dir, 10, 10**9)
    assert clear(shelf, frozenset(), time.time()) == Gone()

    cached = folder.parents[1] / "cache.git"
    age(folder, 11 * DAY)
    age(cached, 11 * DAY)
    assert clear(shelf, frozenset({KEY}), time.time()).caches == 0, "a task may have work in it"
    assert not folder.exists()
    gone = clear(shelf, frozenset(), time.time())
    assert (gone.caches, gone.templates, gone.size > 0) == (1, 0, True)
    assert list(folder.parents[1].glob("**/*.gone")) == []

    assert await world.fetch() == base
    assert await world.repos.materialise(KEY, base.tree) == folder
    assert (folder / "app.py").is_file()


async def test_taking_renews_and_waits_for_whoever_removes(world: GitWorld) -> None:
    folder = await world.repos.materialise(KEY, (await world.fetch()).tree)
    age(folder, 11 * DAY)
    await world.repos.materialise(KEY, (await world.fetch()).tree)
    shelf = Shelf(world.repos.state_dir, 10, 10**9)
    assert clear(shelf, frozenset({KEY}), time.time()) == Gone()

    mark = os.open(folder.with_name(folder.name + ".used"), os.O_RDWR)
    fcntl.flock(mark, fcntl.LOCK_EX)  # as a removal holds it
    found: list[bool] = []
    taking = threading.Thread(target=lambda: found.append(take_template(folder)))
    taking.start()
    taking.join(0.05)
    assert found == []
    folder.rename(folder.with_name("elsewhere"))
    os.close(mark)
    taking.join(10)
    assert found == [False], "it is made again"


@pytest.mark.parametrize(
    "name", ["cache.git.0123.gone", "templates/abc.0123.gone", "templates/abc.0123.part"]
)
async def test_halves_of_removals_and_makings_go_at_the_next_time(world: GitWorld, name: str) -> None:
    folder = await world.repos.materialise(KEY, (await world.fetch()).tree)
    left = folder.parents[1] / name
    left.mkdir()
    age(left, 2 * DAY)
    clear(Shelf(world.repos.state_dir, 10, 10**9), frozenset(), time.time())
    assert not left.exists()
    assert folder.is_dir()
