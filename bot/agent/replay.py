"""Runs a recorded log again, offline: at each row, would this version of the loop have come to the same one? Pure.

What the world did (replies of the model, results of tools, words of people) is taken from the log; what the loop
decides (which calls are refused, what the model is told, when the conversation is compacted and to what, when a run
ends) is decided anew and compared. So a log is a bug report that can be played, and a change of the loop can be
tried on old logs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, assert_never

from bot.agent.compaction import plan_stubs, render_handover
from bot.agent.contract import Event, EventKind
from bot.agent.decide import (
    Ask,
    AskNote,
    Done,
    GiveUp,
    LeaveOut,
    Rebuild,
    RunCalls,
    Say,
    Step,
    Wait,
    decide_next,
)
from bot.agent.history import Source, State, apply_event
from bot.agent.tools.arguments import CallFault, Refused, prepare_call
from bot.agent.tools.registry import ALL_TOOLS
from bot.domain.budget import Budget
from bot.errors import PullwrightError
from bot.llm.contract import FinishReason

JsonObject = dict[str, Any]

_BEFORE_MEASURES = "## The change so far"


@dataclass(frozen=True)
class Divergence:
    """`row` counts the agent's rows from 1. `recorded` and `now` are a sentence each."""

    row: int
    recorded: str
    now: str


@dataclass(frozen=True)
class Replayed:
    """`divergence` None: this version decides the same at every row. `end` is what it would do after the last."""

    state: State
    divergence: Divergence | None
    end: str


def replay(events: tuple[Event, ...]) -> Replayed:
    """Row by row until the first difference. A log that can't be read at all is a difference too."""
    state = State()
    budget, window = Budget(), 128_000
    for number, event in enumerate(events, start=1):
        try:
            if event.kind is EventKind.STARTED:
                budget, window = parse_bounds(event.body)
            elif (found := _compare(state, event, decide_next(state, budget, window))) is not None:
                return Replayed(state, Divergence(number, *found), "")
            state = apply_event(state, event)
        except (PullwrightError, KeyError, TypeError, ValueError) as error:
            unreadable = Divergence(
                number, f"a row of kind `{event.kind}`", f"it can't be applied: {error!r}"
            )
            return Replayed(state, unreadable, "")
    return Replayed(state, None, _describe(decide_next(state, budget, window)) if events else "nothing")


def render_bounds(budget: Budget, window: int) -> JsonObject:
    """What the decisions of a run depend on beside its rows; part of its first row."""
    return {
        "turns": budget.turns,
        "tokens": budget.tokens,
        "money_usd": budget.money_usd,
        "minutes": budget.minutes,
        "window": window,
    }


def parse_bounds(started: JsonObject) -> tuple[Budget, int]:
    """The inverse, from a first row; those of logs without them are the defaults."""
    bounds = dict(started.get("bounds") or {"window": 128_000})
    window = bounds.pop("window")
    return Budget(**bounds), window


def _compare(state: State, event: Event, step: Step) -> tuple[str, str] | None:
    """What was recorded and what would be done now, where they differ."""
    if _is_from_outside(event, step):
        return None
    recorded, now = _name(event), _describe(step)
    match step:
        case Ask():
            # A compaction in place of a reply: the server had refused the conversation as too long.
            overflow = event.kind is EventKind.COMPACTED and event.body.get("overflow")
            same = event.kind is EventKind.REPLY or bool(overflow)
        case RunCalls():
            if event.kind is EventKind.OUTPUTS:
                return next(_compare_calls(state, event), None)
            same = False
        case Say(text) | AskNote(text):
            same = event.kind is EventKind.MESSAGE and event.body["text"] == text
        case LeaveOut():
            stubs = event.body.get("stubs") if event.kind is EventKind.COMPACTED else None
            same = stubs == plan_stubs(state).texts
        case Rebuild():
            kept = render_handover(state.records, "", state.note, overflow=False)
            text = event.body.get("text", "") if event.kind is EventKind.COMPACTED else ""
            same = text.split(_BEFORE_MEASURES)[0] == kept.split(_BEFORE_MEASURES)[0] != ""
        case Wait() | Done() | GiveUp():
            same = False
        case _:
            assert_never(step)
    return None if same else (recorded, now)


def _is_from_outside(event: Event, step: Step) -> bool:
    """Words of people and of the verification come when they come, not between calls and their outputs; what a request
    cost that brought nothing, when it was asked."""
    if event.kind is EventKind.PAID:
        return isinstance(step, Ask)
    if event.kind is not EventKind.MESSAGE or isinstance(step, RunCalls):
        return False
    return event.body["source"] in (Source.STEERING, Source.FEEDBACK)


def _compare_calls(state: State, event: Event) -> Iterator[tuple[str, str]]:
    """Which calls could run at all, and what was mended in them: decided from the reply alone."""
    if state.pending is None:
        return
    calls, outputs = state.pending.message.calls, event.body["outputs"]
    if [call.id for call in calls] != [output["call_id"] for output in outputs]:
        yield "outputs of other calls", "an output for each call, in order"
        return
    names = {tool.name for tool in state.tools}
    tools = tuple(tool for tool in ALL_TOOLS if tool.name in names)
    cut = state.pending.finish is FinishReason.LENGTH
    for call, output in zip(calls, outputs, strict=True):
        if output["fault"] == CallFault.NOT_RUN:
            continue
        prepared = prepare_call(call, tools, cut)
        fault = prepared.fault.value if isinstance(prepared, Refused) else None
        repairs = [] if isinstance(prepared, Refused) else list(prepared.repairs)
        if fault != output["fault"]:
            yield f"{call.name}: {output['fault'] or 'run'}", f"{call.name}: {fault or 'run'}"
        elif repairs != output["repairs"]:
            yield f"{call.name}: mended {output['repairs']}", f"{call.name}: mended {repairs}"


def _name(event: Event) -> str:
    match event.kind:
        case EventKind.MESSAGE:
            return f"told the model ({event.body['source']}): {_short(event.body['text'])}"
        case EventKind.COMPACTED:
            stubs = event.body.get("stubs")
            return f"left out {len(stubs)} outputs" if stubs else "rebuilt the conversation"
        case EventKind.REPLY:
            return "asked the model"
        case EventKind.OUTPUTS:
            return "ran the calls"
        case EventKind.STARTED:
            return "started"
        case EventKind.PAID:
            return "paid for nothing"
        case _:
            assert_never(event.kind)


def _describe(step: Step) -> str:
    match step:
        case Ask():
            return "ask the model"
        case RunCalls():
            return "run the calls"
        case Say(text) | AskNote(text):
            return f"tell the model: {_short(text)}"
        case LeaveOut():
            return "leave out old outputs"
        case Rebuild():
            return "rebuild the conversation"
        case Wait():
            return "wait for a person's answer"
        case Done():
            return "end: submitted"
        case GiveUp(outcome, detail):
            return f"end: {outcome.value} ({_short(detail)})"
        case _:
            assert_never(step)


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 120 else f"{flat[:119]}…"
