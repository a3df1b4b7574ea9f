"""The inbox: on disk before it is answered, decided once."""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.domain import limits
from bot.domain.admission import AdmissionLimits
from bot.domain.commands import CommandWord
from bot.domain.ids import DeliveryId
from bot.domain.outcomes import Ignored, Outcome, Refusal
from bot.domain.tasks import Phase, TaskKind
from bot.errors import Bug, Occupied, RetryLater
from bot.store.database import Database
from bot.store.deliveries import Deliveries, Handled, InLine, Said, Verdict
from bot.store.events import Events, insert_event
from bot.store.inbox import Delivery, Inbox, Stored, store_batch
from bot.store.migrations import MIGRATIONS, migrate
from bot.store.schema import delivery, task
from bot.store.tasks import ENDING, STEERING, Taken, Tasks, fence
from tests.store.requests import request

SPAWN = multiprocessing.get_context("spawn")


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


def test_who_is_behind_others_begins_no_task_even_where_nothing_is_at_work(database: Database) -> None:
    store_batch(database, [received("d1"), received("d2")])
    deliveries = Deliveries(database)
    with pytest.raises(Occupied) as raised:
        deliveries.accept(DeliveryId("d1"), request(1), 5.0, InLine(behind=True))
    key = request(1).active_key
    assert raised.value.key == key
    assert deliveries.list_busy([key]) == frozenset()
    assert deliveries.accept(DeliveryId("d1"), request(1), 5.0).verdict is Verdict.TASK
    assert deliveries.list_busy([key, "10#99"]) == {key}
    known = deliveries.accept(DeliveryId("d2"), request(1), 5.0, InLine(behind=True))
    assert known == Handled(Verdict.IGNORED, Ignored.ALREADY_HANDLED)


def test_only_another_kind_waits_for_its_turn(database: Database) -> None:
    store_batch(database, [received("d1"), received("d2"), received("d3")])
    deliveries = Deliveries(database)
    deliveries.accept(DeliveryId("d1"), request(1), 5.0)
    with pytest.raises(Occupied):
        deliveries.accept(
            DeliveryId("d2"), replace(request(2), kind=TaskKind.ANSWER), 5.0, InLine(waits=True)
        )
    assert deliveries.handled(DeliveryId("d2")) is None
    refused = deliveries.accept(DeliveryId("d3"), request(3), 5.0, InLine(waits=True))
    assert refused == Handled(Verdict.REFUSED, Refusal.ALREADY_ACTIVE)


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


def test_what_was_answered_is_there_after_a_kill(database: Database) -> None:
    ours, theirs = multiprocessing.Pipe(duplex=False)
    writer = SPAWN.Process(target=_store_until_killed, args=(database.url, theirs))
    writer.start()
    theirs.close()
    answered = [ours.recv() for _ in range(20)]
    os.kill(writer.pid or 0, signal.SIGKILL)
    writer.join()
    with contextlib.suppress(EOFError):
        while True:
            answered.append(ours.recv())
    with database.read() as connection:
        stored = set(connection.execute(sa.select(delivery.c.id)).scalars())
    assert {f"d{number}" for number in answered} <= stored


async def test_two_receivers_that_get_the_same_deliveries_store_each_once(database: Database) -> None:
    other = Database(database.url)
    names = [f"d{n}" for n in range(100)]
    async with Inbox(database) as one, Inbox(other) as two:
        forwards = [one.store(received(name)) for name in names]
        backwards = [two.store(received(name)) for name in reversed(names)]
        answers = await asyncio.gather(*forwards, *backwards)
    other.close()
    assert answers.count(Stored.NEW) == answers.count(Stored.KNOWN) == 100
    assert len(Deliveries(database).waiting(1000)) == 100


async def test_whoever_waits_when_the_inbox_closes_is_answered(database: Database) -> None:
    async with Inbox(database) as inbox:
        waiting = [asyncio.ensure_future(inbox.store(received(f"d{n}"))) for n in range(200)]
        await asyncio.sleep(0)
    assert {await one for one in waiting} == {Stored.NEW}
    assert len(Deliveries(database).waiting(1000)) == 200
    with pytest.raises(Bug):
        await inbox.store(received("late"))


async def test_more_than_the_disk_can_take_is_refused_at_once(database: Database) -> None:
    async with Inbox(database) as inbox:
        count = limits.INBOX_WAITING + 5
        answers = await asyncio.gather(
            *(inbox.store(received(f"d{n}")) for n in range(count)), return_exceptions=True
        )
    refused = [one for one in answers if isinstance(one, RetryLater)]
    assert len(refused) == 5
    assert len(Deliveries(database).waiting(count)) == limits.INBOX_WAITING


