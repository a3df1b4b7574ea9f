"""Keeps a work tree: starts the walker, believes nothing that it says unchecked, makes a tree of the cache.

What the base's own `.gitignore` files name is left out unless it is tracked; rules that the work added do not count.
"""

import contextlib
import io
import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from dulwich.ignore import IgnoreFilter, read_ignore_patterns
from dulwich.objects import S_ISGITLINK, Blob
from dulwich.repo import Repo

from bot.domain import limits
from bot.domain.paths import UnsafePath, parse_repo_path
from bot.errors import RepositoryFault
from bot.repos.cache import Entries, entries, locked_cache, read_blob
from bot.repos.left_out import usable_path, why_left_out
from bot.repos.trees import apply, compare

_CACHES = frozenset(
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
_LEFT_OUT_SHOWN = 50  # sentences; the rest is counted


def snapshot(cache: Path, base: str, argv: list[str]) -> dict[str, Any]:
    """`argv` starts the walker in the sandbox's view. The tree, the changes, what was left out."""
    with locked_cache(cache) as repo:
        reading = _Reading(repo, entries(repo, base))
        _converse(argv, reading)
        tree = apply(repo, base, reading.changes(), reading.base)
        return {
            "tree": tree,
            "changes": compare(repo, base, tree),
            "left_out": reading.left_out_shown(),
        }


def _converse(argv: list[str], reading: "_Reading") -> None:
    """Start the walker and take all that it says; it is dead when this returns."""
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin"},
    )
    try:
        if process.stdin is None or process.stdout is None:
            raise RepositoryFault("The walk could not be started.")
        reading.read(process.stdin, process.stdout)
    except (BrokenPipeError, ValueError) as error:
        said = process.stderr.read()[-500:].decode(errors="replace") if process.stderr else ""
        raise RepositoryFault(f"The work tree could not be read: {said or error}") from error
    finally:
        process.kill()
        for pipe in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(BrokenPipeError):  # what we had still to say to it
                if pipe is not None:
                    pipe.close()
        process.wait()


@dataclass
class _Reading:
    repo: Repo
    base: Entries
    found: dict[str, tuple[str, str]] = field(default_factory=dict)  # changed or new: mode, blob
    seen: set[str] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)
    _filters: list[tuple[str, IgnoreFilter]] = field(default_factory=list)

    def read(self, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        """The whole conversation. Raises ValueError, BrokenPipeError, RepositoryFault."""
        self._filters = list(_ignore_filters(self.repo, self.base))
        named = {
            path: [f"{mode:06o}", sha.decode()]
            for raw, (mode, sha) in self.base.items()
            if (path := usable_path(raw)) is not None
        }
        caps = {
            "depth": limits.TREE_DEPTH,
            "files": limits.TREE_FILES,
            "file_bytes": limits.BLOB_BYTES,
            "bytes": limits.SNAPSHOT_BYTES,
        }
        stdin.write(json.dumps({"base": named, "caps": caps}).encode() + b"\n")
        stdin.flush()
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
                    wanted = self._wants(line["p"], is_folder=line["d"])
                    stdin.write(b"1\n" if wanted else b"0\n")
                    stdin.flush()
                case "left":
                    self.seen.add(line["p"])  # tracked: stays as it is in the base
                    self.left_out.append(f"{line['p']!a:.200} was left out: {line['why']}.")
                case "file" | "link":
                    self._keep(line, _read_exactly(stdout, line["n"]))
                case _:
                    raise ValueError(f"the walker said {line['t']!r}")

    def changes(self) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = [
            {"path": path, "new_mode": mode, "new_blob": blob} for path, (mode, blob) in self.found.items()
        ]
        for raw, (mode, sha) in self.base.items():
            path = usable_path(raw)
            if path is None or path in self.seen or path in self.found:
                continue
            # Else it was never there to be deleted. A server that ignores the filter sends what is too large, too.
            was_there = not why_left_out(self.repo, raw, mode, sha) and (
                S_ISGITLINK(mode) or read_blob(self.repo, sha.decode()) is not None
            )
            if was_there:
                made.append({"path": path, "new_mode": None, "new_blob": None})
        return made

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
        return not self._is_ignored(path + ("/" if is_folder else ""))

    def _is_ignored(self, path: str) -> bool:
        """Caches of common tools never belong into a change; then the innermost `.gitignore` that says
        something decides."""
        if any(part in _CACHES for part in path.split("/")) or path.endswith((".pyc", ".pyo", ".egg-info/")):
            return True
        for folder, rules in reversed(self._filters):
            if path.startswith(folder):
                said = rules.is_ignored(path[len(folder) :])
                if said is not None:
                    return said
        return False


def _ignore_filters(repo: Repo, base: Entries) -> list[tuple[str, IgnoreFilter]]:
    """Outermost first: (folder with a slash, or empty; its rules)."""
    found = []
    for path, (mode, sha) in base.items():
        if (
            path.rsplit(b"/", 1)[-1] != b".gitignore"
            or mode & 0o170000 != 0o100000
            or usable_path(path) is None
        ):
            continue
        content = read_blob(repo, sha.decode())
        if content is None or len(content) > limits.MIB:
            continue
        folder = path.decode()[: -len(".gitignore")]
        found.append((folder, IgnoreFilter(list(read_ignore_patterns(io.BytesIO(content))))))
    return sorted(found, key=lambda one: one[0].count("/"))


def _read_exactly(stdout: IO[bytes], size: int) -> bytes:
    if not 0 <= size <= limits.BLOB_BYTES + 1:
        raise ValueError("the walker announced a size over the cap")
    content = stdout.read(size)
    if len(content) != size:
        raise ValueError("the walker stopped in the middle of a file")
    return content
