"""A snapshot by looking at what was written alone: the layers of an overlay over plain files whose tree is known.

A name that stands in none of the layers is, with all that is below it, what it is in the plain files: the overlays
follow no redirects, so nothing else can show there. What stands in one of them is read in the merged view, which the
kernel makes; the layers are asked for names only, never what these mean. So neither a whiteout nor an opaque folder has
to be understood, and a mark that a program forged could change nothing but what it sees itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from stat import S_IFLNK, S_IFREG, S_ISDIR
from typing import Any, Final

from dulwich.repo import Repo

from bot.repos.cache import Entry
from bot.repos.left_out import usable_path
from bot.repos.lookup import Lookup
from bot.repos.reading import Named, Reading, change, usable_entries
from bot.repos.trees import apply, differing

_MODES: Final = (S_IFREG | 0o644, S_IFREG | 0o755, S_IFLNK)  # what a walk can give
_DIFFERING: Final = 1000  # a work is a few files from its base; more take as long to check as to walk


@dataclass
class WrittenReading(Reading):
    """`under`: the tree whose plain files lie below the layers. What was not looked at stays as it is there."""

    under: str
    _lookup: Lookup = field(init=False)
    _kept: dict[bytes, frozenset[str]] = field(default_factory=dict, init=False)  # by folder that was entered

    def __post_init__(self) -> None:
        super().__post_init__()
        self._lookup = Lookup(self.repo, self.under)

    def named(self) -> Named:
        """See `Reading`. It asks in each folder."""
        return {}

    def enter(self, folder: str, kept: frozenset[str]) -> dict[str, Any]:
        """See `Reading`."""
        place = folder.encode()
        self._kept[place] = kept
        others = {
            place + name: item
            for name, item in self.lookup.items(place).items()
            if usable_path(place + name) is not None and name.decode() not in kept
        }
        files = {path: item for path, item in others.items() if not S_ISDIR(item[0])}
        return {
            "base": usable_entries(files),
            "folders": [path.decode() for path, item in others.items() if S_ISDIR(item[0])],
        }

    def write_tree(self) -> str:
        """See `Reading`."""
        had = dict(self._not_kept())
        made = self.changes_found()
        for path in self.seen:
            now = self.lookup.find(_raw(path))
            if now != self._lookup.find(_raw(path)):
                made.append(change(path, now))
        there = self.seen | self.found.keys()
        for raw, entry in had.items():
            name = usable_path(raw)
            if name is not None and name not in there and self.was_there(raw, entry):
                made.append(change(name, None))
        return apply(self.repo, self.under, made, had)

    def _not_kept(self) -> Iterator[tuple[bytes, Entry]]:
        """The files of `under` that may be gone or others: of each folder that was entered those that the walker looked
        at or did not find, and all of a folder that is none any more."""
        for folder, kept in self._kept.items():
            for name, item in self._lookup.items(folder).items():
                path = folder + name
                if _text(name) in kept:
                    continue
                if not S_ISDIR(item[0]):
                    yield path, item
                elif path + b"/" not in self._kept:
                    yield from self._lookup.below(path + b"/").items()


def walks_to_itself(repo: Repo, base: str, tree: str) -> bool:
    """Whether a walk of the plain files of `tree`, measured against `base`, would give `tree`: nothing of it is
    ignored, left out or of another mode. Then what is not looked at can stay as it is."""
    if base == tree:
        return True
    before, after = differing(repo, base, tree)
    if len(before) + len(after) > _DIFFERING:
        return False
    reading = _Asking(repo, base)
    return all(map(reading.could_go, before.items())) and all(map(reading.could_come, after.items()))


class _Asking(Reading):
    """What a whole walk would say to single paths."""

    def could_go(self, item: tuple[bytes, Entry]) -> bool:
        path, entry = item
        return usable_path(path) is not None and self.was_there(path, entry)

    def could_come(self, item: tuple[bytes, Entry]) -> bool:
        raw, entry = item
        path = usable_path(raw)
        if path is None or entry[0] not in _MODES or not self.was_there(raw, entry):
            return False
        return self.lookup.find(raw) is not None or self._is_asked_for(path)

    def _is_asked_for(self, path: str) -> bool:
        parts = path.split("/")
        folders = ("/".join(parts[:depth]) + "/" for depth in range(1, len(parts)))
        return not self.ignored.names(path) and all(
            self.lookup.has_folder(folder.encode()) or not self.ignored.names(folder) for folder in folders
        )


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _raw(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
