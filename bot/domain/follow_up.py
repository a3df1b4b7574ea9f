"""Where the result of a follow-up goes, and how its points are answered. Pure.

Must never: let anything be pushed to a fork, or to a person's branch that its owner did not ask for.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Way(StrEnum):
    """What becomes of a follow-up's change."""

    PUSH = "push"  # a commit on the branch of the pull request
    STACK = "stack"  # a branch and a pull request of our own on top of a person's branch
    SHOW = "show"  # a patch in the comment: a fork is never pushed to


class PointAnswer(StrEnum):
    """How a point of a review is answered."""

    DONE = "done"
    WONT = "wont"
    QUESTION = "question"


@dataclass(frozen=True)
class PointReply:
    """`number` counts from 1; `words` are the model's."""

    number: int
    answer: PointAnswer
    words: str


_REPLY: Final = re.compile(
    r"\s*(?:point\s+)?#?(\d{1,3})[.:)]?\s*[-–—]?\s*(done|won'?t|question)\b[\s:.,–—-]*(.*)",
    re.IGNORECASE | re.DOTALL,
)


def parse_point(text: str) -> PointReply | None:
    """`2 wont: the name is public`; None: it can't be read."""
    found = _REPLY.fullmatch(text)
    if found is None:
        return None
    answer = PointAnswer(found[2].lower().replace("'", ""))
    return PointReply(int(found[1]), answer, found[3].strip())


def refuse_points(points: tuple[str, ...], count: int) -> str | None:
    """What is missing from the answers to `count` points, as one sentence with the next step."""
    read = [parse_point(text) for text in points]
    for text, reply in zip(points, read, strict=True):
        if reply is None:
            return f"`{text[:60]}` answers no point. Write `1 done: how`, `1 wont: why not` or `1 question: what`."
        if reply.answer is not PointAnswer.DONE and not reply.words:
            return f"Point {reply.number} is answered without a reason. Write `{reply.number} {reply.answer.value}: …`."
    numbers = [reply.number for reply in read if reply is not None]
    missing = [str(number) for number in range(1, count + 1) if numbers.count(number) != 1]
    if missing:
        return f"Answer each point once in `points`; look at {', '.join(missing)}."
    others = [str(number) for number in numbers if not 1 <= number <= count]
    return f"There is no point {', '.join(others)}." if others else None


def decide_way(*, own: bool, fork: bool, author_asks: bool) -> Way:
    """`own`: the pull request is ours. `author_asks`: whoever opened it is who asks (and may write, as all who ask)."""
    if fork:
        return Way.SHOW
    return Way.PUSH if own or author_asks else Way.STACK
