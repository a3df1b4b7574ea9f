"""Where a change starts, under which name it is pushed, and what else is at work on the same issue."""

import json
import threading
from pathlib import Path

import pytest

from bot.domain.outcomes import Refusal
from bot.store.deliveries import Handled, Verdict
from tests.stories.model import Turn, shell, submit
from tests.stories.registry import FIX, GOOD, TEST
from tests.stories.world import FILES, NAME, World, story

pytestmark = pytest.mark.stories  # an application of its own for each: not in the fast suite

FILE = ".github/pullwright.yml"
CHANGE: list[Turn] = [FIX, TEST]


def told(world: World) -> str:
    return json.dumps(world.model.requests[0]["messages"])


def goes_to(world: World) -> str:
    return str(world.pulls()[0]["pull"]["base"]["ref"])


def test_the_issues_milestone_chooses_the_base_and_a_strangers_words_do_not(tmp_path: Path) -> None:
    with story(tmp_path, GOOD, {**FILES, FILE: "base: {milestone: release/*}\n"}) as world:
        seed = world.hub.seed
        seed.commit(NAME, {"only-there.txt": b"x"}, "Release", "release/1.2")
        seed.commit(NAME, {"not-there.txt": b"x"}, "Old", "old")
        seed.add_person("zoe")
        world.issue = seed.open_issue(NAME, "zoe", "Sums are wrong", "Base: old")
        seed.set_milestone(NAME, world.issue, "1.2")
        world.comment("ada", "@agent fix this")
        assert world.wait_until_over().outcome == "proven"
        assert goes_to(world) == "release/1.2"
        assert "It goes to `release/1.2`: the milestone `1.2` says so." in world.pulls()[0]["issue"]["body"]
        assert "The work starts from `release/1.2`" in told(world)


def test_a_line_of_a_members_issue_chooses_the_base(tmp_path: Path) -> None:
    with story(tmp_path, GOOD, {**FILES, FILE: "base: develop\n"}) as world:
        world.hub.seed.commit(NAME, {"x.txt": b"x"}, "Next", "next")
        world.issue = world.hub.seed.open_issue(
            NAME, "ada", "Sums are wrong", "It fails.\n\nBase branch: `next`"
        )
        world.comment("ada", "@agent fix this")
        assert world.wait_until_over().outcome == "proven"
        assert goes_to(world) == "next"


def test_a_base_that_is_not_there_is_said_by_name(tmp_path: Path) -> None:
    with story(tmp_path, GOOD, {**FILES, FILE: "base: develop\n"}) as world:
        world.comment("ada", "@agent fix this")
        task = world.wait_until_over()
        assert task.outcome == "repository_unusable"
        assert "no branch `develop`" in world.bot_comments()[0]


def test_somebody_elses_branch_of_the_same_name_is_left_alone(tmp_path: Path) -> None:
    """Branch name collision."""
    taken = "refs/heads/agent/1-add-not-subtract"
    with story(tmp_path, GOOD) as world:
        world.hub.seed.commit(NAME, {"mine.txt": b"x"}, "Mine", taken.removeprefix("refs/heads/"))
        before = world.hub.seed.refs(NAME)[taken]
        world.comment("ada", "@agent fix this")
        assert world.wait_until_over().outcome == "proven"
        assert world.hub.seed.refs(NAME)[taken] == before
        (other,) = [ref for ref in world.branches() if ref != taken]
        assert other.startswith(f"{taken}-t")
        assert world.pulls()[0]["pull"]["head"]["ref"] == other.removeprefix("refs/heads/")


def test_a_title_without_a_latin_letter_has_a_branch_all_the_same(tmp_path: Path) -> None:
    """CJK-only title."""
    with story(tmp_path, [*CHANGE, submit(title="修复加法")]) as world:
        world.issue = world.hub.seed.open_issue(NAME, "eve", "加法错误", "`add(1, 2)` 得到 -1。")
        world.comment("ada", "@agent fix this")
        assert world.wait_until_over().outcome == "proven"
        assert world.branches() == [f"refs/heads/agent/{world.issue}-change"]
        assert world.pulls()[0]["issue"]["title"] == "修复加法"


