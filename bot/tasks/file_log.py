"""The agent's `EventLog` in a file, in the format of `pullwright tasks export`: `pullwright replay` plays it again.

For `pullwright run`, whose log is the whole memory of the run: each row is on disk before `append` returns. A last line
that was cut off by a death counts as never written. One writer; nothing else may write the file.
"""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bot.agent.contract import Event, EventKind, JsonObject
from bot.tasks.export import FORMAT, parse_log


@dataclass
class FileEventLog:
    """`now` gives the seconds since the epoch that stand in each row; `task` names the run in the first line."""

    path: Path
    task: str
    now: Callable[[], float]
    _written: int = field(default=0, init=False)

    async def load(self) -> tuple[Event, ...]:
        """All whole rows in the order of appending; none when there is no file yet."""
        return await asyncio.to_thread(self._load)

    async def append(self, kind: EventKind, body: JsonObject) -> None:
        """Durable when it returns."""
        await asyncio.to_thread(self._append, kind, body)

    def _load(self) -> tuple[Event, ...]:
        if not self.path.exists():
            return ()
        whole, _, cut = self.path.read_bytes().rpartition(b"\n")
        if cut:
            os.truncate(self.path, len(whole) + 1)
        log = parse_log(whole.decode(), self.path.name)
        self._written = len(log.rows)
        return log.events

    def _append(self, kind: EventKind, body: JsonObject) -> None:
        lines: list[JsonObject] = []
        if not self._written:
            lines.append({"format": FORMAT, "task": self.task, "created_at": self.now()})
        self._written += 1
        lines.append({"seq": self._written, "at": self.now(), "kind": kind.value, "body": body})
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
