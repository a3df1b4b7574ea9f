"""A recorded model: replies from a file, each given only to the request that it was recorded for.

Everything around the model is real; the file holds the replies, and what the run had said to get each one.
A request that differs in more than times, addresses and version paths raises RecordingMismatch with the turn
and a difference that can be read. `RecordingModel` wraps a real model and writes the file, so a recording is
made again by running once more.

The turn is the number of assistant messages in the request, not a counter: a run that dies and goes on in
another process finds its place. Never repairs, skips or guesses.
"""

import difflib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bot.errors import RecordingMismatch
from bot.llm.contract import AssistantMessage, Message, Model, ModelReply, ModelRequest, SystemMessage
from bot.llm.serialise import digest_prefix, parse_reply, render_message, render_reply
from bot.llm.volatile import mask_volatile

JsonObject = dict[str, Any]

FORMAT = 1
_REMEDY = "Record again: the code, the prompts or the demo's project changed since the recording was made."


@dataclass(frozen=True)
class RecordedTurn:
    """`expects`: the messages since the previous reply, masked, a list of lines each."""

    expects: tuple[tuple[str, ...], ...]
    reply: ModelReply


@dataclass(frozen=True)
class Recording:
    model: str
    prefix_digest: str  # of the tools and the system prompt
    turns: tuple[RecordedTurn, ...]


def parse_recording(text: str, source: str = "the recording") -> Recording:
    """Raises RecordingMismatch when the text is not a recording of this format."""
    try:
        body = json.loads(text)
        if body["format"] != FORMAT:
            raise RecordingMismatch(f"{source} has format {body['format']}, not {FORMAT}.", _REMEDY)
        turns = tuple(
            RecordedTurn(tuple(tuple(message) for message in turn["expects"]), parse_reply(turn["reply"]))
            for turn in body["turns"]
        )
        return Recording(body["model"], body["prefix_digest"], turns)
    except (ValueError, KeyError, TypeError) as error:
        raise RecordingMismatch(f"{source} is not a recording: {error!r}.", _REMEDY) from error


def render_recording(recording: Recording) -> str:
    body = {
        "format": FORMAT,
        "model": recording.model,
        "prefix_digest": recording.prefix_digest,
        "turns": [
            {"expects": [list(message) for message in turn.expects], "reply": render_reply(turn.reply)}
            for turn in recording.turns
        ],
    }
    return json.dumps(body, indent=1, ensure_ascii=False) + "\n"


def normalise_new(messages: tuple[Message, ...]) -> tuple[tuple[str, ...], ...]:
    """The messages after the last reply (of a first request all but the system's), masked, as lines."""
    last = max((i for i, message in enumerate(messages) if isinstance(message, AssistantMessage)), default=-1)
    new = (message for message in messages[last + 1 :] if not isinstance(message, SystemMessage))
    return tuple(_lines(message) for message in new)


def turn_of(messages: tuple[Message, ...]) -> int:
    return sum(isinstance(message, AssistantMessage) for message in messages)


@dataclass
class RecordedModel:
    """A `Model` that answers from a recording. Costs nothing and uses no network.

    `strict` False only to record again: the replies stand, what they are replies to is not compared.
    """

    recording: Recording
    strict: bool = True
    _served: int = field(default=0, init=False)

    @property
    def name(self) -> str:
        return self.recording.model

    async def reply(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        """The reply recorded for this request. Raises RecordingMismatch."""
        index = turn_of(request.messages)
        turns = self.recording.turns
        prefix = digest_prefix(request.messages, request.tools)
        if self.strict and prefix != self.recording.prefix_digest:
            raise RecordingMismatch(
                f"Turn {index + 1}: the system prompt or the tools are not those of the recording.", _REMEDY
            )
        if index >= len(turns):
            raise RecordingMismatch(
                f"The recording is exhausted: turn {index + 1} was asked for, it has {len(turns)}.", _REMEDY
            )
        turn, got = turns[index], normalise_new(request.messages)
        if self.strict and got != turn.expects:
            raise RecordingMismatch(
                f"Turn {index + 1} of {len(turns)}: the request is not the recorded one.\n"
                f"{_difference(turn.expects, got)}\n",
                _REMEDY,
            )
        self._served = max(self._served, index + 1)
        if on_text and turn.reply.message.text:
            on_text(turn.reply.message.text)
        # Nothing was paid for it this time.
        return replace(turn.reply, usage=replace(turn.reply.usage, cost_usd=0.0))

    def check_finished(self) -> None:
        """Raises RecordingMismatch when replies are left over: this run ended before the recorded one."""
        if self._served < len(self.recording.turns):
            raise RecordingMismatch(
                f"The run ended after {self._served} of {len(self.recording.turns)} recorded turns.", _REMEDY
            )


@dataclass
class RecordingModel:
    """Wraps a model and writes what it was asked and what it replied to `path`, after each reply."""

    inner: Model
    path: Path
    _turns: dict[int, RecordedTurn] = field(default_factory=dict, init=False)

    @property
    def name(self) -> str:
        return self.inner.name

    async def reply(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        reply = await self.inner.reply(request, on_text)
        # The same turn again (an empty reply was asked for once more) replaces the earlier one.
        self._turns[turn_of(request.messages)] = RecordedTurn(normalise_new(request.messages), reply)
        turns = tuple(self._turns[index] for index in sorted(self._turns))
        digest = digest_prefix(request.messages, request.tools)
        content = render_recording(Recording(self.name, digest, turns))
        # A few dozen kilobytes, while a person waits for the recording: blocking is fine here.
        self.path.write_text(content, encoding="utf-8")
        return reply


def _lines(message: Message) -> tuple[str, ...]:
    """A header that names the role (and the call), then the text's lines."""
    body = render_message(message)
    header = f"[{body['role']}{' ' + body['call_id'] if 'call_id' in body else ''}]"
    return (header, *mask_volatile(body["text"]).splitlines())


def _difference(expected: tuple[tuple[str, ...], ...], got: tuple[tuple[str, ...], ...]) -> str:
    lines = difflib.unified_diff(
        [line for message in expected for line in message],
        [line for message in got for line in message],
        "recorded",
        "asked now",
        n=2,
        lineterm="",
    )
    return "\n".join(list(lines)[:200])
