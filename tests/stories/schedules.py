"""What stories of schedules have in common: the clock is put forward in the database, never in the program."""

import time

from bot.domain.ids import RepositoryId
from bot.store.received import Received
from bot.store.schedules import Run, Schedules, StoredSchedule
from tests.stories.world import NAME, World

FILE = ".github/pullwright.yml"


def weekly(name: str = "sums", prompt: str = "Look whether sums are right.", more: str = "") -> str:
    return f"schedules:\n  tasks:\n    {name}: {{when: weekly mon, prompt: '{prompt}'}}\n{more}"


def configure(world: World, text: str, login: str = "") -> None:
    """On the default branch, as a merged pull request would, and read at once, not within a quarter of an hour."""
    world.hub.seed.commit(NAME, {FILE: text.encode()}, "Configure", "main")
    read_again(world)


def read_again(world: World) -> None:
    Received(world.database).set_mark("schedules", 0.0)


def repository(world: World) -> RepositoryId:
    found = world.hub.hub.repository(NAME)
    assert found is not None
    return RepositoryId(found.id)


def wait_for_schedule(world: World, name: str = "sums") -> StoredSchedule:
    store = Schedules(world.database)
    found = world.wait_for(f"the schedule {name}", lambda: store.find(repository(world), name))
    assert isinstance(found, StoredSchedule)
    return found


def make_due(world: World, name: str = "sums", late_s: float = 1.0) -> None:
    """Its time has come."""
    stored = wait_for_schedule(world, name)
    with world.database.write() as connection:
        set_next(connection, stored, time.time() - late_s)


def set_next(connection, stored: StoredSchedule, at: float) -> None:  # type: ignore[no-untyped-def]
    from bot.store.schema import schedule

    mine = (schedule.c.repository == stored.place.repository.id, schedule.c.name == stored.name)
    connection.execute(schedule.update().where(*mine).values(next_at=at))


def runs(world: World, name: str = "sums") -> tuple[Run, ...]:
    """Newest first."""
    stored = Schedules(world.database).find(repository(world), name)
    return stored.runs if stored else ()


def take_turn(world: World, name: str = "sums", late_s: float = 1.0) -> Run:
    """Let its time come, and wait for what becomes of it."""
    before = len(runs(world, name))
    make_due(world, name, late_s)

    def over() -> Run | None:
        found = runs(world, name)
        return found[0] if len(found) > before and found[0].result else None

    found = world.wait_for("the end of the turn", over)
    assert isinstance(found, Run)
    return found
