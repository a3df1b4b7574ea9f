"""What time it is for all machines of one database: the database server's time.

Rows that workers compare (heartbeats, when an effect left, when a task is due) are written by many hosts. A host
whose clock is 90 s off would have the others declared dead, or be declared dead itself, and would take a write that
is under way for an old one. So no host's own clock is asked: the server's is, once a minute, and a clock of this host
that is never set tells how long ago that was.

On SQLite all processes are on one host, whose clock is theirs already.

Races: `look` in one thread while another reads. Closed by one assignment of a whole anchor.
"""

import time
from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
import structlog

from bot.store.database import Database
from bot.ticks import since_boot

_NOW: Final = sa.text("select extract(epoch from clock_timestamp())")
_QUICK_S: Final = 1.0  # an answer that took longer says little: half of it is the error
_WORTH_A_WORD_S: Final = 5.0  # below it is the way to the server, or a clock that is kept loosely

log = structlog.get_logger()


class FleetClock:
    """Call it for seconds since the epoch. `look` has to be called before, and again about once a minute; on SQLite it
    does nothing. `wall`: this host's clock; `ticks`: never set, never runs backwards."""

    def __init__(
        self,
        database: Database,
        wall: Callable[[], float] = time.time,
        ticks: Callable[[], float] = since_boot,
    ) -> None:
        self._database, self._wall, self._ticks = database, wall, ticks
        self._is_shared = database.engine.dialect.name != "postgresql"
        self._ahead: float | None = None  # of `ticks`

    def __call__(self) -> float:
        ahead = self._ahead
        return self._wall() if ahead is None else self._ticks() + ahead

    def look(self) -> None:
        """Ask the server. Blocking. Raises RetryLater, and the time goes on from what was known."""
        if self._is_shared:
            return
        with self._database.read() as connection:
            begun = self._ticks()
            at = float(connection.execute(_NOW).scalar_one())
            took = self._ticks() - begun
        if self._ahead is not None and took > _QUICK_S:
            return
        self._ahead = at - begun - took / 2
        off = self._wall() - self()
        if abs(off) > _WORTH_A_WORD_S:
            log.warning("this host's clock is off", seconds=round(off, 1), remedy="Keep it by NTP.")
