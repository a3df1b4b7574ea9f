"""What has come in already, for the sweep that looks for what has not; and until when it looked.

Bodies are read here for one number each, the comment's id: they are the only place that names every comment that
was ever told of, whatever became of it.
"""

import json
from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from bot.domain.ids import DeliveryId
from bot.store.database import Database
from bot.store.schema import delivery, mark

_AT_ONCE = 500  # ids in one statement: SQLite's own limit is far higher


class Received:
    """Blocking."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def known(self, ids: Iterable[DeliveryId]) -> frozenset[DeliveryId]:
        """Those of `ids` that are stored."""
        wanted = sorted(set(ids))
        found: set[DeliveryId] = set()
        with self.database.read() as connection:
            for start in range(0, len(wanted), _AT_ONCE):
                some = wanted[start : start + _AT_ONCE]
                query = sa.select(delivery.c.id).where(delivery.c.id.in_(some))
                found.update(DeliveryId(name) for name in connection.execute(query).scalars())
        return frozenset(found)

    def comments_since(self, since: float) -> frozenset[int]:
        """Ids of the comments that deliveries received from `since` on told of (seconds since the epoch)."""
        query = sa.select(delivery.c.body).where(
            delivery.c.received_at >= since, delivery.c.event == "issue_comment"
        )
        with self.database.read() as connection:
            rows = connection.execution_options(yield_per=64).execute(query).scalars()
            return frozenset(number for number in map(_comment_id, rows) if number)

    def mark(self, name: str) -> float | None:
        """The time that was last set under this name."""
        with self.database.read() as connection:
            return connection.execute(sa.select(mark.c.at).where(mark.c.name == name)).scalar()

    def set_mark(self, name: str, at: float) -> None:
        with self.database.write() as connection:
            connection.execute(mark.delete().where(mark.c.name == name))
            connection.execute(mark.insert().values(name=name, at=at))

    def marks(self, prefix: str) -> dict[str, float]:
        """All that are set under names that begin so."""
        query = sa.select(mark.c.name, mark.c.at).where(mark.c.name.startswith(prefix, autoescape=True))
        with self.database.read() as connection:
            return {row.name: row.at for row in connection.execute(query)}

    def replace_marks(self, prefix: str, marks: Mapping[str, float]) -> None:
        """Those under names that begin so are these from now on, all at once."""
        with self.database.write() as connection:
            connection.execute(mark.delete().where(mark.c.name.startswith(prefix, autoescape=True)))
            if marks:
                connection.execute(mark.insert(), [{"name": name, "at": at} for name, at in marks.items()])


def _comment_id(body: bytes) -> int:
    """0: not a comment's."""
    try:
        found = json.loads(body)["comment"]["id"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return 0
    return found if isinstance(found, int) else 0
