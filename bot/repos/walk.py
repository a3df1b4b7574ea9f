"""Walks a work tree that untrusted code could write, and tells what it finds. Runs alone, standard library only.

    python -I walk.py ROOT [LAYER ...]      conversation on stdin and stdout, see below

With layers only those of ROOT's names are looked at that stand in one of them. They are folders of the overlay that
ROOT is, as they lie on the disk; what a name in them means (a file, a deletion, a folder that hides another) is never
asked of them, but of ROOT, which the kernel made of them.

Started inside the sandbox's view of the files, after every process of the sandbox is dead. Never follows a link,
never opens anything but folders and regular files, each by its name below an open folder (O_NOFOLLOW), so no
path can lead out. Any error while scanning ends it with "error": half a walk would read as deletions.

Asked first on stdin, one line of JSON: {"base": {path: [mode, id]}, "caps": {...}}. Then it writes lines of JSON:
    {"t": "same", "p"}                       as in the base
    {"t": "ask", "p", "d": bool}             not in the base: wanted? answered by a line "1" or "0" on stdin
    {"t": "file", "p", "m", "n"}             followed by n bytes
    {"t": "link", "p", "n"}                  followed by n bytes, the link's target
    {"t": "left", "p", "why"}                left out
    {"t": "folder", "p", "kept": [name]}     with layers only: names of this folder that are in none of them; answered
                                             by {"base": {path: [mode, id]}, "folders": [path]}, its other items
    {"t": "end"} or {"t": "error", "why"}
"""

import errno
import hashlib
import json
import os
import stat
import sys
from typing import Any, BinaryIO, Final

_GITLINK: Final = "160000"
_NO_FOLDER: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # nothing below it was written in this layer
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class _Stop(Exception):
    """The walk can't be finished; the text says why."""


class Walker:
    def __init__(self, root: str, asked: dict[str, Any], answers: BinaryIO, out: BinaryIO) -> None:
        self._root, self._answers, self._out = root, answers, out
        self._base: dict[str, list[str]] = asked["base"]
        self._caps: dict[str, int] = asked["caps"]
        self._folders = {
            path.rsplit("/", depth)[0] for path in self._base for depth in range(1, path.count("/") + 1)
        }
        self._files = self._bytes = 0

    def run(self) -> None:
        try:
            self._walk(os.open(self._root, _FOLDER), "", 0)
            self._say({"t": "end"})
            self._out.flush()
        except (OSError, _Stop) as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._say({"t": "error", "why": str(error)})
        self._out.flush()

    def _walk(self, folder: int, prefix: str, depth: int) -> None:
        """Closes `folder`."""
        try:
            if depth > self._caps["depth"]:
                raise _Stop(f"folders are nested deeper than {self._caps['depth']}")
            for name in self._names(folder, prefix):
                self._visit(folder, name, prefix + name, depth)
        finally:
            os.close(folder)

    def _names(self, folder: int, prefix: str) -> list[str]:  # noqa: ARG002 - of use below
        """Which are looked at."""
        return sorted(os.listdir(folder))

    def _enter(self, folder: int, name: str, path: str, depth: int) -> None:
        self._walk(os.open(name, _FOLDER, dir_fd=folder), path + "/", depth + 1)

    def _visit(self, folder: int, name: str, path: str, depth: int) -> None:
        try:
            path.encode("utf-8")
        except UnicodeEncodeError:
            self._leave(path, "its name is no UTF-8")
            return
        if name.lower().rstrip(". ") in (".git", "git~1"):
            return
        self._files += 1
        if self._files > self._caps["files"]:
            raise _Stop(f"there are more than {self._caps['files']} files")
        mode = os.lstat(name, dir_fd=folder).st_mode
        if self._base.get(path, [""])[0] == _GITLINK:
            self._say({"t": "same", "p": path})
        elif stat.S_ISDIR(mode):
            if path in self._folders or self._wanted(path, is_folder=True):
                self._enter(folder, name, path, depth)
        elif stat.S_ISLNK(mode):
            self._link(os.readlink(os.fsencode(name), dir_fd=folder), path)
        elif stat.S_ISREG(mode):
            self._file(folder, name, path)
        else:
            self._leave(path, "it is no regular file")

    def _link(self, target: bytes, path: str) -> None:
        if self._is_same(path, "120000", _blob_id([target], len(target))):
            self._say({"t": "same", "p": path})
        elif path in self._base or self._wanted(path, is_folder=False):
            self._say({"t": "link", "p": path, "n": len(target)}, target)

    def _file(self, folder: int, name: str, path: str) -> None:
        if path not in self._base and not self._wanted(path, is_folder=False):
            return
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, dir_fd=folder), "rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise _Stop(f"{path!r} changed while it was read")
            if state.st_size > self._caps["file_bytes"]:
                self._leave(path, f"it has {state.st_size:,} bytes")
                return
            content = file.read(self._caps["file_bytes"] + 1)
        mode = "100755" if state.st_mode & 0o100 else "100644"
        if self._is_same(path, mode, _blob_id([content], len(content))):
            self._say({"t": "same", "p": path})
            return
        self._bytes += len(content)
        if self._bytes > self._caps["bytes"]:
            raise _Stop(f"changed files have more than {self._caps['bytes']:,} bytes together")
        self._say({"t": "file", "p": path, "m": mode, "n": len(content)}, content)

    def _is_same(self, path: str, mode: str, sha: str) -> bool:
        return self._base.get(path) == [mode, sha]

    def _wanted(self, path: str, *, is_folder: bool) -> bool:
        self._say({"t": "ask", "p": path, "d": is_folder})
        self._out.flush()
        return self._answers.readline() == b"1\n"

    def _leave(self, path: str, why: str) -> None:
        self._say({"t": "left", "p": path.encode("utf-8", "replace").decode(), "why": why})

    def _say(self, line: dict[str, Any], content: bytes = b"") -> None:
        self._out.write(json.dumps(line).encode() + b"\n")
        self._out.write(content)


