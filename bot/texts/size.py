"""Makes a text fit GitHub's limits, and says where it was cut and where the whole is. Pure."""

import re
from typing import Final

from bot.domain import limits
from bot.texts.sanitise import close_fences

_NOTE: Final = "\n\n*[This text was too long for this place; the rest was cut.{whole}]*"
_ROOM: Final = 800  # for the note with its address, fences and tags that have to be closed
_TASK: Final = re.compile(r"<!-- pullwright:(?:task|pull|review):([A-Za-z0-9-]{1,100}) -->")


def fit(text: str, tail: str = "", characters: int = limits.BODY_CHARACTERS, whole: str = "") -> str:
    """`text` and then `tail` (markers, footers: never cut), at most `characters` long. `whole`: the address of a page
    that has all of it; the operator has the task's log in any case, whose name is taken from the marker.

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
    return cut + _NOTE.format(whole=_where(tail, whole)) + tail


def _where(tail: str, whole: str) -> str:
    task = _TASK.search(tail)
    log = f"in the task's log (`pullwright tasks export {task[1]}`)" if task else ""
    page = f"on [this page]({whole})" if whole else ""
    places = " and ".join(place for place in (page, log) if place)
    return f" The whole is {places}." if places else ""


def _size(text: str) -> int:
    return len(text) + sum(ord(character) > 0xFFFF for character in text)
