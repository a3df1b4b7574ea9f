"""The agent's `EventLog` in a file: JSON Lines, one row a line, on disk before `append` returns.

    {"at": 1790000000.0, "kind": "reply", "body": {...}}

For `pullwright run`, whose log is the whole memory of the run. A last line that was cut off by a death counts as never
written. One writer at a time; nothing else may write the file.
"""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bot.agent.contract import Event, EventKind, JsonObject


@dataclass(frozen=True)
class FileEventLog:
    """`now` gives the seconds since the epoch that stand in each row."""

    path: Path
    now: Callable[[], float]

    async def load(self) -> tuple[Event, ...]:
        """All whole rows in the order of appending; none when there is no file yet."""
        return await asyncio.to_thread(self._load)

    async def append(self, kind: EventKind, body: JsonObject) -> None:
        """Durable when it returns."""
        await asyncio.to_thread(self._append, {"at": self.now(), "kind": kind.value, "body": body})

    def _load(self) -> tuple[Event, ...]:
        if not self.path.exists():
            return ()
        whole = self.path.read_text(encoding="utf-8").split("\n")[:-1]
        rows = [json.loads(line) for line in whole]
        return tuple(Event(EventKind(row["kind"]), row["body"]) for row in rows)

    def _append(self, row: JsonObject) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
