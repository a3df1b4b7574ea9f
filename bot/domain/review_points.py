"""Which comments of a review are points to be answered, and how they are put to the model. Pure.

Must never: take in a comment of anybody but the reviewer, whose access was asked about, or one that was changed after
the review.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain import limits


@dataclass(frozen=True)
class Point:
    """`comment` and `thread`: GitHub's numbers. `line` 0: of the whole file, or not shown any more."""

    comment: int
    thread: int
    path: str
    line: int
    text: str


@dataclass(frozen=True)
class Remark:
    """A review comment, as far as the choice depends on it. `mentions`: the agent, so that it asks by itself.
    `answers`: a question of ours in its thread. Times are ISO 8601."""

    point: Point
    review: int
    author: int
    updated_at: str
    mentions: bool = False
    answers: bool = False

    @property
    def is_reply(self) -> bool:
        return self.point.comment != self.point.thread


@dataclass(frozen=True)
class Asked:
    """What is asked of a review. `whole`: its text, or being of our own pull request, asks for all of it; else each
    comment asks for itself. `unasked`: nobody was mentioned, so a reply in a thread is no request unless it answers a
    question of ours."""

    review: int
    author: int
    at: str  # of the request, ISO 8601
    whole: bool
    unasked: bool


def choose_points(remarks: Iterable[Remark], asked: Asked) -> tuple[Point, ...]:
    """In the order in which they stand; at most POINTS."""
    found = [one.point for one in remarks if _is_point(one, asked)]
    return tuple(found[: limits.POINTS])


def _is_point(remark: Remark, asked: Asked) -> bool:
    if (remark.review, remark.author) != (asked.review, asked.author):
        return False
    if not is_settled(remark.updated_at, asked.at):
        return False
    if remark.mentions or remark.answers:
        return True
    return asked.whole and not (asked.unasked and remark.is_reply)


def is_settled(updated_at: str, asked_at: str) -> bool:
    """Whether a text stands as it was when the review was submitted. GitHub stamps the comments of a review when it is
    submitted, within seconds."""
    try:
        passed = datetime.fromisoformat(updated_at) - datetime.fromisoformat(asked_at)
    except (ValueError, TypeError):  # no time, or one of them without a zone
        return False
    return passed.total_seconds() <= limits.REVIEW_SETTLE_S


def render_points(words: str, points: Sequence[Point]) -> str:
    """The instruction: the review's own text, then its points by number. A point whose text is gone is said to be."""
    parts = [words.strip() or "Answer this review."]
    if points:
        parts.append("Its points, each to be answered by its number:")
    for number, point in enumerate(points, start=1):
        line = f", line {point.line}" if point.line else ""
        text = _cut(point.text.strip()) or "(deleted or changed meanwhile)"
        parts.append(f"{number}. {point.path}{line}\n\n{_indented(text)}")
    return "\n\n".join(parts)


def _indented(text: str) -> str:
    return "\n".join(f"   {line}".rstrip() for line in text.splitlines())


def _cut(text: str) -> str:
    content = text.encode()
    if len(content) <= limits.POINT_BYTES:
        return text
    return content[: limits.POINT_BYTES].decode("utf-8", "ignore") + " [… cut]"
