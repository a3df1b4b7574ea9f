"""What the model is told: texts that converge.

Every refusal says that nothing was written, what was sought, the nearest region with line numbers, what
differs there, and one next step. Every success shows the lines around the change, so that no second read is
needed. All of it is bounded: the search for a nearest region is linear in the file, without difflib.
"""

import difflib
import posixpath
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from bot.editing.match import indent_of
from bot.editing.text import BLANKS
from bot.errors import ForModel

CONTEXT_LINES: Final = 3
SHOWN_LINES: Final = 20
"""Around one change or near miss: enough to see, cheap to repeat."""
_LINE_CHARACTERS: Final = 200
_DIFFERENCES: Final = 5
_LISTED: Final = 10
_COMMON: Final = 200
"""A line that stands in the file more often (a brace, a blank) says nothing about where a block belongs."""
_PROBE_WORDS: Final = 12
_NAMES: Final = 20_000


def refuse(path: str, reason: str, *parts: str) -> ForModel:
    """A refusal about one file; the parts are paragraphs below the first line."""
    return ForModel(
        "\n".join((f"Nothing was written. `{path}`: {reason}", *(part for part in parts if part)))
    )


def number_lines(bodies: Sequence[str], start: int, end: int) -> str:
    """Lines `start` (from 0) to `end`, numbered from 1, at most SHOWN_LINES: the middle is left out."""
    start, end = max(start, 0), min(end, len(bodies))
    numbers: Iterable[int] = range(start, end)
    if end - start > SHOWN_LINES:
        half = SHOWN_LINES // 2
        numbers = (*range(start, start + half), -1, *range(end - half, end))
    return "\n".join(f"{n + 1:>6}| {_cut(bodies[n])}" if n >= 0 else "     …" for n in numbers)


def around(bodies: Sequence[str], start: int, end: int) -> str:
    """The numbered lines of a change with a few lines before and behind."""
    return number_lines(bodies, start - CONTEXT_LINES, end + CONTEXT_LINES)


def list_lines(starts: Sequence[int], total: int | None = None) -> str:
    """`lines 14, 88 and 203`, from positions that count from 0."""
    numbers = [str(start + 1) for start in starts[:_LISTED]]
    more = (len(starts) if total is None else total) - len(numbers)
    if more > 0:
        return f"lines {', '.join(numbers)} and {more} more"
    if len(numbers) == 1:
        return f"line {numbers[0]}"
    return f"lines {', '.join(numbers[:-1])} and {numbers[-1]}"


def near_miss(bodies: Sequence[str], block: Sequence[str]) -> str:
    """The region most like `block`, numbered, and how it differs. Empty if nothing in the file is like it."""
    wanted = [body for body in block if body.strip(BLANKS)]
    if not wanted or not bodies:
        return f"The file has {_lines(len(bodies))}."
    start = _by_equal_lines(bodies, block)
    if start is None:
        start = _by_words(bodies, block)
    if start is None:
        head = number_lines(bodies, 0, SHOWN_LINES)
        return f"Nothing in its {_lines(len(bodies))} is like it. The file begins:\n{head}"
    start = max(0, min(start, len(bodies) - 1))
    end = min(len(bodies), start + len(block))
    there = bodies[start:end]
    same = sum(a == b for a, b in zip(there, block, strict=False))
    lines = [f"Closest: {_range(start, end)} of {len(bodies)}; {same} of {_lines(len(block))} the same."]
    lines.extend(_differences(there, block, start))
    lines.append("They read:")
    lines.append(around(bodies, start, end))
    return "\n".join(lines)


