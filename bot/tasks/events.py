"""The agent's `EventLog` and `Inbox` over the store: rows of one task, under the epoch of one run.

Rows of other kinds (progress, deferrals) stand in the same table and are not the agent's memory: left out.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Final

from bot.agent.contract import Event, EventKind, Heard, JsonObject, Steering
from bot.domain.ids import TaskId
from bot.store.events import EventRow, Events
from bot.store.tasks import STEERING

FIRST_ATTEMPT: Final = 1


def row_kind(kind: EventKind, attempt: int) -> str:
    """The word in the row: attempts after the first one have their number behind it, so that each has a memory of its
    own in the one log of the task."""
    return kind.value if attempt == FIRST_ATTEMPT else f"{kind.value}.{attempt}"


class TaskEventLog:
    """Implements the agent's `EventLog` for one attempt. Raises Superseded and RetryLater as the store does."""

    def __init__(self, rows: "TaskRows", attempt: int = FIRST_ATTEMPT) -> None:
        self._rows = rows
        self._attempt = attempt

    async def load(self) -> tuple[Event, ...]:
        """The agent's rows of this attempt, in order."""
        kinds = {row_kind(kind, self._attempt): kind for kind in EventKind}
        rows = await self._rows.load(tuple(kinds))
        return tuple(Event(kinds[row.kind], row.body) for row in rows)

    async def append(self, kind: EventKind, body: JsonObject) -> None:
        """Durable when it returns."""
        await self._rows.append(row_kind(kind, self._attempt), body)


class TaskRows:
    """The rows of one task, written under the epoch of one run. Raises Superseded and RetryLater as the store does."""

    def __init__(
        self, events: Events, task: TaskId, epoch: int, executor: Executor, now: Callable[[], float]
    ) -> None:
        self._events, self._task, self._epoch = events, task, epoch
        self._executor, self._now = executor, now

    async def load(self, kinds: tuple[str, ...]) -> tuple[EventRow, ...]:
        """In order."""
        found = await _in_thread(self._executor, self._events.load, self._task, 0, kinds)
        return tuple(found)

    async def append(self, kind: str, body: JsonObject) -> None:
        """Durable when it returns."""
        arguments = (self._task, self._epoch, kind, body, self._now())
        await _in_thread(self._executor, self._events.append, *arguments)


class TaskInbox:
    """Implements the agent's `Inbox`: answers to questions that a task asked (`Deliveries.answer`), and further
    requests while it works (`Deliveries.steer`)."""

    def __init__(self, events: Events, task: TaskId, executor: Executor) -> None:
        self._events, self._task, self._executor = events, task, executor

    async def drain(self, heard: Heard) -> tuple[Steering, ...]:
        """What was not heard yet, in the order of its rows: a request that GitHub had to be asked about twice comes
        behind a later comment."""
        rows = await _in_thread(self._executor, self._events.load, self._task, 0, (STEERING,))
        said = (Steering(row.body["id"], row.body["author"], row.body["text"], row.seq) for row in rows)
        return tuple(one for one in said if not heard.has(one.seq, one.id))


async def _in_thread(executor: Executor, function: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(executor, function, *arguments)
