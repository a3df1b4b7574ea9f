"""Git on the host, against a real server: fetch, plain files, snapshots, commits, pushes."""

import os
import shutil
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.ids import CommitSha, RepoPath, TreeSha
from bot.errors import RepositoryFault, RetryLater
from bot.repos.contract import FileMode, Remote, TreeChange
from tests.repos.conftest import FILES, KEY, NAME, GitWorld

NEEDS_GIT = pytest.mark.skipif(shutil.which("git") is None, reason="compares with git's own answer")


async def test_plain_files_are_the_repositorys_bytes(world: GitWorld) -> None:
    base = await world.fetch()
    folder = await world.repos.materialise(KEY, base.tree)
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == {name.removesuffix("*"): content for name, content in FILES.items()}
    assert (folder / "run.sh").stat().st_mode & 0o111
    assert not (folder / "app.py").stat().st_mode & 0o111
    assert await world.repos.materialise(KEY, base.tree) == folder


async def test_a_pinned_commit_is_fetched_although_the_branch_went_on(world: GitWorld) -> None:
    first = world.hub.seed.refs(NAME)["refs/heads/main"]
    world.hub.seed.commit(NAME, {"app.py": b"later\n"}, "Later")
    base = await world.repos.fetch(KEY, world.remote, "refs/heads/main", CommitSha(first))
    assert base.commit == first
    newest = await world.fetch()
    assert newest.commit == world.hub.seed.refs(NAME)["refs/heads/main"] != first
    # What is there is not asked for again: also without a server.
    again = await world.repos.fetch(
        KEY, Remote("http://127.0.0.1:1/x.git", "t"), "refs/heads/main", base.commit
    )
    assert again == base


async def test_an_untouched_work_tree_is_the_base(world: GitWorld) -> None:
    base = await world.fetch()
    snapshot = await world.repos.snapshot(KEY, base.tree, await world.open_work(base.tree))
    assert (snapshot.tree, snapshot.changes, snapshot.left_out) == (base.tree, (), ())


@NEEDS_GIT
async def test_a_snapshot_is_the_tree_that_git_would_write(world: GitWorld) -> None:
    base = await world.fetch()
    view = await world.open_work(base.tree)
    (world.work / "app.py").write_bytes(b"changed\n")
    (world.work / "pkg/deep/data.bin").unlink()
    (world.work / "run.sh").chmod(0o644)
    (world.work / "new").mkdir()
    (world.work / "new/über \U0001f600.txt").write_text("new")
    (world.work / "link").symlink_to("app.py")
    (world.work / "noise.log").write_text("ignored")
    (world.work / "build").mkdir()
    (world.work / "build/out.o").write_text("ignored")
    (world.work / "keep.log").write_text("asked for by a rule")
    (world.work / "tracked.log").write_text("changed")
    snapshot = await world.repos.snapshot(KEY, base.tree, view)
    (world.work / ".gitattributes").unlink()  # git would run its filters; ours are raw bytes
    git = ["git", "-C", str(world.work), "-c", "core.autocrlf=false"]
    for command in (["init", "-q"], ["add", "-A"], ["add", "-f", "tracked.log"]):
        subprocess.run([*git, *command], check=True)
    expected = subprocess.run([*git, "write-tree"], check=True, capture_output=True, text=True).stdout.strip()
    deleted = TreeChange(RepoPath(".gitattributes"), None, None, None, None)
    assert await world.repos.derive(KEY, snapshot.tree, (deleted,)) == expected
    assert {change.path for change in snapshot.changes} == {
        "app.py", "pkg/deep/data.bin", "run.sh", "new/über \U0001f600.txt", "link", "keep.log", "tracked.log",
    }  # fmt: skip


async def test_rules_that_the_work_adds_hide_nothing(world: GitWorld) -> None:
    base = await world.fetch()
    view = await world.open_work(base.tree)
    (world.work / ".gitignore").write_text("*\n")
    (world.work / "secret.py").write_text("x = 1\n")
    paths = {change.path for change in (await world.repos.snapshot(KEY, base.tree, view)).changes}
    assert paths == {".gitignore", "secret.py"}