def similar_names(path: str, names: Collection[str]) -> list[str]:
    """At most three names of the listing that may have been meant."""
    base = posixpath.basename(path)
    pool = list(names)[:_NAMES]
    same = [name for name in pool if posixpath.basename(name).casefold() == base.casefold()]
    if same:
        return sorted(same, key=lambda name: (len(name), name))[:3]
    bases: dict[str, list[str]] = {}
    for name in pool:
        bases.setdefault(posixpath.basename(name), []).append(name)
    likely = [other for other in bases if abs(len(other) - len(base)) <= max(3, len(base) // 3)]
    close = difflib.get_close_matches(base, likely[:5_000], n=3, cutoff=0.6)
    return [name for other in close for name in bases[other]][:3]


def missing_file(path: str, names: Collection[str]) -> ForModel:
    similar = similar_names(path, names)
    hint = f"Similar: {', '.join(f'`{name}`' for name in similar)}." if similar else ""
    return ForModel(
        f"Nothing was written. There is no file `{path}`. {hint}".rstrip()
        + "\nNext: send the path as it is in the repository (list the directory if unsure)."
    )


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"


def _range(start: int, end: int) -> str:
    return f"line {start + 1}" if end - start == 1 else f"lines {start + 1}-{end}"


def _cut(body: str) -> str:
    return body if len(body) <= _LINE_CHARACTERS else f"{body[:_LINE_CHARACTERS]}… ({len(body):,} characters)"


def _visible(body: str) -> str:
    """Tabs and the blanks at the end as signs."""
    core = body.rstrip(BLANKS)
    tail = body[len(core) :].replace(" ", "·").replace("\r", "␍").replace("\f", "␌")
    return (_cut(core) + tail[:40]).replace("\t", "→")


def _blanks(indent: str) -> str:
    tabs, spaces = indent.count("\t"), indent.count(" ")
    parts = [
        f"{count} {name}{'s' if count > 1 else ''}" for count, name in ((tabs, "tab"), (spaces, "space"))
    ]
    return " and ".join(part for part in parts if not part.startswith("0")) or "nothing"


def _differences(there: Sequence[str], block: Sequence[str], start: int) -> list[str]:
    notes: list[str] = []
    for offset, sent in enumerate(block):
        if len(notes) == _DIFFERENCES:
            notes.append("- … and more")
            break
        if offset >= len(there):
            notes.append(
                f"- the file ends at line {start + len(there)}; you sent `{_visible(sent)}` behind it"
            )
            break
        if there[offset] != sent:
            notes.append(f"- line {start + offset + 1} {_difference(there[offset], sent)}")
    return notes


def _difference(there: str, sent: str) -> str:
    if there.strip(BLANKS) == sent.strip(BLANKS):
        if indent_of(there) != indent_of(sent):
            return f"begins with {_blanks(indent_of(there))} where you sent {_blanks(indent_of(sent))}"
        return f"ends in other blanks: `{_visible(there)}` vs yours `{_visible(sent)}`"
    return f"is `{_visible(there)}` where you sent `{_visible(sent)}`"


def _by_equal_lines(bodies: Sequence[str], block: Sequence[str]) -> int | None:
    """Lines of the block in the file, each a vote for the start that it implies; rare ones weigh more."""
    wanted: dict[str, list[int]] = {}
    for offset, body in enumerate(block):
        key = body.strip(BLANKS)
        if key:
            wanted.setdefault(key, []).append(offset)
    places: dict[str, list[int]] = {}
    for number, body in enumerate(bodies):
        key = body.strip(BLANKS)
        if key in wanted:
            found = places.setdefault(key, [])
            if len(found) <= _COMMON:
                found.append(number)
    votes: Counter[int] = Counter()
    for key, numbers in places.items():
        if len(numbers) > _COMMON or len(wanted[key]) > _COMMON // 10:
            continue
        weight = 1_000 // (len(numbers) * len(wanted[key]))
        for number in numbers:
            for offset in wanted[key]:
                votes[number - offset] += weight
    if not votes:
        return None
    return min(votes, key=lambda start: (-votes[start], start))


def _by_words(bodies: Sequence[str], block: Sequence[str]) -> int | None:
    """The line that holds most words of the block's longest line."""
    offset = max(range(len(block)), key=lambda n: len(block[n].strip(BLANKS)))
    spaced = "".join(c if c.isalnum() or c == "_" else " " for c in block[offset][:2_000])
    words = sorted(set(spaced.split()), key=lambda word: (-len(word), word))[:_PROBE_WORDS]
    if not words:
        return None
    best, at = 0, -1
    total = sum(map(len, words))
    for number, body in enumerate(bodies):
        score = sum(len(word) for word in words if word in body)
        if score > best:
            best, at = score, number
            if score == total:
                break
    return at - offset if best * 2 >= total else None
