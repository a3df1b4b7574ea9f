"""What a rule of the gate sees, and what the repository's own file says about the rules."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from bot.domain.paths import matches_any
from bot.domain.repo_config import GateRule
from bot.repos.contract import TreeChange


@dataclass(frozen=True)
class ChangedFile:
    """One change with its contents; None: not there, or too large to look at."""

    change: TreeChange
    before: bytes | None
    after: bytes | None

    @property
    def path(self) -> str:
        return self.change.path

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    @property
    def is_text(self) -> bool:
        return self.after is not None and b"\0" not in self.after

    @property
    def old_text(self) -> str:
        return (self.before or b"").decode("utf-8", "replace")

    @property
    def new_text(self) -> str:
        return (self.after or b"").decode("utf-8", "replace")

    def added_lines(self) -> list[str]:
        """Lines that stand nowhere in the old text."""
        old = set(self.old_text.splitlines())
        return [line for line in self.new_text.splitlines() if line not in old]

    def more_of(self, pattern: re.Pattern[str]) -> int:
        """How often more the pattern stands in the new text."""
        return len(pattern.findall(self.new_text)) - len(pattern.findall(self.old_text))


@dataclass(frozen=True)
class Policy:
    """From the repository's file on the base branch. `allowed`: rules that do not hold here. `protected`: patterns of
    paths that nobody but people may change."""

    allowed: frozenset[GateRule] = frozenset()
    protected: tuple[str, ...] = ()

    def protects(self, path: str) -> bool:
        """A pattern with a slash at its end means all below."""
        return matches_any(path, self.protected)


Rule = Callable[[tuple[ChangedFile, ...]], list[str]]
"""All files of the change in, sentences out, in the order of the files."""