async def test_strange_things_are_left_out_and_said(world: GitWorld) -> None:
    base = await world.fetch()
    view = await world.open_work(base.tree)
    os.mkfifo(world.work / "pipe")
    (world.work / ".GIT").mkdir()
    (world.work / ".GIT/config").write_text("[core] fsmonitor = evil")
    (world.work / "sub/.git").mkdir(parents=True)
    (world.work / "sub/.git/hooks").mkdir()
    (world.work / "sub/ok.txt").write_text("ok")
    (world.work / "line\nbreak").write_text("x")
    (Path(os.fsdecode(os.fsencode(world.work) + b"/bad\xff"))).write_text("x")
    snapshot = await world.repos.snapshot(KEY, base.tree, view)
    assert [change.path for change in snapshot.changes] == ["sub/ok.txt"]
    said = " ".join(snapshot.left_out)
    assert "pipe" in said
    assert "no UTF-8" in said
    assert "control character" in said


async def test_links_are_kept_as_links_and_never_followed(world: GitWorld, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("secret")
    base = await world.fetch()
    view = await world.open_work(base.tree)
    shutil.rmtree(world.work / "pkg")
    (world.work / "pkg").symlink_to(tmp_path / "outside")
    (world.work / "app.py").unlink()
    (world.work / "app.py").symlink_to("/etc/passwd")
    snapshot = await world.repos.snapshot(KEY, base.tree, view)
    modes = {change.path: change.new_mode for change in snapshot.changes}
    assert modes["app.py"] is FileMode.SYMLINK
    assert modes[RepoPath("pkg")] is FileMode.SYMLINK
    assert modes[RepoPath("pkg/__init__.py")] is None
    blobs = await world.repos.read_blobs(KEY, tuple(c.new_blob for c in snapshot.changes if c.new_blob))
    assert b"secret" not in blobs.values()


async def test_half_a_walk_is_an_error_not_a_deletion(world: GitWorld) -> None:
    base = await world.fetch()
    view = await world.open_work(base.tree)
    for broken in (["false"], ["head", "-c", "0"], ["echo", '{"t": "error", "why": "a disk error"}']):
        with pytest.raises(RepositoryFault, match="could not be read"):
            await world.repos.snapshot(
                KEY, base.tree, replace(view, wrap=lambda _argv, broken=broken: broken)
            )


async def test_what_is_nested_too_deep_is_left_out_and_said(world: GitWorld) -> None:
    base = await world.fetch()
    view = await world.open_work(base.tree)
    (world.work / "/".join(["d"] * 70)).mkdir(parents=True)
    snapshot = await world.repos.snapshot(KEY, base.tree, view)
    assert snapshot.tree == base.tree
    assert "more than 64 parts" in snapshot.left_out[0]


async def test_derive_applies_what_changes_names(world: GitWorld) -> None:
    base = await world.fetch()
    view = await world.open_work(base.tree)
    shutil.rmtree(world.work / "pkg")
    (world.work / "pkg").write_text("a file now")
    (world.work / "app.py").unlink()
    (world.work / "app.py").mkdir()
    (world.work / "app.py/inner").write_text("a folder now")
    snapshot = await world.repos.snapshot(KEY, base.tree, view)
    changes = await world.repos.changes(KEY, base.tree, snapshot.tree)
    assert changes == snapshot.changes
    assert await world.repos.derive(KEY, base.tree, changes) == snapshot.tree
    back = tuple(TreeChange(c.path, c.new_mode, c.new_blob, c.old_mode, c.old_blob) for c in changes)
    assert await world.repos.derive(KEY, snapshot.tree, back) == base.tree


async def test_a_blob_is_stored_and_read(world: GitWorld) -> None:
    await world.fetch()
    sha = await world.repos.store_blob(KEY, b"\0canary\xff")
    assert await world.repos.read_blobs(KEY, (sha, "0" * 40)) == {sha: b"\0canary\xff"}


async def test_the_diff_shows_text_and_names_the_rest(world: GitWorld) -> None:
    base = await world.fetch()
    view = await world.open_work(base.tree)
    (world.work / "app.py").write_bytes(b"def add(a, b):\r\n    return a + b")
    (world.work / "pkg/deep/data.bin").write_bytes(b"\0\1")
    (world.work / "run.sh").unlink()
    tree = (await world.repos.snapshot(KEY, base.tree, view)).tree
    text = await world.repos.diff(KEY, base.tree, tree)
    assert "-    return a - b\r\n+    return a + b\n\\ No newline at end of file\n" in text
    assert "Binary files a/pkg/deep/data.bin and b/pkg/deep/data.bin differ" in text
    assert "deleted file mode 100755\n--- a/run.sh\n+++ /dev/null" in text


async def change(world: GitWorld) -> tuple[CommitSha, CommitSha]:
    base = await world.fetch()
    sha = await world.repos.store_blob(KEY, b"fixed\n")
    fix = TreeChange(RepoPath("app.py"), None, None, FileMode.REGULAR, sha)
    tree = await world.repos.derive(KEY, base.tree, (fix,))
    commit = await world.repos.commit(KEY, tree, (base.commit,), "Fix it: é\n", 1_790_000_000)
    assert commit == await world.repos.commit(KEY, tree, (base.commit,), "Fix it: é\n", 1_790_000_000)
    return base.commit, commit


async def test_a_push_arrives_whole_and_twice_is_once(world: GitWorld) -> None:
    _, commit = await change(world)
    for _ in range(2):
        await world.repos.push(KEY, world.remote, "refs/heads/agent/1-fix", commit, None)
    assert world.hub.seed.refs(NAME)["refs/heads/agent/1-fix"] == commit
    assert world.hub.seed.file(NAME, "agent/1-fix", "app.py") == b"fixed\n"
    assert world.hub.seed.file(NAME, "agent/1-fix", "run.sh") == FILES["run.sh*"]


async def test_a_branch_of_somebody_else_is_left_alone(world: GitWorld) -> None:
    base, commit = await change(world)
    theirs = world.hub.seed.commit(NAME, {"x": b"x"}, "Theirs", branch="agent/1-fix")
    for expected in (None, base):
        with pytest.raises(RepositoryFault, match="not where it was expected"):
            await world.repos.push(KEY, world.remote, "refs/heads/agent/1-fix", commit, expected)
    assert world.hub.seed.refs(NAME)["refs/heads/agent/1-fix"] == theirs


async def test_refusals_and_passing_faults_are_told_apart(world: GitWorld) -> None:
    with pytest.raises(RepositoryFault, match="token"):
        await world.repos.fetch(KEY, replace(world.remote, token="wrong"), "refs/heads/main")
    with pytest.raises(RepositoryFault):
        await world.repos.fetch(
            KEY, Remote(world.hub.git_url("octo/nope"), world.remote.token), "refs/heads/main"
        )
    with pytest.raises(RepositoryFault, match="has no `refs/heads/nope`"):
        await world.repos.fetch(KEY, world.remote, "refs/heads/nope")
    with pytest.raises(RetryLater):
        await world.repos.fetch(KEY, Remote("http://127.0.0.1:1/x.git", "t"), "refs/heads/main")
    with pytest.raises(RepositoryFault, match="never fetched"):
        await world.repos.list_tree(KEY.__class__(9, 9), TreeSha("0" * 40))
    with pytest.raises(RepositoryFault, match="plain HTTP"):
        await world.repos.fetch(KEY, Remote("file:///etc", "t"), "refs/heads/main")


async def test_nothing_of_the_token_is_on_disk(world: GitWorld) -> None:
    _, commit = await change(world)
    await world.repos.push(KEY, world.remote, "refs/heads/x", commit, None)
    files = [path for path in world.repos.state_dir.rglob("*") if path.is_file()]
    assert files
    assert not any(world.remote.token.encode() in path.read_bytes() for path in files)


async def test_forgotten_templates_are_gone_and_others_stay(world: GitWorld) -> None:
    base = await world.fetch()
    folder = await world.repos.materialise(KEY, base.tree)
    await world.repos.forget(KEY, (base.tree, TreeSha("0" * 40)))
    assert not folder.exists()
    assert stat.S_ISDIR((await world.repos.materialise(KEY, base.tree)).stat().st_mode)


async def test_the_tree_lists_every_path(world: GitWorld) -> None:
    base = await world.fetch()
    listed = await world.repos.list_tree(KEY, base.tree)
    assert set(listed) == {name.removesuffix("*") for name in FILES}
    assert listed["run.sh"][0] is FileMode.EXECUTABLE


async def test_caches_of_tools_are_no_part_of_a_change(world: GitWorld) -> None:
    base = await world.fetch()
    view = await world.open_work(base.tree)
    for path in (
        "__pycache__/app.pyc",
        "pkg/__pycache__/x.pyc",
        ".pytest_cache/README.md",
        "node_modules/a/b.js",
    ):
        (world.work / path).parent.mkdir(parents=True, exist_ok=True)
        (world.work / path).write_text("x")
    assert (await world.repos.snapshot(KEY, base.tree, view)).tree == base.tree
