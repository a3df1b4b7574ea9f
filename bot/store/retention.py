"""What is old goes: bodies of decided deliveries, rows and effects of tasks that ended long ago.

Task rows stay: they are small, and a comment that comes once more is known by them. Whatever is not decided or not
finished stays, however old it is. Few rows in a transaction, so that nobody waits for it.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from bot.domain import limits
from bot.domain.tasks import TaskStatus
from bot.store.database import Database
from bot.store.schema import delivery, effect, schedule_run, task, task_event, work_tree


@dataclass(frozen=True)
class Cleared:
    """Rows that are gone; zeros: nothing was old."""

    deliveries: int
    tasks: int  # whose rows and effects are gone


def clear_old(database: Database, now: float) -> Cleared:
    """One portion: call it until it clears nothing. `now`: seconds since the epoch. Raises RetryLater."""
    _clear_turns(database, now)
    return Cleared(_clear_deliveries(database, now), _clear_events(database, now))


def _clear_turns(database: Database, now: float) -> None:
    """Turns of schedules that left nothing on their branch: what did is asked about for ever."""
    old = schedule_run.c.ended_at < now - limits.KEEP_EVENTS_S
    with database.write() as connection:
        connection.execute(schedule_run.delete().where(old, schedule_run.c.pushed == ""))


def _clear_deliveries(database: Database, now: float) -> int:
    old = (
        sa.select(delivery.c.id)
        .where(delivery.c.state == "done", delivery.c.received_at < now - limits.KEEP_DELIVERIES_S)
        .limit(limits.RETENTION_ROWS)
    )
    with database.write() as connection:
        return connection.execute(delivery.delete().where(delivery.c.id.in_(old))).rowcount


def _clear_events(database: Database, now: float) -> int:
    has_rows = sa.exists().where(task_event.c.task == task.c.id) | sa.exists().where(
        effect.c.task == task.c.id
    )
    old = (
        sa.select(task.c.id)
        .where(task.c.status == TaskStatus.FINISHED.value, task.c.finished_at < now - limits.KEEP_EVENTS_S)
        .where(has_rows)
        .limit(limits.RETENTION_TASKS)
    )
    with database.write() as connection:
        names = list(connection.execute(old).scalars())
        connection.execute(task_event.delete().where(task_event.c.task.in_(names)))
        connection.execute(effect.delete().where(effect.c.task.in_(names)))
        connection.execute(work_tree.delete().where(work_tree.c.task.in_(names)))
    return len(names)
