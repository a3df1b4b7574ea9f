"""What was spent before decides whether a new task may begin."""

from dataclasses import replace

import pytest

from bot.domain.allowance import Allowances, Cost, CostBefore, decide_allowance
from bot.domain.ids import DeliveryId, RepositoryId
from bot.domain.outcomes import Refusal
from bot.domain.tasks import RepositoryRef, TaskRequest
from bot.store.database import Database
from bot.store.deliveries import Deliveries, Handled, Verdict
from bot.store.inbox import Delivery, store_batch
from bot.store.migrations import migrate
from bot.store.schema import schema_version, spending
from bot.store.spending import charge, fetch_cost_before
from tests.store.test_tasks import request

DAY = 86_400.0
SMALL = Allowances(Cost(1_000, 1.0), Cost(2_000, 2.0), Cost(3_000, 3.0), Cost(4_000, 4.0))


def asks(number: int, issue: int = 1, author: int = 7, repository: int = 10) -> TaskRequest:
    ref = RepositoryRef(RepositoryId(repository), "octo/r", "main")
    return replace(request(number), issue=issue, requested_by_id=author, repository=ref)


def spend(database: Database, wanted: TaskRequest, money: float, now: float, tokens: int = 0) -> None:
    with database.write() as connection:
        charge(connection, wanted, Cost(tokens, money), now)


def before(database: Database, wanted: TaskRequest, now: float) -> CostBefore:
    with database.read() as connection:
        return fetch_cost_before(connection, wanted, now)


def test_each_scope_sums_its_own_tasks_and_only_the_issue_remembers_for_ever(database: Database) -> None:
    spend(database, asks(1), 1.0, 0.0, 10)  # yesterday, the same issue
    spend(database, asks(2, issue=2), 2.0, DAY, 20)  # the same author and repository
    spend(database, asks(3, issue=3, author=8), 4.0, DAY, 40)  # another author
    spend(database, asks(4, issue=4, author=8, repository=11), 8.0, DAY, 80)  # elsewhere
    found = before(database, asks(9), DAY + 1)
    assert found.issue == Cost(10, 1.0)
    assert found.author == Cost(20, 2.0)
    assert found.repository == Cost(60, 6.0)
    assert found.everybody == Cost(140, 14.0)


def test_an_amount_written_again_replaces_the_last(database: Database) -> None:
    spend(database, asks(1), 1.0, 5.0)
    spend(database, asks(1), 3.0, 9.0)
    assert before(database, asks(2), 10.0).everybody == Cost(0, 3.0)


def test_nothing_spent_is_nothing(database: Database) -> None:
    assert before(database, asks(1), 0.0) == CostBefore()


@pytest.mark.parametrize(
    ("spent", "refusal"),
    [
        (CostBefore(issue=Cost(0, 1.0)), Refusal.ISSUE_ALLOWANCE),
        (CostBefore(author=Cost(2_000, 0.0)), Refusal.AUTHOR_ALLOWANCE),
        (CostBefore(repository=Cost(0, 3.5)), Refusal.REPOSITORY_ALLOWANCE),
        (CostBefore(everybody=Cost(0, 4.0)), Refusal.DAY_ALLOWANCE),
        (CostBefore(issue=Cost(999, 0.99), everybody=Cost(0, 3.9)), None),
    ],
)
def test_the_narrowest_used_up_scope_names_the_refusal(spent: CostBefore, refusal: Refusal | None) -> None:
    assert decide_allowance(spent, SMALL) is refusal


def test_a_database_of_the_first_release_gets_the_table(database: Database) -> None:
    with database.write() as connection:
        spending.drop(connection)
        connection.execute(schema_version.delete().where(schema_version.c.version > 1))
    migrate(database)
    spend(database, asks(1), 1.0, 1.0)


def test_a_request_beyond_an_allowance_is_refused_with_its_delivery(database: Database) -> None:
    spend(database, asks(1), 1.5, 10.0)
    store_batch(database, [Delivery(DeliveryId("d1"), "issue_comment", b"{}", 11.0)])
    deliveries = Deliveries(database, SMALL)
    assert deliveries.accept(DeliveryId("d1"), asks(2), 12.0) == Handled(
        Verdict.REFUSED, Refusal.ISSUE_ALLOWANCE
    )
    assert deliveries.handled(DeliveryId("d1")) == Handled(Verdict.REFUSED, Refusal.ISSUE_ALLOWANCE)
