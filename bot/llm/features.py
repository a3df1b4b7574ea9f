"""What is known about model families, as one small table. Nothing is asked from a server here.

A name that no row knows gets the cautious defaults: Chat Completions, plain roles, no optional fields,
string-replacement editing, no price (its cost is then unknown, never zero). What a server refuses although the
table says so is left out from then on (`client.py`); what it can do is told by `pullwright doctor --model`.
"""

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bot.domain.budget import Budget
from bot.llm.prices import Price


class EditStyle(StrEnum):
    """One way of editing for each family: two ways at once invite thrashing."""

    PATCH = "patch"  # apply_patch: what GPT-5-class models are trained on
    EDIT = "edit"  # edit + write_file: unique string replacement


class Wire(StrEnum):
    """How a request is spelled. AUTO: as the family's row says, and Chat Completions when a server has no more."""

    AUTO = "auto"
    RESPONSES = "responses"
    CHAT = "chat"


@dataclass(frozen=True)
class Features:
    """How to talk to a family, and how long it goes on gaining."""

    family: str = "unknown"
    system_role: str = "system"  # or "developer"
    parallel_calls: bool = False  # send `parallel_tool_calls`
    cache_key: bool = False  # send `prompt_cache_key`
    edit_style: EditStyle = EditStyle.EDIT
    price: Price | None = None
    window: int = 128_000  # tokens that prompt and reply may have together
    budget: Budget = field(default_factory=Budget)
    wire: Wire = Wire.CHAT
    reasoning: bool = False  # ask for encrypted reasoning (Responses)
    effort: str = ""  # reasoning effort to ask for; empty: not sent
    freeform: bool = False  # takes `apply_patch` as plain text (Responses)
    keeps_reasoning: bool = False  # wants its reasoning back between tool calls (Chat Completions)


# GPT-5-class models have 64.6 of their final 65.0 % resolved by 40 calls; small-step families gain until 150.
_FEW_STEPS = Budget(turns=60, money_usd=4.0)
_SMALL_STEPS = Budget(turns=150, money_usd=5.0)


def _few_steps(money_usd: float) -> Budget:
    return replace(_FEW_STEPS, money_usd=money_usd)


# Medium effort: high costs 1.6 times as much for 1.3 points more.
_GPT5 = Features(
    "gpt-5",
    "developer",
    parallel_calls=True,
    cache_key=True,
    edit_style=EditStyle.PATCH,
    window=400_000,
    budget=_FEW_STEPS,
    wire=Wire.RESPONSES,
    reasoning=True,
    effort="medium",
    freeform=True,
)
_GPT4 = Features("gpt-4", "system", True, True, EditStyle.EDIT, wire=Wire.RESPONSES)
_O_SERIES = Features(
    "o-series", "developer", False, True, EditStyle.EDIT, window=200_000, wire=Wire.RESPONSES, reasoning=True
)
_CLAUDE = Features("claude", window=200_000, budget=_SMALL_STEPS)
_GEMINI = Features("gemini", window=1_000_000)
# Open-weight families: whoever serves them sets the price, so none is known. Those that think between calls
# lose the thread (or are refused by their own servers) when that thinking is not sent back.
_OPEN = Features(window=128_000, budget=Budget())


def _open(family: str, window: int, thinks: bool = False) -> Features:
    return replace(_OPEN, family=family, window=window, keeps_reasoning=thinks)


# First match wins: special names stand before general ones. Prices: the makers' lists, June 2026; a row without
# one is a family whose members or sellers differ in price.
_TABLE: tuple[tuple[str, Features], ...] = (
    (r"gpt-5\.5(?!-pro)", replace(_GPT5, family="gpt-5.5", price=Price(5.0, 0.5, 30.0), window=1_000_000)),
    (
        r"gpt-5\.4-mini",
        replace(_GPT5, family="gpt-5-mini", price=Price(0.75, 0.075, 4.5), budget=_few_steps(1.0)),
    ),
    (
        r"gpt-5\.4-nano",
        replace(_GPT5, family="gpt-5-mini", price=Price(0.2, 0.02, 1.25), budget=_few_steps(0.5)),
    ),
    (r"gpt-5\.4(?!-pro)", replace(_GPT5, family="gpt-5.4", price=Price(2.5, 0.25, 15.0), window=1_000_000)),
    (r"gpt-5\.[23](?!-pro)", replace(_GPT5, price=Price(1.75, 0.175, 14.0))),
    (
        r"gpt-5(\.1)?-(codex-)?mini",
        replace(_GPT5, family="gpt-5-mini", price=Price(0.25, 0.025, 2.0), budget=_few_steps(0.5)),
    ),
    (r"gpt-5(\.1)?(?![.\w]|-pro|-nano)", replace(_GPT5, price=Price(1.25, 0.125, 10.0))),
    (r"gpt-5", _GPT5),
    (r"gpt-4\.1(?!-)", replace(_GPT4, family="gpt-4.1", price=Price(2.0, 0.5, 8.0), window=1_000_000)),
    (r"gpt-4\.1", replace(_GPT4, family="gpt-4.1", window=1_000_000)),
    (r"gpt-4o(?!-)", replace(_GPT4, family="gpt-4o", price=Price(2.5, 1.25, 10.0))),
    (r"gpt-4o", replace(_GPT4, family="gpt-4o")),
    (r"o[34](-mini)?(-\d{4}-\d\d-\d\d)?$", _O_SERIES),
    (r"gpt-oss", _open("gpt-oss", 128_000, thinks=True)),
    (r"claude-opus", replace(_CLAUDE, price=Price(5.0, 0.5, 25.0))),
    (r"claude-sonnet", replace(_CLAUDE, price=Price(3.0, 0.3, 15.0))),
    (r"claude", _CLAUDE),
    (r"gemini", _GEMINI),
    (r"deepseek-(reasoner|r\d|v[4-9])", _open("deepseek", 128_000, thinks=True)),
    (r"deepseek", _open("deepseek", 128_000)),
    (r"qwen\d?(\.\d)?-?coder|qwen3", _open("qwen", 256_000)),
    (r"qwen", _open("qwen", 128_000)),
    (r"kimi.*thinking", _open("kimi", 256_000, thinks=True)),
    (r"kimi", _open("kimi", 128_000)),
    (r"glm-", _open("glm", 128_000, thinks=True)),
    (r"minimax", _open("minimax", 200_000, thinks=True)),
    (r"(devstral|codestral|mistral|magistral|ministral)", _open("mistral", 128_000)),
    (r"grok", _open("grok", 128_000)),
    (r"(meta-)?llama", _open("llama", 128_000)),
    (r"gemma", _open("gemma", 128_000)),
)


def features_for(model: str) -> Features:
    """The row for a model's name. A vendor's prefix (`openai/gpt-5.4`) and a date behind it do not matter."""
    name = model.lower().rsplit("/", 1)[-1]
    for pattern, features in _TABLE:
        if re.match(pattern, name):
            return features
    return Features()


def known_families() -> tuple[tuple[str, Features], ...]:
    """The table as it is: patterns of names, first match first. For the documentation."""
    return _TABLE
