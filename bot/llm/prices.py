"""What a model costs: the operator's own list, and the sum for one request. Pure.

An unknown price is an unknown cost, never zero. A price of zero is what an operator says of a model that runs
on a machine of their own.
"""

import fnmatch
import json
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bot.llm.contract import Usage

EXAMPLE: Final = '{"qwen3-coder*": {"input": 0.2, "cached": 0.02, "output": 0.8}}'


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens."""

    input: float
    cached: float
    output: float


PriceList = tuple[tuple[str, Price], ...]
"""Patterns of model names with `*`, and their prices; the first that fits counts."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    input: float = Field(ge=0, allow_inf_nan=False)
    cached: float | None = Field(None, ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)


_ENTRIES: Final = TypeAdapter(dict[str, _Entry])


def parse_prices(text: str) -> PriceList:
    """A JSON object of prices by model name. Without `cached` that part costs what the input costs.

    Raises ValueError that names the place."""
    try:
        entries = _ENTRIES.validate_python(json.loads(text))
    except json.JSONDecodeError as error:
        raise ValueError(f"the prices are no JSON ({error}); for example {EXAMPLE}") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'the whole'}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        )
        raise ValueError(f"the prices are not of the form {EXAMPLE}: {faults}") from error
    return tuple(
        (
            name.lower(),
            Price(entry.input, entry.input if entry.cached is None else entry.cached, entry.output),
        )
        for name, entry in entries.items()
    )


def price_for(model: str, prices: PriceList, known: Price | None) -> Price | None:
    """The operator's price for the model, by its whole name or without a vendor's prefix; else the known one."""
    name = model.lower()
    for pattern, price in prices:
        if fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name.rsplit("/", 1)[-1], pattern):
            return price
    return known


def cost_of(price: Price | None, usage: Usage) -> float | None:
    """Dollars for one request; None without a price. Cached tokens are part of the input tokens."""
    if price is None:
        return None
    fresh = max(0, usage.input_tokens - usage.cached_tokens)
    return (
        fresh * price.input + usage.cached_tokens * price.cached + usage.output_tokens * price.output
    ) / 1_000_000
