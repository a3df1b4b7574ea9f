"""A task is stopped while something is on its way to GitHub: what is there in the end is what people are told."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.domain.tasks import TaskStatus
from bot.store.effects import EffectState
from bot.store.schema import effect
from bot.store.tasks import Tasks
from tests.stories.model import Turn, submit
from tests.stories.registry import GOOD, WRONG_SIGN
from tests.stories.world import NAME, World, story

pytestmark = pytest.mark.stories  # an application of its own for each: not in the fast suite

REVIEW: list[Turn] = [WRONG_SIGN, submit("no_change_needed", summary="I read `add`.")]


@contextmanager
def held(world: World, method: str, path: str, passes: int = 0) -> Iterator[Callable[[], None]]:
    """One request waits before it is carried out, from its arrival (when this yields `arrived`) until the end."""
    reached, goes_on = threading.Event(), threading.Event()

    def arrives() -> None:
        reached.set()
        goes_on.wait(60)

    world.hub.seed.order_fault(method=method, path=path, arrives=arrives, passes=passes)

    def arrived() -> None:
        world.wait_for(f"{method} {path}", reached.is_set)

    try:
        yield arrived
    finally:
        goes_on.set()


def asked(world: World, path: str) -> int:
    """How often the hub was asked for what lies there."""
    requests = list(world.hub.hub.requests)
    return sum(one.method == "GET" and one.path.endswith(path) for one in requests)


def stop(world: World, looks_at: str) -> None:
    """Returns when the end has been decided and what is under way was looked for in vain."""
    before = asked(world, looks_at)
    world.comment("ada", "@agent stop")
    world.wait_for("the look", lambda: asked(world, looks_at) > before)


def settled(world: World) -> Any:
    """The task, once it is over and nothing of it is open."""
    task = world.wait_until_over()

    def closed() -> bool:
        with world.database.read() as connection:
            states = set(connection.execute(effect.select().where(effect.c.task == task.id)).mappings())
        return all(one["state"] == EffectState.DONE.value for one in states)

    world.wait_for("every effect", closed)
    return Tasks(world.database).find(task.id)


def test_a_pull_request_that_appears_behind_the_stop_is_linked(tmp_path: Path) -> None:
    with story(tmp_path, GOOD) as world:
        with held(world, "POST", "/pulls$") as arrived:
            world.comment("ada", "@agent fix this")
            arrived()
            stop(world, "/pulls")
        task = settled(world)
        assert (task.status, task.outcome) == (TaskStatus.FINISHED, "stopped")
        (pull,) = world.pulls()
        (comment,) = world.bot_comments()
        assert "⏹️ Stopped." in comment
        assert f"#{pull['issue']['number']} was open already and stays as it is." in comment
        assert task.facts["pull"] == pull["issue"]["number"]


def test_a_push_that_arrives_behind_the_stop_is_named(tmp_path: Path) -> None:
    with story(tmp_path, GOOD) as world:
        with held(world, "POST", "/git-receive-pack$") as arrived:
            world.comment("ada", "@agent fix this")
            arrived()
            world.comment("ada", "@agent stop")
            world.wait_until_over()
            assert "I had pushed" not in world.bot_comments()[0]
        settled(world)
        (branch,) = world.branches()
        (comment,) = world.bot_comments()
        assert "⏹️ Stopped." in comment
        assert f"`{branch.removeprefix('refs/heads/')}`, where it stays." in comment
        assert world.pulls() == []


def test_a_branch_without_its_pull_request_is_named_at_once(tmp_path: Path) -> None:
    with story(tmp_path, GOOD) as world:
        with held(world, "GET", "/pulls$", passes=1) as arrived:  # who else is at the issue is asked first
            world.comment("ada", "@agent fix this")
            arrived()
            world.comment("ada", "@agent stop")
            world.wait_until_over()
        settled(world)
        (branch,) = world.branches()
        assert f"`{branch.removeprefix('refs/heads/')}`, where it stays." in world.bot_comments()[0]
        assert world.pulls() == []


def of_eve(world: World) -> None:
    world.hub.seed.commit(NAME, {"app.py": b"def add(a, b):\n    return a - b  # eve\n"}, "Sums", "eves")
    world.issue = world.hub.seed.open_pull(NAME, "eve", "Sums", "Some sums.", "eves")


def test_a_check_run_that_appears_behind_the_stop_is_ended(tmp_path: Path) -> None:
    with story(tmp_path, REVIEW) as world:
        of_eve(world)
        with held(world, "POST", "/check-runs$") as arrived:
            world.comment("ada", "@agent review")
            arrived()
            stop(world, "/check-runs")
        assert settled(world).outcome == "stopped"
        (check,) = world.thread()["check_runs"]
        assert (check["status"], check["conclusion"]) == ("completed", "cancelled")
        assert check["output"]["title"] == "Not reviewed: stopped"
        assert "⏹️ Stopped." in world.bot_comments()[-1]


def test_a_review_that_appears_behind_the_stop_is_linked(tmp_path: Path) -> None:
    with story(tmp_path, REVIEW) as world:
        of_eve(world)
        with held(world, "POST", "/reviews$") as arrived:
            world.comment("ada", "@agent review")
            arrived()
            stop(world, "/reviews")
        assert settled(world).outcome == "stopped"
        (review,) = world.thread()["reviews"]
        (check,) = world.thread()["check_runs"]
        assert (check["conclusion"], check["output"]["title"]) == ("cancelled", "Reviewed, then stopped")
        assert review["html_url"] in check["output"]["summary"]
        assert f"[The review]({review['html_url']}) was on its way already" in world.bot_comments()[-1]
