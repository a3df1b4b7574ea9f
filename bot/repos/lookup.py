"""A tree that is read folder by folder, as far as somebody asks: of thousands of folders a change touches three.

Paths are bytes; that of a folder ends in a slash, the top's is empty.
"""

from dataclasses import dataclass, field
from stat import S_ISDIR

from dulwich.repo import Repo

from bot.repos.cache import Entries, Entry, entries, tree_items


@dataclass(frozen=True)
class Lookup:
    """`tree` of `repo`. Raises RepositoryFault when it is not in the cache."""

    repo: Repo
    tree: str
    _read: dict[bytes, Entries] = field(default_factory=dict)

    def items(self, folder: bytes) -> Entries:
        """What stands in a folder, by name, its folders too; nothing when it is none."""
        found = self._read.get(folder)
        if found is None:
            tree = self._tree(folder)
            found = {} if tree is None else tree_items(self.repo, tree)
            self._read[folder] = found
        return found

    def find(self, path: bytes) -> Entry | None:
        """Mode and id of a file, a link or a submodule; None for a folder and for what is not there."""
        folder, slash, name = path.rpartition(b"/")
        item = self.items(folder + slash).get(name)
        return None if item is None or S_ISDIR(item[0]) else item

    def has_folder(self, folder: bytes) -> bool:
        return self._tree(folder) is not None

    def below(self, folder: bytes) -> Entries:
        """Every path of the tree in a folder, at any depth."""
        tree = self._tree(folder)
        if tree is None:
            return {}
        return {folder + path: entry for path, entry in entries(self.repo, tree).items()}

    def _tree(self, folder: bytes) -> str | None:
        if not folder:
            return self.tree
        above, slash, name = folder[:-1].rpartition(b"/")
        item = self.items(above + slash).get(name)
        return item[1].decode() if item is not None and S_ISDIR(item[0]) else None
