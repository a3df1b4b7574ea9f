"""A snapshot by looking at every file: where nothing is known of what was written. The other way's measure."""

from dataclasses import dataclass, field
from typing import Any

from bot.repos.cache import Entries, entries
from bot.repos.left_out import usable_path
from bot.repos.reading import Named, Reading, change, usable_entries
from bot.repos.trees import apply


@dataclass
class WholeReading(Reading):
    """What the walker did not name is deleted."""

    _entries: Entries = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._entries = entries(self.repo, self.base)

    def named(self) -> Named:
        """See `Reading`."""
        return usable_entries(self._entries)

    def enter(self, folder: str, _kept: frozenset[str]) -> dict[str, Any]:
        """See `Reading`."""
        raise ValueError(f"the walker left something of {folder!r} out that it was to walk")

    def write_tree(self) -> str:
        """See `Reading`."""
        return apply(self.repo, self.base, self._changes(), self._entries)

    def _changes(self) -> list[dict[str, Any]]:
        made = self.changes_found()
        for raw, entry in self._entries.items():
            path = usable_path(raw)
            if path is None or path in self.seen or path in self.found:
                continue
            if self.was_there(raw, entry):
                made.append(change(path, None))
        return made
