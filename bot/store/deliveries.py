"""What becomes of a stored delivery: a task or a named verdict, once.

Races, and how each is closed:
- The same comment under another delivery id: the task's id is derived from the comment, so the insert fails
  and the delivery is marked ALREADY_HANDLED.
- A second request while one is active on the issue: the partial unique index, the verdict ALREADY_ACTIVE, or its turn
  is waited for (`InLine`).
- The task at work ends while a request comes behind others that wait: `InLine.behind` is not even tried to be inserted.
- An answer comes while its task still posts the questions: it is a row all the same, and the task's resting
  (`Tasks.wait`) sees it and queues the task again.
- A person stops a task while it runs: the end is a row, and the epoch is raised in the same transaction, so a
  death right behind it leaves a task that nothing works on and that `reconcile` finds with its end written down.
- Words come while a task ends: its end is a row, written while the task's row is held, and looked for here while it is
  held too. What comes behind it waits until the task is over, and begins one of its own.
- Two intakes decide one delivery: the verdict is written only where the row is still `stored`.
- A stop comes while the request before it is being decided. The request commits first: its task ends. The stop does:
  the request's delivery is closed (ENDED_BEFORE), and no task is made of it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from bot.domain.allowance import Allowances, decide_allowance
from bot.domain.commands import CommandWord
from bot.domain.ids import DeliveryId, InstallationId, RepositoryId, TaskId
from bot.domain.outcomes import Ignored, Outcome, Refusal
from bot.domain.tasks import Phase, TaskRequest, TaskStatus
from bot.errors import Occupied, RetryLater
from bot.store.database import Database, storable
from bot.store.events import insert_event
from bot.store.inbox import Delivery
from bot.store.schema import IS_WAITING, delivery, task, task_event
from bot.store.spending import fetch_cost_before
from bot.store.tasks import ENDING, STEERING, held_key, insert_task, parse_request, wake_task


class Verdict(StrEnum):
    TASK = "task"
    REFUSED = "refused"
    IGNORED = "ignored"
    REPLY = "reply"  # a person's words, handed to the task that waits for them or runs
    CONTROL = "control"  # a word about a task: it was stopped, its state was told


@dataclass(frozen=True)
class Handled:
    """What became of a delivery. `reason` is a word of domain/outcomes.py, empty for a task."""

    verdict: Verdict
    reason: str = ""
    task: TaskId | None = None


@dataclass(frozen=True)
class Said:
    """A person's answer to a task's questions."""

    comment_id: int
    author: str
    text: str


@dataclass(frozen=True)
class EndedTask:
    """A task that a person ended. `segment` names the run that has to tell people."""

    task: TaskId
    segment: int


@dataclass(frozen=True)
class Reach:
    """What an end is for. `before`: deliveries of the same issue that are not decided yet and would begin a task;
    `only`: no task but this one."""

    before: Sequence[DeliveryId] = ()
    only: TaskId | None = None


THE_TASK: Final = Reach()


@dataclass(frozen=True)
class InLine:
    """A request's place on its issue. `waits`: beside a task of another kind it waits for its turn, and is not refused;
    `behind`: others wait for theirs since before, so it begins no task even where nothing is at work."""

    waits: bool = False
    behind: bool = False


ALONE: Final = InLine()


class Deliveries:
    """The intake's side. Blocking."""

    def __init__(self, database: Database, allowances: Allowances | None = None) -> None:
        self._database = database
        self._allowances = allowances or Allowances()

    def waiting(self, count: int) -> tuple[Delivery, ...]:
        """Stored and not decided yet, oldest first."""
        return self.load_waiting(self.list_waiting(count))

    def list_waiting(self, count: int) -> tuple[DeliveryId, ...]:
        """As `waiting`, by name."""
        with self._database.read() as connection:
            found = connection.execute(_WAITING, {"most": count}).scalars()
            return tuple(DeliveryId(name) for name in found)

    def load_waiting(self, ids: Sequence[DeliveryId]) -> tuple[Delivery, ...]:
        """Those of them that are not decided yet, oldest first."""
        with self._database.read() as connection:
            return tuple(
                Delivery(DeliveryId(row.id), row.event, row.body, row.received_at)
                for row in connection.execute(_LOAD, {"ids": list(ids)})
            )

    def accept(
        self, delivery_id: DeliveryId, request: TaskRequest, now: float, line: InLine = ALONE
    ) -> Handled:
        """The task's row and the verdict in one transaction; a refusal when an allowance is used up. A held request
        of the same comment becomes this task. Raises Occupied while the task before it on the issue only ends, or
        where `line` says that it waits."""
        if line.behind:
            return self._accept_none(delivery_id, request, now, line)
        try:
            with self._database.write() as connection:
                if not _is_waiting(connection, delivery_id):
                    return Handled(Verdict.IGNORED, Ignored.ALREADY_HANDLED)
                if used_up := decide_allowance(fetch_cost_before(connection, request, now), self._allowances):
                    refused = Handled(Verdict.REFUSED, used_up)
                    _close(connection, delivery_id, refused, "", now)
                    return refused
                connection.execute(task.delete().where(task.c.id == request.task_id, _HELD))
                insert_task(connection, request, now)
                handled = Handled(Verdict.TASK, task=request.task_id)
                _close(connection, delivery_id, handled, "", now)
                return handled
        except IntegrityError:
            return self._accept_none(delivery_id, request, now, line)

    def _accept_none(
        self, delivery_id: DeliveryId, request: TaskRequest, now: float, line: InLine
    ) -> Handled:
        """It is known, or refused, or it waits."""
        with self._database.write() as connection:
            if not _is_waiting(connection, delivery_id):
                return Handled(Verdict.IGNORED, Ignored.ALREADY_HANDLED)
            same = connection.execute(
                sa.select(task.c.id).where(task.c.id == request.task_id, ~_HELD)
            ).first()
            active = (
                None if same else connection.execute(_active(request.active_key).with_for_update()).first()
            )
            if active is None and not same and (line.behind or line.waits):
                raise Occupied("it is not its turn", key=request.active_key)
            if active is not None and line.waits and active.kind != request.kind.value:
                raise Occupied("a task of another kind is at work", key=request.active_key)
            if active is not None and not _takes_words(connection, active):
                raise Occupied("the task before it is not over yet", key=request.active_key)
            if active is None and not same:
                raise RetryLater("the task before it was over in that very moment", _AT_ONCE_S)
            handled = (
                Handled(Verdict.IGNORED, Ignored.ALREADY_HANDLED)
                if same
                else Handled(Verdict.REFUSED, Refusal.ALREADY_ACTIVE)
            )
            _close(connection, delivery_id, handled, "", now)
            return handled

    def find_asking(self, active_key: str) -> TaskId | None:
        """The task on this issue that waits for people's answer."""
        with self._database.read() as connection:
            row = connection.execute(_asking(active_key)).first()
            return TaskId(row.id) if row else None

    def answer(self, delivery_id: DeliveryId, active_key: str, said: Said, now: float) -> Handled | None:
        """Hand the words to the task that waits for them and queue it, with the verdict, in one transaction.
        None: no task waits for them (any more), or it ends, and the delivery is as it was."""
        with self._database.write() as connection:
            if not _is_waiting(connection, delivery_id):
                return Handled(Verdict.IGNORED, Ignored.ALREADY_HANDLED)
            row = connection.execute(_asking(active_key).with_for_update()).first()
            if row is None or row.id == f"t-{said.comment_id}":  # the request itself, delivered once more
                return None
            if not _takes_words(connection, row):
                return None
            handled = _hand_in(connection, row, said, now)
            if handled.verdict is Verdict.REPLY:
                wake_task(connection, TaskId(row.id))
            _close(connection, delivery_id, handled, "", now)
            return handled

    def steer(self, delivery_id: DeliveryId, request: TaskRequest, now: float) -> Handled | None:
        """Hand a further request on an issue to the task of the same kind that is at work there. None: there is none
        that can still hear it (one that ends can't, nor one that only undoes), and the delivery is as it was."""
        with self._database.write() as connection:
            if not _is_waiting(connection, delivery_id):
                return Handled(Verdict.IGNORED, Ignored.ALREADY_HANDLED)
            hears = task.c.phase.in_(_HEARING), task.c.kind == request.kind.value
            row = connection.execute(_active(request.active_key).where(*hears).with_for_update()).first()
            if row is None or row.id == request.task_id or not _takes_words(connection, row):
                return None
            said = Said(request.comment_id, request.requested_by, request.instruction or "Go on.")
            handled = _hand_in(connection, row, said, now)
            if row.phase == Phase.ACCEPT.value:  # it rests until checks are over: a person's word goes before
                wake_task(connection, TaskId(row.id))
            _close(connection, delivery_id, handled, "", now)
            return handled

    def end_task(
        self,
        delivery_id: DeliveryId,
        active_key: str,
        ending: tuple[Outcome, str],
        now: float,
        reach: Reach = THE_TASK,
    ) -> tuple[EndedTask, ...] | None:
        """The unfinished task of an issue is over, in whatever state it is, and so are the requests before that would
        begin one, as far as `reach` says: with the verdict, in one transaction. None: there is nothing of either, and
        the delivery is as it was."""
        with self._database.write() as connection:
            if not _is_waiting(connection, delivery_id):
                return ()
            unbegun = Handled(Verdict.IGNORED, Ignored.ENDED_BEFORE)
            settled = [one for one in reach.before if _close(connection, one, unbegun, ending[0], now)]
            row = connection.execute(_active(active_key).with_for_update()).first()
            if row is not None and reach.only not in (None, row.id):
                row = None
            if row is None and not settled:
                return None
            ended = () if row is None else (_end_row(connection, row, ending, now),)
            verdict = Handled(Verdict.CONTROL, ending[0], ended[0].task if ended else None)
            _close(connection, delivery_id, verdict, "", now)
            return ended

    def end_lost(
        self,
        delivery_id: DeliveryId,
        lost: tuple[InstallationId, tuple[RepositoryId, ...] | None],
        ending: tuple[Outcome, str],
        now: float,
    ) -> tuple[EndedTask, ...]:
        """As `end_task`, for all unfinished tasks of an installation, or of these repositories of it."""
        installation, repositories = lost
        where = [task.c.installation == installation, task.c.status.in_(_UNFINISHED)]
        if repositories is not None:
            where.append(task.c.repository.in_(repositories))
        with self._database.write() as connection:
            query = sa.select(*_ENDED_BY).where(*where).order_by(task.c.id).with_for_update()
            rows = connection.execute(query).all()
            if not rows or not _is_waiting(connection, delivery_id):
                return ()
            ended = tuple(_end_row(connection, row, ending, now) for row in rows)
            _close(connection, delivery_id, Handled(Verdict.CONTROL, ending[0], ended[0].task), "", now)
            return ended

    def list_busy(self, active_keys: Sequence[str]) -> frozenset[str]:
        """Those of them that an unfinished task holds. At most some hundred at once."""
        with self._database.read() as connection:
            return frozenset(connection.execute(_BUSY, {"keys": list(active_keys)}).scalars())

    def is_ending(self, active_key: str) -> bool:
        """Whether the unfinished task of an issue is over, and people are being told: it hears nothing more."""
        told = sa.exists().where(task_event.c.task == task.c.id, task_event.c.kind == ENDING)
        with self._database.read() as connection:
            return connection.execute(_active(active_key).where(told)).first() is not None

    def hold(self, delivery_id: DeliveryId, request: TaskRequest, refusal: Refusal, now: float) -> None:
        """Keep the request of somebody without write access until it is released; of each issue the newest. The
        verdict is the refusal."""
        key = held_key(request.active_key)
        try:
            with self._database.write() as connection:
                if _is_waiting(connection, delivery_id):
                    connection.execute(task.delete().where(task.c.active_key == key))
                    insert_task(connection, request, now, TaskStatus.HELD)
                    _close(connection, delivery_id, Handled(Verdict.REFUSED, refusal), "", now)
        except IntegrityError:  # the same comment was released before
            self.ignore(delivery_id, Ignored.ALREADY_HANDLED, now)

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

    def carry_out(self, delivery_id: DeliveryId, word: str, now: float) -> None:
        """A word about tasks was carried out."""
        self._decide(delivery_id, Handled(Verdict.CONTROL, word), "", now)

    def _decide(self, delivery_id: DeliveryId, handled: Handled, detail: str, now: float) -> None:
        with self._database.write() as connection:
            _close(connection, delivery_id, handled, detail, now)


