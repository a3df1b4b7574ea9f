"""Event rows of a change beside the agent's own: phases and progress lines, for people who watch. Pure.

The agent's rows (started, reply, outputs, message) are its memory; these are not read by it.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from bot.agent.contract import EventKind
from bot.domain.tasks import Phase

JsonObject = dict[str, Any]

RECENT_LINES = 50
"""Kept for a view; a terminal shows eight of them."""


class RowKind(StrEnum):
    PHASE = "phase"  # {"phase": ..., "state": begun or ended}
    LINES = "lines"  # {"lines": [...]}


@dataclass(frozen=True)
class Row:
    """One stored event: `at` is seconds since the epoch."""

    kind: str
    body: JsonObject
    at: float


@dataclass(frozen=True)
class PhaseSpan:
    """`seconds` in all rounds so far; `begun` is set while it runs."""

    phase: Phase
    seconds: float = 0.0
    begun: float | None = None


@dataclass(frozen=True)
class Watched:
    """A task as a watcher sees it."""

    phases: tuple[PhaseSpan, ...] = ()
    plan: tuple[tuple[str, str], ...] = ()
    lines: tuple[str, ...] = ()
    turns: int = 0


def apply_row(watched: Watched, row: Row) -> Watched:
    """One row more. Rows of unknown kinds change nothing."""
    if row.kind == RowKind.PHASE:
        return replace(watched, phases=_apply_phase(watched.phases, row))
    if row.kind == RowKind.LINES:
        lines = (*watched.lines, *row.body["lines"])[-RECENT_LINES:]
        return replace(watched, lines=lines, plan=_plan(row.body, watched.plan))
    if row.kind == EventKind.REPLY:
        return replace(watched, turns=watched.turns + 1)
    return watched


def _apply_phase(spans: tuple[PhaseSpan, ...], row: Row) -> tuple[PhaseSpan, ...]:
    """A phase that begins again while it runs was cut short by a crash: its time up to now counts."""
    phase = Phase(row.body["phase"])
    known = {span.phase: span for span in spans}
    span = known.get(phase, PhaseSpan(phase))
    passed = row.at - span.begun if span.begun is not None else 0.0
    begun = row.at if row.body["state"] == "begun" else None
    known[phase] = PhaseSpan(phase, span.seconds + max(0.0, passed), begun)
    return tuple(known.values())


def _plan(body: JsonObject, before: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    plan = body.get("plan")
    return tuple((str(step), str(status)) for step, status in plan) if plan else before
