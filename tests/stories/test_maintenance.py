"""Scheduled maintenance: the real application against the hub over HTTP."""

from pathlib import Path

import pytest

from bot.domain.schedules import ScheduleResult
from tests.stories.registry import GOOD
from tests.stories.schedules import FILE, take_turn, weekly
from tests.stories.world import FILES, World, story

pytestmark = pytest.mark.stories  # an application of its own for each: not in the fast suite

WITH_SCHEDULE = {**FILES, FILE: weekly()}


def pulls(world: World) -> list[dict[str, object]]:
    return [one["issue"] for one in world.pulls()]


def test_a_free_prompt_opens_one_pull_request(tmp_path: Path) -> None:
    with story(tmp_path, GOOD, WITH_SCHEDULE) as world:
        run = take_turn(world)
        assert (run.result, run.detail) == (ScheduleResult.OPENED, "Add, not subtract"), world.log()
        (pull,) = world.pulls()
        assert pull["pull"]["head"]["ref"] == "agent/schedule-sums"
        assert "Fixes #" not in pull["issue"]["body"]
        assert "Made by the schedule `sums`" in pull["issue"]["body"]
        assert len(pull["check_runs"]) == 1
        assert world.bot_comments() == []
