"""What the tables say of the whole service at one moment, as numbers: for metrics. Reads only."""

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.domain.tasks import TaskStatus
from bot.store.database import Database
from bot.store.schema import IS_WAITING, delivery, effect, schedule, schedule_run, spending, task, worker

_LATELY_S: Final = 300.0  # of which deliveries the lag is the mean


@dataclass(frozen=True)
class Measures:
    """Counts are of rows that are kept; ages and lags in seconds, 0.0 where nothing is there to have one."""

    tasks: dict[str, int]  # by status
    outcomes: dict[str, int]  # of finished tasks
    oldest_queued_s: float
    undecided: int  # deliveries that the intake has not looked at
    oldest_undecided_s: float
    delivery_lag_s: float  # from received to decided, the mean of the last minutes
    effects: dict[str, int]  # by state: "sending" for long is a write whose answer was lost
    workers: int  # that beat lately
    tokens: int
    money_usd: float
    schedules: dict[str, int]  # by why they rest; "awake" for those that do not
    turns: dict[str, int]  # of schedules, by result
    turns_open: int  # that are under way


def fetch_measures(database: Database, now: float, alive_since: float) -> Measures:
    """`now`, `alive_since`: seconds since the epoch. Raises RetryLater."""
    with database.read() as connection:

        def one(query: sa.Select[Any]) -> float:
            return float(connection.execute(query).scalar() or 0.0)

        def age(query: sa.Select[Any]) -> float:
            oldest: float | None = connection.execute(query).scalar()
            return max(0.0, now - oldest) if oldest is not None else 0.0

        queued = task.c.status == TaskStatus.QUEUED.value
        lag = sa.func.avg(delivery.c.handled_at - delivery.c.received_at)
        count = sa.func.count()
        return Measures(
            tasks=_count_by(connection, task.c.status),
            outcomes=_count_by(connection, task.c.outcome, task.c.status == TaskStatus.FINISHED.value),
            oldest_queued_s=age(sa.select(sa.func.min(task.c.created_at)).where(queued)),
            undecided=int(one(sa.select(count).select_from(delivery).where(IS_WAITING))),
            oldest_undecided_s=age(sa.select(sa.func.min(delivery.c.received_at)).where(IS_WAITING)),
            delivery_lag_s=one(sa.select(lag).where(delivery.c.received_at >= now - _LATELY_S)),
            effects=_count_by(connection, effect.c.state),
            workers=int(one(sa.select(count).select_from(worker).where(worker.c.beat_at >= alive_since))),
            tokens=int(one(sa.select(sa.func.sum(spending.c.tokens)))),
            money_usd=one(sa.select(sa.func.sum(spending.c.money_usd))),
            schedules={why or "awake": n for why, n in _count_by(connection, schedule.c.pause).items()},
            turns=_count_by(connection, schedule_run.c.result, schedule_run.c.ended_at.is_not(None)),
            turns_open=int(
                one(sa.select(count).select_from(schedule_run).where(schedule_run.c.ended_at.is_(None)))
            ),
        )


def _count_by(
    connection: Connection, column: sa.Column[str], only: sa.ColumnElement[bool] | None = None
) -> dict[str, int]:
    query = sa.select(column, sa.func.count()).group_by(column)
    rows = connection.execute(query if only is None else query.where(only))
    return {str(name): int(number) for name, number in rows}