_STORED: Final = delivery.update().where(delivery.c.id == sa.bindparam("of_id"), delivery.c.state == "stored")
"""A change of one that waits; its columns come with the values."""
_WAITING: Final = (
    sa.select(delivery.c.id)
    .where(IS_WAITING)
    .order_by(delivery.c.received_at, delivery.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_LOAD: Final = (
    sa.select(delivery)
    .where(IS_WAITING, delivery.c.id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(delivery.c.received_at, delivery.c.id)
)
_BUSY: Final = sa.select(task.c.active_key).where(
    task.c.active_key.in_(sa.bindparam("keys", expanding=True)),
    sa.text("status <> 'finished'"),  # as the index has it: it is asked in every pass
)
_HELD: Final = task.c.status == TaskStatus.HELD.value
_HEARING: Final = (Phase.ACCEPT.value, Phase.PREPARE.value, Phase.WORK.value, Phase.VERIFY.value)
"""Phases in which a task can still take in what a person says."""


_AT_ONCE_S: Final = 0.1  # nothing is in the way any more

_UNFINISHED: Final = (TaskStatus.QUEUED.value, TaskStatus.RUNNING.value, TaskStatus.WAITING.value)
_ENDED_BY: Final = (
    task.c.id,
    task.c.epoch,
    task.c.status,
    task.c.segment,
    task.c.phase,
    task.c.request,
    task.c.kind,
)
"""What `_end_row` needs to know of a task, and `steer`, and `accept`."""


def _takes_words(connection: sa.Connection, row: "sa.Row[*tuple[Any, ...]]") -> bool:
    """Whether the task, whose row is held, can still do something with what a person says. A statement of its own: one
    that had to wait for the row sees other tables as they were before."""
    ends = sa.select(task_event.c.seq).where(task_event.c.task == row.id, task_event.c.kind == ENDING)
    if connection.execute(ends.limit(1)).first() is not None:
        return False
    return parse_request(row.request).word is not CommandWord.UNDO


def _hand_in(connection: sa.Connection, row: "sa.Row[*tuple[Any, ...]]", said: Said, now: float) -> Handled:
    """The words as a row of the task, whose row is held. A comment is one row however often it is delivered."""
    handed_in = sa.select(task_event.c.body).where(task_event.c.task == row.id, task_event.c.kind == STEERING)
    if any(json.loads(body)["id"] == said.comment_id for body in connection.execute(handed_in).scalars()):
        return Handled(Verdict.IGNORED, Ignored.ALREADY_HANDLED)
    body = {"id": said.comment_id, "author": said.author, "text": storable(said.text)}
    insert_event(connection, TaskId(row.id), row.epoch, STEERING, body, now)
    return Handled(Verdict.REPLY, task=TaskId(row.id))


def _end_row(
    connection: sa.Connection, row: "sa.Row[*tuple[Any, ...]]", ending: tuple[Outcome, str], now: float
) -> EndedTask:
    """The row says that it is over: its epoch is raised so that what runs of it can write no more, and it is RUNNING
    so that whoever finds it tells people."""
    segment = row.segment + (row.status != TaskStatus.RUNNING.value)
    body = {"outcome": ending[0].value, "detail": storable(ending[1])}
    insert_event(connection, TaskId(row.id), row.epoch + 1, ENDING, body, now)
    values = {"epoch": row.epoch + 1, "segment": segment, "worker": "", "next_at": None, "attempts": 0}
    connection.execute(
        task.update().where(task.c.id == row.id).values(status=TaskStatus.RUNNING.value, **values)
    )
    return EndedTask(TaskId(row.id), segment)


def _active(active_key: str) -> sa.Select[tuple[str, int, str, int, str, str, str]]:
    """The one unfinished task of the issue."""
    return sa.select(*_ENDED_BY).where(
        task.c.active_key == active_key, task.c.status != TaskStatus.FINISHED.value
    )


def _asking(active_key: str) -> sa.Select[tuple[str, int, str]]:
    """The one unfinished task of the issue, if it asked. It need not rest yet: it posts its questions before it
    says so (`Tasks.wait` looks whether the answer was faster)."""
    return sa.select(task.c.id, task.c.epoch, task.c.request).where(
        task.c.active_key == active_key,
        task.c.status != TaskStatus.FINISHED.value,
        task.c.phase == Phase.ASK.value,
    )


def _is_waiting(connection: sa.Connection, delivery_id: DeliveryId) -> bool:
    return connection.execute(_STORED, {"of_id": delivery_id, "state": "stored"}).rowcount == 1


def _close(
    connection: sa.Connection, delivery_id: DeliveryId, handled: Handled, detail: str, now: float
) -> bool:
    """Whether it was not decided yet."""
    verdict = {
        "state": "done",
        "verdict": handled.verdict.value,
        "reason": handled.reason,
        "detail": storable(detail)[:500],
        "task": handled.task,
        "handled_at": now,
    }
    return connection.execute(_STORED, {"of_id": delivery_id, **verdict}).rowcount == 1
