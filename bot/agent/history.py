"""The state of a run as a fold over its event log. Pure.

The loop appends a row and applies it with the same function that a resume uses, so a run that went on after a
crash can't differ from one that never stopped: the conversation is the same, byte for byte. The conversation
only ever grows at its end, but for the rows that compact it.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import reduce
from typing import Any, assert_never

from bot.agent.contract import Event, EventKind, Heard, Settled, Submission, SubmitOutcome
from bot.agent.loopguard import Circle, decide_circle
from bot.agent.records import Records, note_output, note_plan
from bot.domain import limits
from bot.domain.budget import Spent, add_reply
from bot.domain.findings import Finding, Priority, Shown
from bot.domain.ids import TreeSha
from bot.errors import Bug
from bot.llm.contract import (
    AssistantMessage,
    FinishReason,
    Message,
    ModelReply,
    ToolOutput,
    ToolSpec,
    UserMessage,
)
from bot.llm.serialise import parse_message, parse_reply, parse_tool, render_canonical, render_tool

JsonObject = dict[str, Any]


class ReplyClass(StrEnum):
    """What a reply is, decided before anything is done with it."""

    CALLS = "calls"
    TEXT = "text"  # text without a call: not a way to finish
    CUT = "cut"  # ended at the output limit before any call
    EMPTY = "empty"  # nothing at all, or hidden reasoning only
    REFUSAL = "refusal"


class Source(StrEnum):
    """Who said a later message."""

    NUDGE = "nudge"
    FEEDBACK = "feedback"
    STEERING = "steering"
    HANDOVER = "handover"  # the harness asks for a note before it compacts


class Handover(StrEnum):
    """Where a compaction by note stands."""

    NONE = "none"
    ASKED = "asked"
    REPLIED = "replied"  # whatever came: the conversation is rebuilt next


@dataclass(frozen=True)
class Streaks:
    """Answers in a row that were no use; a usable one sets all of them back."""

    text: int = 0
    empty: int = 0
    refusal: int = 0
    unusable: int = 0  # cut replies, and replies of which no call could be run


NO_TREE = TreeSha("")
TOKEN_BYTES = 4
"""Bytes of a token, where a server does not say how many there were. Good to a third for code and English."""


@dataclass(frozen=True)
class State:
    messages: tuple[Message, ...] = ()
    head: int = 0  # so many first messages are never left out
    size_bytes: int = 0  # of the tools and all messages, arguments of calls included
    context_tokens: int = 0  # what the next request will have about
    compacted_to: int = 0  # `context_tokens` after the last compaction
    overflows: int = 0  # requests in a row that the server refused as too long
    handover: Handover = Handover.NONE
    note: str = ""  # the model's hand-over note, between its reply and the compaction
    records: Records = field(default_factory=Records)
    tools: tuple[ToolSpec, ...] = ()
    cache_key: str = ""
    tree: TreeSha = NO_TREE  # the work tree after the last recorded batch
    spent: Spent = field(default_factory=Spent)
    spent_when_told: Spent = field(default_factory=Spent)  # at the last batch: where budget notices go
    pending: ModelReply | None = None  # a reply whose calls are not answered yet
    unanswered: ReplyClass | None = None  # a reply without calls that needs a word
    last_text: str = ""
    submission: Submission | None = None
    questions: tuple[str, ...] = ()  # asked, and not answered yet
    findings: tuple[Finding, ...] = ()  # that a review has kept
    settled: tuple[Settled, ...] = ()  # earlier findings, in the order of saying
    asked: int = 0  # how often people were asked
    streaks: Streaks = field(default_factory=Streaks)
    prints: tuple[str, ...] = ()
    circle: Circle = Circle.NONE  # after the last batch
    circle_told: bool = False  # it was one before that batch already, and the model was told
    still: int = 0  # replies in a row that changed nothing and read no new file
    feedback_round: int = 0
    heard: Heard = field(default_factory=Heard)


def fold(events: tuple[Event, ...]) -> State:
    return reduce(apply_event, events, State())


def classify(reply: ModelReply) -> ReplyClass:
    """Calls count even in a cut or refused reply: each of them is answered."""
    if reply.message.calls:
        return ReplyClass.CALLS
    if reply.finish is FinishReason.REFUSAL:
        return ReplyClass.REFUSAL
    if reply.finish is FinishReason.LENGTH:
        return ReplyClass.CUT
    return ReplyClass.TEXT if reply.message.text.strip() else ReplyClass.EMPTY


def apply_event(state: State, event: Event) -> State:
    match event.kind:
        case EventKind.STARTED:
            return _start(state, event.body)
        case EventKind.REPLY:
            return _reply(state, event.body)
        case EventKind.OUTPUTS:
            return _outputs(state, event.body)
        case EventKind.MESSAGE:
            return _message(state, event.body)
        case EventKind.COMPACTED:
            return _compacted(state, event.body)
        case EventKind.PAID:
            return _paid(state, event.body)
        case _:
            assert_never(event.kind)


def _start(state: State, body: JsonObject) -> State:
    messages = tuple(parse_message(message) for message in body["messages"])
    state = replace(
        state,
        head=len(messages),
        tools=tuple(parse_tool(tool) for tool in body["tools"]),
        cache_key=body["cache_key"],
        tree=TreeSha(body["tree"]),
    )
    tools = _tools_size(state)
    return _grown(replace(state, size_bytes=tools, context_tokens=tools // TOKEN_BYTES), *messages)


def _tools_size(state: State) -> int:
    return len(render_canonical([render_tool(tool) for tool in state.tools]))


def _grown(state: State, *messages: Message) -> State:
    """With more messages at the end, and counted."""
    size = sum(map(_size, messages))
    return replace(
        state,
        messages=(*state.messages, *messages),
        size_bytes=state.size_bytes + size,
        context_tokens=state.context_tokens + size // TOKEN_BYTES,
    )


def _size(message: Message) -> int:
    size = len(message.text.encode())
    if isinstance(message, AssistantMessage):
        size += sum(len(call.arguments.encode()) for call in message.calls)
        size += sum(len(one.item) for one in message.carried)
    return size


def _reply(state: State, body: JsonObject) -> State:
    reply = parse_reply(body["reply"])
    usage, kind, streaks = reply.usage, classify(reply), state.streaks
    spent = add_reply(
        state.spent,
        usage.cost_usd,
        requests=usage.requests,
        input_tokens=usage.input_tokens,
        cached_tokens=usage.cached_tokens,
        output_tokens=usage.output_tokens,
    )
    state = replace(
        state,
        spent=replace(spent, seconds=body["seconds"]),
        last_text=reply.message.text,
        context_tokens=_measured(state, reply.prompt_tokens or usage.input_tokens),
        overflows=0,
    )
    if state.handover is Handover.ASKED:  # whatever it is, it is the note: calls beside it are not run
        return replace(state, handover=Handover.REPLIED, note=reply.message.text)
    match kind:
        case ReplyClass.CALLS:
            return replace(_grown(state, reply.message), pending=reply, unanswered=None)
        case ReplyClass.TEXT:
            streaks = replace(streaks, text=streaks.text + 1)
        case ReplyClass.CUT:
            streaks = replace(streaks, unusable=streaks.unusable + 1)
        case ReplyClass.EMPTY:
            streaks = replace(streaks, empty=streaks.empty + 1)
        case ReplyClass.REFUSAL:
            streaks = replace(streaks, refusal=streaks.refusal + 1)
        case _:
            assert_never(kind)
    # Servers refuse an assistant message without text and calls: such a reply leaves no trace in the
    # conversation, and the same request is sent again.
    kept = (reply.message,) if reply.message.text.strip() else ()
    return replace(_grown(state, *kept), unanswered=kind, streaks=streaks)


def _paid(state: State, body: JsonObject) -> State:
    """It brought nothing, but it is money all the same."""
    usage, cost = body["usage"], body["usage"]["cost_usd"]
    spent = replace(
        state.spent,
        requests=state.spent.requests + usage["requests"],
        input_tokens=state.spent.input_tokens + usage["input_tokens"],
        cached_tokens=state.spent.cached_tokens + usage["cached_tokens"],
        output_tokens=state.spent.output_tokens + usage["output_tokens"],
        cost_usd=state.spent.cost_usd + (cost or 0.0),
        priced=state.spent.priced and cost is not None,
        seconds=max(state.spent.seconds, body["seconds"]),
    )
    return replace(state, spent=spent)


def _measured(state: State, reported: int) -> int:
    """Tokens of the request just answered: the server's count, as far as it can be true. Some servers report
    nothing, some only what they did not drop, some add up failed tries."""
    estimate = state.size_bytes // TOKEN_BYTES
    return min(max(reported or estimate, estimate // 3), 2 * estimate)


def _outputs(state: State, body: JsonObject) -> State:
    if state.pending is None:
        raise Bug("the event log has tool outputs without a reply before them")
    outputs = body["outputs"]
    useless = all(output["fault"] for output in outputs)
    questions = tuple(body.get("questions", ()))[: limits.QUESTIONS]
    records = reduce(note_output, outputs, note_plan(state.records, body.get("plan", [])))
    prints = (*state.prints, *(output["print"] for output in outputs))
    moved = (
        body["tree"] != state.tree
        or records.read_paths != state.records.read_paths
        or bool(body.get("findings") or body.get("settled"))
    )
    state = _grown(state, *(ToolOutput(output["call_id"], output["text"]) for output in outputs))
    return replace(
        state,
        still=0 if moved else state.still + 1,
        records=records,
        questions=questions,
        findings=(*state.findings, *map(parse_finding, body.get("findings", ()))),
        settled=(*state.settled, *(Settled(**one) for one in body.get("settled", ()))),
        asked=state.asked + bool(questions),
        pending=None,
        tree=TreeSha(body["tree"]),
        submission=parse_submission(body["submission"]) if body["submission"] else None,
        streaks=replace(state.streaks, unusable=state.streaks.unusable + 1) if useless else Streaks(),
        prints=prints,
        circle=decide_circle(prints),
        circle_told=state.circle is not Circle.NONE,
        spent=replace(state.spent, seconds=body["seconds"]),
        spent_when_told=replace(state.spent, seconds=body["seconds"]),
    )


def _message(state: State, body: JsonObject) -> State:
    text, records = body["text"], state.records
    state = replace(_grown(state, UserMessage(text)), unanswered=None)
    match Source(body["source"]):
        case Source.NUDGE:
            return state
        case Source.HANDOVER:
            return replace(state, handover=Handover.ASKED)
        case Source.FEEDBACK:
            state = replace(state, records=replace(records, feedback=text), feedback_round=body["id"])
            return replace(state, submission=None, streaks=Streaks(), prints=(), circle=Circle.NONE)
        case Source.STEERING:
            state = replace(state, records=replace(records, said=(*records.said, text)))
            heard = hear(state.heard, body)
            return replace(state, heard=heard, streaks=Streaks(), prints=(), circle=Circle.NONE, questions=())


def hear(heard: Heard, message: JsonObject) -> Heard:
    """One later message more, as its row holds it; only what a person said counts."""
    if message["source"] != Source.STEERING:
        return heard
    if seq := message.get("seq", 0):
        return replace(heard, seq=max(heard.seq, seq))
    return replace(heard, comments=heard.comments | {message["id"]})  # rows of older versions


def _compacted(state: State, body: JsonObject) -> State:
    """Stubs for outputs, or everything behind the first messages replaced by one."""
    stubs = body.get("stubs", {})
    messages = (
        tuple(_stubbed(message, stubs) for message in state.messages)
        if stubs
        else (*state.messages[: state.head], UserMessage(body["text"]))
    )
    size = _tools_size(state) + sum(map(_size, messages))
    # What was counted stays right in proportion: only what went is estimated.
    tokens = max(size // TOKEN_BYTES // 3, state.context_tokens - (state.size_bytes - size) // TOKEN_BYTES)
    shorter = replace(
        state, messages=messages, size_bytes=size, context_tokens=tokens, compacted_to=tokens, note=""
    )
    if stubs:
        return shorter
    return replace(
        shorter,
        handover=Handover.NONE,
        unanswered=None,
        overflows=state.overflows + (1 if body["overflow"] else 0),
    )


def _stubbed(message: Message, stubs: dict[str, str]) -> Message:
    if isinstance(message, ToolOutput) and message.call_id in stubs:
        return replace(message, text=stubs[message.call_id])
    return message


def parse_finding(body: JsonObject) -> Finding:
    shown = body.get("shown")
    return Finding(
        **{**body, "priority": Priority(body["priority"]), "shown": Shown(**shown) if shown else None}
    )


def render_submission(submission: Submission) -> JsonObject:
    return {
        "outcome": submission.outcome.value,
        "title": submission.title,
        "summary": submission.summary,
        "root_cause": submission.root_cause,
        "regression_tests": list(submission.regression_tests),
        "risks": submission.risks,
        "questions": list(submission.questions),
        "points": list(submission.points),
    }


def parse_submission(body: JsonObject) -> Submission:
    return Submission(
        outcome=SubmitOutcome(body["outcome"]),
        title=body["title"],
        summary=body["summary"],
        root_cause=body["root_cause"],
        regression_tests=tuple(body["regression_tests"]),
        risks=body["risks"],
        questions=tuple(body["questions"]),
        points=tuple(body.get("points", ())),  # rows of older versions have none
    )
