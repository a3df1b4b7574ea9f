"""Effects on the outside world, each under a key of its own: planned, sending, done.

Only `tasks/ledger.py` decides what these states mean. Every change is fenced by the task's epoch.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from bot.domain.ids import TaskId
from bot.domain.tasks import TaskRequest, TaskStatus
from bot.errors import Bug
from bot.store.database import Database
from bot.store.fence import fence
from bot.store.schema import IS_OPEN, effect
from bot.store.schema import task as tasks
from bot.store.tasks import parse_request
from bot.store.work_trees import drop_work


class EffectState(StrEnum):
    PLANNED = "planned"
    SENDING = "sending"
    DONE = "done"


_FIND: Final = sa.select(effect).where(effect.c.key == sa.bindparam("of_key"))
_INSERT: Final = effect.insert()
_CHANGE: Final = effect.update().where(
    effect.c.key == sa.bindparam("of_key"),
    effect.c.task == sa.bindparam("of_task"),
    effect.c.state != EffectState.DONE.value,
)


_HALF_SENT: Final = (
    sa.select(
        effect.c.key,
        effect.c.state,
        effect.c.sent_at,
        tasks.c.id,
        tasks.c.request,
        tasks.c.facts,
        tasks.c.finished_at,
    )
    .join_from(effect, tasks, effect.c.task == tasks.c.id)
    .where(IS_OPEN, tasks.c.status == TaskStatus.FINISHED.value, tasks.c.finished_at >= sa.bindparam("after"))
    .order_by(effect.c.task, effect.c.key)
)


@dataclass(frozen=True)
class Effect:
    key: str
    state: EffectState
    epoch: int
    sent_at: float | None
    result: Any  # plain JSON, None unless done


@dataclass(frozen=True)
class HalfSent:
    """An effect that was not read back, of a task that is over. `facts`: what the task knew. Times: seconds since the
    epoch."""

    key: str
    state: EffectState
    sent_at: float | None
    task: TaskId
    request: TaskRequest
    facts: dict[str, Any]
    ended_at: float


class Effects:
    """Blocking."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def plan(self, task: TaskId, epoch: int, key: str) -> Effect:
        """The effect as it stands; a new one is PLANNED. Raises Superseded."""
        with self._database.write() as connection:
            fence(connection, task, epoch)
            found = connection.execute(_FIND, {"of_key": key}).first()
            if found is None:
                values = {"key": key, "task": task, "state": EffectState.PLANNED.value, "epoch": epoch}
                connection.execute(_INSERT, values)
                return Effect(key, EffectState.PLANNED, epoch, None, None)
            return _effect(found)

    def begin_sending(self, task: TaskId, epoch: int, key: str, now: float) -> None:
        """Recorded before the request goes out. Raises Superseded; Bug when it was never planned or is done."""
        values = {"state": EffectState.SENDING.value, "epoch": epoch, "sent_at": now}
        self._change(task, epoch, key, values)

    def withdraw(self, task: TaskId, epoch: int, key: str) -> None:
        """It was refused for certain: nothing is under way, the next try need not wait. Raises as above."""
        self._change(task, epoch, key, {"state": EffectState.PLANNED.value, "epoch": epoch, "sent_at": None})

    def finish(self, task: TaskId, epoch: int, key: str, result: Any) -> None:
        """It is there; `result` is what is needed of it later, plain JSON. Raises Superseded, Bug as above."""
        values = {"state": EffectState.DONE.value, "epoch": epoch, "result": json.dumps(result)}
        self._change(task, epoch, key, values)

    def find(self, key: str) -> Effect | None:
        with self._database.read() as connection:
            found = connection.execute(_FIND, {"of_key": key}).first()
            return _effect(found) if found is not None else None

    def half_sent(self, after: float = 0.0) -> tuple[HalfSent, ...]:
        """Of tasks that ended after this (seconds since the epoch), effects of which nobody knows whether they are
        there."""
        with self._database.read() as connection:
            return tuple(
                HalfSent(
                    row.key,
                    EffectState(row.state),
                    row.sent_at,
                    TaskId(row.id),
                    parse_request(row.request),
                    json.loads(row.facts),
                    row.finished_at,
                )
                for row in connection.execute(_HALF_SENT, {"after": after})
            )

    def settle(self, half: HalfSent, result: Any) -> bool:
        """The end of one of those: it is there (`result`), or it never was (None) and its row goes. False when it
        changed meanwhile."""
        as_it_was = (
            effect.c.key == half.key,
            effect.c.state == half.state.value,
            effect.c.sent_at.is_not_distinct_from(half.sent_at),
            sa.exists().where(tasks.c.id == half.task, tasks.c.status == TaskStatus.FINISHED.value),
        )
        values = {"state": EffectState.DONE.value, "result": json.dumps(result)}
        change = effect.delete() if result is None else effect.update().values(**values)
        with self._database.write() as connection:
            settled = connection.execute(change.where(*as_it_was)).rowcount == 1
            if settled:
                drop_work(connection, half.task)
            return settled

    def _change(self, task: TaskId, epoch: int, key: str, values: dict[str, Any]) -> None:
        with self._database.write() as connection:
            fence(connection, task, epoch)
            changed = connection.execute(_CHANGE, {"of_key": key, "of_task": task, **values})
            if changed.rowcount != 1:
                raise Bug(f"the effect {key} of {task} is done, or was never planned")


def _effect(row: Any) -> Effect:
    result = json.loads(row.result) if row.state == EffectState.DONE else None
    return Effect(row.key, EffectState(row.state), row.epoch, row.sent_at, result)
