"""Who waits for a free place: told at once that the request was read, and where in the queue it stands."""

import os
import signal
import threading
from pathlib import Path

import pytest

from bot.domain.ids import TaskId
from bot.domain.tasks import TaskStatus
from bot.store.tasks import Tasks
from tests.stories.registry import GOOD
from tests.stories.world import World, story

pytestmark = pytest.mark.stories

ONE_PLACE = {"PULLWRIGHT_FLEET_TASKS": "1"}


def ask_on_a_new_issue(world: World) -> tuple[int, int]:
    """The issue and the comment that asked."""
    world.issue = world.hub.seed.open_issue(world.name, "eve", "Sums are wrong", "`add(1, 2)` gives -1.")
    return world.issue, world.comment("ada", "@agent fix this")


def says(world: World, issue: int, words: str) -> bool:
    world.issue = issue
    return any(words in body for body in world.bot_comments())


def expect_one_comment_and_an_end(world: World, issue: int, asked: int) -> None:
    def over() -> bool:
        task = Tasks(world.database).find(TaskId(f"t-{asked}"))
        return task is not None and task.status is TaskStatus.FINISHED

    world.wait_for("the end", over)
    world.issue = issue
    assert len(world.bot_comments()) == 1
    assert world.thread()["reactions"][str(asked)] == [["pullwright[bot]", "eyes"]]


def test_the_place_in_the_queue_stands_in_the_comment_that_later_tells_of_the_work(tmp_path: Path) -> None:
    with story(tmp_path, GOOD, **ONE_PLACE) as world:
        goes_on = threading.Event()
        world.model.before = lambda turn: goes_on.wait(60) and None
        asked = [ask_on_a_new_issue(world)]
        world.wait_for("the first one at work", lambda: world.model.requests)
        asked += [ask_on_a_new_issue(world), ask_on_a_new_issue(world)]
        world.wait_for("a place", lambda: says(world, asked[1][0], "it is next in the queue"))
        world.wait_for("a place", lambda: says(world, asked[2][0], "1 task is before it in the queue"))
        world.comment("ada", "@agent status")
        world.wait_for("an answer", lambda: says(world, asked[2][0], "waiting for a free place; 1 task is"))

        world.issue = asked[1][0]  # one that waits can be stopped, and nobody has to work for that
        world.comment("ada", "@agent stop")
        world.wait_for("the stop", lambda: says(world, asked[1][0], "⏹️ Stopped."))
        goes_on.set()
        expect_one_comment_and_an_end(world, *asked[0])
        expect_one_comment_and_an_end(world, *asked[1])
        world.issue = asked[2][0]
        world.wait_for("the pull request", lambda: len(world.pulls()) == 2)
        assert len(world.model.requests) == 2 * len(GOOD)


def test_a_worker_that_dies_while_it_tells_of_the_queue_makes_no_second_comment(tmp_path: Path) -> None:
    with story(tmp_path, GOOD, **ONE_PLACE) as world:
        goes_on = threading.Event()
        world.model.before = lambda turn: goes_on.wait(60) and None
        ask_on_a_new_issue(world)
        world.wait_for("the first one at work", lambda: world.model.requests)
        assert world._worker is not None
        died = threading.Event()

        def die() -> None:
            assert world._worker is not None
            os.kill(world._worker.process.pid, signal.SIGKILL)
            died.set()

        world.hub.seed.order_fault(
            method="POST", path="/issues/\\d+/comments$", performed=True, drop=True, happens=die
        )
        waits = ask_on_a_new_issue(world)
        assert died.wait(60)
        world.kill_worker()
        goes_on.set()
        world.start_worker()
        expect_one_comment_and_an_end(world, *waits)
