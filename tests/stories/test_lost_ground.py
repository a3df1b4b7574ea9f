"""The ground goes from under a running task: the App, a permission, a branch, the repository. Each end has its reason.

What was worked out is not lost where there is somebody to tell; nothing is published that may not be.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.localhub.records import AccountKind, Installation
from bot.store.tasks import TaskView
from tests.stories.registry import GOOD
from tests.stories.test_bad_input import deliver
from tests.stories.world import NAME, World, story
from tests.tasks.payloads import removed_payload

pytestmark = pytest.mark.stories  # an application of its own for each: not in the fast suite

_AT = 2  # the turn at which it happens


@contextmanager
def at_work(tmp_path: Path, **settings: str) -> Iterator[tuple[World, threading.Event]]:
    """A change is being worked on; the model's answer waits for the event."""
    with story(tmp_path, GOOD, **settings) as world:
        goes_on = threading.Event()
        world.model.before = lambda turn: turn == _AT and goes_on.wait(world.patience_s) and None
        world.comment("ada", "@agent fix this")
        world.wait_for("the work", lambda: len(world.model.requests) > _AT)
        try:
            yield world, goes_on
        finally:
            goes_on.set()


def end_after(tmp_path: Path, happens: Callable[[World], None]) -> tuple[World, TaskView]:
    with at_work(tmp_path) as (world, goes_on):
        happens(world)
        goes_on.set()
        return world, world.wait_until_over()


def remove_app(world: World) -> Installation:
    """As GitHub does when an owner removes the App: its tokens end, it is told once, then it may do nothing."""
    hub = world.hub.hub
    with hub.lock:
        (removed,) = hub.installations.values()
        hub.installations.clear()
    world.hub.seed.end_tokens(revoked=True)
    deliver(world, removed_payload("deleted", removed.id), event="installation")
    return removed


def test_an_app_that_is_removed_ends_its_tasks_at_once_and_works_again_when_it_is_back(
    tmp_path: Path,
) -> None:
    with at_work(tmp_path) as (world, goes_on):
        removed = remove_app(world)
        task = world.wait_until_over()  # though the model has not answered
        assert (task.outcome, task.detail) == ("access_lost", "The App was removed by ada.")
        asked = len(world.model.requests)
        goes_on.set()
        assert world.pulls() == []
        assert world.branches() == []

        hub = world.hub.hub
        with hub.lock:  # added again: another installation
            again = Installation(hub.new_id("installation"), removed.app, removed.account, None, hub.now())
            hub.installations[again.id] = again
        said = world.comment("ada", "@agent fix this")
        assert world.wait_for_task(said).outcome == "proven"
        assert len(world.pulls()) == 1
        assert len(world.model.requests) == asked + len(GOOD)


def test_a_permission_that_is_withdrawn_keeps_the_change_from_being_published(tmp_path: Path) -> None:
    world, task = end_after(tmp_path, lambda world: world.hub.seed.set_role(NAME, "ada", "read"))
    assert task.outcome == "access_withdrawn"
    assert world.pulls() == []
    assert world.branches() == []
    (comment,) = world.bot_comments()
    assert "+    return a + b" in comment, "the work is not lost"


def test_a_base_branch_that_is_deleted_is_an_end_that_shows_the_work(tmp_path: Path) -> None:
    def delete_main(world: World) -> None:
        record = world.hub.hub.repository(NAME)
        assert record is not None
        with world.hub.hub.lock:
            record.git.rename_branch("main", "trunk")

    world, task = end_after(tmp_path, delete_main)
    assert task.outcome == "repository_unusable"
    assert "`main`" in task.detail
    assert world.pulls() == []
    assert [ref for ref in world.branches() if "/agent/" in ref] == []
    (comment,) = world.bot_comments()
    assert "+    return a + b" in comment, "the work is not lost"


def test_a_repository_that_is_transferred_to_an_owner_without_the_app_is_lost(tmp_path: Path) -> None:
    def transfer(world: World) -> None:
        hub = world.hub.hub
        record = hub.repository(NAME)
        assert record is not None
        with hub.lock:
            record.earlier_names.append(record.full_name.lower())
            record.owner = hub.ensure_account("elsewhere", AccountKind.ORGANIZATION)

    world, task = end_after(tmp_path, transfer)
    assert task.outcome == "access_lost"
    world.name = "elsewhere/app"
    assert world.pulls() == []
