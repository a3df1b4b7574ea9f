"""Flags of a command: `--model --attempts --base --budget`, read from the words behind it. Pure.

A flag counts where flags stand: right behind the mention or the command, or at the end of that line. Elsewhere
`--quiet` is what a person writes about their own program. In the first place an unknown flag is answered and not
taken for text: a change that ignores half of what was asked helps nobody.
"""

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final

from bot.domain.limits import ATTEMPTS_MAX


@dataclass(frozen=True)
class Flags:
    """What was set; the defaults mean that the operator's settings hold. `budget_usd` 0: not set."""

    model: str = ""
    attempts: int = 1
    base: str = ""
    budget_usd: float = 0.0


@dataclass(frozen=True)
class FlagFault:
    """`flag` as it was written, `near` the one that may have been meant, `wanted` what its value has to be."""

    flag: str
    near: str = ""
    wanted: str = ""


WANTED: Final = {
    "model": "the name of a model",
    "attempts": f"a whole number from 1 to {ATTEMPTS_MAX}",
    "base": "the name of a branch",
    "budget": "an amount of US dollars, like 2.50",
}
_MOST_USD: Final = 10_000.0  # any more is a slip of the keyboard; the operator's own limit holds anyway
_VALUE: Final = r"""(?:=[ \t]*|[ \t]+)("[^"\n]*"|'[^'\n]*'|(?!--|—)[^\s]+)"""
_FLAG: Final = re.compile(rf"\s*(?:--|—)([A-Za-z][A-Za-z-]{{0,30}})(?:{_VALUE})?")  # phones write — for --
_FLAG_CHARACTERS: Final = (
    250  # the longest flag with its value; a search over a whole long line could be slow
)
_FLAGS: Final = 8  # more at one end are none
_LAST: Final = re.compile(rf"[ \t](?:--|—)([A-Za-z][A-Za-z-]{{0,30}}){_VALUE}\Z")


def take_leading(text: str, flags: Flags) -> tuple[Flags, str, FlagFault | None]:
    """The flags at the beginning of `text`, and what stands behind them."""
    while found := _FLAG.match(text):
        name, value = found[1].lower(), found[2]
        if name not in WANTED:
            return flags, text, FlagFault(f"--{name}", _nearest(name))
        flags_or_fault = _with(flags, name, value)
        if isinstance(flags_or_fault, FlagFault):
            return flags, text, flags_or_fault
        flags, text = flags_or_fault, text[found.end() :]
    return flags, text, None


def take_trailing(text: str, flags: Flags) -> tuple[Flags, str, FlagFault | None]:
    """The flags at the end of the first line of `text`, and the text without them."""
    line, newline, rest = text.partition("\n")
    for _ in range(_FLAGS):
        line = line.rstrip(" \t\r")
        found = _LAST.search(line, max(0, len(line) - _FLAG_CHARACTERS))
        if found is None:
            break
        name = found[1].lower()
        near = name if name in WANTED else _nearest(name)
        if not near or line.count("`", 0, found.start()) % 2:
            break
        if near != name:
            return flags, text, FlagFault(f"--{name}", near)
        flags_or_fault = _with(flags, name, found[2])
        if isinstance(flags_or_fault, FlagFault):
            return flags, text, flags_or_fault
        flags, line = flags_or_fault, line[: found.start()]
    return flags, line + newline + rest, None


def is_branch_name(text: str) -> bool:
    """Whether git could have a branch of that name."""
    return bool(re.fullmatch(r"(?!-)[^\s~^:?*\[\\]{1,200}", text)) and ".." not in text


def _with(flags: Flags, name: str, given: str | None) -> Flags | FlagFault:
    value = (given or "").strip("\"'").strip()
    fault = FlagFault(f"--{name}", "", WANTED[name])
    match name:
        case "model" if re.fullmatch(r"[\w./:@+-]{1,100}", value):
            return replace(flags, model=value)
        case "base" if is_branch_name(value):
            return replace(flags, base=value)
        case "attempts" if value.isdecimal() and len(value) < 3 and 1 <= int(value) <= ATTEMPTS_MAX:
            return replace(flags, attempts=int(value))
        case "budget" if re.fullmatch(r"\$?\d{1,6}(\.\d{1,4})?", value, re.ASCII):
            usd = float(value.lstrip("$"))
            return replace(flags, budget_usd=usd) if 0 < usd <= _MOST_USD else fault
    return fault


def _nearest(name: str) -> str:
    return next(iter(get_close_matches(name, WANTED, 1, 0.7)), "")
