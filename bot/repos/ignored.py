"""What of a work tree is nobody's change: caches of common tools, and what the base's own `.gitignore` files name.

Only for paths that the base has not; rules that the work added do not count.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from stat import S_ISREG
from typing import Final

from dulwich.ignore import IgnoreFilter, read_ignore_patterns

from bot.domain import limits
from bot.repos.cache import read_blob
from bot.repos.left_out import usable_path
from bot.repos.lookup import Lookup

_CACHES: Final = frozenset(
    {
        "__pycache__",
        ".pytest_cache",
        ".mypy_cache",
        ".ruff_cache",
        ".hypothesis",
        ".tox",
        ".nox",
        ".venv",
        ".coverage",
        "node_modules",
    }
)


@dataclass(frozen=True)
class Ignored:
    """The rules of one base."""

    base: Lookup
    _rules: dict[str, IgnoreFilter | None] = field(default_factory=dict)  # by folder; None: it has none

    def names(self, path: str) -> bool:
        """Whether a path (a folder's with a slash behind) is ignored: a cache, else as the innermost `.gitignore`
        that says something has it."""
        if any(part in _CACHES for part in path.split("/")) or path.endswith((".pyc", ".pyo", ".egg-info/")):
            return True
        for folder in _folders(path):
            rules = self._rules_of(folder)
            said = None if rules is None else rules.is_ignored(path[len(folder) :])
            if said is not None:
                return said
        return False

    def _rules_of(self, folder: str) -> IgnoreFilter | None:
        if folder not in self._rules:
            self._rules[folder] = self._read(folder)
        return self._rules[folder]

    def _read(self, folder: str) -> IgnoreFilter | None:
        path = f"{folder}.gitignore".encode()
        entry = self.base.find(path)
        if entry is None or not S_ISREG(entry[0]) or usable_path(path) is None:
            return None
        content = read_blob(self.base.repo, entry[1].decode())
        if content is None or len(content) > limits.MIB:
            return None
        return IgnoreFilter(list(read_ignore_patterns(io.BytesIO(content))))


def _folders(path: str) -> Iterator[str]:
    """That it lies in, the innermost first, each with its slash; the top is empty."""
    above = path.rstrip("/")
    while "/" in above:
        above = above.rpartition("/")[0]
        yield above + "/"
    yield ""
