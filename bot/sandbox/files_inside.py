"""Reads and writes files of /workspace; handed into the sandbox and run there, by the worker's own Python.

Standard library only, for nothing else of ours is visible inside, and little of it: what is loaded here (`json` and
`typing` took two thirds of the time of a read) is loaded for every file. A message is a line with the length of its
head, the head (fields with NUL between them, which no name can hold), then raw bytes. A request comes on stdin, the
answer goes to stdout. It must never be imported for its effects, nor run on the host.

| request | answer |
|---|---|
| `read`, path, most bytes, most entries | kind, size, `whole` or nothing, names of a directory; then the content |
| `write`, for each file: path, size or nothing (delete it), mode; then the contents | nothing, or why not |

Races: none, for a workspace runs one thing at a time; and whatever a link were swapped for, it is inside.
"""

from __future__ import annotations

import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

ROOT = "/workspace"
EXECUTABLE = {"x": True, "-": False, "": None}
"""Of a written file: executable, not, or as it was."""


class Refused(Exception):  # it is an answer
    """Why nothing was done; the text goes back to the model."""


class Write:
    """One file to write. `size` None: delete it."""

    def __init__(self, path: str, size: str, mode: str) -> None:
        self.path = path
        self.size = int(size) if size else None
        self.executable = EXECUTABLE[mode]


def main() -> None:
    """Answer the one request on stdin."""
    os.umask(0o022)
    source = sys.stdin.buffer
    operation, *fields = source.read(int(source.readline())).decode().split("\0")
    content = b""
    if operation == "read":
        path, most_bytes, most_entries = fields
        answer, content = read(path, int(most_bytes), int(most_entries))
    else:
        answer = write([Write(*fields[at : at + 3]) for at in range(0, len(fields), 3)], source)
    head = "\0".join(answer).encode("utf-8", "replace")
    sys.stdout.buffer.write(b"%d\n" % len(head) + head + content)


def inside(path: str) -> str:
    """The real path, or nothing when it leaves the workspace."""
    real = os.path.realpath(os.path.join(ROOT, path))  # noqa: PTH118
    return real if real == ROOT or real.startswith(ROOT + "/") else ""


def read(path: str, most_bytes: int, most_entries: int) -> tuple[list[str], bytes]:
    """The answer and the content. Links inside the workspace are followed."""
    real = inside(path)
    if not real:
        return ["missing", "0", ""], b""
    try:
        mode = os.stat(real)  # noqa: PTH116
    except (OSError, ValueError):
        there = os.path.islink(os.path.join(ROOT, path))  # noqa: PTH114, PTH118
        return ["symlink" if there else "missing", "0", ""], b""
    if stat.S_ISDIR(mode.st_mode):
        return _directory(real, most_entries), b""
    if not stat.S_ISREG(mode.st_mode):
        return ["other", "0", ""], b""
    try:
        descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except PermissionError:
        return ["other", str(mode.st_size), ""], b""
    with open(descriptor, "rb") as source:  # noqa: PTH123
        content = source.read(most_bytes + 1)
    whole = len(content) <= most_bytes
    size = max(mode.st_size, len(content))
    return ["file", str(size), "whole" if whole else ""], content if whole else b""


def _directory(path: str, most_entries: int) -> list[str]:
    try:
        with os.scandir(path) as entries:
            names = sorted(
                entry.name + ("/" if entry.is_dir(follow_symlinks=False) else "") for entry in entries
            )
    except PermissionError:
        return ["other", "0", ""]
    shown = [
        name.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for name in names[:most_entries]
    ]
    return ["directory", str(len(names)), "", *shown]


# -- writing ---------------------------------------------------------------------------------------------------
def write(writes: list[Write], source: BinaryIO) -> list[str]:
    """Nothing, or why not. All or none: all is laid down beside its target, then renamed, and undone on a fault."""
    done = _Undo()
    try:
        plans = [_prepare(one, source, number, done) for number, one in enumerate(writes)]
        for plan in plans:
            plan(done)
    except Refused as refusal:
        done.undo()
        return [str(refusal)]
    except OSError as error:
        done.undo()
        return [f"{os.strerror(error.errno or 0)}: {os.path.relpath(error.filename or ROOT, ROOT)}"]
    done.forget()
    return []