async def test_one_caller_that_goes_away_does_not_hold_up_the_others(database: Database) -> None:
    async with Inbox(database) as inbox:
        gone = asyncio.ensure_future(inbox.store(received("gone")))
        stays = asyncio.ensure_future(inbox.store(received("stays")))
        await asyncio.sleep(0)
        gone.cancel()
        assert await stays is Stored.NEW


def test_two_intakes_make_one_task_of_one_delivery(database: Database) -> None:
    store_batch(database, [received(f"d{n}") for n in range(20)])
    deliveries = Deliveries(database)
    with ThreadPoolExecutor(4) as pool:
        handled = list(
            pool.map(
                lambda n: deliveries.accept(DeliveryId(f"d{n % 20}"), request(n % 20 + 1, issue=n % 20), 5.0),
                range(80),
            )
        )
    assert [one.verdict for one in handled].count(Verdict.TASK) == 20
    assert {one.reason for one in handled} == {"", Ignored.ALREADY_HANDLED}
    assert {deliveries.handled(DeliveryId(f"d{n}")).verdict for n in range(20)} == {Verdict.TASK}  # type: ignore[union-attr]


@pytest.mark.parametrize("detail", ["half a character: \ud800", "nothing: \0", "\U0001f600" * 400])
def test_no_text_of_a_payload_keeps_a_delivery_from_being_decided(database: Database, detail: str) -> None:
    store_batch(database, [received("d1")])
    Deliveries(database).ignore(DeliveryId("d1"), Ignored.MALFORMED, 5.0, detail)
    assert Deliveries(database).waiting(10) == ()


def test_an_error_of_the_database_does_not_quote_the_payload(database: Database) -> None:
    with pytest.raises(Bug) as caught, database.write() as connection:
        connection.execute(sa.text("select :body, :odd"), {"body": "WORDS", "odd": object()})
    assert "WORDS" not in str(caught.value)


