"""Directories that the sandbox's user owns: made, handed over, removed.

The host acts here by directory descriptors and never follows a symbolic link, for what lies in these trees
was written by untrusted programs. It must never read a file's content.

Races: `adopt` by two tasks at once only repeats the same change, and marks the top directory last.
"""

import contextlib
import itertools
import os
import stat
import subprocess
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def make_owned(path: Path, uid: int) -> Path:
    """A new private directory (0700) that belongs to `uid`. Raises FileExistsError, OSError."""
    path.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(path, uid, uid)
    return path


def adopt(path: Path, uid: int) -> None:
    """Give a finished tree to `uid`, where we are root and it is not its own already.

    An overlay copies a file up with its owner, which only that owner may do: a template of root's could be
    read in a sandbox but not changed. Raises OSError.
    """
    if os.geteuid() != 0 or path.stat().st_uid == uid:
        return
    for _, directories, names, descriptor in os.fwalk(path, topdown=False, follow_symlinks=False):
        for name in (*directories, *names):
            os.chown(name, uid, uid, dir_fd=descriptor, follow_symlinks=False)
    os.chown(path, uid, uid)


def open_for_reading(path: Path) -> None:
    """Let everybody read what its owner can read, in a tree at rest. Raises OSError."""
    for _, directories, names, descriptor in os.fwalk(path, follow_symlinks=False):
        for name in (*directories, *names):
            mode = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode
            if not stat.S_ISLNK(mode):
                os.chmod(name, _readable(mode), dir_fd=descriptor)
    path.chmod(_readable(path.stat().st_mode))


def _readable(mode: int) -> int:
    shown = mode & 0o500
    return stat.S_IMODE(mode) | shown >> 3 | shown >> 6


def copy_at_rest(source: Path, target: Path) -> None:
    """A tree into another, over what is there: modes, times, owners and links as they are, nothing followed. Both
    must be at rest. Raises OSError."""
    done = subprocess.run(
        ["/bin/cp", "-a", "--reflink=auto", "--remove-destination", f"{source}/.", str(target)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise OSError(f"{source} could not be copied: {done.stderr[-300:].strip()}")


def remove(path: Path) -> None:
    """Remove a tree whatever the modes inside it are. A missing one is no fault. Raises OSError."""
    try:
        descriptor = os.open(path, _DIRECTORY)
    except FileNotFoundError:
        return
    except PermissionError:
        path.chmod(0o700)
        descriptor = os.open(path, _DIRECTORY)
    try:
        _empty(descriptor)
    finally:
        os.close(descriptor)
    with contextlib.suppress(FileNotFoundError):
        path.rmdir()


def _empty(top: int) -> None:
    """Without recursion and with two descriptors: what lies in a subdirectory is first moved up to the top, for
    a tree may be deeper than our stack, our descriptors and the longest path."""
    _open_up(top)
    counter = itertools.count()
    while directories := _unlink_files(top):
        for name in directories:
            child = _enter(name, top)
            try:
                _open_up(child)
                for inner in _unlink_files(child):
                    _enter_rights(inner, child)
                    os.rename(inner, f".pullwright-{next(counter)}", src_dir_fd=child, dst_dir_fd=top)
            finally:
                os.close(child)
            os.rmdir(name, dir_fd=top)


def _unlink_files(directory: int) -> list[str]:
    """Remove all but directories; the names of those."""
    left = []
    for name in os.listdir(directory):  # by descriptor
        if stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
            left.append(name)
        else:
            os.unlink(name, dir_fd=directory)
    return left


def _open_up(directory: int) -> None:
    if os.fstat(directory).st_mode & 0o700 != 0o700:
        os.fchmod(directory, 0o700)


def _enter_rights(name: str, parent: int) -> None:
    """To move a directory its own `..` is written: its owner needs the right to write it."""
    if os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode & 0o700 != 0o700:
        os.chmod(name, 0o700, dir_fd=parent)


def _enter(name: str, parent: int) -> int:
    _enter_rights(name, parent)
    return os.open(name, _DIRECTORY, dir_fd=parent)
