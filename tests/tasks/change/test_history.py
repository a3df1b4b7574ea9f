"""The model's own git: it shows the change, and nothing that is done with it reaches the result."""

import json
import shutil
from pathlib import Path

import pytest

from tests.stories.model import shell, submit
from tests.stories.registry import FIX, TEST
from tests.stories.world import story

LOOK = shell("git diff --stat; git status --short; git remote; git log --oneline | wc -l")
COMMIT = shell("git commit -qam mine && echo committed")


@pytest.mark.stories  # an application of its own
@pytest.mark.skipif(shutil.which("git", path="/usr/bin:/bin") is None, reason="this host has no git to show")
def test_the_model_sees_its_change_as_a_diff_and_its_commits_do_not_matter(tmp_path: Path) -> None:
    with story(tmp_path, [FIX, TEST, LOOK, COMMIT, submit()]) as world:
        world.comment("ada", "@agent fix this")
        assert world.wait_until_over().outcome == "proven"
        said = json.dumps(world.model.requests[-1]["messages"])
        assert "2 files changed" in said
        assert r' M app.py\n M tests/test_app.py\n1"}' in said, "no remotes, one commit"
        assert "committed" in said
        (pull,) = world.pulls()
        assert "+    return a + b" in pull["diff"]
        assert ".git/" not in pull["diff"]
