"""What tasks have cost, and what their issue, author, repository and day had cost before: one row, one query.

A row is written while its task runs, under the task's epoch; it outlives the task. Amounts only grow, so writing one
again after a crash does no harm.
"""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from bot.domain.allowance import Cost, CostBefore
from bot.domain.tasks import TaskRequest
from bot.store.schema import spending

_DAY_S: Final = 86_400.0


def charge(connection: Connection, request: TaskRequest, cost: Cost, now: float) -> None:
    """The task has cost this much so far, in all."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = {
        "task": request.task_id,
        "active_key": request.active_key,
        "requester": request.requested_by_id,
        "repository": request.repository.id,
        "at": now,
        "tokens": cost.tokens,
        "money_usd": cost.money_usd,
    }
    amounts = {"tokens": cost.tokens, "money_usd": cost.money_usd}
    statement = insert(spending).values(**row)
    connection.execute(statement.on_conflict_do_update(index_elements=["task"], set_=amounts))


def fetch_cost_before(connection: Connection, request: TaskRequest, now: float) -> CostBefore:
    """Of the issue for ever; of its author, its repository and everybody in the last 24 hours."""
    table = spending.c
    today = table.at > now - _DAY_S
    scopes = (
        table.active_key == request.active_key,
        today & (table.requester == request.requested_by_id),
        today & (table.repository == request.repository.id),
        today,
    )
    sums = [
        sa.func.coalesce(sa.func.sum(sa.case((scope, column), else_=0)), 0)
        for scope in scopes
        for column in (table.tokens, table.money_usd)
    ]
    found = connection.execute(sa.select(*sums).where(scopes[0] | today)).one()
    issue, author, repository, everybody = (
        Cost(int(found[at]), float(found[at + 1])) for at in range(0, len(sums), 2)
    )
    return CostBefore(issue, author, repository, everybody)
