"""Our git against git's own server: `git http-backend`, protocol version 2, partial clones allowed as on GitHub."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bot.domain import limits
from bot.domain.ids import CommitSha, RepoPath
from bot.errors import RepositoryFault, RetryLater, TokenRefused
from bot.repos.contract import BaseCommit, FileMode, MergeSides, Remote, TreeChange
from bot.repos.git_repos import GitRepos
from tests.repos.conftest import KEY
from tests.repos.git_backend import TOKEN, Backend, serving_git
from tests.repos.odd import FILE, LINK, SUBMODULE, Content, build_repository

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git on this machine")

FILES: dict[bytes, Content] = {
    b"app.py": (FILE, b"x = 1\n"),
    b"lib": (SUBMODULE, b"1" * 40),
    b"link": (LINK, b"../outside"),
    b"line\nbreak": (FILE, b"x\n"),
}


@dataclass
class Served:
    backend: Backend
    repos: GitRepos
    remote: Remote
    base: str

    async def fetch(self, commit: CommitSha | None = None, ref: str = "refs/heads/main") -> BaseCommit:
        return await self.repos.fetch(KEY, self.remote, ref, commit)

    async def fix(self, base: BaseCommit) -> CommitSha:
        """A commit of ours with one changed file."""
        blob = await self.repos.store_blob(KEY, b"x = 2\n")
        change = TreeChange(RepoPath("app.py"), None, None, FileMode.REGULAR, blob)
        tree = await self.repos.derive(KEY, base.tree, (change,))
        return await self.repos.commit(KEY, tree, (base.commit,), "Fix it\n", 1_790_000_000)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    root = tmp_path / "served"
    base = build_repository(root / "app.git", FILES)
    with serving_git(root) as backend:
        backend.git("app.git", "config", "uploadpack.allowFilter", "true")
        backend.git("app.git", "config", "http.receivepack", "true")
        backend.git("app.git", "update-ref", "refs/heads/main", base)
        backend.git("app.git", "update-ref", "refs/pull/1/head", base)
        yield Served(backend, GitRepos(tmp_path / "repos"), Remote(f"{backend.url}/app.git", TOKEN), base)


async def test_a_branch_is_fetched_by_version_2_of_the_protocol(served: Served) -> None:
    base = await served.fetch()
    assert base.commit == served.base
    assert base.tree == served.backend.git("app.git", "rev-parse", "main^{tree}")
    assert "version=2" in served.backend.protocols


async def test_a_pinned_commit_is_fetched_although_the_branch_went_on(served: Served) -> None:
    git = served.backend.git
    later = git(
        "app.git", "-c", "user.name=a", "-c", "user.email=a@b", "commit-tree", "-m", "x", "main^{tree}"
    )
    git("app.git", "update-ref", "refs/heads/main", later)
    base = await served.fetch(CommitSha(served.base))
    assert base.commit == served.base
    assert (await served.fetch()).commit == later


async def test_the_next_commit_brings_only_what_is_new(served: Served, tmp_path: Path) -> None:
    files: dict[bytes, Content] = {
        b"large.bin": (FILE, os.urandom(200_000)),
        b"new/app.py": (FILE, b"x = 1\n"),
    }
    base, git = build_repository(served.backend.root / "large.git", files), served.backend.git
    git("large.git", "update-ref", "refs/heads/main", base)
    at = replace(served, remote=Remote(f"{served.backend.url}/large.git", TOKEN))
    await at.fetch()
    before = packed(tmp_path)
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    later = git("large.git", *identity, "commit-tree", "-m", "x", "-p", base, "main:new")
    git("large.git", "update-ref", "refs/heads/main", later)
    found = await at.fetch()
    assert found.commit == later
    assert 0 < packed(tmp_path) - before < 2_000
    assert list(await at.repos.list_tree(KEY, found.tree)) == ["app.py"]


def packed(folder: Path) -> int:
    """Bytes of all packs of the caches."""
    return sum(pack.stat().st_size for pack in (folder / "repos").rglob("*.pack"))


async def test_a_change_is_pushed_whole_and_git_finds_nothing_wrong_with_it(served: Served) -> None:
    base = await served.fetch()
    commit = await served.fix(base)
    for _ in range(2):
        await served.repos.push(KEY, served.remote, "refs/heads/agent/1-fix", commit, None)
    git = served.backend.git
    assert git("app.git", "rev-parse", "agent/1-fix") == commit
    git("app.git", "fsck", "--full", "--strict", "--no-dangling")
    assert git("app.git", "diff", "--name-only", "main", "agent/1-fix") == "app.py"
    assert (
        git("app.git", "log", "-1", "--format=%an|%s|%P", "agent/1-fix")
        == f"pullwright[bot]|Fix it|{base.commit}"
    )


async def test_a_branch_of_somebody_else_is_left_alone(served: Served) -> None:
    base = await served.fetch()
    commit = await served.fix(base)
    served.backend.git("app.git", "update-ref", "refs/heads/agent/1-fix", served.base)
    with pytest.raises(RepositoryFault, match="not where it was expected"):
        await served.repos.push(KEY, served.remote, "refs/heads/agent/1-fix", commit, None)
    assert served.backend.git("app.git", "rev-parse", "agent/1-fix") == served.base


async def test_a_push_that_a_hook_refuses_says_so(served: Served) -> None:
    hook = served.backend.root / "app.git/hooks/update"
    hook.write_text("#!/bin/sh\necho GH013: Repository rule violations found >&2\nexit 1\n")
    hook.chmod(0o755)
    base = await served.fetch()
    with pytest.raises(RepositoryFault, match="refused"):
        await served.repos.push(KEY, served.remote, "refs/heads/agent/1-fix", await served.fix(base), None)


async def test_what_is_not_there_and_who_may_not_are_told_apart(served: Served) -> None:
    with pytest.raises(RepositoryFault, match="has no `refs/heads/nope`"):
        await served.fetch(ref="refs/heads/nope")
    # A commit that is gone for good: the library does not hand on the server's "not our ref". So it is asked for
    # again, TASK_DEFERRALS times at most; GitHub itself still has what a forced push took off a branch.
    with pytest.raises(RetryLater):
        await served.fetch(CommitSha("3" * 40))
    with pytest.raises(TokenRefused):
        await replace(served, remote=replace(served.remote, token="revoked")).fetch()
    with pytest.raises(RepositoryFault):
        await replace(served, remote=Remote(f"{served.backend.url}/nope.git", TOKEN)).fetch()


async def test_an_empty_repository_is_a_named_fault(served: Served) -> None:
    served.backend.git("app.git", "update-ref", "-d", "refs/heads/main")
    served.backend.git("app.git", "update-ref", "-d", "refs/pull/1/head")
    with pytest.raises(RepositoryFault, match="needs a first commit"):
        await served.fetch()


@pytest.mark.chaos
async def test_a_file_of_200_mb_is_neither_fetched_nor_pushed_nor_lost(served: Served) -> None:
    large = os.urandom(limits.MIB) * 200
    head = build_repository(served.backend.root / "large.git", {**FILES, b"data.bin": (FILE, large)})
    for setting in ("uploadpack.allowFilter", "http.receivepack"):
        served.backend.git("large.git", "config", setting, "true")
    served.backend.git("large.git", "update-ref", "refs/heads/main", head)
    there = replace(served, remote=Remote(f"{served.backend.url}/large.git", TOKEN))
    base = await there.fetch()
    commit = await there.fix(base)
    await there.repos.push(KEY, there.remote, "refs/heads/agent/1-fix", commit, None)
    assert served.backend.git("large.git", "diff", "--name-only", "main", "agent/1-fix") == "app.py"
    kept = [path for path in served.repos.state_dir.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in kept) < limits.MIB


async def test_a_merge_is_pushed_with_both_parents_and_git_finds_nothing_wrong_with_it(
    served: Served,
) -> None:
    git = served.backend.git
    fix = await served.fix(await served.fetch())
    await served.repos.push(KEY, served.remote, "refs/heads/feature", fix, None)
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    git("app.git", "update-ref", "refs/heads/main", git(
        "app.git", *identity, "commit-tree", "-p", served.base, "-m", "Later", "main^{tree}"
    ))  # fmt: skip
    main = await served.fetch()
    ours = await served.fetch(fix, "refs/heads/feature")
    sides = MergeSides(main.tree, ours.tree, main.tree, "feature", "main")
    made = await served.repos.merge(KEY, sides)
    assert made.tree == ours.tree
    merge = await served.repos.commit(KEY, made.tree, (fix, main.commit), "Merge main\n", 1_790_000_001)
    await served.repos.push(KEY, served.remote, "refs/heads/feature", merge, fix)
    assert git("app.git", "rev-list", "--parents", "-n1", "feature").split() == [merge, fix, main.commit]
    assert git("app.git", "merge-base", "feature", "main") == main.commit
    assert git("app.git", "fsck", "--strict") == ""
