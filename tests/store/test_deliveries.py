"""The inbox: on disk before it is answered, decided once."""

import asyncio
import multiprocessing
import os
import signal
from pathlib import Path

import sqlalchemy as sa

from bot.domain.ids import DeliveryId
from bot.domain.outcomes import Ignored, Refusal
from bot.store.database import Database
from bot.store.deliveries import Deliveries, Delivery, Handled, Inbox, Stored, Verdict, store_batch
from bot.store.migrations import migrate
from bot.store.schema import delivery, task
from tests.store.requests import request


def received(name: str, at: float = 1.0) -> Delivery:
    return Delivery(DeliveryId(name), "issue_comment", b'{"a": "\xc3\xa9"}', at)


async def test_each_delivery_is_stored_once_however_many_come_at_once(database: Database) -> None:
    async with Inbox(database) as inbox:
        names = [f"d{n % 100}" for n in range(300)]
        answers = await asyncio.gather(*(inbox.store(received(name)) for name in names))
        later = await inbox.store(received("d0"))
    assert answers.count(Stored.NEW) == 100
    assert answers.count(Stored.KNOWN) == 200
    assert later is Stored.KNOWN
    assert len(Deliveries(database).waiting(1000)) == 100


async def test_the_oldest_is_handled_first_and_its_bytes_are_what_was_signed(database: Database) -> None:
    async with Inbox(database) as inbox:
        await inbox.store(received("late", at=2.0))
        await inbox.store(received("early", at=1.0))
    assert [one.id for one in Deliveries(database).waiting(10)] == ["early", "late"]
    assert Deliveries(database).waiting(1)[0] == received("early", at=1.0)


def test_a_delivery_becomes_a_task_once(database: Database) -> None:
    store_batch(database, [received("d1"), received("d2"), received("d3")])
    deliveries = Deliveries(database)
    assert deliveries.accept(DeliveryId("d1"), request(1), 5.0) == Handled(
        Verdict.TASK, task=request(1).task_id
    )
    again = deliveries.accept(DeliveryId("d1"), request(1), 6.0)
    same_comment = deliveries.accept(DeliveryId("d2"), request(1), 7.0)
    same_issue = deliveries.accept(DeliveryId("d3"), request(2), 8.0)
    assert again == same_comment == Handled(Verdict.IGNORED, Ignored.ALREADY_HANDLED)
    assert same_issue == Handled(Verdict.REFUSED, Refusal.ALREADY_ACTIVE)
    assert deliveries.handled(DeliveryId("d1")) == Handled(Verdict.TASK, task=request(1).task_id)
    assert deliveries.waiting(10) == ()
    with database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(task)).scalar() == 1


def test_refused_and_ignored_keep_their_reason(database: Database) -> None:
    store_batch(database, [received("d1"), received("d2")])
    deliveries = Deliveries(database)
    deliveries.refuse(DeliveryId("d1"), Refusal.NO_WRITE_ACCESS, 5.0)
    deliveries.ignore(DeliveryId("d2"), Ignored.NO_MENTION, 5.0, "x" * 9_999)
    assert deliveries.handled(DeliveryId("d1")) == Handled(Verdict.REFUSED, "no_write_access")
    assert deliveries.handled(DeliveryId("d2")) == Handled(Verdict.IGNORED, "no_mention")
    assert deliveries.handled(DeliveryId("nobody")) is None


def _store_until_killed(url: str, pipe: "multiprocessing.connection.Connection") -> None:
    async def go() -> None:
        async with Inbox(Database(url)) as inbox:
            for number in range(100_000):
                await inbox.store(received(f"d{number}"))
                pipe.send(number)

    asyncio.run(go())


def test_what_was_answered_is_there_after_a_kill(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'pullwright.db'}"
    migrate(Database(url))
    ours, theirs = multiprocessing.Pipe(duplex=False)
    writer = multiprocessing.get_context("spawn").Process(target=_store_until_killed, args=(url, theirs))
    writer.start()
    answered = [ours.recv() for _ in range(20)]
    os.kill(writer.pid or 0, signal.SIGKILL)
    writer.join()
    theirs.close()
    while ours.poll():
        try:
            answered.append(ours.recv())
        except EOFError:
            break
    database = Database(url)
    with database.read() as connection:
        stored = set(connection.execute(sa.select(delivery.c.id)).scalars())
    database.close()
    assert {f"d{number}" for number in answered} <= stored


def test_two_processes_migrate_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    context = multiprocessing.get_context("spawn")
    starters = [context.Process(target=_migrate, args=(url,)) for _ in range(3)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    assert [starter.exitcode for starter in starters] == [0, 0, 0]


def _migrate(url: str) -> None:
    assert migrate(Database(url)) == 1
