"""The model's own git: it shows the change, and nothing that is done with it reaches the result."""

import json
import shutil
from pathlib import Path

import pytest

from bot.domain.ids import TreeSha
from bot.repos.contract import RepoKey
from bot.repos.git_repos import GitRepos
from bot.sandbox.backend import BubblewrapSandbox, SandboxSettings
from bot.sandbox.contract import NO_SETUP, Command
from bot.tasks.change.history import with_history
from tests.repos.test_linked import add_tree
from tests.sandbox.conftest import SMALL, UID
from tests.stories.model import shell, submit
from tests.stories.registry import FIX, TEST
from tests.stories.world import story

LOOK = shell("git diff --stat; git status --short; git remote; git log --oneline | wc -l")
COMMIT = shell("git commit -qam mine && echo committed")


NEEDS_GIT = pytest.mark.skipif(
    shutil.which("git", path="/usr/bin:/bin") is None, reason="this host has no git to show"
)


@pytest.mark.stories  # an application of its own
@NEEDS_GIT
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


@NEEDS_GIT
async def test_files_that_another_template_links_are_unchanged_for_git(tmp_path: Path) -> None:
    sandbox = BubblewrapSandbox(SandboxSettings(tmp_path / "state", UID, bounds=SMALL))
    assert (await sandbox.preflight()).ok
    repos, key = GitRepos(tmp_path / "repos", sandbox.owner_uid, products_since=lambda: 0.0), RepoKey(1, 2)
    same = {b"a.py": (0o100644, b"a = 1\n"), b"pkg/b.py": (0o100644, b"b = 1\n")}
    base, other = (
        TreeSha(
            add_tree(tmp_path / "repos" / "1" / "2" / "cache.git", {**same, b"c.py": (0o100644, content)})
        )
        for content in (b"c = 1\n", b"c = 2\n")
    )
    template = await repos.materialise(key, base)
    environment = await with_history(sandbox, NO_SETUP, template, "base")
    beside = await repos.materialise(key, other)
    assert (beside / "a.py").stat().st_ino == (template / "a.py").stat().st_ino
    workspace = await sandbox.open_workspace(template, environment)
    ran = await workspace.run(Command("git log --oneline | wc -l && git diff-files --name-only"))
    await workspace.close()
    assert (ran.exit_code, ran.output.strip()) == (0, b"1")
