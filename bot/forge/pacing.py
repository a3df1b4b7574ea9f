"""Spaces the writes of one installation: GitHub asks for one after the other, a second apart, and for none while it
limits requests.

Who may write is asked of `Turns`: those of all workers on one database, or this process's own. In front of it is a lock
for each installation, so that a process asks for one turn at a time: only processes wait for each other there.

Races, and how each is closed:
- Two jobs of one installation write at once. In one process the lock is held from the wait to the end of the write, and
  so is the turn, for all processes.
- The database does not answer: without a turn nothing is sent (RetryLater). Afterwards it must not be RetryLater,
  which says "not carried out": the write stands, and the turn that was not given back ends by itself.
- A write takes longer than its turn lasts (WRITE_LEASE_S): it is begun within WRITE_BEGIN_S and over GITHUB_TIMEOUT_S
  later, and a turn lasts for both. Only a mutation that GitHub does not answer is repeated for longer; then somebody
  may write beside it.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import structlog

from bot.domain.ids import InstallationId
from bot.domain.limits import WRITE_HELD_BACK_S
from bot.errors import RetryLater

log = structlog.get_logger()

_LATE_S = 1.0  # after which a turn that did not come is asked for again: the writer before is over, as a rule


class Turns(Protocol):
    """Turns to write, one at a time for each installation. Safe for threads; each raises RetryLater when it can't tell.
    An asker takes no second turn of an installation before it has ended the first."""

    def claim(self, installation: InstallationId) -> float:
        """Take the turn: 0.0. Else nothing is taken, and the seconds after which to ask again."""
        ...

    def end(self, installation: InstallationId) -> None:
        """Give it back, the spacing begins. Nothing happens to a turn that somebody else has by now."""
        ...

    def hold_back(self, installation: InstallationId, after_s: float) -> None:
        """No turn is given before `after_s` seconds from now, whoever has it at present."""
        ...


class OwnTurns:
    """Of one process that shares nothing with others. `ticks` never runs backwards."""

    def __init__(self, spacing_s: float, ticks: Callable[[], float]) -> None:
        self._spacing_s, self._ticks = spacing_s, ticks
        self._guard = threading.Lock()
        self._next: dict[InstallationId, float] = {}

    def claim(self, installation: InstallationId) -> float:
        until = self._next.get(installation)
        return 0.0 if until is None else max(0.0, until - self._ticks())

    def end(self, installation: InstallationId) -> None:
        self.hold_back(installation, self._spacing_s)

    def hold_back(self, installation: InstallationId, after_s: float) -> None:
        until = self._ticks() + after_s
        with self._guard:
            self._next[installation] = max(until, self._next.get(installation, until))


class WritePace:
    """One for the process. `ticks` never runs backwards; `pause` waits so many seconds."""

    def __init__(self, turns: Turns, ticks: Callable[[], float], pause: Callable[[float], None]) -> None:
        self._turns, self.ticks, self._pause = turns, ticks, pause
        self._guard = threading.Lock()
        self._locks: dict[InstallationId, threading.Lock] = {}

    @contextmanager
    def turn(self, installation: InstallationId, within_s: float = 3600.0) -> Iterator[None]:
        """Hold the installation's turn to write; waits for the writer before and for the spacing after it.
        RetryLater when the turn does not come within `within_s` seconds; at once when that is known, because a limit
        of GitHub's lasts longer."""
        until = self.ticks() + within_s
        with self._guard:
            lock = self._locks.setdefault(installation, threading.Lock())
        if not lock.acquire(timeout=within_s):
            raise RetryLater("Too many writes of this installation are waiting; nothing was sent.", _LATE_S)
        try:
            self._claim(installation, until)
            try:
                yield
            finally:
                self._end(installation)
        finally:
            lock.release()

    def hold_back(self, installation: InstallationId, after_s: float) -> None:
        """GitHub limits this installation for so long: nobody's write is sent before."""
        try:
            self._turns.hold_back(installation, min(after_s, WRITE_HELD_BACK_S))
        except RetryLater as error:  # the others meet the limit themselves
            log.warning("a limit was not told to others", installation=installation, why=str(error))

    def _claim(self, installation: InstallationId, until: float) -> None:
        while (wait := self._turns.claim(installation)) > 0:
            if wait > until - self.ticks():
                raise RetryLater(
                    "The turn of this installation to write comes too late; nothing was sent.",
                    max(wait, _LATE_S),
                )
            self._pause(wait)

    def _end(self, installation: InstallationId) -> None:
        try:
            self._turns.end(installation)
        except RetryLater as error:
            log.warning("a turn to write was not given back", installation=installation, why=str(error))
