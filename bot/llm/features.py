"""What is known about model families, as one small table. Nothing is asked from a server here.

A name that no row knows gets the cautious defaults: plain roles, no optional fields, string-replacement
editing, no price (its cost is then unknown, never zero).
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.budget import Budget
from bot.llm.contract import Usage


class EditStyle(StrEnum):
    """One way of editing for each family: two ways at once invite thrashing."""

    PATCH = "patch"  # apply_patch: what GPT-5-class models are trained on
    EDIT = "edit"  # edit + write_file: unique string replacement


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens."""

    input: float
    cached: float
    output: float


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


# GPT-5-class models have 64.6 of their final 65.0 % resolved by 40 calls; small-step families gain until 150.
_GPT5 = Budget(turns=60, money_usd=4.0)
_SMALL_STEPS = Budget(turns=150, money_usd=5.0)


def _openai(family: str, price: Price, window: int = 400_000, budget: Budget = _GPT5) -> Features:
    return Features(family, "developer", True, True, EditStyle.PATCH, price, window, budget)


# First match wins: special names stand before general ones. Prices: the makers' lists, June 2026.
_TABLE: tuple[tuple[str, Features], ...] = (
    (r"gpt-5\.5(?!-pro)", _openai("gpt-5.5", Price(5.0, 0.5, 30.0), 1_000_000)),
    (
        r"gpt-5\.4-mini",
        _openai("gpt-5-mini", Price(0.75, 0.075, 4.5), budget=Budget(turns=60, money_usd=1.0)),
    ),
    (r"gpt-5\.4-nano", _openai("gpt-5-mini", Price(0.2, 0.02, 1.25), budget=Budget(turns=60, money_usd=0.5))),
    (r"gpt-5\.4(?!-pro)", _openai("gpt-5.4", Price(2.5, 0.25, 15.0), 1_000_000)),
    (r"gpt-5\.[23](?!-pro)", _openai("gpt-5", Price(1.75, 0.175, 14.0))),
    (
        r"gpt-5(\.1)?-(codex-)?mini",
        _openai("gpt-5-mini", Price(0.25, 0.025, 2.0), budget=Budget(60, money_usd=0.5)),
    ),
    (r"gpt-5(\.1)?(?![.\w]|-pro|-nano)", _openai("gpt-5", Price(1.25, 0.125, 10.0))),
    (r"gpt-5", Features("gpt-5", "developer", True, True, EditStyle.PATCH, None, 400_000, _GPT5)),
    (
        r"gpt-4\.1(?!-)",
        Features("gpt-4.1", "system", True, True, EditStyle.EDIT, Price(2.0, 0.5, 8.0), 1_000_000),
    ),
    (r"gpt-4o(?!-)", Features("gpt-4o", "system", True, True, EditStyle.EDIT, Price(2.5, 1.25, 10.0))),
    (r"o[34](-mini)?$", Features("o-series", "developer", False, True, EditStyle.EDIT, None, 200_000)),
    (r"claude-opus", Features("claude", price=Price(5.0, 0.5, 25.0), window=200_000, budget=_SMALL_STEPS)),
    (r"claude-sonnet", Features("claude", price=Price(3.0, 0.3, 15.0), window=200_000, budget=_SMALL_STEPS)),
    (r"claude", Features("claude", window=200_000, budget=_SMALL_STEPS)),
)


def features_for(model: str) -> Features:
    """The row for a model's name. A vendor's prefix (`openai/gpt-5.4`) and a date behind it do not matter."""
    name = model.lower().rsplit("/", 1)[-1]
    for pattern, features in _TABLE:
        if re.match(pattern, name):
            return features
    return Features()


def cost_of(price: Price | None, usage: Usage) -> float | None:
    """Dollars for one reply; None without a price. Cached tokens are part of the input tokens."""
    if price is None:
        return None
    fresh = max(0, usage.input_tokens - usage.cached_tokens)
    return (
        fresh * price.input + usage.cached_tokens * price.cached + usage.output_tokens * price.output
    ) / 1_000_000
