"""A second look at a finished change by a fresh context: advice only.

One request, nothing of the author's conversation in it. It can't make anything green: it is asked only about what
would be published as it is, and may at most send it back or add a word for the reviewer. Whatever goes wrong here
(no answer, a malformed one, a server's fault) means: no advice.
"""

from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.agent.hidden_text import strip_hidden
from bot.domain import limits
from bot.errors import ModelFault, RetryLater
from bot.llm.contract import (
    ContextOverflow,
    Model,
    ModelReply,
    ModelRequest,
    SystemMessage,
    ToolSpec,
    UserMessage,
)
from bot.llm.sanitise import clean_text

_POINTS: Final = 5


class Verdict(StrEnum):
    OK = "ok"
    SEND_BACK = "send_back"


@dataclass(frozen=True)
class FinishedChange:
    """What the second reader sees. `measured`: the harness's own sentences."""

    request: str
    issue: str
    diff: str
    measured: str


@dataclass(frozen=True)
class Advice:
    """`reply` None: there was no answer; then there is nothing to pay or to say either."""

    verdict: Verdict = Verdict.OK
    points: tuple[str, ...] = ()
    reply: ModelReply | None = None


class _Advise(BaseModel):
    model_config = ConfigDict(extra="ignore")

    verdict: Verdict
    points: list[str] = Field(default_factory=list)


_TOOL: Final = ToolSpec(
    "advise",
    "Give your advice and end.",
    {
        "type": "object",
        "properties": {
            "verdict": {"type": "string", "enum": [verdict.value for verdict in Verdict]},
            "points": {
                "type": "array",
                "items": {"type": "string"},
                "description": "At most five, the weightiest first: file, line, what is wrong, what would be right.",
            },
        },
        "required": ["verdict", "points"],
        "additionalProperties": False,
    },
)


async def take_second_look(model: Model, change: FinishedChange, cache_key: str) -> Advice:
    """Never raises for what the model or its server does."""
    messages = (SystemMessage(load_review_prompt()), UserMessage(clean_text(render_change(change))))
    try:
        reply = await model.reply(ModelRequest(messages, (_TOOL,), cache_key))
    except (ModelFault, RetryLater, ContextOverflow):
        return Advice()
    return parse_advice(reply)


def parse_advice(reply: ModelReply) -> Advice:
    """An answer that is none is no advice. Sending back needs a reason."""
    call = next((call for call in reply.message.calls if call.name == _TOOL.name), None)
    try:
        told = _Advise.model_validate_json(call.arguments) if call else None
    except (ValidationError, ValueError):
        told = None
    if told is None:
        return Advice(reply=reply)
    points = tuple(text for point in told.points[:_POINTS] if (text := strip_hidden(point).strip()))
    verdict = told.verdict if points else Verdict.OK
    return Advice(verdict, points, reply)


def render_change(change: FinishedChange) -> str:
    parts = (
        ("request", strip_hidden(change.request)),
        ("issue", strip_hidden(change.issue[: limits.ISSUE_BODY_BYTES])),
        ("measured", change.measured),
        ("change", _cut(change.diff)),  # as it is: hidden text in code is part of what is judged
    )
    return "\n\n".join(f'<data name="{name}">\n{_framed(text)}\n</data>' for name, text in parts)


def load_review_prompt() -> str:
    return files("bot.agent").joinpath("prompts/review.txt").read_text(encoding="utf-8").strip()


def _framed(text: str) -> str:
    """Material can't end its own frame."""
    return text.replace("</data", "< /data")


def _cut(diff: str) -> str:
    most = limits.SECOND_LOOK_CHARACTERS
    return diff if len(diff) <= most else f"{diff[:most]}\n[… {len(diff) - most} characters more]"
