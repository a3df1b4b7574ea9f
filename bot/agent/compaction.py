"""When a conversation has grown too long: what is left out, and what stands in its place. Pure.

Two steps, each a row of the event log, so that a resume folds to the same bytes:
1. Old outputs become one-line stubs, in one batch (each batch costs the cached prefix once), only when that
   frees enough. The newest quarter of the conversation is not touched.
2. When that frees too little, the model is asked for a hand-over note: one more message behind the same prefix,
   tools kept, so the request is cached like any other. Then everything behind the first messages is replaced by
   one message, written from the harness's own records and the note. The first messages (rules, repository,
   instruction, issue) stay byte for byte.

Must never: leave a call without its output, trust the model's memory for what the harness knows, or run again
before the conversation has grown by a quarter.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.agent.history import State
from bot.agent.records import Records
from bot.agent.tools.truncate import render_cut
from bot.domain import limits
from bot.llm.contract import ToolOutput
from bot.llm.sanitise import clean_text

HANDOVER_REQUEST: Final = """\
[harness] This conversation is near its limit. It will be replaced by your note and by what the harness keeps: \
the instruction, the issue, the plan, the change so far, the last test difference. Nothing else is remembered.
Answer with text only, without a tool call: a hand-over note of at most 500 words for the engineer who goes on.
- What is established, with file:line. What is only suspected.
- What was changed and why; what is still missing.
- What was tried and did not work, so that nobody tries it again.
- The exact next steps and commands."""

_STUB_FROM_BYTES: Final = 400  # a shorter output is not worth a stub
_STUB_LINE: Final = 160
_NOTE_BYTES: Final = 16 * limits.KIB  # 500 words are under 4 KiB; a chatty model is cut
_TOKEN_BYTES: Final = 4


class Due(StrEnum):
    """What the size of the conversation asks for."""

    NOTHING = "nothing"
    STUBS = "stubs"
    NOTE = "note"


@dataclass(frozen=True)
class Stubs:
    """One line for each output that goes, by its call's id."""

    texts: dict[str, str]
    freed_tokens: int


def threshold(window: int) -> int:
    """Tokens from which on a conversation is compacted, for a model with a window of so many."""
    return min(limits.COMPACT_TOKENS, int(window * limits.COMPACT_WINDOW_SHARE))


def decide_due(state: State, window: int) -> Due:
    """Before the next request."""
    limit = threshold(window)
    grown = state.context_tokens >= state.compacted_to * (1 + limits.COMPACT_GROWTH_SHARE)
    if state.context_tokens < limit or not grown or len(state.messages) <= state.head:
        return Due.NOTHING
    enough = min(limits.COMPACT_FREED_TOKENS, limit // 4)
    return Due.STUBS if plan_stubs(state).freed_tokens >= enough else Due.NOTE


def plan_stubs(state: State) -> Stubs:
    """Every long output that is older than the newest quarter of the conversation."""
    untouched = state.size_bytes * limits.COMPACT_UNTOUCHED_SHARE
    texts: dict[str, str] = {}
    freed = newer = 0
    for message in reversed(state.messages[state.head :]):
        size, newer_than_it = len(message.text.encode()), newer
        newer += size
        if newer_than_it <= untouched or not isinstance(message, ToolOutput) or size < _STUB_FROM_BYTES:
            continue
        texts[message.call_id] = stub = render_stub(message.text)
        freed += size - len(stub.encode())
    return Stubs(dict(reversed(texts.items())), freed // _TOKEN_BYTES)


def render_stub(text: str) -> str:
    """The first line (exit code, path and lines, counts) and how much went."""
    first, _, rest = text.partition("\n")
    cut = first if len(first) <= _STUB_LINE else f"{first[: _STUB_LINE - 1]}…"
    lines = rest.count("\n") + 1 if rest else 0
    return f"{cut} [… {lines:,} lines left out to save room; run it again if you need them]"


def render_handover(records: Records, diff_stat: str, note: str, *, overflow: bool) -> str:
    """The one message that stands in place of the conversation. `diff_stat`: of the work tree against the base,
    measured now. `overflow`: the server refused the conversation, so there is no note."""
    why = "was longer than the model takes" if overflow else "came near its limit"
    parts = [
        f"[harness] The conversation up to here {why} and was left out. The instruction and the issue above "
        "stand. What follows was kept by the harness; the work tree is as you left it."
    ]
    for text in records.said:
        parts += ["## Said by a person meanwhile", text]
    if records.feedback:
        parts += ["## The last verification", records.feedback]
    if records.plan:
        steps = "\n".join(f"- [{step.status.value}] {step.step}" for step in records.plan)
        parts += ["## Plan", steps]
    parts += ["## The change so far, against the base", diff_stat or "Nothing is changed."]
    if records.tests:
        parts += ["## The last test run", records.tests]
    if records.calls:
        parts += ["## The newest calls, oldest first", "\n".join(f"- {line}" for line in records.calls)]
    cut = render_cut(clean_text(note).strip(), "", _NOTE_BYTES)
    parts += ["## Your hand-over note", cut or "(there is none: look at the change and go on from there)"]
    return "\n\n".join(parts)