def test_a_title_made_of_options_and_paths_is_only_a_slug(tmp_path: Path) -> None:
    """`--upload-pack` name."""
    with story(tmp_path, [*CHANGE, submit(title="--upload-pack=/bin/sh ../../main @{-1}.lock")]) as world:
        world.comment("ada", "@agent fix this")
        assert world.wait_until_over().outcome == "proven"
        assert world.branches() == ["refs/heads/agent/1-upload-pack-bin-sh-main-1-lock"]


def test_a_base_that_moves_during_the_run_is_said_in_the_pull_request(tmp_path: Path) -> None:
    """Base branch moved during run."""
    with story(tmp_path, GOOD) as world:
        goes_on = threading.Event()
        world.model.before = lambda turn: goes_on.wait(60) and None
        world.comment("ada", "@agent fix this")
        world.wait_for("the work", lambda: world.model.requests)
        before = world.hub.seed.refs(NAME)["refs/heads/main"]
        after = world.hub.seed.push(NAME, "ada", {"README.md": b"# Moved\n"}, "main")
        goes_on.set()
        assert world.wait_until_over().outcome == "proven"
        (pull,) = world.pulls()
        body = pull["issue"]["body"]
        assert f"`main` has moved on to `{after[:10]}` meanwhile." in body
        assert f"this change on `{before[:10]}`" in body
        assert "# Moved" not in pull["diff"], "nothing of theirs is undone"
        assert world.hub.seed.refs(NAME)["refs/heads/main"] == after


def test_a_pull_request_of_somebody_for_the_same_issue_is_known_to_model_and_reviewer(tmp_path: Path) -> None:
    with story(tmp_path, GOOD) as world:
        world.hub.seed.commit(NAME, {"app.py": b"def add(a, b):\n    return b + a\n"}, "Mine", "mine")
        theirs = world.hub.seed.open_pull(NAME, "eve", "Other way round", f"Fixes #{world.issue}", "mine")
        world.comment("ada", "@agent fix this")
        assert world.wait_until_over().outcome == "proven"
        assert f"Open pull request #{theirs} by eve says that it closes this issue too." in told(world)
        ours = next(one for one in world.pulls() if one["issue"]["number"] != theirs)
        assert f"#{theirs} by eve is open for the same issue." in ours["issue"]["body"]


def test_while_our_own_pull_request_is_open_the_issue_leads_to_it(tmp_path: Path) -> None:
    with story(tmp_path, GOOD) as world:
        world.comment("ada", "@agent fix this")
        assert world.wait_until_over().outcome == "proven"
        world.comment("ada", "@agent also fix floats")
        assert world.wait_until_decided() == Handled(Verdict.REFUSED, Refusal.PULL_OPEN)
        assert "My pull request #2 for this issue is open." in world.bot_comments()[-1]
        assert len(world.pulls()) == 1


def test_an_issue_that_is_fixed_already_ends_without_a_branch(tmp_path: Path) -> None:
    fixed = {**FILES, "app.py": "def add(a, b):\n    return a + b\n"}
    done = submit(
        "no_change_needed", title="Fixed already", summary="`add(1, 2)` gives 3 on the base (`app.py:2`)."
    )
    with story(tmp_path, [shell("python3 -c 'from app import add; print(add(1, 2))'"), done], fixed) as world:
        world.comment("ada", "@agent fix this")
        assert world.wait_until_over().outcome == "no_change_needed"
        (comment,) = world.bot_comments()
        assert "🔎 I found nothing to change." in comment
        assert "`add(1, 2)` gives 3 on the base" in comment
        assert world.branches() == []
        assert world.pulls() == []
