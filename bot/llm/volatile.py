"""Masks what differs between two runs of one command: times, addresses, temporary and version paths. Pure.

Used to compare a request with its recording, and to see that a call gave the same result again.
"""

import re
from typing import Final

_MASKS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    # Python 3.13 and later draw other markers below a traceback's line than 3.11 does.
    (re.compile(r"(?m)^[ \t|]*[~^]+[ \t~^]*\n?"), ""),
    (re.compile(r"\b0x[0-9a-fA-F]{4,16}\b"), "0x<address>"),
    (re.compile(r"(?:/[\w.+-]+)*/python3?\.\d+(?=/|\b)"), "<python>"),
    (re.compile(r"\b[Pp]ython \d+\.\d+(?:\.\d+)?(?:[+\w]*)"), "Python <version>"),
    (re.compile(r"\.(?:cpython|pypy)-?\d+\.pyc\b"), ".<python>.pyc"),
    (re.compile(r"/(?:var/tmp|tmp)/[\w./@+-]+"), "<temporary>"),
    (re.compile(r"\b\d+(?:\.\d+)? ?(?:ms|µs|us|ns|s|sec|secs|seconds?|minutes?|min)\b"), "<time>"),
    (re.compile(r"\b\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?\b"), "<time>"),
    # The frame of "=== 3 passed in 0.01s ===" is as wide as the time is short.
    (re.compile(r"(?m)^={3,} (.*?) ={3,}$"), r"=== \1 ==="),
)


def mask_volatile(text: str) -> str:
    """`text` with every volatile span replaced by a fixed word."""
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return text
