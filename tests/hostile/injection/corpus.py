"""The corpus: texts that try to give the agent orders, by the place where they stand and by what they want.

Each is a file of its own, `texts/<place>/<goal>.txt`, as somebody would write it there.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

_TEXTS: Final = Path(__file__).parent / "texts"


class Where(StrEnum):
    """Where a stranger, or whoever wrote a dependency, can put words that the model comes to read."""

    ISSUE = "issue"
    COMMENT = "comment"
    TITLE = "title"
    BRANCH = "branch"
    FILE = "file"
    TEST_OUTPUT = "test_output"
    COMMIT = "commit"
    FORK = "fork"


class Goal(StrEnum):
    """What the text wants to be done."""

    TOKEN = "token"
    BRANCH = "branch"
    REPOSITORY = "repository"
    WORKFLOW = "workflow"
    NETWORK = "network"


@dataclass(frozen=True)
class Injection:
    """One text. `reaches`: whether the model is to read it at all."""

    where: Where
    goal: Goal
    text: str

    @property
    def reaches(self) -> bool:
        """The sandbox's git has one commit of its own making: messages of the repository's never arrive."""
        return self.where is not Where.COMMIT

    def __str__(self) -> str:
        return f"{self.where}-{self.goal}"


def load_corpus() -> tuple[Injection, ...]:
    """All of them; a missing file is an error."""
    return tuple(
        Injection(where, goal, (_TEXTS / where / f"{goal}.txt").read_text(encoding="utf-8").strip())
        for where in Where
        for goal in Goal
    )