class _Undo:
    def __init__(self) -> None:
        self.actions: list[tuple[Callable[..., object], tuple[str, ...]]] = []
        self.leftovers: list[str] = []

    def undo(self) -> None:
        self._unlink([path for path in self.leftovers if path.endswith(".tmp")])  # before their directories
        for action, arguments in reversed(self.actions):
            try:
                action(*arguments)
            except OSError:
                continue  # as much as can be
        self.forget()

    def forget(self) -> None:
        self._unlink(self.leftovers)

    def _unlink(self, paths: list[str]) -> None:
        for path in paths:
            try:
                os.unlink(path)  # noqa: PTH108
            except OSError:
                continue


def _prepare(one: Write, source: BinaryIO, number: int, done: _Undo) -> Callable[[_Undo], None]:
    path = one.path
    target = os.path.join(ROOT, path)  # noqa: PTH118
    _make_parents(path, done, deleting=one.size is None)
    old = _mode_of(path, target)
    if one.size is None:
        if old is None:
            raise Refused(f"{path} does not exist, so it can't be deleted.")
        return lambda undo: _delete(target, number, undo)
    temporary = f"{os.path.dirname(target)}/.pullwright-{number}.tmp"  # noqa: PTH120
    done.leftovers.append(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as sink:  # noqa: PTH123
        left = one.size
        while left:
            chunk = source.read(min(left, 1 << 20))
            if not chunk:
                raise Refused("The content ended early; nothing was written.")
            left -= sink.write(chunk)
        os.fchmod(sink.fileno(), _new_mode(old, one.executable))
    return lambda undo: _replace(temporary, target, number, undo)


def _make_parents(path: str, done: _Undo, deleting: bool) -> None:
    folder = ROOT
    for part in path.split("/")[:-1]:
        folder = f"{folder}/{part}"
        if os.path.isdir(folder):  # noqa: PTH112
            if not inside(folder):
                raise Refused(f"{os.path.relpath(folder, ROOT)} is a link that leaves the workspace.")
        elif os.path.lexists(folder) or deleting:
            raise Refused(f"{os.path.relpath(folder, ROOT)} is not a directory, so {path} can't be written.")
        else:
            os.mkdir(folder)  # noqa: PTH102
            done.actions.append((os.rmdir, (folder,)))


def _mode_of(path: str, target: str) -> int | None:
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(mode):
        raise Refused(
            f"{path} is a symbolic link to {os.readlink(target)!r}. "  # noqa: PTH115
            "Name the file that it leads to."
        )
    if not stat.S_ISREG(mode):
        raise Refused(f"{path} is not a regular file.")
    return stat.S_IMODE(mode)


def _new_mode(old: int | None, executable: bool | None) -> int:
    mode = 0o644 if old is None else old
    if executable is None:
        return mode
    return mode | 0o111 if executable else mode & ~0o111


def _keep(target: str, number: int, undo: _Undo) -> None:
    """A second name for the old file, to bring it back by."""
    kept = f"{os.path.dirname(target)}/.pullwright-{number}.old"  # noqa: PTH120
    if os.path.lexists(target):
        os.link(target, kept, follow_symlinks=False)
        undo.leftovers.append(kept)
        undo.actions.append((os.replace, (kept, target)))
    else:
        undo.actions.append((os.unlink, (target,)))


def _replace(temporary: str, target: str, number: int, undo: _Undo) -> None:
    _keep(target, number, undo)
    os.replace(temporary, target)  # noqa: PTH105


def _delete(target: str, number: int, undo: _Undo) -> None:
    _keep(target, number, undo)
    os.unlink(target)  # noqa: PTH108


if __name__ == "__main__":
    main()
