"""A pull request goes on: the real application against the hub over HTTP."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.model_server.seen import Seen
from tests.stories.model import Turn, edit, submit
from tests.stories.registry import GOOD, RUN_TESTS
from tests.stories.world import NAME, World, story

pytestmark = pytest.mark.stories  # an application of its own for each: not in the fast suite

NEGATIVE = edit(
    "app.py", "    return a + b\n", "    if isinstance(a, str):\n        return 0\n    return a + b\n"
)
TEST_NEGATIVE = edit(
    "tests/test_app.py",
    "    def test_sum(self):\n",
    '    def test_text(self):\n        self.assertEqual(add("x", 1), 0)\n\n    def test_sum(self):\n',
)
MORE: list[Turn] = [NEGATIVE, TEST_NEGATIVE, RUN_TESTS, submit(title="Text counts as nothing")]


def then(first: list[Turn] | tuple[Turn, ...], *others: list[Turn]) -> Any:
    """What the model does in the first task of a world, in the second, and so on."""
    begun: list[str] = []

    def play(seen: Seen) -> Turn:
        key = json.dumps(seen.body["messages"][:3])
        if key not in begun:
            begun.append(key)
        scripts = (first, *others)
        return scripts[begun.index(key)][seen.turn]

    return play


@contextmanager
def own_pull(tmp_path: Path, *others: list[Turn], **settings: str) -> Iterator[World]:
    """The bot has opened a proven pull request; the world's issue is that pull request from here on."""
    with story(tmp_path, then(GOOD, *others), **settings) as world:
        world.comment("ada", "@agent fix this")
        assert world.wait_until_over().outcome == "proven"
        world.issue = world.pulls()[0]["pull"]["number"]
        yield world


def test_a_comment_on_the_bots_own_pull_request_goes_on_with_it(tmp_path: Path) -> None:
    with own_pull(tmp_path, MORE) as world:
        before = world.thread()["pull"]["head"]["sha"]
        body = world.thread()["issue"]["body"]
        world.hub.seed.edit_body(
            NAME, world.issue, "ada", f"Mind the release notes.\n\n{body}\n\nThanks, ada"
        )
        asked = world.comment("ada", "@agent text should count as nothing")
        task = world.wait_for_task(asked)
        assert task.outcome == "proven", task.detail

        pull = world.thread()
        (branch,) = world.branches()
        commits = world.hub.hub.repository(NAME).git  # type: ignore[union-attr]
        head = commits.commit(pull["pull"]["head"]["sha"])
        assert head is not None
        assert list(head.parents) == [before], "a fast-forward of one commit"
        assert branch.startswith("refs/heads/agent/")
        assert "isinstance(a, str)" in pull["diff"]
        (comment,) = world.bot_comments()
        assert f"I have pushed {head.sha[:10]}: Text counts as nothing" in comment
        assert "**Proven (tier A).**" in comment
        assert [run["conclusion"] for run in pull["check_runs"]] == ["success"], "on the new head"

        text = pull["issue"]["body"]
        assert text.startswith("Mind the release notes.\n\n")
        assert text.rstrip().endswith("Thanks, ada")
        assert f"- `{head.sha[:10]}` Text counts as nothing (for ada, tier A)" in text
        assert "`tests.test_app.AddTest.test_text` | failed 2 of 2 | passed 3 of 3" in text
        assert "Fixes #1" in text

        told = json.dumps(world.model.requests[len(GOOD)]["messages"])
        assert "text should count as nothing" in told
        assert "The work so far" in told
        assert "What it said of itself: Add, not subtract. Why." in told


def test_a_head_that_moves_during_the_work_is_left_alone(tmp_path: Path) -> None:
    with own_pull(tmp_path, MORE) as world:
        goes_on = threading.Event()
        world.model.before = lambda turn: goes_on.wait(60) and None
        asked = world.comment("ada", "@agent text should count as nothing")
        world.wait_for("the work", lambda: len(world.model.requests) > len(GOOD))
        branch = world.thread()["pull"]["head"]["ref"]
        pushed = world.hub.seed.push(NAME, "ada", {"README.md": b"# Mine\n"}, branch)
        goes_on.set()
        task = world.wait_for_task(asked)
        assert task.outcome == "stale"
        assert world.thread()["pull"]["head"]["sha"] == pushed
        (comment,) = world.bot_comments()
        assert "Somebody pushed to the branch while I worked" in comment
        assert "isinstance(a, str)" in comment, "the work is not lost"
