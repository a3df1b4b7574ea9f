"""A three-way merge of trees: every path by what the two sides did to it, texts line by line (`editing/merge.py`).

Objects of the cache alone: no attribute, driver or configuration of the repository is asked. A file that one side
renamed and the other changed is changed under its new name. What can't be merged is named, and never half done: a
text stands there with markers, everything else as the branch has it.

Must never: lose what one side did without naming the path.
"""

import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dulwich.diff_tree import CHANGE_RENAME, RenameDetector
from dulwich.objects import Blob, ObjectID
from dulwich.repo import Repo

from bot.domain import limits
from bot.editing.merge import Labels, merge_texts
from bot.repos.cache import Entries, Entry, entries, locked_cache, read_blob
from bot.repos.contract import ConflictKind
from bot.repos.left_out import usable_path
from bot.repos.trees import write_paths


def merge(cache: Path, trees: list[str], labels: list[str]) -> dict[str, Any]:
    """`trees`: what both began with, ours, theirs. The same arguments give the same tree."""
    with locked_cache(cache) as repo:
        began, ours, theirs = (entries(repo, tree) for tree in trees)
        merging = _Merging(repo, trees, Labels(*labels), began, dict(ours), theirs)
        merging.run()
        tree = write_paths(repo, trees[1], _compare(ours, merging.found))
        conflicts = sorted(merging.conflicts.items())
        return {"tree": tree, "conflicts": [[_shown(path), kind.value] for path, kind in conflicts]}


@dataclass
class _Merging:
    repo: Repo
    trees: list[str]
    labels: Labels
    base: Entries
    ours: Entries
    theirs: Entries
    found: Entries = field(default_factory=dict)
    conflicts: dict[bytes, ConflictKind] = field(default_factory=dict)

    def run(self) -> None:
        self._follow_renames()
        for path in sorted(self.base.keys() | self.ours.keys() | self.theirs.keys()):
            merged = self._path(path)
            if merged is not None:
                self.found[path] = merged
        self._refuse_files_for_folders()

    def _path(self, path: bytes) -> Entry | None:
        base, ours, theirs = self.base.get(path), self.ours.get(path), self.theirs.get(path)
        if ours == theirs or theirs == base:
            return ours
        if ours == base:
            return theirs
        if ours is None or theirs is None:
            return self._conflict(
                path, ConflictKind.DELETED_BY_OURS if ours is None else ConflictKind.DELETED_BY_THEIRS
            )
        return self._content(path, base, ours, theirs)

    def _conflict(self, path: bytes, kind: ConflictKind) -> Entry | None:
        self.conflicts[path] = kind
        return self.ours.get(path) or self.theirs.get(path)

    def _content(self, path: bytes, base: Entry | None, ours: Entry, theirs: Entry) -> Entry | None:
        """Both sides have it, and each has changed it."""
        began = base if base is not None and stat.S_ISREG(base[0]) else None
        mode = theirs[0] if began and ours[0] == began[0] else ours[0]
        if ours[1] == theirs[1]:
            return mode, ours[1]
        before, our, their = (self._text(entry) for entry in (began, ours, theirs))
        if before is None or our is None or their is None or usable_path(path) is None:
            return self._conflict(path, ConflictKind.NO_TEXT)
        merged = merge_texts(before, our, their, self.labels)
        if merged.conflicts:
            self.conflicts[path] = ConflictKind.MARKED
        blob = Blob.from_string(merged.content)
        self.repo.object_store.add_object(blob)
        return mode, bytes(blob.id)

    def _text(self, entry: Entry | None) -> bytes | None:
        """None: nothing that has lines. Where there is no file at all, an empty one."""
        if entry is None:
            return b""
        content = read_blob(self.repo, entry[1].decode()) if stat.S_ISREG(entry[0]) else None
        if content is None or b"\0" in content or content.count(b"\n") > limits.DIFF_LINES_PER_FILE:
            return None
        return content

    def _follow_renames(self) -> None:
        """The other side's file is given the new name, so that it is merged there."""
        for side, other, tree in (
            (self.ours, self.theirs, self.trees[1]),
            (self.theirs, self.ours, self.trees[2]),
        ):
            left = [path for path in self.base if path not in side and path in other]
            changed = [path for path in left if other[path] != self.base[path]]
            if not changed:
                continue
            renames = self._find_renames(tree)
            for path in changed:
                new = renames.get(path)
                if new is None or new in other or new in self.base:
                    continue
                other[new], self.base[new] = other.pop(path), self.base.pop(path)

    def _find_renames(self, tree: str) -> dict[bytes, bytes]:
        """Old name to new name, from what both began with to `tree`."""
        detector = RenameDetector(self.repo.object_store)
        found = detector.changes_with_renames(ObjectID(self.trees[0].encode()), ObjectID(tree.encode()))
        return {
            one.old.path: one.new.path
            for one in found
            if one.type == CHANGE_RENAME and one.old and one.new and one.old.path and one.new.path
        }

    def _refuse_files_for_folders(self) -> None:
        """One side made a file where the other has a folder: only one of them can be."""
        for path in sorted(self.found):
            above = [
                path[:at] for at, byte in enumerate(path) if byte == ord("/") and path[:at] in self.found
            ]
            for one in (path, *above) if above else ():
                self.conflicts[one] = ConflictKind.NO_TEXT
        for path in [path for path in self.found if self.conflicts.get(path) is ConflictKind.NO_TEXT]:
            if path not in self.ours:
                del self.found[path]


def _compare(own: Entries, found: Entries) -> dict[bytes, Entry | None]:
    """What has to be done to our own tree."""
    changed: dict[bytes, Entry | None] = {path: one for path, one in found.items() if own.get(path) != one}
    return changed | {path: None for path in own if path not in found}


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
