"""Listings of trees that were just asked for: a task lists its base in every phase, and several tasks have one base.

A tree's id is its content, so what was listed once stays true. On the loop's thread alone.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from bot.domain import limits
from bot.domain.ids import TreeSha
from bot.repos.contract import FileMode, RepoKey

Listing = dict[str, tuple[FileMode, str]]


@dataclass
class Listings:
    """The newest few, without very long ones."""

    most: int = limits.LISTED_TREES
    most_paths: int = limits.LISTED_PATHS
    _kept: OrderedDict[tuple[RepoKey, TreeSha], Listing] = field(default_factory=OrderedDict, init=False)

    def find(self, key: RepoKey, tree: TreeSha) -> Listing | None:
        """A copy of its own for whoever asks."""
        found = self._kept.get((key, tree))
        if found is None:
            return None
        self._kept.move_to_end((key, tree))
        return dict(found)

    def keep(self, key: RepoKey, tree: TreeSha, listing: Listing) -> None:
        """The one that was asked for longest ago goes."""
        if len(listing) > self.most_paths:
            return
        self._kept[key, tree] = dict(listing)
        self._kept.move_to_end((key, tree))
        while len(self._kept) > self.most:
            self._kept.popitem(last=False)
