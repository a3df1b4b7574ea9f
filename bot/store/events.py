"""The append-only rows of a task, fenced by its epoch: a run that lost its task can't add one more."""

import json
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.domain.ids import TaskId
from bot.store.database import Database
from bot.store.fence import fence
from bot.store.schema import task_event

# Built once, as `tasks.py` builds what it holds a row with: a turn appends three rows.
_LAST: Final = sa.select(sa.func.max(task_event.c.seq)).where(task_event.c.task == sa.bindparam("of"))
_INSERT: Final = task_event.insert()

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class EventRow:
    seq: int
    kind: str
    body: JsonObject
    at: float


class Events:
    """Blocking."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, task: TaskId, epoch: int, kind: str, body: JsonObject, now: float) -> int:
        """Durable when it returns; the row's number. Raises Superseded."""
        with self._database.write() as connection:
            fence(connection, task, epoch)
            return insert_event(connection, task, epoch, kind, body, now)

    def load(self, task: TaskId, after: int = 0, kinds: tuple[str, ...] = ()) -> tuple[EventRow, ...]:
        """Rows in order; `kinds` empty: all of them."""
        query = sa.select(task_event).where(task_event.c.task == task, task_event.c.seq > after)
        if kinds:
            query = query.where(task_event.c.kind.in_(kinds))
        with self._database.read() as connection:
            return tuple(
                EventRow(row.seq, row.kind, json.loads(row.body), row.at)
                for row in connection.execute(query.order_by(task_event.c.seq))
            )


def insert_event(  # noqa: PLR0913 - the columns of a row
    connection: Connection, task: TaskId, epoch: int, kind: str, body: JsonObject, now: float
) -> int:
    """One row more for a task whose row this transaction holds; its number."""
    last = connection.execute(_LAST, {"of": task}).scalar()
    seq = (last or 0) + 1
    row = {"task": task, "seq": seq, "epoch": epoch, "kind": kind, "at": now, "body": json.dumps(body)}
    connection.execute(_INSERT, row)
    return seq
