"""What tasks have cost, and what their issue, author, repository and day had cost before: one row, one query.

A row is written while its task runs, under the task's epoch; it outlives the task. Amounts only grow, so writing one
again after a crash does no harm.
"""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.domain.allowance import Cost, CostBefore
from bot.domain.tasks import TaskRequest
from bot.store.database import INSERTS
from bot.store.schema import spending

_DAY_S: Final = 86_400.0


def charge(connection: Connection, request: TaskRequest, cost: Cost, now: float) -> None:
    """The task has cost this much so far, in all."""
    row = {
        "task": request.task_id,
        "active_key": request.active_key,
        "requester": request.requested_by_id,
        "repository": request.repository.id,
        "at": now,
        "tokens": cost.tokens,
        "money_usd": cost.money_usd,
    }
    connection.execute(_CHARGE[connection.dialect.name], row)


def _charge(insert: Any) -> sa.Insert:
    """A row, or its new amounts."""
    statement: Any = insert(spending)
    amounts = {"tokens": statement.excluded.tokens, "money_usd": statement.excluded.money_usd}
    changed: sa.Insert = statement.on_conflict_do_update(index_elements=["task"], set_=amounts)
    return changed


_CHARGE: Final = {name: _charge(insert) for name, insert in INSERTS.items()}


def fetch_cost_before(connection: Connection, request: TaskRequest, now: float) -> CostBefore:
    """Of the issue for ever; of its author, its repository and everybody in the last 24 hours."""
    asked = {
        "issue": request.active_key,
        "author": request.requested_by_id,
        "there": request.repository.id,
        "since": now - _DAY_S,
    }
    found = connection.execute(_BEFORE, asked).one()
    issue, author, repository, everybody = (
        Cost(int(found[at]), float(found[at + 1])) for at in range(0, len(found), 2)
    )
    return CostBefore(issue, author, repository, everybody)


def _before() -> "sa.Select[tuple[Any, ...]]":
    """Tokens and money of each scope. Built once: that took nine times as long as to run it (decision 113)."""
    table = spending.c
    issue = table.active_key == sa.bindparam("issue")
    today = table.at > sa.bindparam("since")
    scopes = (
        issue,
        today & (table.requester == sa.bindparam("author")),
        today & (table.repository == sa.bindparam("there")),
        today,
    )
    sums = [
        sa.func.coalesce(sa.func.sum(sa.case((scope, column), else_=0)), 0)
        for scope in scopes
        for column in (table.tokens, table.money_usd)
    ]
    return sa.select(*sums).where(issue | today)


_BEFORE: Final = _before()
