"""What `pullwright run` tells programs: one JSON object a line, and what any view of a run has to be able to do.

Every line has `type` and `at` (seconds since the epoch), and goes to standard output alone. It must never load what
draws for people (`run_view.py`), which takes a fifth of the time until the first request.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import IO, Any, Protocol

from bot.agent.contract import PlanStep
from bot.domain.budget import Spent
from bot.domain.evidence import Evidence
from bot.tasks.change.attempt import AttemptEnd, AttemptObserver


class RunView(AttemptObserver, Protocol):
    """An observer that can also tell how it began and ended."""

    def begun(self, about: dict[str, Any]) -> None: ...

    def ended(self, end: AttemptEnd, diff: str, folder: str) -> None: ...

    def said(self, message: str) -> None:
        """One sentence for the person: what became of the patch."""
        ...

    def close(self) -> None: ...


@dataclass
class JsonView:
    """Implements `RunView` as a stream of events."""

    out: IO[str]
    now: Callable[[], float] = time.time

    def begun(self, about: dict[str, Any]) -> None:
        self._tell("begun", **about)

    def phase(self, name: str) -> None:
        self._tell("phase", phase=name)

    def turn(self, spent: Spent) -> None:
        self._tell("turn", spent=asdict(spent))

    def plan(self, steps: tuple[PlanStep, ...]) -> None:
        self._tell("plan", steps=[{"step": one.step, "status": one.status.value} for one in steps])

    def command_started(self, label: str) -> None:
        self._tell("command_started", label=label)

    def command_ended(self, label: str, ok: bool, seconds: float) -> None:
        self._tell("command_ended", label=label, ok=ok, seconds=round(seconds, 3))

    def text(self, delta: str) -> None:
        self._tell("text", delta=delta)

    def verified(self, evidence: Evidence) -> None:
        self._tell("verified", evidence=asdict(evidence))

    def ended(self, end: AttemptEnd, diff: str, folder: str) -> None:
        self._tell(
            "ended",
            outcome=end.outcome.value,
            tier=end.evidence.tier.value if end.evidence else None,
            detail=end.detail,
            questions=list(end.questions),
            submission=asdict(end.submission) if end.submission else None,
            spent=asdict(end.spent),
            diff=diff,
            folder=folder,
        )

    def said(self, message: str) -> None:
        self._tell("said", message=message)

    def close(self) -> None:
        self.out.flush()

    def _tell(self, kind: str, **more: Any) -> None:
        self.out.write(json.dumps({"type": kind, "at": round(self.now(), 3), **more}) + "\n")
        self.out.flush()
