"""Reads the task's rows while the demo runs: what happens now, and how it ended. Writes nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bot.cli.demo_view import PhaseTime, Progress
from bot.domain.tasks import TaskStatus
from bot.store.database import Database
from bot.store.events import Events
from bot.store.tasks import Tasks, TaskView
from bot.tasks.change.facts import parse_facts
from bot.tasks.change.rows import PhaseSpan, Row, Watched, apply_row


@dataclass
class Watcher:
    """The newest task of the database. Before there is one, everything is empty."""

    database: Database
    watched: Watched = field(default_factory=Watched)
    task: TaskView | None = None
    now: float = 0.0
    _seen: int = 0

    def refresh(self, now: float) -> None:
        """Read what is new."""
        self.now = now
        self.task = next(iter(Tasks(self.database).newest(1)), None)
        if self.task is None:
            return
        for row in Events(self.database).load(self.task.id, self._seen):
            self.watched = apply_row(self.watched, Row(row.kind, row.body, row.at))
            self._seen = row.seq

    @property
    def finished(self) -> bool:
        return self.task is not None and self.task.status is TaskStatus.FINISHED

    @property
    def outcome(self) -> str:
        return self.task.outcome if self.task else ""

    @property
    def detail(self) -> str:
        return self.task.detail if self.task else ""

    @property
    def tier(self) -> str:
        if self.task is None:
            return ""
        evidence = parse_facts(self.task.facts).evidence
        return evidence.tier.value if evidence else ""

    @property
    def progress(self) -> Progress:
        phases = tuple(self._time(span) for span in self.watched.phases)
        turns = (f"{self.watched.turns} replies of the model",) if self.watched.turns else ()
        return Progress(phases, self.watched.plan, (*self.watched.lines, *turns))

    def _time(self, span: PhaseSpan) -> PhaseTime:
        running = span.begun is not None and not self.finished
        more = self.now - span.begun if running and span.begun is not None else 0.0
        return PhaseTime(span.phase, span.seconds + max(0.0, more), running)


@contextmanager
def open_watcher(data_dir: Path) -> Iterator[Watcher]:
    """On the database that the bot has made in `data_dir`."""
    database = Database(f"sqlite:///{data_dir / 'pullwright.db'}")
    try:
        yield Watcher(database)
    finally:
        database.close()
