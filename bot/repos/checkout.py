"""A tree as plain files, made once: raw bytes, no filters, no attributes, made whole or not at all.

What is the same in the template that was used last is linked from there (`linked.py`). What can't be a plain file is
left out (`left_out.py`); nothing of a tree stops the work, but its size.

Races: two tasks want the same tree: each writes a folder of its own, the rename of the second finds the first's
and throws its own away. Must never follow a link: every file is made by O_EXCL below folders that were made here.
"""

import errno
import os
import secrets
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from dulwich.objects import S_ISGITLINK
from dulwich.repo import Repo

from bot.domain import limits
from bot.errors import RepositoryFault
from bot.repos.cache import Entry, entries, open_cache, read_blob, read_tree
from bot.repos.left_out import is_link_target, usable_path
from bot.repos.linked import Linking, nearest


def materialise(
    cache: Path, tree: str, folder: str, owner: int | None, newer_than: float | None = None
) -> str:
    """The folder `<folder>/<tree>` with the plain files, owned by `owner` when we are root. `newer_than`: seconds since
    the epoch, what is linked from another template has to be (`linked.py`); None: nothing is linked."""
    target = Path(folder) / tree
    if target.is_dir():
        return str(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{tree}.{secrets.token_hex(6)}.part")
    try:
        with open_cache(cache) as repo:
            if newer_than is None or not _link(_Layout(repo, part, owner), tree, newer_than):
                _Layout(repo, part, owner).lay_out(tree)
        _rename(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return str(target)


def _rename(part: Path, target: Path) -> None:
    try:
        part.rename(target)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise


def _link(layout: "_Layout", tree: str, newer_than: float) -> bool:
    """Whether it could be laid out with links; else there is nothing of it."""
    with nearest(layout.root.parent, layout.repo, layout.owner) as source:
        if source is None:
            return False
        read_tree(layout.repo, tree)
        layout.begin()
        try:
            Linking(layout, source, newer_than).lay_out(tree)
            return True
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            shutil.rmtree(layout.root)  # a file system without links, or too many of them
            return False


@dataclass
class _Layout:
    """See `linked.Layout`."""

    repo: Repo
    root: Path
    owner: int | None
    _size: int = 0
    _files: int = 0

    def begin(self) -> None:
        """Make the folder itself. Raises OSError."""
        _make_folder(self.root, self.owner)

    def lay_out(self, tree: str) -> None:
        """The folder and every path of a tree. Raises OSError, RepositoryFault."""
        files = entries(self.repo, tree)
        if len(files) > limits.TREE_FILES:
            raise RepositoryFault(
                f"The tree has {len(files)} files; at most {limits.TREE_FILES} can be used."
            )
        self.begin()
        made: set[str] = set()
        for raw, entry in sorted(files.items()):
            path = usable_path(raw)
            if path is None:
                continue
            parent = ""
            for part in path.split("/")[:-1]:
                parent = f"{parent}/{part}" if parent else part
                if parent not in made:
                    self.make_folder(parent)
                    made.add(parent)
            self.write(path, entry)

    def make_folder(self, path: str) -> None:
        """See `linked.Layout`."""
        _make_folder(self.root / path, self.owner)

    def write(self, path: str, entry: Entry) -> None:
        """See `linked.Layout`."""
        mode, sha = entry
        if S_ISGITLINK(mode):
            self.make_folder(path)
            return
        content = read_blob(self.repo, sha.decode())
        if content is None:
            return  # too large to be fetched
        if stat.S_ISLNK(mode) and not is_link_target(content):
            return
        self.count(len(content))
        _make_file(self.root / path, mode, content, self.owner)

    def copy(self, path: str, source: Path) -> None:
        """See `linked.Layout`."""
        content = source.read_bytes()
        self.count(len(content))
        _make_file(self.root / path, source.lstat().st_mode, content, self.owner)

    def count(self, size: int) -> None:
        """See `linked.Layout`."""
        self._size, self._files = self._size + size, self._files + 1
        if self._files > limits.TREE_FILES:
            raise RepositoryFault(
                f"The tree has more than {limits.TREE_FILES} files; no more than that can be used."
            )
        if self._size > limits.TREE_BYTES:
            raise RepositoryFault(f"The tree is larger than {limits.TREE_BYTES // limits.MIB} MiB.")


def _make_folder(path: Path, owner: int | None) -> None:
    os.mkdir(path, 0o755)  # noqa: PTH102 - fails when it is there, whatever it is
    os.chmod(path, 0o755)  # noqa: PTH101, S103 - whatever the umask is; the sandbox's user reads it
    if owner is not None:
        os.chown(path, owner, owner, follow_symlinks=False)


def _make_file(path: Path, mode: int, content: bytes, owner: int | None) -> None:
    if stat.S_ISLNK(mode):
        os.symlink(content, bytes(path))  # noqa: PTH211 - the target is bytes
    else:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o755 if mode & 0o100 else 0o644)
    if owner is not None:
        os.chown(path, owner, owner, follow_symlinks=False)
