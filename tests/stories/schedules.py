"""What stories of schedules have in common: time is put forward in the database, never in the program."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain.boxes import Box, render_box
from bot.domain.ids import InstallationId, RepositoryId
from bot.domain.repo_config import parse_repo_config
from bot.domain.tasks import RepositoryRef
from bot.store.received import Received
from bot.store.schedules import NO_ISSUE, Place, Run, Schedules, StoredSchedule
from bot.store.schema import dashboard, schedule, schedule_run
from bot.tasks.schedules import list_specs
from tests.model_server.seen import Seen
from tests.stories.model import Turn
from tests.stories.world import NAME, World

FILE = ".github/pullwright.yml"
PROMPT = "Look whether sums are right."


def far_day() -> str:
    """The day of the week that is furthest from now: a turn that was missed is passed over when the next is near."""
    return f"{datetime.now(UTC) + timedelta(days=3):%a}".lower()


def weekly(*names: str) -> str:
    """A file with schedules of these names, or one that is called `sums`."""
    lines = [f"    {name}: {{when: weekly {far_day()}, prompt: '{PROMPT}'}}" for name in names or ("sums",)]
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


def begin_turn(world: World) -> str:
    """A schedule of its own for the world's issue, due at once and without a dashboard, whatever lives of the worker;
    the name of the turn's task. What earlier ones opened is closed, so that no limit holds this one up."""
    received = Received(world.database)
    world.wait_for("the first reading", lambda: received.mark("schedules"))
    name, key, now = f"n{world.issue}", repository(world), time.time()
    received.set_mark("schedules", now)
    for thread in world.hub.seed.threads(NAME):
        if thread["is_pull"] and thread["state"] == "open":
            world.hub.seed.close_issue(NAME, thread["number"], "ada")
    text = weekly(name)
    world.hub.seed.commit(NAME, {FILE: text.encode()}, "Configure", "main")
    ((spec, _),) = list_specs(parse_repo_config(text).schedules, key, now).values()
    (installation,) = world.hub.hub.installations
    place = Place(InstallationId(installation), RepositoryRef(key, NAME, "main"))
    with world.database.write() as connection:
        connection.execute(schedule_run.delete())
    Schedules(world.database).keep(place, {name: (spec, now - 1.0)})
    with world.database.write() as connection:
        connection.execute(dashboard.update().values(issue=NO_ISSUE, previewed_at=1.0))
    return f"s{key}-{name}-{int(now - 1.0)}"
