"""What a pull request was told before, and what became of it: decided from what stands on GitHub. Pure.

GitHub is the memory: our own texts carry marks (`texts/markers.py`), threads say who resolved them, people reply and
react. So it survives the loss of our database, and a person's word is never overlooked (decision 43).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.domain.access import Permission, decide_access


@dataclass(frozen=True)
class ThreadReply:
    author: str
    is_bot: bool
    text: str


@dataclass(frozen=True)
class ThreadState:
    """A review thread that we began. `line` None: the diff does not show its lines any more. `resolved_by`: the login
    of the person who resolved it, empty when nobody or no person did. `disliked_by`: people with a 👎 on our text."""

    id: str
    path: str
    line: int | None
    url: str
    text: str
    resolved: bool
    resolved_by: str = ""
    replies: tuple[ThreadReply, ...] = ()
    disliked_by: tuple[str, ...] = ()


class Standing(StrEnum):
    """What became of a finding that people were told."""

    OPEN = "open"
    DISMISSED = "dismissed"  # by a person with write access: neither said again nor counted
    WAVED_OFF = "waved_off"  # by somebody without: not said again, but it counts
    GONE = "gone"  # resolved by us: should it come back, it is said again


_DISMISSAL: Final = re.compile(
    r"\W*(?:(?:this|that|it)(?:'s| is)? )?"
    r"(?:won['’]?t ?fix|will not fix|wontfix|not (?:a|an) (?:bug|issue|problem)|by design|as designed|"
    r"(?:works as )?intended|false positive|intentional|dismiss(?:ed)?)\b",
    re.IGNORECASE,
)


def is_dismissal(text: str) -> bool:
    """Whether a reply begins by saying that nothing will be done. What comes later in it may be about anything."""
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith(">")), "")
    return _DISMISSAL.match(first) is not None


def objectors(thread: ThreadState) -> tuple[str, ...]:
    """People who waved this finding off, in whatever way; each once."""
    said = (reply.author for reply in thread.replies if not reply.is_bot and is_dismissal(reply.text))
    names = (thread.resolved_by, *said, *thread.disliked_by)
    return tuple(dict.fromkeys(name for name in names if name))


def decide_standing(thread: ThreadState, permissions: Mapping[str, Permission]) -> Standing:
    """`permissions`: of all `objectors`. Whoever may not write can't silence us: an author could wave off the fault in
    his own pull request."""
    by = objectors(thread)
    if any(decide_access(permissions.get(name, Permission.UNKNOWN)) is None for name in by):
        return Standing.DISMISSED
    if by:
        return Standing.WAVED_OFF
    return Standing.GONE if thread.resolved else Standing.OPEN
