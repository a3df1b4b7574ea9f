"""Repositories as they come: whatever is in them, the work begins, and what it does not touch stays as it was.

What can't be a plain file in a workspace (a submodule's content, a file that was too large to fetch, a name that no
tool may name) is left out of the workspace, told in `left_out`, and kept in every tree.
"""

import os
from collections.abc import Mapping

import pytest

from bot.domain import limits
from bot.domain.ids import RepoPath, TreeSha
from bot.errors import RepositoryFault
from bot.repos.contract import BaseCommit, FileMode, Remote, TreeChange
from tests.repos.conftest import KEY, GitWorld
from tests.repos.odd import FILE, LINK, SUBMODULE, Content, build_repository

ODD = "octo/odd"
COMMIT = b"1" * 40
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12345\n"


async def fetch_odd(world: GitWorld, files: Mapping[bytes, Content]) -> BaseCommit:
    source = world.work.with_name("source.git")
    world.hub.seed.import_repository(ODD, source, build_repository(source, files))
    world.hub.seed.set_role(ODD, "ada", "write")
    return await world.repos.fetch(KEY, Remote(world.hub.git_url(ODD), world.remote.token), "refs/heads/main")


async def expect_only_the_edit_to_change(world: GitWorld, base: TreeSha) -> None:
    """An untouched workspace is the base, and a change of one file is the change of one file."""
    view = await world.open_work(base)
    untouched = await world.repos.snapshot(KEY, base, view)
    assert (untouched.tree, untouched.changes, untouched.left_out) == (base, (), ())
    (world.work / "app.py").write_text("x = 2\n")
    changed = await world.repos.snapshot(KEY, base, view)
    assert [change.path for change in changed.changes] == ["app.py"]
    back = await world.repos.changes(KEY, changed.tree, base)
    assert await world.repos.derive(KEY, changed.tree, back) == base


APP: dict[bytes, Content] = {b"app.py": (FILE, b"x = 1\n")}


async def test_a_submodule_is_an_empty_folder_and_told(world: GitWorld) -> None:
    files = {**APP, b"vendor/lib": (SUBMODULE, COMMIT), b".gitmodules": (FILE, b'[submodule "lib"]\n')}
    base = await fetch_odd(world, files)
    folder = await world.repos.materialise(KEY, base.tree)
    assert list((folder / "vendor/lib").iterdir()) == []
    assert await world.repos.left_out(KEY, base.tree) == (
        "`vendor/lib` is a submodule: its content is not here.",
    )
    await expect_only_the_edit_to_change(world, base.tree)


async def test_large_file_pointers_are_told_and_nothing_else(world: GitWorld) -> None:
    attributes = b"*.psd filter=lfs diff=lfs merge=lfs -text\n[broken\n"
    files = {
        **APP,
        b".gitattributes": (FILE, attributes),
        b"art/a.psd": (FILE, POINTER),
        b"art/real.psd": (FILE, b"\0PSD"),
        b"notes.txt": (FILE, POINTER),  # looks like one, and is none
        b"sub/.gitattributes": (FILE, b"*.bin filter=lfs\n"),
        b"sub/b.bin": (FILE, POINTER),
        b"c.bin": (FILE, POINTER),
    }
    base = await fetch_odd(world, files)
    assert await world.repos.left_out(KEY, base.tree) == (
        "`art/a.psd` is a Git LFS pointer: its content is not here.",
        "`sub/b.bin` is a Git LFS pointer: its content is not here.",
    )
    await expect_only_the_edit_to_change(world, base.tree)


async def test_links_stay_links_wherever_they_point(world: GitWorld) -> None:
    targets = {
        b"inside": b"app.py",
        b"folder": b"pkg",
        b"outside": b"../../../etc/passwd",
        b"absolute": b"/etc/passwd",
        b"nowhere": b"no/such\nthing",
        b"itself": b"itself",
        b"raw": b"\xff\xfe",
    }
    files = {**APP, b"pkg/m.py": (FILE, b""), **{name: (LINK, target) for name, target in targets.items()}}
    base = await fetch_odd(world, files)
    folder = os.fsencode(await world.repos.materialise(KEY, base.tree))
    assert {name: os.readlink(folder + b"/" + name) for name in targets} == targets  # noqa: PTH115 - bytes
    assert await world.repos.left_out(KEY, base.tree) == ()
    await expect_only_the_edit_to_change(world, base.tree)


async def test_links_that_no_system_can_make_are_left_out(world: GitWorld) -> None:
    targets = {b"empty": b"", b"nul": b"a\0b", b"long": b"a" * 5000}
    base = await fetch_odd(world, {**APP, **{name: (LINK, target) for name, target in targets.items()}})
    folder = await world.repos.materialise(KEY, base.tree)
    assert [path.name for path in folder.iterdir()] == ["app.py"]
    assert await world.repos.left_out(KEY, base.tree) == tuple(
        f"`{name.decode()}` is a link that can't be made here: it is not in the workspace."
        for name in sorted(targets)
    )
    await expect_only_the_edit_to_change(world, base.tree)


NAMES = {
    "newline": b"docs/line\nbreak.txt",
    "not UTF-8": b"docs/caf\xe9.txt",
    "git's own": b"docs/.GIT/config",
    "dots": b"docs/../up.txt",
    "dot": b"docs/./here.txt",
    "backslashes": b"docs\\..\\up.txt",
    "half a pair": "docs/\ud800.txt".encode("utf-8", "surrogatepass"),
    "deep": b"/".join([b"d"] * 70) + b"/f",
    "long": b"n" * 300,
}


