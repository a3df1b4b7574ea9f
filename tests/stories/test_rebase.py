"""`@agent rebase`: the base branch is merged into the pull request's branch, proven, and pushed as one more commit."""

import json
from pathlib import Path

import pytest

from bot.store.tasks import TaskView
from tests.stories.model import edit, submit
from tests.stories.own_pull import BRANCH, FIXED, seeded_pull
from tests.stories.world import BUG, NAME, NEW_TEST, OLD_TEST, World

pytestmark = pytest.mark.stories  # an application of its own for each: not in the fast suite

ABOUT = '"""Sums."""\n\n'
TEST_ABOUT = OLD_TEST.replace("import add", "import __doc__ as about").replace(
    "add(0, 0), 0", 'about, "Sums."'
)
COMMENTED = BUG.replace("return a - b", "return a - b  # exact")


def rebase(world: World, says: str = "@agent rebase") -> TaskView:
    return world.wait_for_task(world.comment("ada", says))


def push_to_main(world: World, **files: str) -> str:
    named = {"app": "app.py", "test": "tests/test_about.py", "readme": "README.md"}
    return world.hub.seed.push(
        NAME, "ada", {named[name]: text.encode() for name, text in files.items()}, "main"
    )


def file_of(world: World, path: str = "app.py") -> str:
    return (world.hub.seed.file(NAME, BRANCH, path) or b"").decode()


def parents_of_head(world: World) -> list[str]:
    commit = world.hub.hub.repository(NAME).git.commit(world.hub.seed.refs(NAME)[f"refs/heads/{BRANCH}"])  # type: ignore[union-attr]
    assert commit is not None
    return list(commit.parents)


def test_what_does_not_conflict_is_merged_without_a_model_and_proven_anew(tmp_path: Path) -> None:
    with seeded_pull(tmp_path) as world:
        before = world.thread()["pull"]["head"]["sha"]
        tip = push_to_main(world, app=ABOUT + BUG, test=TEST_ABOUT)
        task = rebase(world)
        assert task.outcome == "proven", task.detail
        assert world.model.requests == [], "nobody was asked"
        assert parents_of_head(world) == [before, tip], "a merge, and history stays"
        assert file_of(world) == ABOUT + FIXED
        (comment,) = world.bot_comments()
        assert f"`main` at {tip[:10]} is merged into the branch, which was at {before[:10]}." in comment
        assert "Nothing was in conflict." in comment
        assert "**Proven (tier A).**" in comment
        assert f"The untouched code is the tip of `main`, {tip[:10]}." in comment
        text = world.thread()["issue"]["body"]
        assert f"Merge main into {BRANCH} (for ada, tier A)" in text
        assert f"against `main` at `{tip[:10]}`" in text
        assert [run["conclusion"] for run in world.thread()["check_runs"]] == ["success"], "on the new head"

        assert rebase(world).outcome == "no_change_needed"
        assert f"has everything of `main` (`{tip[:10]}`) already" in world.bot_comments()[-1]
        assert rebase(world, "@agent undo").outcome == "blocked"
        assert "My newest commit here is a merge." in world.bot_comments()[-1]


def test_a_conflict_is_settled_by_the_model_and_no_marker_gets_through(tmp_path: Path) -> None:
    marked = (
        f"<<<<<<< {BRANCH}\n    return a + b\n||||||| before both\n    return a - b\n=======\n"
        "    return a - b  # exact\n>>>>>>> main\n"
    )
    turns = [
        edit("app.py", "    return a - b  # exact\n>>>>>>> main\n", ">>>>>>> main\n"),
        submit(summary="Half of it."),
        edit("app.py", marked.replace("    return a - b  # exact\n", ""), "    return a + b  # exact\n"),
        submit(summary="The sum of the one, the remark of the other."),
    ]
    with seeded_pull(tmp_path, turns) as world:
        before = world.thread()["pull"]["head"]["sha"]
        tip = push_to_main(world, app=COMMENTED)
        task = rebase(world, "@agent rebase, and keep the remark")
        assert task.outcome == "proven", task.detail
        assert parents_of_head(world) == [before, tip]
        assert file_of(world) == FIXED.replace("a + b", "a + b  # exact")
        asked = json.dumps(world.model.requests[0]["messages"])
        assert "app.py: both sides changed the same lines" in asked
        assert "and keep the remark" in asked
        assert "# What each side did" in asked
        assert "still holds conflict markers" in json.dumps(world.model.requests[2]["messages"])
        (comment,) = world.bot_comments()
        assert "In conflict, and settled by the model: `app.py`. Look at these." in comment
        commit = world.hub.hub.repository(NAME).git.commit(world.thread()["pull"]["head"]["sha"])  # type: ignore[union-attr]
        assert commit is not None
        assert commit.message.startswith(
            f"Merge main into {BRANCH}\n\nConflicts, settled in this commit: app.py.\n"
        )


def test_a_merge_that_its_tests_do_not_stand_is_not_pushed(tmp_path: Path) -> None:
    """The texts go together, what they do does not: the model is asked, and can't."""
    relies = OLD_TEST.replace("add(0, 0), 0", "add(1, 2), -1")
    turns = [submit("blocked", title="They contradict each other", summary="Is it a sum or a difference?")]
    with seeded_pull(tmp_path, turns) as world:
        before = world.thread()["pull"]["head"]["sha"]
        push_to_main(world, test=relies)
        task = rebase(world)
        assert task.outcome == "blocked", task.detail
        assert world.thread()["pull"]["head"]["sha"] == before
        asked = json.dumps(world.model.requests[0]["messages"])
        assert "These tests passed before and fail with your change" in asked
        assert file_of(world, "tests/test_app.py") == NEW_TEST
