"""The inbox: every delivery is a row before it is answered, and becomes a task or a named verdict once.

Group commit: one writer takes what has gathered, up to INBOX_BATCH_ROWS, and commits it at once; each waiting
request is answered after the commit that holds its row. A commit costs a disk flush, so this is what makes
thousands a second possible (benchmarks/inbox.py).

Races, and how each is closed:
- The same delivery twice, at once or later: the id is the primary key, the second is told "known".
- The same comment under another delivery id: the task's id is derived from the comment, so the insert fails
  and the delivery is marked ALREADY_HANDLED.
- A second request while one is active on the issue: the partial unique index, the verdict ALREADY_ACTIVE.
- Two intakes decide one delivery: the verdict is written only where the row is still `stored`.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from bot.domain import limits
from bot.domain.ids import DeliveryId, TaskId
from bot.domain.outcomes import Ignored, Refusal
from bot.domain.tasks import TaskRequest
from bot.errors import Bug
from bot.store.database import Database
from bot.store.schema import delivery, task
from bot.store.tasks import insert_task


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


class Verdict(StrEnum):
    TASK = "task"
    REFUSED = "refused"
    IGNORED = "ignored"


@dataclass(frozen=True)
class Handled:
    """What became of a delivery. `reason` is a word of domain/outcomes.py, empty for a task."""

    verdict: Verdict
    reason: str = ""
    task: TaskId | None = None


@dataclass
class Inbox:
    """The receiver's side. Use as an async context manager; `store` returns when the row is on disk."""

    database: Database
    _waiting: list[tuple[Delivery, "asyncio.Future[Stored]"]] = field(default_factory=list, init=False)
    _wake: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _writer: "asyncio.Task[None] | None" = field(default=None, init=False)

    async def __aenter__(self) -> "Inbox":
        self._writer = asyncio.create_task(self._write_batches())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writer
        for _delivery, future in self._waiting:
            future.cancel()

    async def store(self, received: Delivery) -> Stored:
        """Durable when it returns. Raises RetryLater (the database is busy), Bug."""
        if self._writer is None:
            raise Bug("the inbox is not open")
        future: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self._waiting.append((received, future))
        self._wake.set()
        return await future

    async def _write_batches(self) -> None:
        while True:
            await self._wake.wait()
            batch = self._waiting[: limits.INBOX_BATCH_ROWS]
            del self._waiting[: len(batch)]
            if not self._waiting:
                self._wake.clear()
            if batch:
                await self._write(batch)

    async def _write(self, batch: list[tuple[Delivery, "asyncio.Future[Stored]"]]) -> None:
        try:
            known = await asyncio.to_thread(store_batch, self.database, [one for one, _ in batch])
        except Exception as error:  # noqa: BLE001 - handed to every request that waits
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for one, future in batch:
            if not future.done():
                future.set_result(Stored.KNOWN if one.id in known else Stored.NEW)
                known.add(one.id)  # the same id twice in one batch


def store_batch(database: Database, batch: list[Delivery]) -> set[DeliveryId]:
    """Insert what is new in one transaction; returns the ids that were there before."""
    with database.write() as connection:
        # A write first: on SQLite it takes the lock, so that what is read stays true.
        connection.execute(delivery.update().where(sa.false()).values(state="stored"))
        found = connection.execute(
            sa.select(delivery.c.id).where(delivery.c.id.in_([one.id for one in batch]))
        ).scalars()
        known = {DeliveryId(name) for name in found}
        new = {one.id: one for one in batch if one.id not in known}
        if new:
            rows = [
                {
                    "id": one.id,
                    "event": one.event,
                    "body": one.body,
                    "received_at": one.received_at,
                    "state": "stored",
                }
                for one in new.values()
            ]
            connection.execute(delivery.insert(), rows)
    return known


class Deliveries:
    """The intake's side. Blocking."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self, count: int) -> tuple[Delivery, ...]:
        """Stored and not decided yet, oldest first."""
        with self._database.read() as connection:
            query = (
                sa.select(delivery)
                .where(delivery.c.state == "stored")
                .order_by(delivery.c.received_at, delivery.c.id)
                .limit(count)
            )
            return tuple(
                Delivery(DeliveryId(row.id), row.event, row.body, row.received_at)
                for row in connection.execute(query)
            )

    def accept(self, delivery_id: DeliveryId, request: TaskRequest, now: float) -> Handled:
        """The task's row and the verdict in one transaction."""
        try:
            with self._database.write() as connection:
                if not _is_waiting(connection, delivery_id):
                    return Handled(Verdict.IGNORED, Ignored.ALREADY_HANDLED)
                insert_task(connection, request, now)
                handled = Handled(Verdict.TASK, task=request.task_id)
                _close(connection, delivery_id, handled, "", now)
                return handled
        except IntegrityError:
            return self._refuse_second(delivery_id, request, now)

    def _refuse_second(self, delivery_id: DeliveryId, request: TaskRequest, now: float) -> Handled:
        with self._database.write() as connection:
            same = connection.execute(sa.select(task.c.id).where(task.c.id == request.task_id)).first()
            handled = (
                Handled(Verdict.IGNORED, Ignored.ALREADY_HANDLED)
                if same
                else Handled(Verdict.REFUSED, Refusal.ALREADY_ACTIVE)
            )
            _close(connection, delivery_id, handled, "", now)
            return handled

    def refuse(self, delivery_id: DeliveryId, refusal: Refusal, now: float, detail: str = "") -> None:
        self._decide(delivery_id, Handled(Verdict.REFUSED, refusal), detail, now)

    def ignore(self, delivery_id: DeliveryId, reason: Ignored, now: float, detail: str = "") -> None:
        self._decide(delivery_id, Handled(Verdict.IGNORED, reason), detail, now)

    def handled(self, delivery_id: DeliveryId) -> Handled | None:
        """What became of it; None while it waits or is unknown."""
        with self._database.read() as connection:
            row = connection.execute(
                sa.select(delivery).where(delivery.c.id == delivery_id, delivery.c.state == "done")
            ).first()
            if row is None:
                return None
            return Handled(Verdict(row.verdict), row.reason, TaskId(row.task) if row.task else None)

    def _decide(self, delivery_id: DeliveryId, handled: Handled, detail: str, now: float) -> None:
        with self._database.write() as connection:
            _close(connection, delivery_id, handled, detail, now)


def _is_waiting(connection: sa.Connection, delivery_id: DeliveryId) -> bool:
    held = connection.execute(
        delivery.update()
        .where(delivery.c.id == delivery_id, delivery.c.state == "stored")
        .values(state="stored")
    )
    return held.rowcount == 1


def _close(
    connection: sa.Connection, delivery_id: DeliveryId, handled: Handled, detail: str, now: float
) -> None:
    connection.execute(
        delivery.update()
        .where(delivery.c.id == delivery_id, delivery.c.state == "stored")
        .values(
            state="done",
            verdict=handled.verdict.value,
            reason=handled.reason,
            detail=detail[:500],
            task=handled.task,
            handled_at=now,
        )
    )
