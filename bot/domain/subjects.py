"""What a delivery is about, and whether it may end work: read from its bytes without its words. Pure.

Cheap on purpose, because it is asked about everything that waits: Markdown is parsed when the delivery is decided.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from bot.domain.auto_review import AutoReview
from bot.domain.commands import BEGINNING, CommandWord
from bot.domain.decisions import Button, Closed, Control, Decision, Pressed, Removed, Reviewed
from bot.domain.ids import RepositoryId
from bot.domain.tasks import TaskRequest, render_active_key
from bot.domain.ways import is_silent


@dataclass(frozen=True)
class Subject:
    """`key`: of the issue or pull request, as a task's active key; empty: about none. `may_end`: it looks like the
    end of work there (`stop`, closing, the App's removal); only its words can tell."""

    key: str
    may_end: bool


_CLOSING: Final = frozenset(("closed", "deleted", "transferred"))
_REMOVING: Final = frozenset(("installation", "installation_repositories"))
_STOP: Final = re.compile(r"@[\w-]+[^\w\n]{1,5}stop\b", re.IGNORECASE)


def read_subject(event: str, body: bytes) -> Subject:
    """Never raises: what can't be read is about nothing, and decided like everything else."""
    if event in _REMOVING:
        return Subject("", may_end=True)
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return Subject("", may_end=False)
    part = _part(payload, "issue") or _part(payload, "pull_request")
    repository, number = _part(payload, "repository").get("id"), part.get("number")
    if not isinstance(repository, int) or not isinstance(number, int):
        return Subject("", _may_end(event, payload))
    return Subject(render_active_key(RepositoryId(repository), number), _may_end(event, payload))


def _may_end(event: str, payload: Any) -> bool:
    if event == "check_run":
        return _part(payload, "requested_action").get("identifier") == Button.STOP
    if event in ("issues", "pull_request"):
        return isinstance(payload, dict) and payload.get("action") in _CLOSING
    said = _part(payload, "comment") or _part(payload, "review")
    text = said.get("body")
    return isinstance(text, str) and _STOP.search(text) is not None


def _part(payload: Any, name: str) -> dict[str, Any]:
    found = payload.get(name) if isinstance(payload, dict) else None
    return found if isinstance(found, dict) else {}


def ends_work(decision: Decision) -> bool:
    """Whether it can only end work, so that nobody is wronged by its being decided first."""
    match decision:
        case Control(word):
            return word is CommandWord.STOP
        case Pressed(button):
            return button == Button.STOP
        case _:
            return isinstance(decision, Closed | Removed)


def asks_for_work(decision: Decision) -> bool:
    """Whether somebody asks the agent for a task in words."""
    if isinstance(decision, Control):
        return decision.word in BEGINNING and not is_silent(decision.request.way)
    return isinstance(decision, TaskRequest) and not is_silent(decision.way)


def begins_work(decision: Decision) -> bool:
    """Whether it may come down to a task."""
    if isinstance(decision, Control):
        return decision.word in BEGINNING
    return isinstance(decision, TaskRequest | AutoReview | Reviewed)
