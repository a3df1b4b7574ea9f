"""Brings the database to this version's schema: numbered steps, each applied once, all in one transaction.

Races: two processes start at once. On SQLite `write` is an IMMEDIATE transaction that lets one in, on PostgreSQL
an advisory lock does. The second waits, finds the version row and does nothing. A database that is newer than
this program is refused: an older program would write rows that the newer one does not expect.
"""

from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.errors import RetryLater, SettingsFault, StoreFault
from bot.store.database import Database
from bot.store.schema import (
    EFFECT_OPEN,
    dashboard,
    delivery,
    effect,
    evidence,
    evidence_key,
    evidence_signer,
    mark,
    metadata,
    schedule,
    schedule_run,
    schema_version,
    setup_secret,
    spending,
    task,
    task_event,
    work_tree,
    worker,
    write_turn,
)

_REMEDY: Final = (
    "SQLite: check that PULLWRIGHT_DATA_DIR can be written and has room. PostgreSQL: check that it runs and that "
    "PULLWRIGHT_DATABASE_URL names it."
)
_LOCK: Final = 0x70756C6C  # any number that nobody else uses in this database


def _first(connection: Connection) -> None:
    """The tables of the first release, with what has come to them since. Each change of schema.py needs a step of its
    own here that first looks whether it is there (`_report`): a new database has it from the step that makes the table.
    Steps only add: tests/store/test_migrations.py has the tables as they were, and compares."""
    metadata.create_all(connection, [delivery, task, task_event, effect, worker])


def _spending(connection: Connection) -> None:
    """What tasks have cost, for allowances."""
    metadata.create_all(connection, [spending])


def _mark(connection: Connection) -> None:
    """Until when comments were looked for that no delivery brought."""
    metadata.create_all(connection, [mark])


def _work_tree(connection: Connection) -> None:
    """The work of unfinished tasks, for other machines."""
    metadata.create_all(connection, [work_tree])


def _schedules(connection: Connection) -> None:
    """What is done without being asked for."""
    metadata.create_all(connection, [dashboard, schedule, schedule_run])


def _report(connection: Connection) -> None:
    """Where the report of a schedule's turn is. A database that is made now has it already."""
    known = {column["name"] for column in sa.inspect(connection).get_columns("schedule_run")}
    if "report" not in known:
        connection.execute(sa.text("alter table schedule_run add column report text not null default ''"))


def _open_effects(connection: Connection) -> None:
    """Those that were not read back are looked for all the time. A database that is made now has the index already."""
    EFFECT_OPEN.create(connection, checkfirst=True)


def _evidence(connection: Connection) -> None:
    """Signed evidence, its key and the secrets of set-ups, for every machine."""
    metadata.create_all(connection, [evidence, evidence_key, evidence_signer, setup_secret])


def _write_turns(connection: Connection) -> None:
    """Whose turn it is to write to GitHub, over all workers."""
    metadata.create_all(connection, [write_turn])


MIGRATIONS: Final[tuple[Callable[[Connection], None], ...]] = (
    _first,
    _spending,
    _mark,
    _work_tree,
    _schedules,
    _report,
    _open_effects,
    _evidence,
    _write_turns,
)


def migrate(database: Database) -> int:
    """Apply what is missing; returns the version. Raises SettingsFault when the database is newer, StoreFault when
    it is damaged, can't be written, or does not answer."""
    try:
        return _migrate(database)
    except RetryLater as error:  # at the start nobody waits: whoever supervises us starts us again
        raise StoreFault(f"The database can't be used: {error}", _REMEDY) from error


def _migrate(database: Database) -> int:
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        schema_version.create(connection, checkfirst=True)
        found = connection.execute(sa.select(sa.func.max(schema_version.c.version))).scalar() or 0
        if found > len(MIGRATIONS):
            raise SettingsFault(
                f"The database has schema version {found}, this program knows {len(MIGRATIONS)}.",
                "Start the newer version of Pullwright that made it, or restore a backup.",
            )
        for number, apply in enumerate(MIGRATIONS[found:], start=found + 1):
            apply(connection)
            connection.execute(schema_version.insert().values(version=number))
    return len(MIGRATIONS)
