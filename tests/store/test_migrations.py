"""Databases of every version that there was become today's, on SQLite and on PostgreSQL, and lose nothing.

`schemas/N.*.sql` is what version N made, taken from its own program and never changed again, and a row in each of its
tables: 1 to N one after the other are a database of version N. A new version gets its files when it is released:
`CREATE` and `ALTER` as the program of that day writes them, then rows.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.domain.admission import AdmissionLimits
from bot.domain.ids import RepositoryId, TaskId, TreeSha
from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase, TaskStatus
from bot.store.database import Database
from bot.store.deliveries import Deliveries
from bot.store.effects import Effects, EffectState
from bot.store.events import Events
from bot.store.migrations import MIGRATIONS, migrate
from bot.store.received import Received
from bot.store.schedules import Schedules
from bot.store.schema import metadata
from bot.store.spending import fetch_cost_before
from bot.store.tasks import Tasks
from bot.store.work_trees import WorkTrees
from bot.store.workers import Workers
from tests.databases import new_database
from tests.store.requests import request

SCHEMAS = Path(__file__).with_name("schemas")
VERSIONS = range(1, len(list(SCHEMAS.glob("*.sqlite.sql"))) + 1)
each_version = pytest.mark.parametrize("version", VERSIONS)

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture
def empty(url: str) -> Iterator[Database]:
    with closing(Database(url)) as opened:
        yield opened


def make(database: Database, version: int) -> None:
    """As the program of that version left it."""
    for number in range(1, version + 1):
        text = (SCHEMAS / f"{number}.{database.engine.dialect.name}.sql").read_text()
        with database.write() as connection:
            for statement in text.split(";\n"):
                if statement.strip():
                    connection.exec_driver_sql(statement)


def rows(database: Database) -> Rows:
    """Of every table but the list of versions."""
    with database.read() as connection:
        tables = set(sa.inspect(connection).get_table_names()) - {"schema_version"}
        return {
            name: [
                dict(row)
                for row in connection.execute(sa.text(f'select * from "{name}" order by 1')).mappings()
            ]
            for name in tables
        }


def shape(database: Database) -> dict[str, Any]:
    """Everything that the database says about its tables, but the order of their columns."""
    with database.read() as connection:
        found = sa.inspect(connection)
        return {
            name: {
                "columns": {
                    column["name"]: (str(column["type"]), column["nullable"], _plain(column["default"]))
                    for column in found.get_columns(name)
                },
                "key": found.get_pk_constraint(name)["constrained_columns"],
                "checks": {one["name"]: one["sqltext"] for one in found.get_check_constraints(name)},
                "foreign": [
                    (one["constrained_columns"], one["referred_table"], one["referred_columns"])
                    for one in found.get_foreign_keys(name)
                ],
                "indexes": {
                    one["name"]: (
                        one["column_names"],
                        bool(one["unique"]),
                        {key: str(value) for key, value in one.get("dialect_options", {}).items()},
                    )
                    for one in found.get_indexes(name)
                },
            }
            for name in found.get_table_names()
        }


def _plain(default: str | None) -> str | None:
    """`'0'::text`, `'0'` and `0` are the same."""
    return default and default.partition("::")[0].strip("'")


@each_version
def test_nothing_is_lost(empty: Database, version: int) -> None:
    make(empty, version)
    before = rows(empty)
    assert all(before.values()), "a table without a row proves nothing"
    assert migrate(empty) == len(MIGRATIONS)
    after = rows(empty)
    for table, known in before.items():
        assert len(after[table]) == len(known), table
        for old, new in zip(known, after[table], strict=True):
            assert {column: new.get(column) for column in old} == old, table


@each_version
def test_it_has_the_shape_of_a_new_one(empty: Database, version: int, tmp_path: Path) -> None:
    make(empty, version)
    migrate(empty)
    with new_database(tmp_path / "new.db") as url, closing(Database(url)) as new:
        migrate(new)
        assert shape(empty) == shape(new)
        assert set(shape(new)) == set(metadata.tables)


def test_a_new_one_has_what_the_program_names(empty: Database) -> None:
    """Or a table has no step that makes it."""
    migrate(empty)
    made = shape(empty)
    for table in metadata.sorted_tables:
        assert set(made[table.name]["columns"]) == set(table.columns.keys())
        assert set(made[table.name]["indexes"]) == {index.name for index in table.indexes}


@each_version
def test_every_step_is_recorded_once_and_done_once(empty: Database, version: int) -> None:
    make(empty, version)
    migrate(empty)
    after = rows(empty)
    assert migrate(empty) == len(MIGRATIONS)
    assert rows(empty) == after
    with empty.read() as connection:
        applied = connection.execute(sa.text("select version from schema_version order by version")).scalars()
        assert list(applied) == list(range(1, len(MIGRATIONS) + 1))


@each_version
def test_the_stores_read_it_and_go_on_with_it(empty: Database, version: int) -> None:
    make(empty, version)
    migrate(empty)
    tasks = Tasks(empty)
    assert tasks.find_request(TaskId("t-1")) == request(1)
    over = tasks.find(TaskId("t-2"))
    assert over is not None
    assert (over.status, over.outcome, over.facts) == (TaskStatus.FINISHED, Outcome.PROVEN, {"pull": 12})
    assert [row.body for row in Events(empty).load(TaskId("t-2"))] == [{"text": "é"}]
    effect = Effects(empty).find("t-2:pull")
    assert effect is not None
    assert (effect.state, effect.result) == (EffectState.DONE, {"number": 12})
    assert [(one.id, one.body) for one in Deliveries(empty).waiting(5)] == [("d-3", b"{\x00\xff}")]
    assert Workers(empty).alive(9.5) == ("host-abc",)

    assert [one.task for one in tasks.admit(AdmissionLimits(4, 4, 4), 10.0)] == ["t-1"]
    taken = tasks.take(TaskId("t-1"), "host-new")
    tasks.move(taken, Phase.PREPARE, {"begun": True})
    assert Events(empty).append(TaskId("t-1"), taken.epoch, "reply", {}, 10.0) == 1


@pytest.mark.parametrize("version", [one for one in VERSIONS if one >= 4])
def test_what_later_versions_brought_is_read_too(empty: Database, version: int) -> None:
    make(empty, version)
    migrate(empty)
    with empty.read() as connection:
        before = fetch_cost_before(connection, request(9, issue=2), 9.0)
    assert (before.issue.tokens, before.issue.money_usd) == (5_000_000_000, 0.25)
    assert Received(empty).mark("comments") == 6.5
    assert WorkTrees(empty).load(TaskId("t-2")) == {TreeSha("a" * 40): b"\x00\xff\x01"}


@pytest.mark.parametrize("version", [one for one in VERSIONS if one >= 5])
def test_a_schedule_is_due_with_its_turns(empty: Database, version: int) -> None:
    make(empty, version)
    migrate(empty)
    (due,) = Schedules(empty).due(604_800.0)
    assert (due.name, due.spec.prompt, due.place.bounds.usd_per_week) == ("sums", "Sums", 4.5)
    reported = "https://github.com/octo/r10/issues/4#issuecomment-1" if version >= 6 else ""
    assert [(run.slot, run.pull, run.report) for run in due.runs] == [(5_000_000_001, 13, reported)]
    assert Schedules(empty).find(RepositoryId(5_000_000_000), "sums") == due
