"""What stories of schedules have in common: time is put forward in the database, never in the program."""

import time
from collections.abc import Sequence
from typing import Any

from bot.domain.boxes import Box, render_box
from bot.domain.ids import RepositoryId
from bot.store.received import Received
from bot.store.schedules import Run, Schedules, StoredSchedule
from bot.store.schema import dashboard, schedule
from tests.model_server.seen import Seen
from tests.stories.model import Turn
from tests.stories.world import NAME, World

FILE = ".github/pullwright.yml"
PROMPT = "Look whether sums are right."


def weekly(*names: str) -> str:
    """A file with schedules of these names, or one that is called `sums`."""
    lines = [f"    {name}: {{when: weekly mon, prompt: '{PROMPT}'}}" for name in names or ("sums",)]
    return "\n".join(("schedules:", "  tasks:", *lines, ""))


def each_time(turns: Sequence[Turn]) -> Any:
    """The model does the same whenever it is asked."""

    def play(seen: Seen) -> Turn:
        return turns[seen.turn]

    return play


def configure(world: World, text: str) -> None:
    """On the default branch, as a merged pull request would, and read at once, not within a quarter of an hour."""
    world.hub.seed.commit(NAME, {FILE: text.encode()}, "Configure", "main")
    Received(world.database).set_mark("schedules", 0.0)


def repository(world: World) -> RepositoryId:
    found = world.hub.hub.repository(NAME)
    assert found is not None
    return RepositoryId(found.id)


def find_schedule(world: World, name: str = "sums") -> StoredSchedule | None:
    return Schedules(world.database).find(repository(world), name)


def wait_for_schedule(world: World, name: str = "sums") -> StoredSchedule:
    """It was read, and the dashboard is there."""

    def seen() -> StoredSchedule | None:
        found = find_schedule(world, name)
        return found if found is not None and found.place.issue else None

    found = world.wait_for(f"the schedule {name}", seen)
    assert isinstance(found, StoredSchedule)
    return found


def skip_preview(world: World) -> None:
    """This is not the first turn in this repository."""
    wait_for_schedule(world)
    with world.database.write() as connection:
        connection.execute(dashboard.update().values(previewed_at=1.0))


def make_due(world: World, name: str = "sums", late_s: float = 1.0) -> None:
    """Its time has come."""
    stored = wait_for_schedule(world, name)
    mine = (schedule.c.repository == stored.place.repository.id, schedule.c.name == name)
    with world.database.write() as connection:
        connection.execute(schedule.update().where(*mine).values(next_at=time.time() - late_s))


def runs(world: World, name: str = "sums") -> tuple[Run, ...]:
    """Newest first."""
    found = find_schedule(world, name)
    return found.runs if found else ()


def wait_for_turn(world: World, before: int, name: str = "sums") -> Run:
    """The end of the turn that comes after so many."""

    def over() -> Run | None:
        found = runs(world, name)
        return found[0] if len(found) > before and found[0].result else None

    found = world.wait_for("the end of the turn", over)
    assert isinstance(found, Run)
    return found


def take_turn(world: World, name: str = "sums", late_s: float = 1.0) -> Run:
    """Let its time come, and wait for what becomes of it."""
    before = len(runs(world, name))
    make_due(world, name, late_s)
    return wait_for_turn(world, before, name)


def dashboard_issue(world: World) -> dict[str, Any]:
    return world.thread(wait_for_schedule(world).place.issue)


def dashboard_says(world: World, words: str) -> str:
    """The dashboard's text, once these words stand in it."""

    def seen() -> str:
        body = str(dashboard_issue(world)["issue"]["body"])
        return body if words in body else ""

    return str(world.wait_for(f"{words!r} in the dashboard", seen))


def tick(world: World, box: Box, login: str = "ada", *, on: bool = True, name: str = "sums") -> None:
    """A person clicks the box; what became of it is decided when it returns."""
    issue = wait_for_schedule(world).place.issue
    body = dashboard_says(world, render_box(box, name, on=not on))
    world.hub.seed.edit_body(
        NAME, issue, login, body.replace(render_box(box, name, on=not on), render_box(box, name, on=on))
    )
    world.wait_until_decided()
