"""GitHub on its bad days: whatever it does, the request ends in one pull request, or in a named end.

Each story is the whole application with a fault on order (`bot/localhub/faults.py`).
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.domain import limits
from tests.stories.registry import GOOD
from tests.stories.world import NAME, World, story

pytestmark = pytest.mark.chaos  # each is the whole application with a fault: `make chaos`

COMMENTS, PULLS, CHECKS = "/issues/\\d+/comments$", "/pulls$", "/check-runs$"
REACTIONS, TOKENS = "/reactions$", "/access_tokens$"
WRITES = {
    "comment": COMMENTS,
    "pull request": PULLS,
    "check run": CHECKS,
    "reaction": REACTIONS,
    "token": TOKENS,
}
AT_ONCE = {"retry-after": "1"}


def ask_and_expect_one_of_everything(world: World) -> None:
    asked = world.comment("ada", "@agent fix this")
    assert world.wait_until_over().outcome == "proven"
    expect_one_of_everything(world, asked)


def expect_one_of_everything(world: World, asked: int) -> None:
    assert len(world.pulls()) == 1
    assert len(world.bot_comments()) == 1
    assert len(world.branches()) == 1
    assert len(world.pulls()[0]["check_runs"]) == 1
    assert world.thread()["reactions"][str(asked)] == [["pullwright[bot]", "eyes"]]


@pytest.mark.parametrize("performed", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("path", WRITES.values(), ids=WRITES)
def test_a_server_fault_before_or_after_a_write(tmp_path: Path, path: str, performed: bool) -> None:
    with story(tmp_path, GOOD) as world:
        world.hub.seed.order_fault(method="POST", path=path, status=502, performed=performed)
        ask_and_expect_one_of_everything(world)


@pytest.mark.parametrize("performed", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("path", WRITES.values(), ids=WRITES)
def test_a_connection_that_breaks_off_at_a_write(tmp_path: Path, path: str, performed: bool) -> None:
    with story(tmp_path, GOOD) as world:
        world.hub.seed.order_fault(method="POST", path=path, drop=True, performed=performed)
        ask_and_expect_one_of_everything(world)


def test_connections_that_break_off_while_reading(tmp_path: Path) -> None:
    with story(tmp_path, GOOD) as world:
        world.hub.seed.order_fault(method="GET", path="/api/v3/repos/", drop=True, times=2)
        ask_and_expect_one_of_everything(world)


LIMITS: dict[str, dict[str, Any]] = {
    "secondary, 403": {"status": 403, "headers": AT_ONCE},
    "secondary, 429": {"status": 429, "headers": AT_ONCE},
    "secondary, in words": {
        "status": 403,
        "body": {"message": "You have exceeded a secondary rate limit."},
        "headers": AT_ONCE,
    },
    "primary, 403": {
        "status": 403,
        "body": {"message": "API rate limit exceeded for installation ID 1."},
        "headers": {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()))},
    },
    "primary, 429": {
        "status": 429,
        "headers": {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()))},
    },
}


@pytest.mark.parametrize("limit", LIMITS.values(), ids=LIMITS)
@pytest.mark.parametrize(
    "path",
    [COMMENTS, PULLS, TOKENS, "/permission$"],
    ids=["comment", "pull request", "token", "permission"],
)
def test_a_limit_is_waited_out_of_the_way_and_nothing_is_lost(
    tmp_path: Path, path: str, limit: dict[str, Any]
) -> None:
    with story(tmp_path, GOOD) as world:
        world.hub.seed.order_fault(method="*", path=path, **limit)
        ask_and_expect_one_of_everything(world)


def during(world: World, turn: int, happens: Callable[[], None]) -> None:
    """Something happens once, while the model thinks about its turn."""
    left = [happens]

    def before(at: int) -> None:
        if at == turn and left:
            left.pop()()

    world.model.before = before


def test_a_repository_that_is_renamed_in_the_middle(tmp_path: Path) -> None:
    with story(tmp_path, GOOD) as world:
        during(world, 2, lambda: world.hub.seed.rename_repository(NAME, "renamed"))
        asked = world.comment("ada", "@agent fix this")
        task = world.wait_until_over()
        world.name = "octo/renamed"
        assert task.outcome == "proven"
        expect_one_of_everything(world, asked)


@pytest.mark.parametrize("revoked", [True, False], ids=["revoked", "at their end"])
def test_tokens_that_end_in_the_middle(tmp_path: Path, revoked: bool) -> None:
    with story(tmp_path, GOOD) as world:
        during(world, 2, lambda: world.hub.seed.end_tokens(revoked=revoked))
        ask_and_expect_one_of_everything(world)


def test_tokens_that_end_before_the_fetch(tmp_path: Path) -> None:
    """Git has its own tokens, and no second try inside the library."""
    with story(tmp_path, GOOD) as world:
        world.hub.seed.order_fault(method="GET", path="/info/refs", status=401)
        ask_and_expect_one_of_everything(world)


@pytest.mark.parametrize("service", ["git-upload-pack", "git-receive-pack"])
@pytest.mark.parametrize("fault", [{"status": 503}, {"drop": True, "performed": True}], ids=["503", "drop"])
def test_git_fails_in_the_middle(tmp_path: Path, service: str, fault: dict[str, Any]) -> None:
    with story(tmp_path, GOOD) as world:
        world.hub.seed.order_fault(method="POST", path=f"/{service}$", **fault)
        ask_and_expect_one_of_everything(world)


@pytest.mark.parametrize("status", [404, 410, 451])
def test_a_repository_that_is_taken_away_in_the_middle_is_an_end_of_its_own(
    tmp_path: Path, status: int
) -> None:
    with story(tmp_path, GOOD) as world:
        gone = {"method": "*", "path": "/repos/|/repositories/|\\.git/", "status": status, "times": 10_000}
        during(world, 2, lambda: world.hub.seed.order_fault(**gone))
        world.comment("ada", "@agent fix this")
        assert world.wait_until_over().outcome == "access_lost"
        world.hub.seed.clear_faults()
        assert world.pulls() == []


def test_an_issue_that_is_deleted_in_the_middle_still_gets_its_pull_request(tmp_path: Path) -> None:
    """The work is done and verified; only nobody can be told in a thread that is gone."""
    with story(tmp_path, GOOD) as world:
        gone = {"method": "*", "path": "/issues/", "status": 410, "times": 10_000}
        during(world, 2, lambda: world.hub.seed.order_fault(**gone))
        world.comment("ada", "@agent fix this")
        assert world.wait_until_over().outcome == "proven"
        world.hub.seed.clear_faults()
        assert len(world.pulls()) == 1


def test_an_installation_that_is_suspended_in_the_middle_is_an_end_of_its_own(tmp_path: Path) -> None:
    with story(tmp_path, GOOD) as world:
        words = {"message": "This installation has been suspended"}

        def suspend() -> None:
            world.hub.seed.order_fault(method="POST", path=TOKENS, status=403, body=words, times=10_000)
            world.hub.seed.end_tokens(revoked=True)

        during(world, 2, suspend)
        world.comment("ada", "@agent fix this")
        task = world.wait_until_over()
        assert task.outcome == "access_lost"
        assert "GitHub does not tell the App any more" in task.detail
        assert world.pulls() == []


def test_a_name_that_changed_before_the_work_began(tmp_path: Path) -> None:
    with story(tmp_path, GOOD) as world:
        with world.hub.hub.lock:  # nobody is answered in between: the payload has the old name
            asked = world.comment("ada", "@agent fix this")
            world.hub.seed.rename_repository(NAME, "renamed")
        world.name = "octo/renamed"
        assert world.wait_until_over().outcome == "proven"
        expect_one_of_everything(world, asked)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", [COMMENTS, PULLS], ids=["comment", "pull request"])
def test_a_write_that_is_carried_out_after_its_sender_gave_up(tmp_path: Path, path: str) -> None:
    """GitHub says nothing for 25 s and then does it: it is looked for before it is sent again."""
    with story(tmp_path, GOOD) as world:
        world.patience_s = 240.0
        world.hub.seed.order_fault(method="POST", path=path, delay_s=limits.GITHUB_TIMEOUT_S + 5.0)
        ask_and_expect_one_of_everything(world)


@pytest.mark.parametrize("fault", [{"status": 502}, {"drop": True}], ids=["502", "drop"])
def test_the_last_word_is_said_again_when_it_did_not_arrive(tmp_path: Path, fault: dict[str, Any]) -> None:
    """Edits while it works are left when they fail; the last one is not."""
    with story(tmp_path, GOOD) as world:
        world.hub.seed.order_fault(method="PATCH", path="/issues/comments/", times=2, **fault)
        ask_and_expect_one_of_everything(world)
        (comment,) = world.bot_comments()
        assert "#2 is open" in comment


def test_slow_answers_cost_time_and_nothing_else(tmp_path: Path) -> None:
    with story(tmp_path, GOOD) as world:
        world.hub.seed.order_fault(method="*", path="/repos/", delay_s=0.5, times=1_000)
        ask_and_expect_one_of_everything(world)


@pytest.mark.parametrize("ahead", [90, -90, 3_600, -3_600])
def test_a_clock_that_is_off(tmp_path: Path, ahead: int) -> None:
    with story(tmp_path, GOOD, clock=lambda: time.time() + ahead) as world:
        ask_and_expect_one_of_everything(world)