async def test_names_that_can_not_be_used_are_left_out_and_kept(world: GitWorld) -> None:
    strange = dict.fromkeys(NAMES.values(), (FILE, b"strange\n"))
    base = await fetch_odd(world, {**APP, **strange, b"docs/ok.txt": (FILE, b"ok\n")})
    folder = await world.repos.materialise(KEY, base.tree)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {"app.py", "docs/ok.txt"}
    assert set(await world.repos.list_tree(KEY, base.tree)) == files
    told = await world.repos.left_out(KEY, base.tree)
    assert len(told) == len(NAMES)
    for sentence in told:
        assert sentence.endswith("has a name that can't be used: it is not in the workspace.")
        assert sentence.isascii()
        assert sentence.isprintable()
    await expect_only_the_edit_to_change(world, base.tree)


async def test_a_file_that_was_too_large_to_fetch_is_left_out_and_kept(world: GitWorld) -> None:
    base = await fetch_odd(world, APP)
    large = TreeChange(RepoPath("data.bin"), None, None, FileMode.REGULAR, "2" * 40)  # nobody has this blob
    tree = await world.repos.derive(KEY, base.tree, (large,))
    folder = await world.repos.materialise(KEY, tree)
    assert [path.name for path in folder.iterdir()] == ["app.py"]
    assert await world.repos.left_out(KEY, tree) == (
        f"`data.bin` has more than {limits.BLOB_BYTES // limits.MIB} MiB: it is not in the workspace.",
    )
    await expect_only_the_edit_to_change(world, tree)


async def test_a_file_in_the_place_of_what_was_left_out_is_a_change(world: GitWorld) -> None:
    base = await fetch_odd(world, APP)
    large = TreeChange(RepoPath("data.bin"), None, None, FileMode.REGULAR, "2" * 40)
    tree = await world.repos.derive(KEY, base.tree, (large,))
    view = await world.open_work(tree)
    (world.work / "data.bin").write_text("small now")
    (change,) = (await world.repos.snapshot(KEY, tree, view)).changes
    assert (change.path, change.old_blob) == ("data.bin", "2" * 40)


async def test_patterns_that_are_none_hide_nothing_and_stop_nothing(world: GitWorld) -> None:
    rules = b"[broken\n**/[z-\n\\\n*.log\n"
    base = await fetch_odd(world, {**APP, b".gitignore": (FILE, rules), b".gitattributes": (FILE, rules)})
    assert await world.repos.left_out(KEY, base.tree) == ()
    view = await world.open_work(base.tree)
    for name in ("noise.log", "kept.txt"):
        (world.work / name).write_text("x")
    snapshot = await world.repos.snapshot(KEY, base.tree, view)
    assert [change.path for change in snapshot.changes] == ["kept.txt"]


@pytest.mark.chaos
async def test_ten_thousand_files_are_ordinary(world: GitWorld) -> None:
    many = {b"d%d/f%d.txt" % (n % 100, n): (FILE, b"%d\n" % n) for n in range(10_000)}
    base = await fetch_odd(world, {**APP, **many})
    assert len(await world.repos.list_tree(KEY, base.tree)) == 10_001
    await expect_only_the_edit_to_change(world, base.tree)


@pytest.mark.chaos
async def test_a_file_of_200_mb_from_a_server_that_leaves_none_out(world: GitWorld) -> None:
    """With one that does (GitHub, `git http-backend`): tests/repos/test_git_http_backend.py."""
    size = 200 * limits.MIB
    base = await fetch_odd(world, {**APP, b"data.bin": (FILE, bytes(size))})
    view = await world.open_work(base.tree)
    assert (world.work / "data.bin").stat().st_size == size
    (world.work / "data.bin").write_bytes(bytes(size + 1))  # more than a change may hold
    (world.work / "app.py").write_text("x = 2\n")
    changed = await world.repos.snapshot(KEY, base.tree, view)
    assert [change.path for change in changed.changes] == ["app.py"]
    assert changed.left_out == ("'data.bin' was left out: it has 209,715,201 bytes.",)


async def test_an_empty_repository_is_a_named_fault(world: GitWorld) -> None:
    world.hub.seed.add_empty_repository("octo/empty")
    world.hub.seed.set_role("octo/empty", "ada", "write")
    remote = Remote(world.hub.git_url("octo/empty"), world.remote.token)
    with pytest.raises(RepositoryFault, match="needs a first commit"):
        await world.repos.fetch(KEY, remote, "refs/heads/main")


BRANCHES = ("release/größe/日本/🚀", "-dash", "#1+a%2Fb&c=d;e@")


async def test_branches_of_any_name_are_fetched_and_pushed(world: GitWorld) -> None:
    for branch in BRANCHES:
        tip = world.hub.seed.commit("octo/app", {"new.py": branch.encode()}, "More", branch=branch)
        base = await world.repos.fetch(KEY, world.remote, f"refs/heads/{branch}")
        assert base.commit == tip
        commit = await world.repos.commit(KEY, base.tree, (base.commit,), "Empty", 1_790_000_000)
        await world.repos.push(KEY, world.remote, f"refs/heads/agent/{branch}", commit, None)
        assert world.hub.seed.refs("octo/app")[f"refs/heads/agent/{branch}"] == commit
