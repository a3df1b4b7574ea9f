"""Signed evidence and its keys: kept once, for every machine, and for good."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from bot.domain import limits
from bot.domain.admission import AdmissionLimits
from bot.domain.ids import TaskId
from bot.domain.outcomes import Outcome
from bot.errors import Superseded
from bot.store.database import Database
from bot.store.events import Events
from bot.store.evidence import EvidenceKeys, EvidenceRecords, SealedSigner, SignedRecord
from bot.store.retention import clear_old
from bot.store.tasks import Taken, Tasks, insert_task
from tests.store.requests import request

FIRST, SECOND = SignedRecord(b'{"a":"\xc3\xa9"}', b"signed\n"), SignedRecord(b"{}", b"signed again\n")


def take(database: Database) -> Taken:
    with database.write() as connection:
        insert_task(connection, request(1), 0.0)
    Tasks(database).admit(AdmissionLimits(1, 1, 1), 0.0)
    return Tasks(database).take(TaskId("t-1"), "w")


def test_the_newest_record_of_a_task_is_kept_byte_for_byte(database: Database) -> None:
    taken, records = take(database), EvidenceRecords(database)
    assert records.find(taken.id) is None
    for signed in (FIRST, SECOND, FIRST):
        records.keep(taken.id, taken.epoch, signed, 1.0)
        assert records.find(taken.id) == signed
    assert records.find(TaskId("t-2")) is None


def test_a_run_that_was_superseded_keeps_nothing(database: Database) -> None:
    taken, records = take(database), EvidenceRecords(database)
    records.keep(taken.id, taken.epoch, FIRST, 1.0)
    Tasks(database).take(taken.id, "another")
    with pytest.raises(Superseded):
        records.keep(taken.id, taken.epoch, SECOND, 2.0)
    assert records.find(taken.id) == FIRST


def test_evidence_stays_when_its_tasks_rows_go(database: Database) -> None:
    taken, records = take(database), EvidenceRecords(database)
    Events(database).append(taken.id, taken.epoch, "reply", {}, 0.0)
    records.keep(taken.id, taken.epoch, FIRST, 1.0)
    Tasks(database).finish(taken, Outcome.PROVEN, "", 2.0)
    assert clear_old(database, limits.KEEP_EVENTS_S * 10).tasks == 1
    assert records.find(taken.id) == FIRST


def signer(key: str, sealed_by: str = "app") -> SealedSigner:
    return SealedSigner(sealed_by, key, f"public {key}\n".encode(), f"sealed {key}".encode())


def test_whoever_comes_first_has_made_the_key(database: Database) -> None:
    keys = EvidenceKeys(database)
    assert keys.find_signer("app") is None
    assert keys.claim_signer(signer("one"), 1.0) == b"sealed one"
    assert keys.claim_signer(signer("two"), 2.0) == b"sealed one"
    assert keys.find_signer("app") == b"sealed one"
    assert keys.list_public() == (b"public one\n",), "the other has signed nothing"


def test_many_that_make_a_key_at_once_have_the_same(url: str, database: Database) -> None:
    together = threading.Barrier(8)

    def claim(number: int) -> bytes:
        with closing(Database(url)) as own:
            keys = EvidenceKeys(own)
            assert keys.find_signer("app") is None
            together.wait(60)
            return keys.claim_signer(signer(str(number)), float(number))

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(claim, range(8)))
    assert len(set(found)) == 1
    assert [b"sealed " + one.split()[1] for one in EvidenceKeys(database).list_public()] == [found[0]]


def test_all_that_ever_signed_are_listed_and_the_one_that_signs_now_is_first(database: Database) -> None:
    keys = EvidenceKeys(database)
    for _ in range(2):
        keys.publish("a host's own", b"public of a host\n")
    keys.claim_signer(signer("z"), 1.0)
    assert keys.list_public() == (b"public z\n", b"public of a host\n")
    keys.claim_signer(signer("new", "another key of the App"), 2.0)
    assert keys.list_public() == (b"public new\n", b"public z\n", b"public of a host\n")
    keys.claim_signer(signer("a host's own", "a third key of the App"), 3.0)
    assert keys.list_public() == (b"public of a host\n", b"public new\n", b"public z\n")
