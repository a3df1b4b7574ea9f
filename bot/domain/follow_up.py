"""Where the result of a follow-up goes, and how its points are answered. Pure.

Must never: let anything be pushed to a fork, or to a person's branch that its owner did not ask for.
"""

from enum import StrEnum


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


def decide_way(*, own: bool, fork: bool, author_asks: bool) -> Way:
    """`own`: the pull request is ours. `author_asks`: whoever opened it is who asks (and may write, as all who ask)."""
    if fork:
        return Way.SHOW
    return Way.PUSH if own or author_asks else Way.STACK
