"""A job's log as text that shows what went wrong. Pure.

GitHub Actions puts a time before each line, says `##[error]` where a step failed, and goes on with pages of clean-up.
What stands in a log was printed by the repository's programs: data, whatever it says.
"""

import re
from typing import Final

_TIME: Final = re.compile(
    r"^\ufeff?[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z ?"
)
_ERROR: Final = "##[error]"
_AFTER_LINES: Final = 3  # kept behind the last error: what a step says of its end


def focus_log(text: str) -> str:
    """Without the times, and without the clean-up behind the last error."""
    lines = [_TIME.sub("", line) for line in text.split("\n")]
    end = _end_of_errors(lines)
    left_out = len(lines) - end
    more = [f"[… {left_out} lines of clean-up left out …]"] if left_out > 1 else lines[end:]
    return "\n".join([*lines[:end], *more])


def find_excerpt(focused: str, count: int) -> str:
    """The `count` lines that end with the last error, of a log that `focus_log` made; without one, its last lines."""
    lines = focused.rstrip("\n").split("\n")
    end = next((at + 1 for at in range(len(lines) - 1, -1, -1) if lines[at].startswith(_ERROR)), len(lines))
    return "\n".join(lines[max(0, end - count) : end])


def _end_of_errors(lines: list[str]) -> int:
    for at in range(len(lines) - 1, -1, -1):
        if lines[at].startswith(_ERROR):
            return min(len(lines), at + 1 + _AFTER_LINES)
    return len(lines)
