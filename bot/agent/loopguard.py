"""Sees that a model goes round in circles: the same calls with the same results, again and again. Pure.

A call is known by a print of its name, its arguments and its result (times and addresses masked), so an edit
and a test run in turn are no circle as long as the result changes.
"""

import hashlib
from enum import StrEnum

from bot.domain import limits
from bot.llm.contract import ToolCall
from bot.llm.serialise import render_canonical
from bot.llm.volatile import mask_volatile

PERIOD_MAX = 3
"""A, AB and ABC are seen as circles; longer ones are left to the budget."""


class Circle(StrEnum):
    NONE = "none"
    TELL = "tell"  # the model is told
    END = "end"


def print_call(call: ToolCall, result: str) -> str:
    """Sixteen hexadecimal digits for a call and its result."""
    content = render_canonical([call.name, call.arguments, mask_volatile(result)])
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def decide_circle(prints: tuple[str, ...]) -> Circle:
    """By how often the newest one to three prints repeat in unbroken order at the end of the list."""
    repeats = max((_repeats(prints, period) for period in range(1, PERIOD_MAX + 1)), default=0)
    if repeats > limits.SAME_CALL_LIMIT:
        return Circle.END
    return Circle.TELL if repeats == limits.SAME_CALL_LIMIT else Circle.NONE


def _repeats(prints: tuple[str, ...], period: int) -> int:
    block, count = prints[-period:], 0
    while block and prints[len(prints) - (count + 1) * period : len(prints) - count * period] == block:
        count += 1
        if (count + 1) * period > len(prints):
            break
    return count
