"""A GitHub that survives a kill: one small SQLite file of what was written and of what the phases did."""

import sqlite3
from contextlib import closing
from pathlib import Path

from bot.domain.tasks import Phase

PHASES = tuple(Phase)


class Elsewhere:
    """The outside world, shared by all processes of a test."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with closing(self._open()) as db:
            db.execute("create table if not exists written (marker text)")
            db.execute("create table if not exists journal (task text, phase text, what text, worker text)")
            db.execute("create table if not exists told (task text, outcome text)")

    def write(self, marker: str) -> str:
        self._execute("insert into written values (?)", marker)
        return marker

    def find(self, marker: str) -> str | None:
        return marker if self.count_written(marker) else None

    def count_written(self, marker: str) -> int:
        return int(self._rows("select count(*) from written where marker = ?", marker)[0][0])

    def note(self, task: str, phase: str, what: str, worker: str) -> None:
        self._execute("insert into journal values (?, ?, ?, ?)", task, phase, what, worker)

    def noted(self, task: str, phase: str, what: str) -> list[str]:
        """By which workers."""
        query = "select worker from journal where task = ? and phase = ? and what = ? order by rowid"
        return [row[0] for row in self._rows(query, task, phase, what)]

    def sequence(self, what: str = "") -> list[tuple[str, str, str]]:
        """(task, phase, what) in the order of happening."""
        rows = self._rows("select task, phase, what from journal order by rowid")
        return [(row[0], row[1], row[2]) for row in rows if what in ("", row[2])]

    def tell(self, task: str, outcome: str) -> None:
        self._execute("insert into told values (?, ?)", task, outcome)

    def told(self, task: str) -> list[str]:
        return [row[0] for row in self._rows("select outcome from told where task = ?", task)]

    def _execute(self, statement: str, *values: str) -> None:
        with closing(self._open()) as db:
            db.execute(statement, values)

    def _rows(self, query: str, *values: str) -> list[tuple[str, ...]]:
        with closing(self._open()) as db:
            return db.execute(query, values).fetchall()

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=20, isolation_level=None)
        db.execute("pragma journal_mode=wal")
        return db
