"""Places in the repository that a text names: `file:line` in stack traces, compiler messages, links. Pure.

Where an issue holds a stack trace, the lines around its frames are most of what a reader would open first. Frames of
libraries and of other machines' folders are told apart by the repository's own list of paths: a frame counts when
exactly one file ends like it.
"""

import re
from dataclasses import dataclass
from typing import Final

from bot.domain import limits

# Python `File "a/b.py", line 3`; Java `(App.java:12)`; most others `a/b.ext:12`, with a column or
# without; links of GitHub `a/b.ext#L12`.
_PLACE: Final = re.compile(
    r'File "(?P<python>[^"\n]{1,300})", line (?P<python_line>\d{1,7})(?!\d)'
    r"|(?P<file>[\w./\\@+-]{1,300}\.[A-Za-z][A-Za-z0-9]{0,7})(?::|#L|\((?=\d))(?P<line>\d{1,7})(?!\d)"
)


@dataclass(frozen=True)
class Place:
    path: str
    line: int


@dataclass(frozen=True)
class Region:
    """Lines `first` and following of a file of the base."""

    path: str
    first: int
    lines: tuple[str, ...]


def find_places(text: str, paths: tuple[str, ...]) -> tuple[Place, ...]:
    """Each place once, in the order in which the text names them."""
    by_name: dict[str, list[str]] = {}
    for path in paths:
        by_name.setdefault(path.rsplit("/", 1)[-1], []).append(path)
    found: dict[Place, None] = {}
    for match in _PLACE.finditer(text):
        said = (match["python"] or match["file"]).replace("\\", "/")
        line = int(match["python_line"] or match["line"])
        resolved = _resolve(said, by_name)
        if resolved is not None and line > 0:
            found[Place(resolved, line)] = None
    return tuple(found)


def cut_regions(places: tuple[Place, ...], texts: dict[str, str]) -> tuple[Region, ...]:
    """The lines around each place, overlapping ones joined, the first ones named when there are too many. A line that
    the file does not have (it has changed since) names nothing."""
    wanted: dict[str, list[tuple[int, int]]] = {}
    count = 0
    for place in places:
        length = len(texts[place.path].splitlines()) if place.path in texts else 0
        if place.line > length or count >= limits.TRACE_REGIONS:
            continue
        around = limits.TRACE_LINES_AROUND
        first, last = max(1, place.line - around), min(length, place.line + around)
        spans = wanted.setdefault(place.path, [])
        if any(start <= place.line <= end for start, end in spans):
            continue
        spans.append((first, last))
        count += 1
    return tuple(
        Region(path, first, tuple(texts[path].splitlines()[first - 1 : last]))
        for path, spans in wanted.items()
        for first, last in _joined(spans)
    )


def _resolve(said: str, by_name: dict[str, list[str]]) -> str | None:
    """The one file whose path ends like the frame's, comparing as many parts as both have."""
    parts = [part for part in said.split("/") if part not in ("", ".")]
    candidates = by_name.get(parts[-1], []) if parts else []
    scored = [(_shared(parts, path.split("/")), path) for path in candidates]
    best = max((score for score, _ in scored), default=0)
    fitting = [path for score, path in scored if score == best]
    return fitting[0] if len(fitting) == 1 else None


def _shared(said: list[str], path: list[str]) -> int:
    """Equal parts from the end."""
    count = 0
    for one, other in zip(reversed(said), reversed(path), strict=False):
        if one != other:
            break
        count += 1
    return count


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined
