"""Databases as they should not be: a clear error that names the remedy, and what can wait waits."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.domain.admission import AdmissionLimits
from bot.domain.ids import DeliveryId, InstallationId, TaskId
from bot.errors import RetryLater, SettingsFault, StoreFault
from bot.store import migrations
from bot.store.database import Database
from bot.store.deliveries import Deliveries
from bot.store.evidence import EvidenceKeys, EvidenceRecords, SignedRecord
from bot.store.inbox import Delivery, Inbox, store_batch
from bot.store.migrations import MIGRATIONS, migrate
from bot.store.schema import delivery, schedule_run, schema_version, task
from bot.store.tasks import Tasks, insert_task, parse_request
from bot.store.write_turns import WriteTurns
from tests.store.requests import request


def at(path: Path) -> Database:
    return Database(f"sqlite:///{path}")


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.db"
    with closing(at(path)) as database:
        migrate(database)
    return path


def no_database(path: Path) -> None:
    path.write_bytes(b"x" * 5_000)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def broken_page(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[4_096:8_192] = b"\xff" * 4_096
    path.write_bytes(whole)


@pytest.mark.parametrize("damage", [no_database, cut, broken_page])
def test_a_damaged_file_is_named_and_how_to_save_what_can_be_saved(
    good: Path, damage: Callable[[Path], None]
) -> None:
    damage(good)
    with closing(at(good)) as database, pytest.raises(StoreFault, match=r"damaged.*\.recover"):
        migrate(database)


def test_a_folder_that_can_not_be_made_is_named(good: Path) -> None:
    with pytest.raises(StoreFault, match="PULLWRIGHT_DATA_DIR"):
        at(good / "below-a-file" / "pullwright.db")


@pytest.mark.parametrize("url", ["nonsense://host/name", "no url at all"])
def test_a_url_that_is_none_is_a_fault_of_the_settings(url: str) -> None:
    with pytest.raises(SettingsFault, match="PULLWRIGHT_DATABASE_URL"):
        Database(url)


def test_a_server_that_is_away_at_the_start_is_named() -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    with closing(away), pytest.raises(StoreFault, match="PULLWRIGHT_DATABASE_URL"):
        migrate(away)


def test_a_full_disk_loses_nothing_and_passes(good: Path) -> None:
    """SQLite's own bound stands for the disk's: the same error from the same place."""
    with closing(at(good)) as database:
        big = Delivery(DeliveryId("d-1"), "issue_comment", b"x" * 200_000, 1.0)
        with database.write() as connection:
            connection.exec_driver_sql("pragma max_page_count = 40")
        with pytest.raises(RetryLater, match="full"):
            store_batch(database, [big])
        with database.write() as connection:
            connection.exec_driver_sql("pragma max_page_count = 1000000")
        store_batch(database, [big])
        assert [one.id for one in Deliveries(database).waiting(5)] == ["d-1"]


_READ_ONLY = r"readonly|read-only"  # SQLite's word, PostgreSQL's word


def test_a_disk_that_turns_read_only_loses_nothing_and_passes(database: Database) -> None:
    """As a kernel does with a disk that fails, and a server whose place another takes. The library's own switch stands
    for it: the same error, the same place."""
    one = Delivery(DeliveryId("d-1"), "issue_comment", b"{}", 1.0)
    _set_read_only(database, True)
    with pytest.raises(RetryLater, match=_READ_ONLY):
        store_batch(database, [one])
    assert Deliveries(database).waiting(5) == ()
    _set_read_only(database, False)
    store_batch(database, [one])
    assert [row.id for row in Deliveries(database).waiting(5)] == ["d-1"]


async def test_an_inbox_on_a_read_only_disk_is_not_ready(database: Database) -> None:
    async with Inbox(database) as inbox:
        inbox.check()
        _set_read_only(database, True)
        with pytest.raises(RetryLater, match=_READ_ONLY):
            inbox.check()
        _set_read_only(database, False)
        inbox.check()


def _set_read_only(database: Database, is_on: bool) -> None:
    """The one connection that a single thread uses."""
    is_file = database.engine.dialect.name == "sqlite"
    switch = "pragma query_only" if is_file else "set default_transaction_read_only"
    with database.read() as connection:
        connection.exec_driver_sql(f"{switch} = {int(is_on)}")
        connection.commit()


def test_a_database_without_tables_passes(url: str) -> None:
    """A worker that starts makes them."""
    with closing(Database(url)) as empty:
        with pytest.raises(RetryLater, match="delivery"):
            store_batch(empty, [Delivery(DeliveryId("d-1"), "issue_comment", b"{}", 1.0)])
        migrate(empty)
        store_batch(empty, [Delivery(DeliveryId("d-1"), "issue_comment", b"{}", 1.0)])


def test_a_transaction_that_stands_still_on_a_server_keeps_nobody_out(url: str) -> None:
    """A machine that is frozen, or gone without a word, in the middle of it."""
    if url.startswith("sqlite"):
        pytest.skip("machines that share one file freeze together")
    one = Delivery(DeliveryId("d-1"), "issue_comment", b"{}", 1.0)
    with closing(Database(url, still_s=0.3)) as frozen, closing(Database(url)) as other:
        migrate(other)
        store_batch(other, [one])

        def stand_still() -> None:
            with frozen.write() as connection:
                connection.execute(delivery.update().values(detail="of the frozen one"))
                with other.write() as rival:
                    rival.execute(delivery.update().values(detail="of the other"))
                connection.execute(delivery.update().values(detail="awake again"))

        with pytest.raises(RetryLater):
            stand_still()
        with other.read() as connection:
            assert connection.execute(sa.select(delivery.c.detail)).scalars().all() == ["of the other"]
        store_batch(frozen, [Delivery(DeliveryId("d-2"), "issue_comment", b"{}", 1.0)])  # it goes on
        assert len(Deliveries(other).waiting(5)) == 2


# -- from one version to the next -------------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_rows_of_every_older_version_survive(
    database_of_version: Callable[[int], Database], version: int
) -> None:
    database = database_of_version(version)
    with database.write() as connection:
        insert_task(connection, request(1), 7.0)
    assert migrate(database) == len(MIGRATIONS)
    found = Tasks(database).find(TaskId("t-1"))
    assert found is not None
    assert found.created_at == 7.0
    with database.read() as connection:
        applied = connection.execute(sa.select(schema_version.c.version).order_by(schema_version.c.version))
        assert list(applied.scalars()) == list(range(1, len(MIGRATIONS) + 1))


@pytest.fixture
def database_of_version(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Database]]:
    """Of today's tables, as far as that version; as the versions were: `test_migrations.py`."""
    with closing(Database(url)) as database:

        def make(version: int) -> Database:
            with monkeypatch.context() as older:
                older.setattr(migrations, "MIGRATIONS", MIGRATIONS[:version])
                assert migrate(database) == version
            return database

        yield make


