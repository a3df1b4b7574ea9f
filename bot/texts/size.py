"""Makes a text fit GitHub's limits without losing any of it. Pure.

Three ways, one for each kind of place:
- the words of a model are bounded where they come in (`measure_words`), so that nothing has to be cut later;
- a comment goes on in further ones (`split_pages`);
- what can't go on (a pull request's text, a review, a check run) is cut with the address of what has the whole (`fit`).
"""

import re
import sys
from dataclasses import dataclass, field
from typing import Final

from bot.domain import limits
from bot.texts.sanitise import close_fences, sanitise_block

_NOTE: Final = "\n\n*[This text was too long for this place; the rest was cut. The whole is {whole}.]*"
_ROOM: Final = 1_000  # for the note with its address, fences and tags that have to be closed
_FENCE: Final = re.compile(r"\s{0,3}(`{3,}|~{3,})(.*)$")
_INFO: Final = 40  # characters of what stands behind a fence: a language
_FOLDED: Final = re.compile(r"<details><summary>(.*)</summary>\s*$")


def fit(text: str, tail: str, whole: str, characters: int = limits.BODY_CHARACTERS) -> str:
    """`text` and then `tail` (what is never cut), at most `characters` long. `whole`: where all of it is, with an
    address; it ends the sentence "The whole is".

    GitHub does not say whether it counts characters or UTF-16 units; characters beyond U+FFFF are counted as
    two here, which is safe either way.
    """
    if count_units(text) + count_units(tail) <= characters:
        return text + tail
    cut = _head(text, characters - count_units(tail) - _ROOM)
    cut = cut[: cut.rfind("\n")] if "\n" in cut[-2_000:] else cut
    cut = close_fences(cut)
    cut += "\n\n</details>" * max(0, cut.count("<details>") - cut.count("</details>"))
    return cut + _NOTE.format(whole=whole) + tail


def count_units(text: str) -> int:
    """UTF-16 units: what GitHub counts at the most."""
    return len(text) + sum(ord(character) > 0xFFFF for character in text)


def measure_words(text: str) -> int:
    """The characters that a model's text takes where people read it, once it is made harmless."""
    return count_units(sanitise_block(text, sys.maxsize))


def split_pages(body: str, marker: str, characters: int = limits.BODY_CHARACTERS) -> tuple[str, ...]:
    """`body` as it is when one comment holds it; otherwise its pages, without `marker`, each with room for what
    `render_page` adds. Fences, folded parts and tables go on in the next page as they began."""
    if count_units(body) <= characters:
        return (body,)
    pages = _Pages(characters - _ROOM)
    for line in body.replace(marker, "").rstrip().splitlines():
        pages.add(line)
    return pages.end()


def render_page(pages: tuple[str, ...], number: int, addresses: tuple[str, ...], marker: str) -> str:
    """Page `number`, from 0, as a comment. `addresses` of the pages that are there by now; the first one leads to
    the others."""
    if len(pages) == 1:
        return pages[0]
    if number:
        first = f"*Part {number + 1} of {len(pages)}; [it begins here]({addresses[0]}).*"
        return f"{first}\n\n{pages[number]}\n\n{marker}\n"
    rest = ", ".join(f"[part {at}]({url})" for at, url in enumerate(addresses[1:], start=2))
    note = f"\n\n*This was too long for one comment and goes on: {rest}.*" if rest else ""
    return f"{pages[0]}{note}\n\n{marker}\n"


@dataclass
class _Pages:
    """Collects lines into pages of at most `room` units."""

    room: int
    done: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    size: int = 0
    fence: str = ""  # the line that opened it
    folded: list[str] = field(default_factory=list)  # titles
    table: list[str] = field(default_factory=list)  # its first two lines

    def add(self, line: str) -> None:
        while count_units(line) > self.room // 2:  # no line of ours, and none that people read
            head = _head(line, self.room // 2)
            self.add(head)
            line = line[len(head) :]
        if self.size + count_units(line) + 1 > self.room:
            self._turn()
        self._put(line)
        self._note(line)

    def end(self) -> tuple[str, ...]:
        return (*self.done, "\n".join(self.lines))

    def _put(self, line: str) -> None:
        self.lines.append(line)
        self.size += count_units(line) + 1

    def _turn(self) -> None:
        """The page ends here; what was open is closed in it and opened again in the next."""
        closing = [close_fences(self.fence).rpartition("\n")[2]] if self.fence else []
        self.done.append("\n".join([*self.lines, *closing, *("\n</details>" for _ in self.folded)]))
        self.lines, self.size = [], 0
        for title in self.folded:
            again = title if title.endswith("(goes on)") else f"{title} (goes on)"
            self._put(f"<details><summary>{again}</summary>\n")
        for line in (self.fence, *self.table):
            if line:
                self._put(line)

    def _note(self, line: str) -> None:
        """What is open behind this line."""
        found = _FENCE.match(line)
        if self.fence:
            opened = _FENCE.match(self.fence)
            same = found is not None and opened is not None and found[1][0] == opened[1][0]
            if same and found and opened and len(found[1]) >= len(opened[1]) and not found[2].strip():
                self.fence = ""
            return
        if found:
            self.fence = f"{found[1]}{found[2][:_INFO]}"
        if title := _FOLDED.match(line):
            self.folded.append(title[1])
        elif line.strip() == "</details>" and self.folded:
            self.folded.pop()
        if not line.startswith("|"):
            self.table = []
        elif len(self.table) < 2:
            self.table.append(line)


def _head(text: str, units: int) -> str:
    """As much of its beginning as has so many units."""
    cut = text[: max(0, units)]
    while count_units(cut) > units:
        cut = cut[: max(0, len(cut) - max(1, (count_units(cut) - units + 1) // 2))]
    return cut
