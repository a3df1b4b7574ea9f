"""Verification without a sandbox: trees in memory, commands in folders of their own. Only for trusted test projects.

Behind the room's own protocols: real runners, real processes, real reports.
"""

import asyncio
import hashlib
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.domain.ids import CommitSha, RepoPath, TreeSha
from bot.repos.contract import FileMode, RepoKey, TreeChange
from bot.sandbox.contract import NO_SETUP, Command, CommandResult, EndedBy, Environment, FileKind, FileRead
from bot.verify.runners import TestCommand, recognise
from bot.verify.verification import Subject
from bot.verify.verifier import Verifier

KEY = RepoKey(1, 1)
Files = dict[str, str]


@dataclass
class MemoryRepos:
    """The part of `Repos` that a verification uses. A tree is the hash of its files."""

    root: Path
    trees: dict[str, dict[str, str]] = field(default_factory=dict)  # tree -> path -> blob
    blobs: dict[str, bytes] = field(default_factory=dict)

    def add(self, files: Files) -> TreeSha:
        return self._tree({path: self._blob(text.encode()) for path, text in files.items()})

    def _blob(self, content: bytes) -> str:
        name = hashlib.sha1(content).hexdigest()
        self.blobs[name] = content
        return name

    def _tree(self, entries: dict[str, str]) -> TreeSha:
        name = hashlib.sha1(repr(sorted(entries.items())).encode()).hexdigest()
        self.trees[name] = entries
        return TreeSha(name)

    async def materialise(self, key: RepoKey, tree: TreeSha) -> Path:
        folder = self.root / tree
        for path, blob in self.trees[tree].items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(self.blobs[blob])
        folder.mkdir(exist_ok=True, parents=True)
        return folder

    async def changes(self, key: RepoKey, old: TreeSha, new: TreeSha) -> tuple[TreeChange, ...]:
        before, after = self.trees[old], self.trees[new]
        mode = FileMode.REGULAR
        return tuple(
            TreeChange(
                RepoPath(path),
                mode if path in before else None,
                before.get(path),
                mode if path in after else None,
                after.get(path),
            )
            for path in sorted(before.keys() | after.keys())
            if before.get(path) != after.get(path)
        )

    async def derive(self, key: RepoKey, base: TreeSha, changes: tuple[TreeChange, ...]) -> TreeSha:
        entries = dict(self.trees[base])
        for change in changes:
            entries.pop(change.path, None)
            if change.new_blob is not None:
                entries[change.path] = change.new_blob
        return self._tree(entries)

    async def store_blob(self, key: RepoKey, content: bytes) -> str:
        return self._blob(content)

    async def read_blobs(self, key: RepoKey, blobs: tuple[str, ...]) -> dict[str, bytes]:
        return {blob: self.blobs[blob] for blob in blobs if blob in self.blobs}

    async def list_tree(self, key: RepoKey, tree: TreeSha) -> dict[str, tuple[FileMode, str]]:
        return {path: (FileMode.REGULAR, blob) for path, blob in self.trees[tree].items()}


@dataclass
class FolderWorkspace:
    """/workspace and /pullwright are folders; their names are replaced in scripts and variables."""

    folder: Path

    async def run(self, command: Command) -> CommandResult:
        places = {"/workspace": str(self.folder / "work"), "/pullwright/": f"{self.folder}/programs/"}
        for path, content in command.files.items():
            target = Path(_placed(path, places))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        variables = {name: _placed(value, places) for name, value in command.env.items()}
        script = _placed(command.script, places).replace("python3 ", f"{sys.executable} ")
        started = await asyncio.create_subprocess_exec(
            "bash", "-c", script, cwd=self.folder / "work",
            env={"PATH": "/usr/bin:/bin", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **variables},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await started.communicate()
        code = started.returncode or 0
        return CommandResult(code, EndedBy.EXIT, 0.1, output)

    async def read_file(self, path: str, max_bytes: int = 1 << 23) -> FileRead:
        target = self.folder / "work" / path
        if not target.is_file():
            return FileRead(FileKind.MISSING)
        content = target.read_bytes()
        return FileRead(FileKind.FILE, len(content), content)

    async def close(self) -> None:
        shutil.rmtree(self.folder)


class FolderSandbox:
    async def open_workspace(self, template: Path, environment: Environment = NO_SETUP) -> Any:
        folder = Path(tempfile.mkdtemp(prefix="bench-"))
        shutil.copytree(template, folder / "work")
        return FolderWorkspace(folder)


def _placed(text: str, places: dict[str, str]) -> str:
    for name, folder in places.items():
        text = text.replace(name, folder)
    return text


@dataclass
class Case:
    """A project before and after a change, and its test command."""

    repos: MemoryRepos
    base: Files
    command: str = "python3 -m pytest -q -p no:cacheprovider"

    def verifier(self, test: TestCommand | None = None) -> Verifier:
        tree = self.repos.add(self.base)
        subject = Subject(KEY, CommitSha("c" * 40), tree, test or recognise(self.command, "a test"), NO_SETUP)
        return Verifier(self.repos, FolderSandbox(), subject)  # type: ignore[arg-type]

    def changed(self, **files: str | None) -> TreeSha:
        """The base with these files changed; `__` in a name is `/`, `_py` at its end is `.py`."""
        after = dict(self.base)
        for name, text in files.items():
            path = name.replace("__", "/")
            path = path.removesuffix("_py") + ".py" if path.endswith("_py") else path
            if text is None:
                after.pop(path)
            else:
                after[path] = text
        return self.repos.add(after)