def test_turns_of_before_there_were_reports_have_none(
    database_of_version: Callable[[int], Database],
) -> None:
    database = database_of_version(5)
    with database.write() as connection:
        connection.exec_driver_sql("alter table schedule_run drop column report")
        key = "(repository, name, slot, begun_at)"
        connection.exec_driver_sql(f"insert into schedule_run {key} values (1, 'sums', 2, 3.0)")
    migrate(database)
    with database.read() as connection:
        assert connection.execute(sa.select(schedule_run.c.report)).scalars().all() == [""]


def test_tasks_of_before_evidence_stood_in_the_database_can_leave_some(
    database_of_version: Callable[[int], Database],
) -> None:
    database = database_of_version(MIGRATIONS.index(migrations._evidence))
    with database.write() as connection:
        insert_task(connection, request(1), 7.0)
        assert "evidence" not in sa.inspect(connection).get_table_names()
    Tasks(database).admit(AdmissionLimits(1, 1, 1), 8.0)
    taken = Tasks(database).take(TaskId("t-1"), "w")  # and it is still under way
    migrate(database)
    records, signed = EvidenceRecords(database), SignedRecord(b"{}", b"signed")
    assert records.find(taken.id) is None
    records.keep(taken.id, taken.epoch, signed, 9.0)
    assert records.find(taken.id) == signed
    assert EvidenceKeys(database).list_public() == ()


def test_a_database_of_before_workers_wrote_in_turn_gets_its_table(
    database_of_version: Callable[[int], Database],
) -> None:
    database = database_of_version(6)
    with database.read() as connection:
        assert not sa.inspect(connection).has_table("write_turn")
    migrate(database)
    turns = [WriteTurns(database, holder, 1.0, lambda: 5.0) for holder in ("w1", "w2")]
    assert [one.claim(InstallationId(2**40)) for one in turns] == [0.0, 1.0]


def test_an_older_program_goes_on_beside_a_newer_one_until_it_starts_again(
    database_of_version: Callable[[int], Database],
) -> None:
    """Migrations only add: what runs keeps working while a roll is under way; a start is refused."""
    older = database_of_version(len(MIGRATIONS) - 1)
    with closing(Database(older.url)) as newer:
        migrate(newer)
        with newer.write() as connection:
            connection.execute(schema_version.insert().values(version=len(MIGRATIONS) + 1))
    store_batch(older, [Delivery(DeliveryId("d-1"), "issue_comment", b"{}", 1.0)])
    with pytest.raises(SettingsFault, match="Start the newer version"):
        migrate(older)


def test_a_request_with_fields_of_a_future_version_can_be_read(database: Database) -> None:
    with database.write() as connection:
        insert_task(connection, request(1), 0.0)
        text = connection.execute(sa.select(task.c.request)).scalar_one()
    assert parse_request(json.dumps({**json.loads(text), "from_the_future": 1})) == request(1)
