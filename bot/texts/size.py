"""Makes a text fit GitHub's limits, and says so where it was cut. Pure."""

from typing import Final

from bot.domain import limits
from bot.texts.sanitise import close_fences

_NOTE: Final = "\n\n*[This text was longer than GitHub takes; the rest was cut.]*"
_ROOM: Final = 400  # for the note, fences and tags that have to be closed


def fit(text: str, tail: str = "", characters: int = limits.BODY_CHARACTERS) -> str:
    """`text` and then `tail` (markers, footers: never cut), at most `characters` long.

    GitHub does not say whether it counts characters or UTF-16 units; characters beyond U+FFFF are counted as
    two here, which is safe either way.
    """
    if _size(text) + _size(tail) <= characters:
        return text + tail
    room = characters - _size(tail) - _ROOM
    cut = text
    while _size(cut) > room:
        cut = cut[: max(0, len(cut) - max(1, (_size(cut) - room + 1) // 2))]
    cut = cut[: cut.rfind("\n")] if "\n" in cut[-2_000:] else cut
    cut = close_fences(cut)
    cut += "\n\n</details>" * max(0, cut.count("<details>") - cut.count("</details>"))
    return cut + _NOTE + tail


def _size(text: str) -> int:
    return len(text) + sum(ord(character) > 0xFFFF for character in text)
