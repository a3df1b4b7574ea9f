"""Output made fit for a model: noise folded, long lines and the middle left out, and saying so. Pure.

Failures and totals stand at the end of a program's output, so the tail gets more room than the head. What is
left out is always counted and named; blindness by silent truncation makes models guess.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby, repeat
from typing import Final

from bot.domain import limits
from bot.llm.sanitise import clean_text

_ANSI: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][0-9A-Za-z]|\x1b[@-Z\\-_=>]"
)
_CONTROL: Final = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
# Lines that the harness itself writes: a program that prints one must not be taken for it.
_OUR_MARK: Final = re.compile(r"^(\s*)\[(budget|notice|harness|verification)\]", re.IGNORECASE)
_REPEATS: Final = 4  # from so many equal lines on, they are counted instead of shown
LIMIT_BYTES: Final = limits.TOOL_OUTPUT_TOKENS * 4


def fold_noise(output: bytes | str) -> str:
    """The output as text without ANSI sequences, overwritten progress lines and runs of equal lines."""
    text = output.decode("utf-8", "replace") if isinstance(output, bytes) else output
    text = _ANSI.sub("", clean_text(text)).replace("\r\n", "\n")
    return "\n".join(_fold_repeats(map(_cleaned, _lines(text))))


def _lines(text: str) -> Iterator[str]:
    """One after another: a list of all lines of 4 MB is ten times as large."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:]


def _cleaned(line: str) -> str:
    shown = _CONTROL.sub("", line.rstrip("\r").rsplit("\r", 1)[-1])
    return _OUR_MARK.sub(r"\1[printed by the program: \2]", shown)


def _fold_repeats(lines: Iterable[str]) -> Iterator[str]:
    for line, equal in groupby(lines):
        count = sum(1 for _ in equal)
        if count >= _REPEATS:
            yield from (line, f"[the line above {count - 1} times more]")
        else:
            yield from repeat(line, count)


def fits(text: str) -> bool:
    """Whether `render_cut` would leave the text as it is."""
    if len(text) > LIMIT_BYTES:
        return False
    return max(map(len, _lines(text))) <= limits.TOOL_LINE_CHARACTERS and _size(text) <= LIMIT_BYTES


def render_cut(text: str, full_text: str = "", limit_bytes: int = LIMIT_BYTES) -> str:
    """The text with long lines cut and, over the limit, head (40 %) and tail (60 %) around a marker.

    `full_text` says where the whole stands ("all of it: /pullwright/output/3-1.txt"); empty says nothing.
    The result is at most `limit_bytes` and one marker long.
    """
    lines = [cut_line(line) for line in text.split("\n")]
    total = sum(_size(line) + 1 for line in lines)
    if total - 1 <= limit_bytes:
        return "\n".join(lines)
    head = _take(lines, limit_bytes * limits.TOOL_OUTPUT_HEAD_SHARE)
    tail = _take(lines[len(head) :][::-1], limit_bytes * (1 - limits.TOOL_OUTPUT_HEAD_SHARE))[::-1]
    left_out = lines[len(head) : len(lines) - len(tail)]
    size = sum(_size(line) + 1 for line in left_out)
    where = f"; {full_text}" if full_text else ""
    return "\n".join([*head, f"[… {len(left_out):,} lines, {size:,} bytes left out here{where} …]", *tail])


def cut_line(line: str) -> str:
    """One line of at most `limits.TOOL_LINE_CHARACTERS` characters, and how many more there are."""
    more = len(line) - limits.TOOL_LINE_CHARACTERS
    return line if more <= 0 else f"{line[: limits.TOOL_LINE_CHARACTERS]} [… {more:,} characters more]"


def _take(lines: list[str], room: float) -> list[str]:
    taken = 0
    for count, line in enumerate(lines):
        taken += _size(line) + 1
        if taken > room:
            return lines[:count]
    return lines


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
