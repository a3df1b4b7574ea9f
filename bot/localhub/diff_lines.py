"""Which lines of a file a diff shows, and the hunk down to one of them. Pure."""

import re

_HUNK = re.compile(rb"^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


def hunk_down_to(diff: bytes, line: int, side: str) -> str | None:
    """The hunk's text from its `@@` to the line; None when the diff does not show that line on that side.

    `side`: LEFT counts lines of the old file, RIGHT of the new one; a context line is on both.
    """
    shown: list[bytes] = []
    old = new = 0
    for text in diff.splitlines():
        start = _HUNK.match(text)
        if start:
            old, new, shown = int(start[1]), int(start[2]), [text]
            continue
        if not shown or text.startswith(b"\\"):
            continue
        shown.append(text)
        mark = text[:1]
        here = (mark != b"+" and side == "LEFT" and old == line) or (
            mark != b"-" and side == "RIGHT" and new == line
        )
        if here:
            return b"\n".join(shown).decode(errors="replace")
        old += mark != b"+"
        new += mark != b"-"
    return None