class WrittenWalker(Walker):
    """Walks only what the layers name. A name that is in none of them is, with all below it, as it is underneath."""

    def __init__(
        self, root: str, layers: list[str], asked: dict[str, Any], streams: tuple[BinaryIO, BinaryIO]
    ) -> None:
        super().__init__(root, asked, *streams)
        self._paths = layers
        self._layers: list[int] = []  # this folder in each layer that has it

    def run(self) -> None:
        try:
            self._layers = [os.open(path, _FOLDER) for path in self._paths]
        except OSError as error:
            self._fail(error)
        else:
            super().run()

    def _names(self, folder: int, prefix: str) -> list[str]:
        written = {name for layer in self._layers for name in os.listdir(layer)}  # noqa: PTH208 - a descriptor
        if len(written) > self._caps["files"]:
            raise _Stop(f"there are more than {self._caps['files']} files")
        names = os.listdir(folder)
        self._say({"t": "folder", "p": prefix, "kept": [name for name in names if name not in written]})
        self._out.flush()
        answer = json.loads(self._answers.readline())
        self._base.update(answer["base"])
        self._folders.update(answer["folders"])
        return sorted(name for name in names if name in written)

    def _enter(self, folder: int, name: str, path: str, depth: int) -> None:
        above = self._layers
        self._layers = []
        try:
            for layer in above:
                self._open_below(layer, name)
            super()._enter(folder, name, path, depth)
        finally:
            for layer in self._layers:
                os.close(layer)
            self._layers = above

    def _open_below(self, layer: int, name: str) -> None:
        try:
            self._layers.append(os.open(name, _FOLDER, dir_fd=layer))
        except OSError as error:
            if error.errno not in _NO_FOLDER:
                raise


def _blob_id(pieces: list[bytes], size: int) -> str:
    digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def main() -> None:
    (root, *layers), streams = sys.argv[1:], (sys.stdin.buffer, sys.stdout.buffer)
    asked = json.loads(streams[0].readline())
    (WrittenWalker(root, layers, asked, streams) if layers else Walker(root, asked, *streams)).run()


if __name__ == "__main__":
    main()
