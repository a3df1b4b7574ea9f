"""The inbox: every delivery is a row before it is answered.

Group commit: one writer takes what has gathered, up to INBOX_BATCH_ROWS, and commits it at once; each waiting
request is answered after the commit that holds its row. A commit costs a disk flush, so this is what makes
thousands a second possible (benchmarks/inbox.py).

Races, and how each is closed:
- The same delivery twice, at once or later, at one receiver or two: the id is the primary key and a conflict
  is no error, so the second is told "known" and nothing else in its batch is held up.
- The receiver ends while a batch is being written: it is waited for, and what still waits is written.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from bot.domain import limits
from bot.domain.ids import DeliveryId
from bot.errors import Bug, RetryLater
from bot.store.database import INSERTS, Database
from bot.store.schema import IS_WAITING, delivery

_CHECKPOINT_EVERY_S: Final = 0.5  # at 200 deliveries a second: 3 MB of log
_COUNT_EVERY_S: Final = 1.0  # what waits for the intake: a second's worth is no matter


_INSERT: Final = {
    name: insert(delivery).on_conflict_do_nothing().returning(delivery.c.id)
    for name, insert in INSERTS.items()
}
"""Made once and given its rows apart: to compile a statement for each size of a batch takes longer than to run it."""


@dataclass(frozen=True)
class Delivery:
    """`body` is exactly what was signed."""

    id: DeliveryId
    event: str
    body: bytes
    received_at: float


class Stored(StrEnum):
    NEW = "new"
    KNOWN = "known"


@dataclass
class Inbox:
    """The receiver's side. Use as an async context manager; `store` returns when the row is on disk."""

    database: Database
    most_undecided: int = limits.INBOX_UNDECIDED
    ticks: Callable[[], float] = time.monotonic
    look_at_clock: Callable[[], None] = lambda: None  # once a minute, in a thread; may raise RetryLater
    _undecided: int = field(default=0, init=False)
    _counted_at: float = field(default=float("-inf"), init=False)
    _waiting: list[tuple[Delivery, "asyncio.Future[Stored]"]] = field(default_factory=list, init=False)
    _wake: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _writer: "asyncio.Task[None] | None" = field(default=None, init=False)
    _keepers: "tuple[asyncio.Task[None], ...]" = field(default=(), init=False)
    _is_written: bool = field(default=False, init=False)  # since the log was last taken into the file
    _closing: bool = field(default=False, init=False)

    async def __aenter__(self) -> "Inbox":
        self._closing = False
        self._writer = asyncio.create_task(self._write_batches())
        self._keepers = (
            asyncio.create_task(self._keep_log_short()),
            asyncio.create_task(self._keep_clock()),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Whoever waits gets an answer: what has gathered is written first."""
        self._closing = True
        self._wake.set()
        if self._writer is not None:
            await self._writer
            self._writer = None
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._keepers = ()

    async def store(self, received: Delivery) -> Stored:
        """Durable when it returns. A caller that is cancelled may still have been stored: GitHub's redelivery
        finds it known. Raises RetryLater (the database is busy, too much waits already), Bug."""
        if self._writer is None or self._closing:
            raise Bug("the inbox is not open")
        if len(self._waiting) >= limits.INBOX_WAITING:
            raise RetryLater("too many deliveries wait for the disk", 1.0)
        if not self._has_room():
            raise RetryLater("too many deliveries wait to be decided", 60.0)
        future: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self._waiting.append((received, future))
        self._wake.set()
        return await future

    def _has_room(self) -> bool:
        """Whether the intake keeps up: no more waits than can be decided in hours. What is refused is swept up when
        there is room again. The count is a second old at most; later one delivery goes through and has it counted."""
        return self._undecided < self.most_undecided or self.ticks() - self._counted_at >= _COUNT_EVERY_S

    def check(self) -> None:
        """Could a delivery be stored now? SQLite's write lock is had, PostgreSQL is asked for a change (a server that
        only reads refuses it), and nothing written. Blocking. Raises RetryLater."""
        if self._writer is None or self._closing:
            raise RetryLater("the inbox is not open", 1.0)
        with self.database.write() as connection:
            connection.execute(delivery.delete().where(sa.false()))

    def _store_and_count(self, batch: list[Delivery]) -> set[DeliveryId]:
        known = store_batch(self.database, batch)
        if self.ticks() - self._counted_at >= _COUNT_EVERY_S:
            self._undecided = _count_undecided(self.database, self.most_undecided)
            self._counted_at = self.ticks()
        return known

    async def _write_batches(self) -> None:
        while self._waiting or not self._closing:
            await self._wake.wait()
            batch = self._waiting[: limits.INBOX_BATCH_ROWS]
            del self._waiting[: len(batch)]
            if not self._waiting and not self._closing:
                self._wake.clear()
            if batch:
                await self._write(batch)

    async def _keep_log_short(self) -> None:
        """Beside the commits, so that none of them has to do it while somebody waits."""
        while True:
            await asyncio.sleep(_CHECKPOINT_EVERY_S)
            if self._is_written:
                self._is_written = False
                with contextlib.suppress(RetryLater):
                    await asyncio.to_thread(self.database.checkpoint)

    async def _keep_clock(self) -> None:
        while True:
            await asyncio.sleep(limits.CLOCK_LOOK_S)
            with contextlib.suppress(RetryLater):
                await asyncio.to_thread(self.look_at_clock)

    async def _write(self, batch: list[tuple[Delivery, "asyncio.Future[Stored]"]]) -> None:
        try:
            known = await asyncio.to_thread(self._store_and_count, [one for one, _ in batch])
        except Exception as error:  # noqa: BLE001 - handed to every request that waits
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        self._is_written = True
        for one, future in batch:
            if not future.done():
                future.set_result(Stored.KNOWN if one.id in known else Stored.NEW)
                known.add(one.id)  # the same id twice in one batch


def _count_undecided(database: Database, most: int) -> int:
    """How many deliveries wait for the intake; `most` when there are more."""
    # `received_at` alone is in the index: no row is opened.
    some = sa.select(delivery.c.received_at).where(IS_WAITING).limit(most).subquery()
    with database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())


def store_batch(database: Database, batch: list[Delivery]) -> set[DeliveryId]:
    """Insert what is new in one transaction; returns the ids that were there before."""
    first = {one.id: one for one in reversed(batch)}  # of the same id twice, the one that came first
    rows = [
        {"id": name, "event": one.event, "body": one.body, "received_at": one.received_at, "state": "stored"}
        for name, one in sorted(first.items())  # one order for all receivers: no two wait for each other
    ]
    with database.write() as connection:
        new = set(connection.execute(_INSERT[connection.dialect.name], rows).scalars())
    return {name for name in first if name not in new}
