"""Whose turn it is to write to GitHub for an installation, over all workers on this database: one row for each.

A turn is taken by one conditional UPDATE and given back by another. With their two flushes that takes half of what the
three rows of a model's turn take: the median of 200 was 22 ms for 46 ms on SQLite beside a load of 12, 44 ms for 132 ms
on PostgreSQL beside a load of 27; 2 to 3 ms of processor (`python -m benchmarks.steps`).

Races, and how each is closed:
- Two workers want the turn: of two UPDATEs with the same condition the second finds it taken. The very first turn of
  an installation is an INSERT, of which the second breaks the key, and asks again.
- The holder dies: its turn ends WRITE_LEASE_S after it began, or with the worker's own row (`store/workers.py`).
- The holder loses the turn and ends it afterwards: only the holder named in the row ends it.
- GitHub tells of a limit while somebody else writes: times are only put off, never brought forward.
- A clock is set back by a day: a time that no rule can have given is no time.
"""

from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from bot.domain import limits
from bot.domain.ids import InstallationId
from bot.store.database import Database
from bot.store.schema import write_turn

_FURTHEST_S: Final = limits.WRITE_HELD_BACK_S + limits.CLOCK_TOLERANCE_S
_NOBODY: Final = ""
_FREED_S: Final = 0.01  # it has just become free: asked for again at once, but not in a loop

_OF: Final = write_turn.c.installation == sa.bindparam("of")
_ME: Final = sa.bindparam("me", type_=sa.Text)
_NOW: Final = sa.bindparam("now", type_=sa.Float)
_FURTHEST: Final = sa.bindparam("furthest", type_=sa.Float)
_HELD: Final = sa.bindparam("held", type_=sa.Float)
_UNTIL: Final = sa.bindparam("until", type_=sa.Float)


def _is_past(column: sa.Column[float]) -> sa.ColumnElement[bool]:
    return (column <= _NOW) | (column > _FURTHEST)


_PUT_OFF: Final = sa.case((write_turn.c.next_at < _UNTIL, _UNTIL), else_=write_turn.c.next_at)
_CLAIM: Final = (
    write_turn.update()
    .where(_OF, _is_past(write_turn.c.next_at))
    .where(write_turn.c.holder.in_((_NOBODY, _ME)) | _is_past(write_turn.c.held_until))
    .values(holder=_ME, held_until=_HELD, next_at=_UNTIL)
)
_END: Final = (
    write_turn.update().where(_OF, write_turn.c.holder == _ME).values(holder=_NOBODY, next_at=_PUT_OFF)
)
_HOLD_BACK: Final = write_turn.update().where(_OF).values(next_at=_PUT_OFF)
_FREE: Final = write_turn.update().where(write_turn.c.holder == _ME).values(holder=_NOBODY)
_FIND: Final = sa.select(write_turn).where(_OF)
_INSERT: Final = write_turn.insert()


def free_turns(connection: Connection, holder: str) -> None:
    """The holder is dead: its turns are everybody's, in this transaction."""
    connection.execute(_FREE, {"me": holder})


class WriteTurns:
    """Blocking. `holder`: unique for each start of a process; `spacing_s`: from the end of a write to the next one;
    `now`: seconds since the epoch, by a clock that all workers share. Each raises RetryLater."""

    def __init__(self, database: Database, holder: str, spacing_s: float, now: Callable[[], float]) -> None:
        self._database, self._holder, self._spacing_s, self._now = database, holder, spacing_s, now

    def claim(self, installation: InstallationId) -> float:
        """Take the turn: 0.0. Else nothing is taken, and the seconds after which to ask again: until the time that
        is known, or WRITE_LOOK_S while somebody else writes. A turn that is still this holder's is taken anew."""
        try:
            with self._database.write() as connection:
                now = self._now()  # not before: the wait for the database may be long
                held, until = now + limits.WRITE_LEASE_S, now + self._spacing_s
                values = {"of": installation, "me": self._holder, "held": held, "until": until}
                if connection.execute(_CLAIM, {**values, **_span(now)}).rowcount == 1:
                    return 0.0
                found = connection.execute(_FIND, {"of": installation}).first()
                if found is None:
                    connection.execute(_INSERT, _row(installation, until, self._holder, held))
                    return 0.0
        except IntegrityError:  # somebody else's first turn, a moment before
            return _FREED_S
        return _wait(found.next_at - now, found.holder)

    def end(self, installation: InstallationId) -> None:
        """Give it back; the spacing begins now. Nothing happens to a turn that somebody else has by now."""
        with self._database.write() as connection:
            until = self._now() + self._spacing_s
            connection.execute(_END, {"of": installation, "me": self._holder, "until": until})

    def hold_back(self, installation: InstallationId, after_s: float) -> None:
        """No turn is given before `after_s` seconds from now. Who has it at present keeps it."""
        values = {"of": installation, "until": self._now() + after_s}
        try:
            with self._database.write() as connection:
                if connection.execute(_HOLD_BACK, values).rowcount == 0:
                    connection.execute(_INSERT, _row(installation, values["until"]))
        except IntegrityError:  # its row is there since this moment
            with self._database.write() as connection:
                connection.execute(_HOLD_BACK, values)


def _span(now: float) -> dict[str, float]:
    return {"now": now, "furthest": now + _FURTHEST_S}


def _wait(known_s: float, holder: str) -> float:
    least = _FREED_S if holder == _NOBODY else limits.WRITE_LOOK_S
    return max(known_s, least) if known_s <= _FURTHEST_S else least


def _row(
    installation: InstallationId, next_at: float, holder: str = _NOBODY, held_until: float = 0.0
) -> dict[str, Any]:
    return {"installation": installation, "next_at": next_at, "holder": holder, "held_until": held_until}
