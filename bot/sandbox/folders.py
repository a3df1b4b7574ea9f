"""A worker's own folder below the state directory, and the end of the folders of the dead.

Races. Two workers may share the state directory: each keeps its workspaces in a folder of its own under a file
lock that the kernel drops when it dies; at start the folders of the dead are removed. A sweep of another start may
come between making and locking: then another folder is made.
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bot.sandbox import trees

_LOCK: Final = "lock"


@dataclass
class WorkerFolder:
    """`before_removal` is told the names of dead workers' folders, to end what may still write there. `sweeps`: whether
    those are removed at the start; who only looks around leaves them."""

    parent: Path
    before_removal: Callable[[tuple[str, ...]], None] = lambda _names: None
    sweeps: bool = True
    _folder: Path | None = field(default=None, init=False)
    _lock: int | None = field(default=None, init=False)  # held as long as this process lives

    def ensure(self) -> Path:
        """The folder, locked. Raises OSError."""
        if self._folder is not None:
            return self._folder
        self.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.sweeps:
            self.sweep()
        while self._lock is None:
            folder = self.parent / secrets.token_hex(6)
            folder.mkdir(mode=0o700)
            self._lock = _try_lock(folder)
        self._folder = folder
        return folder

    def make(self) -> Path:
        """A new private folder in it. Raises OSError."""
        folder = self.ensure() / secrets.token_hex(8)
        folder.mkdir(mode=0o700)
        return folder

    def left_behind(self) -> tuple[str, ...]:
        """Names of the folders of the dead. Raises OSError."""
        with self._held() as locks:
            return tuple(sorted(folder.name for folder in locks))

    def sweep(self) -> tuple[str, ...]:
        """Remove the folders of the dead; their names. Raises OSError."""
        with self._held() as locks:
            names = tuple(sorted(folder.name for folder in locks))
            self.before_removal(names)
            for folder in locks:
                trees.remove(folder)
            return names

    def close(self) -> None:
        """Remove our own: nothing runs in it any more. Raises OSError."""
        if self._folder is not None and self._lock is not None:
            trees.remove(self._folder)
            os.close(self._lock)
            self._folder = self._lock = None

    @contextlib.contextmanager
    def _held(self) -> Iterator[tuple[Path, ...]]:
        """Folders whose owners are dead, locked by us meanwhile."""
        folders = self.parent.iterdir() if self.parent.is_dir() else ()
        locks = {folder: lock for folder in folders if (lock := _try_lock(folder)) is not None}
        try:
            yield tuple(locks)
        finally:
            for lock in locks.values():
                os.close(lock)


def _try_lock(folder: Path) -> int | None:
    """The lock of a folder, or None while its owner lives or when the folder was removed under us."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), (folder / _LOCK).stat()):
            return descriptor
    except OSError:
        pass  # locked by its owner, or gone
    os.close(descriptor)
    return None