def test_many_processes_that_start_at_once_migrate_once(url: str) -> None:
    barrier = SPAWN.Barrier(4)  # at once: nobody is held up by imports
    starters = [SPAWN.Process(target=_migrate, args=(url, barrier)) for _ in range(4)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    assert [starter.exitcode for starter in starters] == [0] * 4
    with contextlib.closing(Database(url)) as database:
        assert migrate(database) == len(MIGRATIONS)


def _migrate(url: str, barrier: Any) -> None:
    with contextlib.closing(Database(url)) as database:
        barrier.wait()
        assert migrate(database) == len(MIGRATIONS)


async def test_more_than_the_intake_can_decide_is_refused_until_there_is_room_again(
    database: Database,
) -> None:
    time = 0.0
    async with Inbox(database, most_undecided=3, ticks=lambda: time) as inbox:
        for n in range(3):
            time += 2.0
            await inbox.store(received(f"d{n}"))
        with pytest.raises(RetryLater, match="wait to be decided"):
            await inbox.store(received("d3"))
        for one in Deliveries(database).waiting(2):
            Deliveries(database).ignore(one.id, Ignored.NO_MENTION, 1.0)
        time += 2.0
        assert await inbox.store(received("d3")) is Stored.NEW
        assert await inbox.store(received("d4")) is Stored.NEW


async def test_sqlites_log_is_taken_into_the_file_beside_the_commits(database: Database) -> None:
    """Else the commit that finds it long has to do it, and somebody waits for that one."""
    if not database.url.startswith("sqlite"):
        pytest.skip("PostgreSQL has a process for that")
    file = Path(database.url.removeprefix("sqlite:///"))
    async with Inbox(database) as inbox:
        before = file.stat().st_size
        for number in range(10):
            name = DeliveryId(f"d{number}")
            await inbox.store(Delivery(name, "issue_comment", b"x" * 26_000, 1.0))
        async with asyncio.timeout(20):
            while file.stat().st_size < before + 10 * 26_000:
                await asyncio.sleep(0.02)


# -- words to a task ----------------------------------------------------------------------------------------

T1 = request(1).task_id
STOPPED = {"outcome": "stopped", "detail": "Stopped by ada."}


def working(database: Database, phase: Phase, word: CommandWord = CommandWord.FIX) -> Taken:
    """A task of the first comment, in the middle of this phase. Deliveries d2 to d9 wait."""
    store_batch(database, [received(f"d{n}", at=float(n)) for n in range(1, 10)])
    Deliveries(database).accept(DeliveryId("d1"), replace(request(1), word=word), 1.0)
    Tasks(database).admit(AdmissionLimits(9, 9, 9), 2.0)
    taken = Tasks(database).take(T1, "w")
    Tasks(database).move(taken, phase, {})
    return taken


def words_of(database: Database) -> list[int]:
    return [row.body["id"] for row in Events(database).load(T1, 0, (STEERING,))]


def test_a_comment_is_handed_to_the_task_once_however_often_it_comes(database: Database) -> None:
    working(database, Phase.WORK)
    deliveries = Deliveries(database)
    assert deliveries.steer(DeliveryId("d2"), request(2), 5.0) == Handled(Verdict.REPLY, task=T1)
    again = deliveries.steer(DeliveryId("d3"), request(2), 6.0)
    assert again == Handled(Verdict.IGNORED, Ignored.ALREADY_HANDLED)
    assert words_of(database) == [2]


def fail(database: Database, taken: Taken) -> None:
    Events(database).append(T1, taken.epoch, ENDING, STOPPED, 4.0)


def stop(database: Database, _taken: Taken) -> None:
    ending = (Outcome.STOPPED, "Stopped by ada.")
    assert Deliveries(database).end_task(DeliveryId("d9"), request(1).active_key, ending, 4.0) is not None


@pytest.mark.parametrize("end", [fail, stop])
@pytest.mark.parametrize("phase", [Phase.WORK, Phase.ASK])
def test_what_is_asked_for_while_a_task_ends_begins_one_of_its_own(
    database: Database, phase: Phase, end: Callable[[Database, Taken], None]
) -> None:
    end(database, working(database, phase))
    deliveries, key = Deliveries(database), request(1).active_key
    assert deliveries.steer(DeliveryId("d2"), request(2), 5.0) is None
    assert deliveries.answer(DeliveryId("d2"), key, Said(2, "ada", "Zero."), 5.0) is None
    with pytest.raises(RetryLater):
        deliveries.accept(DeliveryId("d2"), request(2), 5.0)
    assert words_of(database) == []
    tasks = Tasks(database)
    tasks.finish(tasks.take(T1, "w"), Outcome.STOPPED, "", 6.0)
    assert deliveries.accept(DeliveryId("d2"), request(2), 7.0) == Handled(
        Verdict.TASK, task=request(2).task_id
    )


def test_an_undoing_hears_nothing_and_what_is_said_waits_for_its_end(database: Database) -> None:
    working(database, Phase.ACCEPT, CommandWord.UNDO)
    assert Deliveries(database).steer(DeliveryId("d2"), request(2), 5.0) is None
    with pytest.raises(RetryLater):
        Deliveries(database).accept(DeliveryId("d2"), request(2), 5.0)
    assert words_of(database) == []


def test_words_that_race_with_an_end_come_before_it_or_not_at_all(database: Database) -> None:
    """Whoever waited for the task's row sees the end that was written by whoever held it."""
    taken = working(database, Phase.WORK)
    held, waits = threading.Event(), threading.Event()

    def end_slowly() -> None:
        with database.write() as connection:
            fence(connection, T1, taken.epoch)
            insert_event(connection, T1, taken.epoch, ENDING, STOPPED, 4.0)
            held.set()
            waits.wait(0.5)  # long enough for the other to come to the row; sooner only makes the race easier

    with ThreadPoolExecutor(1) as pool:
        ending = pool.submit(end_slowly)
        assert held.wait(20)
        assert Deliveries(database).steer(DeliveryId("d2"), request(2), 5.0) is None
        ending.result()
    assert words_of(database) == []


class SecondWrite(Database):
    """Something else happens right before the second write."""

    happens: Callable[[], None]
    writes = 0

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        self.writes += 1
        if self.writes == 2:
            self.happens()
        with super().write() as connection:
            yield connection


def test_a_request_behind_a_task_that_is_over_in_that_very_moment_is_not_refused(database: Database) -> None:
    taken = working(database, Phase.REPORT)
    with contextlib.closing(SecondWrite(database.url)) as racing:
        racing.happens = lambda: Tasks(database).finish(taken, Outcome.PROVEN, "", 5.0)
        with pytest.raises(RetryLater):
            Deliveries(racing).accept(DeliveryId("d2"), request(2, issue=1), 5.0)
        assert Deliveries(racing).accept(DeliveryId("d2"), request(2, issue=1), 5.2).verdict is Verdict.TASK
