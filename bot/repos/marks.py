"""Marks of last use beside caches and templates: `<name>.used`, whose lock is held by who uses one, or removes it."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


def take_template(template: Path) -> bool:
    """Whether it is there; then it stays for TEMPLATE_GRACE_S. Raises OSError."""
    if not template.is_dir():
        return False
    with marked(template, fcntl.LOCK_SH) as mark:
        os.utime(mark)
        return template.is_dir()


@contextlib.contextmanager
def held_template(template: Path) -> Iterator[bool]:
    """Whether it is there; then nobody removes it while this is entered. That is no use of it. Raises OSError."""
    if not template.is_dir():
        yield False
        return
    with marked(template, fcntl.LOCK_SH):
        yield template.is_dir()


def note_cache(cache: Path) -> None:
    """Its last use is now."""
    with contextlib.suppress(FileNotFoundError):  # its folder is made with the first fetch
        mark_path(cache).touch()


@contextlib.contextmanager
def marked(kept: Path, how: int) -> Iterator[int]:
    """Its mark, open and locked: LOCK_SH for use, LOCK_EX for removal. Raises OSError."""
    mark = os.open(mark_path(kept), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(mark, how)
        yield mark
    finally:
        os.close(mark)


def mark_path(kept: Path) -> Path:
    return kept.with_name(f"{kept.name}.used")


def last_use(kept: Path) -> float:
    """Seconds since the epoch. Of older versions, which left no mark: when it was made."""
    for path in (mark_path(kept), kept):
        with contextlib.suppress(OSError):
            return path.stat().st_mtime
    return 0.0
