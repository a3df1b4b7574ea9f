"""The state of a run as a fold over its event log. Pure.

The loop appends a row and applies it with the same function that a resume uses, so a run that went on after a
crash can't differ from one that never stopped: the conversation is the same, byte for byte. The conversation
only ever grows at its end.
"""

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import reduce
from typing import Any, assert_never

from bot.agent.contract import Event, EventKind, Submission, SubmitOutcome
from bot.domain.budget import Spent, add_reply
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
from bot.llm.serialise import parse_message, parse_reply, parse_tool

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


@dataclass(frozen=True)
class Streaks:
    """Answers in a row that were no use; a usable one sets all of them back."""

    text: int = 0
    empty: int = 0
    refusal: int = 0
    unusable: int = 0  # cut replies, and replies of which no call could be run


NO_TREE = TreeSha("")


@dataclass(frozen=True)
class State:
    messages: tuple[Message, ...] = ()
    tools: tuple[ToolSpec, ...] = ()
    cache_key: str = ""
    tree: TreeSha = NO_TREE  # the work tree after the last recorded batch
    spent: Spent = field(default_factory=Spent)
    spent_when_told: Spent = field(default_factory=Spent)  # at the last batch: where budget notices go
    pending: ModelReply | None = None  # a reply whose calls are not answered yet
    unanswered: ReplyClass | None = None  # a reply without calls that needs a word
    last_text: str = ""
    submission: Submission | None = None
    streaks: Streaks = field(default_factory=Streaks)
    prints: tuple[str, ...] = ()
    feedback_round: int = 0
    steering_id: int = 0


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
        case _:
            assert_never(event.kind)


def _start(state: State, body: JsonObject) -> State:
    return replace(
        state,
        messages=tuple(parse_message(message) for message in body["messages"]),
        tools=tuple(parse_tool(tool) for tool in body["tools"]),
        cache_key=body["cache_key"],
        tree=TreeSha(body["tree"]),
    )


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
    state = replace(state, spent=replace(spent, seconds=body["seconds"]), last_text=reply.message.text)
    match kind:
        case ReplyClass.CALLS:
            return replace(state, messages=(*state.messages, reply.message), pending=reply, unanswered=None)
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
    return replace(state, messages=(*state.messages, *kept), unanswered=kind, streaks=streaks)


def _outputs(state: State, body: JsonObject) -> State:
    if state.pending is None:
        raise Bug("the event log has tool outputs without a reply before them")
    outputs = body["outputs"]
    useless = all(output["fault"] for output in outputs)
    return replace(
        state,
        messages=(*state.messages, *(ToolOutput(output["call_id"], output["text"]) for output in outputs)),
        pending=None,
        tree=TreeSha(body["tree"]),
        submission=parse_submission(body["submission"]) if body["submission"] else None,
        streaks=replace(state.streaks, unusable=state.streaks.unusable + 1) if useless else Streaks(),
        prints=(*state.prints, *(output["print"] for output in outputs)),
        spent=replace(state.spent, seconds=body["seconds"]),
        spent_when_told=replace(state.spent, seconds=body["seconds"]),
    )


def _message(state: State, body: JsonObject) -> State:
    state = replace(state, messages=(*state.messages, UserMessage(body["text"])), unanswered=None)
    match Source(body["source"]):
        case Source.NUDGE:
            return state
        case Source.FEEDBACK:
            return replace(state, feedback_round=body["id"], submission=None, streaks=Streaks(), prints=())
        case Source.STEERING:
            return replace(state, steering_id=body["id"], streaks=Streaks(), prints=())


def paths_read(messages: tuple[Message, ...]) -> frozenset[str]:
    """The files that `read_file` has shown, by the header of its answers."""
    read = {
        call.id
        for message in messages
        if isinstance(message, AssistantMessage)
        for call in message.calls
        if call.name == "read_file"
    }
    headers = (
        re.match(r"`(.+)`, lines \d+-\d+ of \d+\n", message.text)
        for message in messages
        if isinstance(message, ToolOutput) and message.call_id in read
    )
    return frozenset(header.group(1) for header in headers if header)


def render_submission(submission: Submission) -> JsonObject:
    return {
        "outcome": submission.outcome.value,
        "title": submission.title,
        "summary": submission.summary,
        "root_cause": submission.root_cause,
        "regression_tests": list(submission.regression_tests),
        "risks": submission.risks,
        "questions": list(submission.questions),
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
    )
