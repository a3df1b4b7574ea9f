"""Plain files that are linked from another template are what they would be alone, and stay so."""

import errno
import os
import stat
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from dulwich.objects import Blob, ObjectID, Tree
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import RepositoryFault
from bot.repos import linked
from bot.repos.cache import locked_cache
from bot.repos.checkout import materialise
from bot.repos.housekeeping import remove_template
from bot.repos.trees import write_paths

NAMES = (b"a", b"b", b"c.py", b"odd\xff", b".git")
PATHS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(b"/".join)
ENTRIES = st.tuples(
    st.sampled_from((0o100644, 0o100755, 0o100664, 0o120000, 0o160000)),
    st.sampled_from((b"", b"one", b"two", b"a/b", b"nul\0")),
)
TREES = st.dictionaries(PATHS, ENTRIES, max_size=12)
Files = dict[bytes, tuple[int, bytes]]


def add_tree(cache: Path, files: Files) -> str:
    """A path that lies in another that is a file is left away."""
    with locked_cache(cache) as repo:
        empty = Tree()
        repo.object_store.add_object(empty)
        wanted: dict[bytes, Any] = {}
        for path, (mode, content) in sorted(files.items()):
            if any(path.startswith(other + b"/") for other in wanted):
                continue
            blob = Blob.from_string(content)
            repo.object_store.add_object(blob)
            wanted[path] = (mode, ObjectID(b"1" * 40) if mode == 0o160000 else blob.id)
        return write_paths(repo, empty.id.decode(), wanted)


def look(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Everything below: what it is, its rights, its content."""
    found: dict[str, tuple[int, bytes]] = {}
    for above, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(above, name)
            mode, content = path.lstat().st_mode, b""
            if stat.S_ISLNK(mode):
                content = os.fsencode(path.readlink())
            elif stat.S_ISREG(mode):
                content = path.read_bytes()
            found[str(path.relative_to(folder))] = (mode, content)
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("linked")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    """Two trees, the first laid out in `tmp_path / "files"`, and one file that both have."""
    cache = tmp_path / "cache.git"
    one = add_tree(cache, {b"same/x": (0o100644, b"x"), b"y": (0o100644, b"one")})
    two = add_tree(cache, {b"same/x": (0o100644, b"x"), b"y": (0o100644, b"two")})
    materialise(cache, one, str(tmp_path / "files"), None, 0.0)
    return one, two


def lay_out(tmp_path: Path, tree: str) -> Path:
    return Path(materialise(tmp_path / "cache.git", tree, str(tmp_path / "files"), None, 0.0))


def is_linked(tmp_path: Path, one: str, two: str) -> bool:
    first, second = (tmp_path / "files" / tree / "same" / "x" for tree in (one, two))
    return first.stat().st_ino == second.stat().st_ino


@given(TREES, TREES)
def test_files_beside_others_are_what_they_are_alone(place: Path, old: Files, new: Files) -> None:
    folder = place / str(time.monotonic_ns())
    cache = place / "cache.git"
    one, two = add_tree(cache, old), add_tree(cache, {**old, **new})
    before = look(Path(materialise(cache, one, str(folder / "both"), None, 0.0)))
    both = materialise(cache, two, str(folder / "both"), None, 0.0)
    assert look(Path(both)) == look(Path(materialise(cache, two, str(folder / "alone"), None)))
    assert look(folder / "both" / one) == before


def test_what_is_the_same_is_one_file_and_what_is_not_is_another(
    tmp_path: Path, pair: tuple[str, str]
) -> None:
    second = lay_out(tmp_path, pair[1])
    assert is_linked(tmp_path, *pair)
    assert (second / "y").read_bytes() == b"two"
    assert (tmp_path / "files" / pair[0] / "y").read_bytes() == b"one"


@pytest.mark.parametrize(
    "more", [{}, {b"same/z": (0o100644, b"z")}], ids=["the folder too", "another folder"]
)
def test_what_is_older_than_a_set_ups_products_is_copied(
    tmp_path: Path, pair: tuple[str, str], more: Files
) -> None:
    """A build tool would take what was built of another content for newer."""
    first, cache = tmp_path / "files" / pair[0], tmp_path / "cache.git"
    os.utime(first / "same" / "x", (1000.0, 1000.0))
    same: Files = {b"same/x": (0o100644, b"x"), b"y": (0o100644, b"one")}
    tree = add_tree(cache, {**same, b"n": (0o100644, b"n"), **more})
    made = Path(materialise(cache, tree, str(first.parent), None, 1000.0))
    assert (made / "same" / "x").read_bytes() == b"x"
    assert (made / "same" / "x").stat().st_mtime > 1000
    assert not is_linked(tmp_path, pair[0], tree)
    assert (made / "y").stat().st_ino == (first / "y").stat().st_ino


def test_nothing_is_linked_that_was_made_before_the_host_came_up(
    tmp_path: Path, pair: tuple[str, str]
) -> None:
    os.utime(tmp_path / "files" / pair[0], (1, 1))
    assert (lay_out(tmp_path, pair[1]) / "same" / "x").read_bytes() == b"x"
    assert not is_linked(tmp_path, *pair)


def test_without_links_every_file_is_written(
    tmp_path: Path, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(linked.os, "link", refuse)
    assert look(lay_out(tmp_path, pair[1]))["same/x"][1] == b"x"
    assert not is_linked(tmp_path, *pair)


def test_what_was_left_out_there_is_written_here(tmp_path: Path, pair: tuple[str, str]) -> None:
    """As a file that was too large to be fetched at that time."""
    cache = tmp_path / "cache.git"
    three = add_tree(
        cache, {b"same/x": (0o100644, b"x"), b"same/z": (0o100644, b"z"), b"y": (0o100644, b"one")}
    )
    (tmp_path / "files" / pair[0] / "same" / "x").unlink()
    assert (lay_out(tmp_path, three) / "same" / "x").read_bytes() == b"x"


def test_links_count_like_files(
    tmp_path: Path, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.domain.limits.TREE_FILES", 1)
    with pytest.raises(RepositoryFault, match="more than 1 files"):
        lay_out(tmp_path, pair[1])
    assert sorted(one.name for one in (tmp_path / "files").iterdir() if one.is_dir()) == [pair[0]]


def test_what_is_linked_from_is_not_removed_meanwhile(tmp_path: Path, pair: tuple[str, str]) -> None:
    template = tmp_path / "files" / pair[0]
    with locked_cache(tmp_path / "cache.git") as repo, linked.nearest(template.parent, repo, None) as found:
        assert found == template
        removing = threading.Thread(target=remove_template, args=(template,), daemon=True)
        removing.start()
        removing.join(0.1)
        assert template.is_dir()
    removing.join()
    assert not template.exists()


def test_what_is_nested_too_deep_is_left_out(tmp_path: Path, pair: tuple[str, str]) -> None:
    with locked_cache(tmp_path / "cache.git") as repo:
        blob = Blob.from_string(b"x")
        repo.object_store.add_object(blob)
        child = (b"f", 0o100644, blob.id)
        for _ in range(1500):  # deeper than our stack
            tree = Tree()
            tree.add(*child)
            tree.add(b"near", 0o100644, blob.id)
            repo.object_store.add_object(tree)
            child = (b"d", 0o040000, tree.id)
    made = lay_out(tmp_path, tree.id.decode())
    assert made.joinpath(*["d"] * 63, "near").read_bytes() == b"x"
    assert not made.joinpath(*["d"] * 64).exists()
