"""A snapshot of what was written alone is the snapshot of the whole tree, whatever was done, in a real sandbox."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dulwich.objects import Blob, ObjectID, Tree
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bot.domain.ids import RepoPath, TreeSha
from bot.errors import RepositoryFault
from bot.repos.cache import locked_cache
from bot.repos.contract import FileMode, RepoKey, Snapshot, TreeChange, View, Written
from bot.repos.git_repos import GitRepos
from bot.repos.trees import write_paths
from bot.sandbox.backend import BubblewrapSandbox, SandboxSettings
from bot.sandbox.contract import NO_SETUP, Command, Environment
from bot.sandbox.programs import INTERPRETER
from tests.sandbox.conftest import SMALL, UID

KEY = RepoKey(1, 2)
FILES: dict[bytes, tuple[int, bytes]] = {
    b".gitignore": (0o100644, b"*.log\nbuild/\n"),
    b"README": (0o100644, b"read me\n"),
    b"tracked.log": (0o100644, b"tracked although ignored\n"),
    b"run.sh": (0o100755, b"#!/bin/sh\n"),
    b"old.sh": (0o100664, b"a mode of old times\n"),
    b"link": (0o120000, b"src/a.py"),
    b"src/a.py": (0o100644, b"a = 1\n"),
    b"src/deep/b.py": (0o100644, b"b = 1\n"),
    b"src/deep/er/c.py": (0o100644, b"c = 1\n"),
    b"docs/x.md": (0o100644, b"x\n"),
    b"docs/odd\xff.md": (0o100644, b"never laid out\n"),
    b"module": (0o160000, b""),
}
PLACES = (
    "README", "tracked.log", "run.sh", "old.sh", "link", "src", "src/a.py", "src/deep", "src/deep/b.py", "src/deep/er",
    "src/deep/er/c.py", "docs", "docs/x.md", "module", "module/x", "new", "new/n.txt", "new/more/o.txt", "build",
    "build/x", "noise.log", "src/.gitignore", ".git", "docs/.git", "made", "made/m.txt", "made.egg-info/p", "line\nend",
)  # fmt: skip
OPERATIONS = (
    "write", "append", "delete", "empty", "rename", "folder", "symlink", "hardlink", "chmod", "touch", "fifo", "mark",
    "device",
)  # fmt: skip
EDIT = r"""
import json, os, shutil, sys

def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)

def edit(what, path, other, number):
    above = os.path.dirname(path)
    if what in ("write", "folder", "symlink", "fifo"):
        remove(path)
        if above:
            os.makedirs(above, exist_ok=True)
    if what == "write":
        open(path, "w").write(f"{number}\n")
    elif what == "append":
        open(path, "a").write(f"{number}\n")
    elif what == "delete":
        remove(path)
    elif what == "empty":  # hides what was in it
        remove(path)
        os.makedirs(path)
        open(path + "/kept.txt", "w").write("kept\n")
    elif what == "rename":
        shutil.move(path, other)
    elif what == "folder":
        os.mkdir(path)
    elif what == "symlink":
        os.symlink(other, path)
    elif what == "hardlink":
        os.link(path, other)
    elif what == "chmod":
        os.chmod(path, (0o000, 0o444, 0o755, 0o711)[number % 4])
    elif what == "touch":
        os.utime(path, (number, number))
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "mark":
        for name in ("opaque", "whiteout", "redirect", "metacopy", "origin", "overlay.opaque"):
            try:
                os.setxattr(path, "user.overlay." + name, (b"y", b"x", b"/README", b"")[number % 4])
            except OSError:
                pass
    elif what == "device":
        os.mknod(path, 0o020644, 0)

for one in json.load(sys.stdin):
    try:
        edit(*one)
    except (OSError, shutil.Error):
        pass
