"""Whether there is anything to do: one statement that a worker at rest can ask several times a second."""

from dataclasses import dataclass

import sqlalchemy as sa

from bot.domain.tasks import TaskStatus
from bot.store.database import Database
from bot.store.schema import IS_WAITING, task

_STORED = sa.exists().where(IS_WAITING)
_QUEUED = sa.exists().where(task.c.status == TaskStatus.QUEUED.value)
_DUE = sa.exists().where(task.c.status == TaskStatus.WAITING.value, task.c.next_at <= sa.bindparam("now"))
_LOOK = sa.select(_STORED.label("stored"), _QUEUED.label("queued"), _DUE.label("due"))


@dataclass(frozen=True)
class Lookout:
    """What waits. `deliveries`: for their verdict; `queued`: tasks for a place, which a limit may deny them; `due`:
    tasks whose wait is over."""

    deliveries: bool = True
    queued: bool = True
    due: bool = True


def look_out(database: Database, now: float) -> Lookout:
    """Blocking. `now`: seconds since the epoch. Raises RetryLater."""
    with database.read() as connection:
        row = connection.execute(_LOOK, {"now": now}).one()
        return Lookout(bool(row.stored), bool(row.queued), bool(row.due))
