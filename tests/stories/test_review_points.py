"""A review of a pull request is one task with points: the real application against the hub over HTTP.

Named after the acceptance cases of the field, each of them somebody's real bug.
"""

import json
from pathlib import Path

import pytest

from bot.domain.outcomes import Ignored
from bot.store.deliveries import Handled, Verdict
from bot.store.tasks import Tasks
from tests.stories.model import Turn, submit
from tests.stories.own_pull import seeded_pull
from tests.stories.test_follow_up import NEGATIVE, TEST_NEGATIVE
from tests.stories.world import NAME, World

pytestmark = pytest.mark.stories  # an application of its own for each: not in the fast suite

DONE: Turn = submit(
    title="Text counts as nothing",
    points=["1 done: text is nothing now", "2 wont: `add` is imported by others"],
)
UNANSWERED: Turn = submit(title="Text counts as nothing", points=["1 done: text is nothing now"])


def name_of(world: World, review: int) -> str:
    record = world.hub.hub.repository(NAME)
    assert record is not None
    return f"v{record.id}-{review}"


def test_a_review_with_inline_comments_is_one_job_and_each_point_is_answered(tmp_path: Path) -> None:
    with seeded_pull(tmp_path, [NEGATIVE, TEST_NEGATIVE, UNANSWERED, DONE]) as world:
        comments = [
            {"path": "app.py", "line": 2, "body": "Text should count as nothing."},
            {"path": "app.py", "line": 1, "body": "Call it `plus`."},
        ]
        review = world.hub.seed.submit_review(
            NAME, world.issue, "ada", "Two things.", comments, "REQUEST_CHANGES"
        )
        task = world.wait_for_task(name_of(world, review))
        assert task.outcome == "proven", task.detail
        assert len(Tasks(world.database).newest(10)) == 2, "the one that opened it, and this one"

        asked = json.dumps(world.model.requests[0]["messages"])
        assert "Two things." in asked
        assert "1. app.py, line 2" in asked
        assert "Call it `plus`." in asked
        assert "look at 2" in json.dumps(world.model.requests[3]["messages"]), (
            "sent back: a point was not answered"
        )

        said = world.thread()["review_comments"]
        first, second = (one["id"] for one in said[:2])
        replies = {one["in_reply_to_id"]: one["body"] for one in said[2:]}
        assert replies[first].startswith(f"✅ Done in {world.thread()['pull']['head']['sha'][:10]}.")
        assert replies[second].startswith("↩️ I did not do this.")
        assert world.hub.seed.resolved_findings(NAME, world.issue) == {first: "pullwright[bot]"}
        (comment,) = world.bot_comments()
        assert "| 2 | [`app.py:1`](" in comment
        assert ") | Not done |" in comment
        assert "Text counts as nothing (for ada, tier A)" in world.thread()["issue"]["body"]


def test_the_review_of_somebody_without_access_is_not_answered(tmp_path: Path) -> None:
    with seeded_pull(tmp_path) as world:
        world.hub.seed.comment_on_line(NAME, world.issue, "eve", "app.py", 2, "Do it otherwise.")
        assert world.wait_until_decided().verdict is Verdict.IGNORED
        world.hub.seed.submit_review(NAME, world.issue, "eve", "No.", [])
        assert world.wait_until_decided() == Handled(Verdict.IGNORED, Ignored.REPLY_WITHOUT_ACCESS)
        assert world.bot_comments() == []
