"""Plain files of a tree by links to those of another that lies beside it: a commit changes a few files of thousands.

Templates are read-only once they are made (lower layers, or copied from), so two can have a file in common; a file is
linked only to the same path, so that no two names in one template are one file. Nothing is ever written into a file
that was linked: what differs is a new one.

Build tools compare times, so a file must be newer than what a set-up made of another content at its path. One that is
older than the last set-up's products is copied, not linked: all of a template is newer than every environment that was
there before it, as it would be without links.

A host that went down may have lost what was written last, so only a template that was made since it came up is linked
from: a damaged file must not be handed on.

Race: the other template is removed meanwhile. Its mark is held shared, and removal waits.
"""

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Final, Protocol

from dulwich.objects import S_ISGITLINK, ObjectID
from dulwich.repo import Repo

from bot.domain import limits
from bot.repos.cache import Entries, Entry, tree_items
from bot.repos.left_out import usable_path
from bot.repos.marks import held_template, last_use

# It was left out there, or has as many names as a file can have.
_NO_LINK: Final = (errno.ENOENT, errno.EMLINK)


@contextlib.contextmanager
def nearest(folder: Path, repo: Repo, owner: int | None) -> Iterator[Path | None]:
    """The template in `folder` that was used last, held as long as this is entered; None when there is none to link
    from. `owner`: whose it has to be, None: ours. Raises OSError."""
    found = [one for one in folder.iterdir() if not one.suffix and _is_fit(one, repo, owner)]
    if not found:
        yield None
        return
    template = max(found, key=last_use)
    with held_template(template) as is_there:
        yield template if is_there else None


def _is_fit(template: Path, repo: Repo, owner: int | None) -> bool:
    try:
        state = template.lstat()
    except OSError:  # removed in this moment
        return False
    up_since = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return (
        S_ISDIR(state.st_mode)
        and state.st_uid == (os.geteuid() if owner is None else owner)
        and state.st_mtime > up_since
        and ObjectID(template.name.encode()) in repo.object_store
    )


class Layout(Protocol):
    """What lays out a tree at `root`; paths are relative to that."""

    @property
    def repo(self) -> Repo: ...
    @property
    def root(self) -> Path: ...

    def make_folder(self, path: str) -> None:
        """A new one. Raises OSError."""
        ...

    def write(self, path: str, entry: Entry) -> None:
        """A new file, link or submodule's folder, unless it is left out. Raises OSError, RepositoryFault."""
        ...

    def copy(self, path: str, source: Path) -> None:
        """A new file with the content and the mode of one of another template. Raises OSError, RepositoryFault."""
        ...

    def count(self, size: int) -> None:
        """One more path, with so many bytes. Raises RepositoryFault when that is too much."""
        ...


@dataclass
class Linking:
    """One tree laid out by `layout`, whose folder is there. `newer_than`: seconds since the epoch; what is older is
    copied."""

    layout: Layout
    source: Path
    newer_than: float
    _made: set[bytes] = field(default_factory=lambda: {b""})  # folders

    def lay_out(self, tree: str) -> None:
        """Raises OSError: it can't be done with links; RepositoryFault: it can't be done."""
        self._folder(b"", tree, self.source.name)

    def _folder(self, place: bytes, tree: str, other: str | None) -> None:
        """`place` with its slash. `other`: the tree that stands there in the source, if any."""
        if place.count(b"/") >= limits.TREE_DEPTH:
            return  # no name in it can be used
        had: Entries = tree_items(self.layout.repo, other) if other is not None else {}
        for name, item in tree_items(self.layout.repo, tree).items():
            if b"/" in name:
                raise OSError(errno.EINVAL, "a name that is a path")  # it may lead through a link
            path, before = place + name, had.get(name)
            if S_ISDIR(item[0]):
                if item == before and usable_path(path) is not None and self._is_there(path.decode()):
                    self._ensure(place)
                    self._link_all(path.decode())
                else:
                    below = before[1].decode() if before is not None and S_ISDIR(before[0]) else None
                    self._folder(path + b"/", item[1].decode(), below)
            elif usable_path(path) is not None:
                self._ensure(place)
                if item != before or S_ISGITLINK(item[0]) or not self._link(path.decode()):
                    self.layout.write(path.decode(), item)

    def _ensure(self, place: bytes) -> None:
        """Only folders with a usable name in them are made, as without a source."""
        if place not in self._made:
            self._ensure(place[: place[:-1].rfind(b"/") + 1])
            self.layout.make_folder(place[:-1].decode())
            self._made.add(place)

    def _is_there(self, folder: str) -> bool:
        """Not if nothing in it can be a plain file."""
        return (self.source / folder).is_dir()

    def _link_all(self, folder: str) -> None:
        """All that stands there in the source: the trees are the same."""
        self.layout.make_folder(folder)
        with os.scandir(self.source / folder) as found:
            for entry in found:
                path = f"{folder}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    self._link_all(path)
                    continue
                state = entry.stat(follow_symlinks=False)
                if self._is_old(state):
                    self.layout.copy(path, Path(entry.path))
                    continue
                self.layout.count(state.st_size)
                os.link(entry.path, self.layout.root / path, follow_symlinks=False)

    def _is_old(self, state: os.stat_result) -> bool:
        """Of a link's own time nothing depends."""
        return S_ISREG(state.st_mode) and state.st_mtime <= self.newer_than

    def _link(self, path: str) -> bool:
        try:
            state = (self.source / path).lstat()
            if self._is_old(state):
                return False
            os.link(self.source / path, self.layout.root / path, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            return False
        self.layout.count(state.st_size)
        return True
