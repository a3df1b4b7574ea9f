"""A task's event log as JSON Lines, and back: for bug reports, and to play it again offline. Pure.

The first line says what it is; each other one is a row: number, time, kind, body. Secrets that we know of are taken
out; the rest is what the task saw: text of the issue and of the repository.
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bot.agent.contract import Event, EventKind
from bot.errors import RecordingMismatch
from bot.texts.redact import redact

if TYPE_CHECKING:  # the local command plays logs without a database
    from bot.store.events import EventRow
    from bot.store.tasks import TaskView

JsonObject = dict[str, Any]

FORMAT: Final = "pullwright-log-1"
_REMEDY: Final = (
    "Export one with `pullwright tasks export TASK`; a `pullwright run` keeps its own as events.jsonl."
)


@dataclass(frozen=True)
class LogRow:
    """As it stands in the file. `at`: seconds since the epoch."""

    seq: int
    kind: str
    body: JsonObject
    at: float


@dataclass(frozen=True)
class TaskLog:
    """`about`: the first line's object."""

    about: JsonObject
    rows: tuple[LogRow, ...]

    @property
    def events(self) -> tuple[Event, ...]:
        """The agent's own rows, in order."""
        own = {kind.value for kind in EventKind}
        return tuple(Event(EventKind(row.kind), row.body) for row in self.rows if row.kind in own)


def render_log(view: "TaskView", rows: "tuple[EventRow, ...]", secrets: tuple[str, ...]) -> str:
    about = {
        "format": FORMAT,
        "task": view.id,
        "status": view.status.value,
        "outcome": view.outcome,
        "detail": view.detail,
        "created_at": view.created_at,
        "finished_at": view.finished_at,
    }
    # Arguments of calls are JSON within JSON: there a secret stands with its quotes escaped.
    secrets = tuple(dict.fromkeys(spelling for one in secrets for spelling in (one, json.dumps(one)[1:-1])))
    lines = [about, *({"seq": r.seq, "at": r.at, "kind": r.kind, "body": r.body} for r in rows)]
    return "".join(f"{json.dumps(_without_secrets(line, secrets), ensure_ascii=False)}\n" for line in lines)


def parse_log(text: str, source: str) -> TaskLog:
    """Raises RecordingMismatch that names the line."""
    try:
        first, *rest = text.split("\n")
        about = json.loads(first)
        if about["format"] != FORMAT:
            raise RecordingMismatch(f"{source} has the format {about['format']!r}, not {FORMAT}.", _REMEDY)
    except (ValueError, KeyError, TypeError) as error:
        raise RecordingMismatch(f"{source} is not a log: {error!r}.", _REMEDY) from error
    numbered = enumerate(rest, start=2)
    return TaskLog(
        about, tuple(_parse_row(line, f"{source}, line {n}") for n, line in numbered if line.strip())
    )


def _parse_row(line: str, where: str) -> LogRow:
    try:
        row = json.loads(line)
        return LogRow(row["seq"], row["kind"], row["body"], float(row["at"]))
    except (ValueError, KeyError, TypeError) as error:
        raise RecordingMismatch(f"{where} is not a row of a log: {error!r}.", _REMEDY) from error


def _without_secrets(value: Any, secrets: tuple[str, ...]) -> Any:
    """In every string by itself: over the whole line it could eat the quotes."""
    if isinstance(value, str):
        return redact(value, secrets)
    if isinstance(value, dict):
        return {name: _without_secrets(one, secrets) for name, one in value.items()}
    return [_without_secrets(one, secrets) for one in value] if isinstance(value, list) else value
