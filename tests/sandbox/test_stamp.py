"""The stamp of a layer: any write shows, looking does not, and what is too fresh has none."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.sandbox.stamp import take_stamp


def settled(layer: Path) -> str | None:
    """After the last write is old enough."""
    time.sleep(0.06)
    return take_stamp(layer)


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    (tmp_path / "pkg" / "empty").mkdir(parents=True)
    (tmp_path / "pkg" / "a.py").write_text("a = 1\n")
    (tmp_path / "b.py").write_text("b = 1\n")
    (tmp_path / ".git").mkdir()
    return tmp_path


def rewrite_with_the_old_times(layer: Path) -> None:
    """As a program that wants to hide it would: as long as before, and as old."""
    file = layer / "b.py"
    before = file.stat()
    file.write_text("b = 2\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_with_the_old_times(layer: Path) -> None:
    before = (layer / "b.py").stat()
    (layer / "c.py").write_text("b = 2\n")
    (layer / "c.py").replace(layer / "b.py")
    os.utime(layer / "b.py", ns=(before.st_atime_ns, before.st_mtime_ns))


def make_a_folder_anew(layer: Path) -> None:
    """What it had below in another layer is hidden from now on, though it looks as before."""
    (layer / "pkg" / "empty").rmdir()
    (layer / "pkg" / "empty").mkdir()


WRITES: dict[str, Callable[[Path], object]] = {
    "new file": lambda layer: (layer / "pkg" / "new.py").write_text(""),
    "changed": lambda layer: (layer / "pkg" / "a.py").write_text("a = 2\n"),
    "deleted": lambda layer: (layer / "b.py").unlink(),
    "renamed": lambda layer: (layer / "b.py").rename(layer / "c.py"),
    "mode": lambda layer: (layer / "b.py").chmod(0o755),
    "link": lambda layer: (layer / "pkg" / "l").symlink_to("a.py"),
    "folder": lambda layer: (layer / "pkg" / "deep" / "er").mkdir(parents=True),
    "made anew": make_a_folder_anew,
    "hidden": rewrite_with_the_old_times,
    "swapped": replace_with_the_old_times,
}


@pytest.mark.parametrize("name", WRITES)
def test_any_write_shows(layer: Path, name: str) -> None:
    before = settled(layer)
    WRITES[name](layer)
    assert before is not None
    assert settled(layer) not in (before, None)


def test_looking_does_not(layer: Path) -> None:
    before = settled(layer)
    (layer / "b.py").read_text()
    list((layer / "pkg").iterdir())
    assert settled(layer) == before


def test_what_git_keeps_for_itself_is_no_work(layer: Path) -> None:
    before = settled(layer)
    (layer / ".git" / "index").write_text("x")
    (layer / ".GIT").mkdir()
    assert settled(layer) == before


def test_what_was_written_just_now_has_none(layer: Path) -> None:
    written = (layer / "b.py").stat().st_ctime_ns
    assert take_stamp(layer, lambda: written + 49_000_000) is None
    assert take_stamp(layer, lambda: written + 51_000_000) is not None


def test_more_than_can_be_looked_at_quickly_has_none(layer: Path) -> None:
    (layer / "pkg" / "c.py").touch()
    time.sleep(0.06)
    assert take_stamp(layer, most=5) is not None
    assert take_stamp(layer, most=4) is None


def test_a_layer_that_is_gone_has_none(layer: Path) -> None:
    assert take_stamp(layer / "missing") is None


def test_odd_names_are_names(layer: Path) -> None:
    (layer / "line\nbreak").write_text("x")
    Path(os.fsdecode(os.fsencode(layer) + b"/\xff\xfe")).write_text("x")
    assert settled(layer) is not None