"""
EDITS = st.lists(
    st.tuples(
        st.sampled_from(OPERATIONS), st.sampled_from(PLACES), st.sampled_from(PLACES), st.integers(0, 7)
    ),
    min_size=1,
    max_size=10,
)


@dataclass
class Ground:
    """One cache, one sandbox, one loop for all examples. `unders`: trees that a workspace may lie over."""

    loop: asyncio.Runner
    repos: GitRepos
    sandbox: BubblewrapSandbox
    cache: Path
    base: TreeSha
    unders: dict[str, TreeSha]
    set_up: Environment

    async def play(
        self, under: str, environment: Environment, *batches: list[Any]
    ) -> tuple[Snapshot, Snapshot]:
        """Both snapshots of a workspace in which the batches were done: of what was written, and of the whole."""
        tree = self.unders[under]
        template = await self.repos.materialise(KEY, tree)
        workspace = await self.sandbox.open_workspace(template, environment)
        try:
            for batch in batches:
                await workspace.run(edit(batch))
            view = View(workspace.view_command, workspace.view_root)
            whole = await self.repos.snapshot(KEY, self.base, view)
            written = Written(workspace.written_layers, tree)
            few = await self.repos.snapshot(KEY, self.base, View(view.wrap, view.root, written))
            return few, whole
        finally:
            await workspace.close()


def edit(batch: list[Any]) -> Command:
    program = "/pullwright/edit.py"
    return Command(
        f"{INTERPRETER} -I -S {program}",
        stdin=json.dumps(batch).encode(),
        files={program: EDIT.encode()},
    )


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("written")
    sandbox = BubblewrapSandbox(SandboxSettings(folder / "state", UID, bounds=SMALL))
    repos = GitRepos(folder / "repos", sandbox.owner_uid, products_since=lambda: 0.0)
    with asyncio.Runner() as loop:
        assert loop.run(sandbox.preflight()).ok
        cache = folder / "repos" / "1" / "2" / "cache.git"
        base = make_base(cache)
        unders = loop.run(make_unders(repos, base))
        ground = Ground(loop, repos, sandbox, cache, base, unders, NO_SETUP)
        ground.set_up = loop.run(make_environment(ground))
        yield ground


def make_base(cache: Path) -> TreeSha:
    with locked_cache(cache) as repo:
        empty, commit = Tree(), ObjectID(b"1" * 40)
        repo.object_store.add_object(empty)
        wanted: dict[bytes, Any] = {}
        for path, (mode, content) in FILES.items():
            blob = Blob.from_string(content)
            repo.object_store.add_object(blob)
            wanted[path] = (mode, commit if mode == 0o160000 else blob.id)
        return TreeSha(write_paths(repo, empty.id.decode(), wanted))


async def make_unders(repos: GitRepos, base: TreeSha) -> dict[str, TreeSha]:
    """`work`: a walk could have given it. `ignored`: it holds what no walk keeps."""

    async def changed(*paths: str) -> TreeSha:
        blob = await repos.store_blob(KEY, b"changed\n")
        changes = [TreeChange(RepoPath(path), None, None, FileMode.REGULAR, blob) for path in paths]
        changes.append(TreeChange(RepoPath("src/a.py"), None, None, None, None))
        return await repos.derive(KEY, base, tuple(changes))

    return {
        "base": base,
        "work": await changed("docs/x.md", "new/n.txt", "README/was/a/file", "src/deep/er"),
        "ignored": await changed("build/x", "new/n.txt"),
    }


async def make_environment(ground: Ground) -> Environment:
    """As a set-up leaves it: products, some of them ignored, a tracked file less, and a `.git` of its own."""
    template = await ground.repos.materialise(KEY, ground.base)
    workspace = await ground.sandbox.open_workspace(template)
    places = ("made/m.txt", "made.egg-info/p", "build/x", "src/deep/made.txt", "noise.log")
    made = [("write", place, "", 1) for place in places]
    await workspace.run(edit([*made, ("delete", "run.sh", "", 0), ("empty", "src/deep/er", "", 0)]))
    history = ground.cache.parent / "history"
    (history / ".git").mkdir(parents=True)
    (history / ".git" / "HEAD").write_text("ref: refs/heads/base\n")
    return Environment("made", workspace_layer=workspace.written_layers[0], history_layer=history)


@settings(max_examples=settings().max_examples // 6, phases=(Phase.explicit, Phase.generate))
@given(st.sampled_from(("base", "work", "ignored")), st.booleans(), EDITS, EDITS)
def test_what_was_written_gives_the_tree_of_the_whole(
    ground: Ground, under: str, is_set_up: bool, first: list[Any], second: list[Any]
) -> None:
    environment = ground.set_up if is_set_up else NO_SETUP
    few, whole = ground.loop.run(ground.play(under, environment, first, second))
    assert few.changes == whole.changes
    assert few.tree == whole.tree
    assert sorted(few.left_out) == sorted(whole.left_out)


@pytest.mark.parametrize(("under", "is_looked_at"), [("base", False), ("work", False), ("ignored", True)])
def test_what_was_not_written_is_not_looked_at(ground: Ground, under: str, is_looked_at: bool) -> None:
    """But over a tree that holds what no walk keeps. Told by a file that nobody inside could change."""
    template = ground.loop.run(ground.repos.materialise(KEY, ground.unders[under]))
    before = (template / "tracked.log").read_bytes()
    (template / "tracked.log").write_bytes(b"changed from outside\n")
    try:
        few, whole = ground.loop.run(ground.play(under, NO_SETUP, [("write", "new/more/o.txt", "", 1)]))
    finally:
        (template / "tracked.log").write_bytes(before)
    assert "new/more/o.txt" in {change.path for change in few.changes}
    assert "tracked.log" in {change.path for change in whole.changes}
    assert ("tracked.log" in {change.path for change in few.changes}) is is_looked_at


def test_a_walk_that_stops_half_way_is_an_error(ground: Ground) -> None:
    said = '{"t": "folder", "p": "", "kept": []}'
    view = View(lambda _: ["echo", said], Path("/"), Written((Path("/"),), ground.base))
    with pytest.raises(RepositoryFault, match="could not be read"):
        ground.loop.run(ground.repos.snapshot(KEY, ground.base, view))


def test_a_file_that_two_templates_share_is_written_for_neither(ground: Ground) -> None:
    templates = [
        ground.loop.run(ground.repos.materialise(KEY, ground.unders[one])) for one in ("base", "work")
    ]
    shared = [template / "tracked.log" for template in templates]
    assert shared[0].stat().st_ino == shared[1].stat().st_ino
    batch = [
        ("append", "tracked.log", "", 1),
        ("chmod", "tracked.log", "", 2),
        ("append", "src/deep/b.py", "", 1),
    ]
    few, _ = ground.loop.run(ground.play("work", NO_SETUP, batch))
    assert {"tracked.log", "src/deep/b.py"} <= {change.path for change in few.changes}
    assert [one.read_bytes() for one in shared] == [FILES[b"tracked.log"][1]] * 2
    assert [one.stat().st_mode & 0o777 for one in shared] == [0o644] * 2
