"""How much of a pull request a review looks at: what is new since the last one, or all of it. Pure.

New alone only where it is certain what the last one saw: the same base, and a head that the new one was built upon.
"""

import re
from dataclasses import dataclass
from typing import Final

from bot.domain.ids import CommitSha

_BARE: Final = re.compile(
    r"\s*(?:please\s+)?(?:review)?(?:\s+(?:this|it|the\s+)?(?:pr|pull\s+request)?)?(?:\s+please)?\s*[.!]*\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Seen:
    """What the last finished review saw: the head, and the commit from which that left its base branch."""

    head: CommitSha
    base: CommitSha


@dataclass(frozen=True)
class Scope:
    """`since` empty: all of it. `why`: a sentence about that for people, empty where nothing was to be expected."""

    since: CommitSha = CommitSha("")
    why: str = ""


def has_focus(instruction: str) -> bool:
    """Whether more is asked for than a review: then the last one did not look for it."""
    return _BARE.fullmatch(instruction) is None


def decide_scope(last: Seen | None, now: Seen, instruction: str, *, grown: bool) -> Scope:
    """`grown`: the new head was built upon the last one (an ancestor of it, as GitHub sees it)."""
    if last is None or has_focus(instruction) or last.head == now.head:
        return Scope()
    if last.base != now.base:
        return Scope(why=f"Looked at as a whole: the base has moved since `{last.head[:10]}`.")
    if not grown:
        return Scope(why=f"Looked at as a whole: history was rewritten since `{last.head[:10]}`.")
    return Scope(last.head)
