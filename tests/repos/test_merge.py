"""A merge of trees: every path by what each side did; what can't be merged is named. Git's own merge is the judge."""

import subprocess

import pytest

from bot.domain.ids import CommitSha, TreeSha
from bot.repos.contract import Conflict, ConflictKind, Merge, MergeSides
from tests.repos.conftest import KEY, NAME, GitWorld
from tests.repos.git_backend import environment

TEXT = b"".join(b"line %d\n" % number for number in range(20))
BEGAN: dict[str, bytes] = {
    "a.txt": TEXT,
    "b.txt": TEXT + b"of b\n",
    "c.bin": b"\0begin",
    "run.sh": b"#!/bin/sh\n",
    "old/name.txt": TEXT + b"of name\n",
    "gone.txt": b"gone\n",
    "big.txt": b"x\n" * 20_001,
}


async def commit(world: GitWorld, files: dict[str, bytes | None], branch: str) -> tuple[CommitSha, TreeSha]:
    sha = CommitSha(world.hub.seed.commit(NAME, files, "More", branch=branch))
    found = await world.repos.fetch(KEY, world.remote, f"refs/heads/{branch}", sha)
    return found.commit, found.tree


async def merged(
    world: GitWorld, ours: dict[str, bytes | None], theirs: dict[str, bytes | None]
) -> tuple[Merge, str]:
    """The merge, and the tree that git itself makes of it (with conflicts: nothing)."""
    began = await commit(world, dict(BEGAN), "main")
    world.hub.seed.commit(NAME, {"mine.txt": b"mine\n"}, "Begin", branch="feature")
    our = await commit(world, ours, "feature")
    their = await commit(world, theirs, "main")
    sides = MergeSides(began[1], our[1], their[1], "feature", "main")
    made = await world.repos.merge(KEY, sides)
    assert made == await world.repos.merge(KEY, sides), "the same once more"
    done = subprocess.run(
        ["git", "merge-tree", "--write-tree", our[0], their[0]],
        cwd=world.hub.hub.repository(NAME).git.path,  # type: ignore[union-attr]
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return made, done.stdout.strip() if done.returncode == 0 else ""


async def read(world: GitWorld, tree: TreeSha, path: str) -> bytes | None:
    found = (await world.repos.list_tree(KEY, tree)).get(path)
    return (await world.repos.read_blobs(KEY, (found[1],)))[found[1]] if found else None


async def test_what_the_sides_did_apart_is_the_tree_that_git_makes(world: GitWorld) -> None:
    ours = {"a.txt": b"first\n" + TEXT, "old/name.txt": None, "new/name.txt": BEGAN["old/name.txt"],
            "gone.txt": None, "same.txt": b"same\n"}  # fmt: skip
    theirs = {"a.txt": TEXT + b"last\n", "old/name.txt": b"changed\n" + BEGAN["old/name.txt"],
              "run.sh*": b"#!/bin/sh\n", "c.bin": b"\0theirs", "same.txt": b"same\n", "deep/er/x": b"x"}  # fmt: skip
    made, by_git = await merged(world, ours, theirs)
    assert made.conflicts == ()
    assert made.tree == by_git
    assert await read(world, made.tree, "new/name.txt") == theirs["old/name.txt"], "followed to its new name"
    assert await read(world, made.tree, "mine.txt") == b"mine\n"


async def test_what_both_changed_is_named_and_never_half_done(world: GitWorld) -> None:
    ours = {"a.txt": b"ours\n" + TEXT[7:], "b.txt": None, "c.bin": b"\0ours", "gone.txt": b"kept\n",
            "both.txt": b"of ours\n", "big.txt": b"o\n" * 20_001, "place": b"a file"}  # fmt: skip
    theirs = {"a.txt": b"theirs\n" + TEXT[7:], "b.txt": TEXT, "c.bin": b"\0theirs", "gone.txt": None,
              "both.txt": b"of theirs\n", "big.txt": b"t\n" * 20_001, "place/x": b"a folder"}  # fmt: skip
    made, by_git = await merged(world, ours, theirs)
    assert not by_git
    assert made.conflicts == (
        Conflict("a.txt", ConflictKind.MARKED),
        Conflict("b.txt", ConflictKind.DELETED_BY_OURS),
        Conflict("big.txt", ConflictKind.NO_TEXT),
        Conflict("both.txt", ConflictKind.MARKED),
        Conflict("c.bin", ConflictKind.NO_TEXT),
        Conflict("gone.txt", ConflictKind.DELETED_BY_THEIRS),
        Conflict("place", ConflictKind.NO_TEXT),
        Conflict("place/x", ConflictKind.NO_TEXT),
    )
    assert (await read(world, made.tree, "a.txt") or b"").startswith(b"<<<<<<< feature\nours\n|||||||")
    assert await read(world, made.tree, "b.txt") == TEXT
    assert await read(world, made.tree, "c.bin") == b"\0ours"
    assert await read(world, made.tree, "gone.txt") == b"kept\n"
    assert await read(world, made.tree, "place") == b"a file"


async def test_a_merge_is_pushed_with_both_parents_and_moves_the_branch_forward(world: GitWorld) -> None:
    began = await commit(world, dict(BEGAN), "main")
    our = await commit(world, {"a.txt": b"first\n" + TEXT}, "feature")
    their = await commit(world, {"b.txt": TEXT}, "main")
    made = await world.repos.merge(KEY, MergeSides(began[1], our[1], their[1], "feature", "main"))
    sha = await world.repos.commit(KEY, made.tree, (our[0], their[0]), "Merge `main`\n", 1_790_000_000)
    await world.repos.push(KEY, world.remote, "refs/heads/feature", sha, our[0])
    pushed = world.hub.hub.repository(NAME).git.commit(sha)  # type: ignore[union-attr]
    assert pushed is not None
    assert list(pushed.parents) == [our[0], their[0]]
    assert world.hub.seed.refs(NAME)["refs/heads/feature"] == sha
    assert world.hub.seed.file(NAME, "feature", "b.txt") == TEXT


@pytest.mark.parametrize("side", ["ours", "theirs"])
async def test_a_side_that_did_nothing_leaves_the_others_tree(world: GitWorld, side: str) -> None:
    began = await commit(world, dict(BEGAN), "main")
    other = await commit(world, {"a.txt": b"new\n", "b.txt": None}, "feature")
    trees = (other[1], began[1]) if side == "theirs" else (began[1], other[1])
    made = await world.repos.merge(KEY, MergeSides(began[1], *trees, "feature", "main"))
    assert made == Merge(other[1], ())
