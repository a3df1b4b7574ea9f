"""Spaces the writes of one installation: GitHub asks for one after the other, a second apart.

Race: two jobs of one installation write at once. Closed by a lock for each installation, held from the wait
to the end of the write. Other worker processes are not seen here; their 403 and 429 are (RetryLater).
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bot.domain.ids import InstallationId
from bot.errors import RetryLater


class WritePace:
    """One for the process. `ticks` never runs backwards; `pause` waits so many seconds."""

    def __init__(self, spacing_s: float, ticks: Callable[[], float], pause: Callable[[float], None]) -> None:
        self._spacing_s, self.ticks, self._pause = spacing_s, ticks, pause
        self._guard = threading.Lock()
        self._locks: dict[InstallationId, threading.Lock] = {}
        self._ended: dict[InstallationId, float] = {}

    @contextmanager
    def turn(self, installation: InstallationId, within_s: float = 3600.0) -> Iterator[None]:
        """Hold the installation's turn to write; waits for the writer before and for the spacing after it.
        RetryLater when the turn does not come `within_s` seconds."""
        with self._guard:
            lock = self._locks.setdefault(installation, threading.Lock())
        if not lock.acquire(timeout=within_s):
            raise RetryLater("Too many writes of this installation are waiting; nothing was sent.", 1.0)
        try:
            ended = self._ended.get(installation)
            if ended is not None:
                wait = ended + self._spacing_s - self.ticks()
                if wait > 0:
                    self._pause(wait)
            try:
                yield
            finally:
                self._ended[installation] = self.ticks()
        finally:
            lock.release()
