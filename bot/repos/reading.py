"""Our end of the conversation with the walker (`walk.py`): what it finds is checked here, and becomes blobs.

What the base's own `.gitignore` files name is left out unless it is tracked; rules that the work added do not count.
"""

import json
from dataclasses import dataclass, field
from typing import IO, Any, Final

from dulwich.objects import S_ISGITLINK, Blob
from dulwich.repo import Repo

from bot.domain import limits
from bot.domain.paths import UnsafePath, parse_repo_path
from bot.errors import RepositoryFault
from bot.repos.cache import Entry, read_blob
from bot.repos.ignored import Ignored
from bot.repos.left_out import usable_path, why_left_out
from bot.repos.lookup import Lookup

_LEFT_OUT_SHOWN: Final = 50  # sentences; the rest is counted

Named = dict[str, list[str]]  # path to mode and id, as the walker compares them


@dataclass
class Reading:
    """One conversation, and the tree that comes of it. `base`: what the work is measured against."""

    repo: Repo
    base: str
    found: dict[str, tuple[str, str]] = field(default_factory=dict, init=False)  # changed or new: mode, blob
    seen: set[str] = field(default_factory=set, init=False)  # as they are in the base, or to stay so
    left_out: list[str] = field(default_factory=list, init=False)
    lookup: Lookup = field(init=False)  # of the base
    ignored: Ignored = field(init=False)

    def __post_init__(self) -> None:
        self.lookup = Lookup(self.repo, self.base)
        self.ignored = Ignored(self.lookup)

    def read(self, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        """The whole conversation. Raises ValueError, BrokenPipeError, RepositoryFault."""
        caps = {
            "depth": limits.TREE_DEPTH,
            "files": limits.TREE_FILES,
            "file_bytes": limits.BLOB_BYTES,
            "bytes": limits.SNAPSHOT_BYTES,
        }
        _say(stdin, json.dumps({"base": self.named(), "caps": caps}))
        while True:
            line = json.loads(stdout.readline())
            match line["t"]:
                case "end":
                    return
                case "error":
                    raise RepositoryFault(f"The work tree could not be read: {line['why']}.")
                case "same":
                    self.seen.add(line["p"])
                case "ask":
                    _say(stdin, "1" if self._wants(line["p"], is_folder=line["d"]) else "0")
                case "left":
                    self.seen.add(line["p"])  # tracked: stays as it is in the base
                    self.left_out.append(f"{line['p']!a:.200} was left out: {line['why']}.")
                case "file" | "link":
                    self._keep(line, _read_exactly(stdout, line["n"]))
                case "folder":
                    _say(stdin, json.dumps(self.enter(line["p"], frozenset(line["kept"]))))
                case _:
                    raise ValueError(f"the walker said {line['t']!r}")

    def named(self) -> Named:
        """What the walker is told of the base before it begins."""
        raise NotImplementedError

    def enter(self, folder: str, kept: frozenset[str]) -> dict[str, Any]:
        """What it is told of a folder of which it does not look at the names `kept`."""
        raise NotImplementedError

    def write_tree(self) -> str:
        """What was read, as a tree of the cache. Raises RepositoryFault."""
        raise NotImplementedError

    def changes_found(self) -> list[dict[str, Any]]:
        """What is new or other, as `trees.apply` takes it."""
        return [change(path, (int(mode, 8), sha.encode())) for path, (mode, sha) in self.found.items()]

    def was_there(self, path: bytes, entry: Entry) -> bool:
        """Whether a path of the base can have been deleted: else it was never in the plain files. A server that
        ignores the filter sends what is too large, too."""
        mode, sha = entry
        return not why_left_out(self.repo, path, mode, sha) and (
            S_ISGITLINK(mode) or read_blob(self.repo, sha.decode()) is not None
        )

    def left_out_shown(self) -> list[str]:
        more = len(self.left_out) - _LEFT_OUT_SHOWN
        return self.left_out[:_LEFT_OUT_SHOWN] + ([f"{more} more paths were left out."] if more > 0 else [])

    def _keep(self, line: dict[str, Any], content: bytes) -> None:
        path = str(line["p"])
        try:
            parse_repo_path(path)
        except UnsafePath as error:
            self.left_out.append(f"{error}.")
            return
        blob = Blob.from_string(content)
        self.repo.object_store.add_object(blob)
        mode = "120000" if line["t"] == "link" else str(line["m"])
        self.found[path] = (mode, blob.id.decode())

    def _wants(self, path: str, *, is_folder: bool) -> bool:
        """Not in the base: unsafe names are said once, ignored ones are nothing to talk about."""
        try:
            parse_repo_path(path)
        except UnsafePath as error:
            self.left_out.append(f"{error}.")
            return False
        return not self.ignored.names(path + ("/" if is_folder else ""))


def named_entry(entry: Entry) -> list[str]:
    """Mode and id as the walker finds them: old repositories have 100664 and the like."""
    mode, sha = entry
    if mode & 0o170000 == 0o100000:
        mode = 0o100755 if mode & 0o100 else 0o100644
    return [f"{mode:06o}", sha.decode()]


def usable_entries(entries: dict[bytes, Entry]) -> Named:
    """Those that a workspace can have."""
    return {
        path: named_entry(entry) for raw, entry in entries.items() if (path := usable_path(raw)) is not None
    }


def change(path: str, new: Entry | None) -> dict[str, Any]:
    """As `trees.apply` takes it: set to mode and id, or deleted."""
    mode, sha = (f"{new[0]:06o}", new[1].decode()) if new is not None else (None, None)
    return {"path": path, "new_mode": mode, "new_blob": sha}


def _say(stdin: IO[bytes], text: str) -> None:
    stdin.write(text.encode() + b"\n")
    stdin.flush()


def _read_exactly(stdout: IO[bytes], size: int) -> bytes:
    if not 0 <= size <= limits.BLOB_BYTES + 1:
        raise ValueError("the walker announced a size over the cap")
    content = stdout.read(size)
    if len(content) != size:
        raise ValueError("the walker stopped in the middle of a file")
    return content
