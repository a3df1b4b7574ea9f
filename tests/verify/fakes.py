"""A repository in memory and a sandbox that is only a folder: the room's protocols, without git and bubblewrap.

What runs is real: bash, python, pytest and unittest, on the files of a tree. What isolates is not.
"""

import asyncio
import hashlib
import os
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from bot.domain import limits
from bot.domain.ids import CommitSha, RepoPath, TreeSha
from bot.repos.contract import BaseCommit, FileMode, Identity, Remote, RepoKey, Snapshot, TreeChange, View
from bot.sandbox.contract import (
    NO_SETUP,
    Command,
    CommandResult,
    EndedBy,
    Environment,
    FileKind,
    FileRead,
    FileWrite,
    Preflight,
    SetupSpec,
)

KEY = RepoKey(1, 2)
Files = dict[str, bytes]


def _sha(*parts: bytes) -> str:
    return hashlib.sha1(b"\0".join(parts)).hexdigest()


@dataclass
class MemoryRepos:
    """Trees and blobs by the hash of their content, as in git."""

    root: Path
    blobs: dict[str, bytes] = field(default_factory=dict)
    trees: dict[str, dict[str, tuple[FileMode, str]]] = field(default_factory=dict)
    identity: Identity = field(default_factory=lambda: Identity("nobody", "nobody@example.org"))

    def add_tree(self, files: Files) -> TreeSha:
        entries = {}
        for path, content in files.items():
            blob = _sha(content)
            self.blobs[blob] = content
            entries[path] = (FileMode.REGULAR, blob)
        return self._keep(entries)

    def _keep(self, entries: dict[str, tuple[FileMode, str]]) -> TreeSha:
        tree = _sha(*(f"{path} {mode} {blob}".encode() for path, (mode, blob) in sorted(entries.items())))
        self.trees[tree] = entries
        return TreeSha(tree)

    async def materialise(self, key: RepoKey, tree: TreeSha) -> Path:
        folder = self.root / "templates" / tree
        if not folder.is_dir():
            for path, (_, blob) in self.trees[tree].items():
                file = folder / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(self.blobs[blob])
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    async def changes(self, key: RepoKey, old: TreeSha, new: TreeSha) -> tuple[TreeChange, ...]:
        before, after = self.trees[old], self.trees[new]
        found = []
        for path in sorted(before.keys() | after.keys()):
            if before.get(path) != after.get(path):
                old_mode, old_blob = before.get(path, (None, None))
                new_mode, new_blob = after.get(path, (None, None))
                found.append(TreeChange(RepoPath(path), old_mode, old_blob, new_mode, new_blob))
        return tuple(found)

    async def derive(self, key: RepoKey, base: TreeSha, changes: tuple[TreeChange, ...]) -> TreeSha:
        entries = dict(self.trees[base])
        for change in changes:
            if change.new_blob is None or change.new_mode is None:
                entries.pop(change.path, None)
            else:
                entries[change.path] = (change.new_mode, change.new_blob)
        return self._keep(entries)

    async def store_blob(self, key: RepoKey, content: bytes) -> str:
        self.blobs[_sha(content)] = content
        return _sha(content)

    async def read_blobs(self, key: RepoKey, blobs: tuple[str, ...]) -> dict[str, bytes]:
        return {blob: self.blobs[blob] for blob in blobs}

    async def list_tree(self, key: RepoKey, tree: TreeSha) -> dict[str, tuple[FileMode, str]]:
        return dict(self.trees[tree])

    async def fetch(
        self, key: RepoKey, remote: Remote, ref: str, commit: CommitSha | None = None
    ) -> BaseCommit:
        raise NotImplementedError

    async def snapshot(self, key: RepoKey, base: TreeSha, view: View) -> Snapshot:
        raise NotImplementedError

    async def diff(self, key: RepoKey, old: TreeSha, new: TreeSha) -> str:
        raise NotImplementedError

    async def commit(
        self, key: RepoKey, tree: TreeSha, parent: CommitSha, message: str, when: int
    ) -> CommitSha:
        raise NotImplementedError

    async def push(
        self, key: RepoKey, remote: Remote, ref: str, commit: CommitSha, expected: CommitSha | None
    ) -> None:
        raise NotImplementedError

    async def forget(self, key: RepoKey, trees: tuple[TreeSha, ...]) -> None:
        return None


@dataclass
class FolderWorkspace:
    """A copy of a template. `/workspace` and `/pullwright` in commands stand for folders of it."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        pass

    async def stamp(self) -> str | None:
        return None

    @property
    def view_root(self) -> Path:
        return self.folder / "workspace"

    @property
    def written_layers(self) -> tuple[Path, ...]:
        return ()

    def view_command(self, argv: list[str]) -> list[str]:
        return argv

    def _here(self, text: str) -> str:
        return text.replace("/workspace", str(self.view_root)).replace(
            "/pullwright/", f"{self.folder}/pullwright/"
        )

    async def run(self, command: Command) -> CommandResult:
        for path, content in command.files.items():
            file = Path(self._here(path))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        python = str(Path(sys.executable).parent)
        environment = {
            "PATH": f"{python}:/usr/bin:/bin",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # ours, which would cost a second a run
            "HOME": str(self.folder / "home"),
            **self.variables,
            **{name: self._here(value) for name, value in command.env.items()},
        }
        started = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            "bash", "-c", self._here(command.script),
            cwd=self.view_root / command.workdir, env=environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        ended = EndedBy.EXIT
        try:
            async with asyncio.timeout(command.timeout_s):
                output, _ = await process.communicate()
        except TimeoutError:
            ended, output = EndedBy.TIMEOUT, b""
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        code = process.returncode
        if ended is EndedBy.EXIT and code is not None and code < 0:
            ended = EndedBy.SIGNAL
        seconds = time.monotonic() - started
        return CommandResult(code if ended is EndedBy.EXIT else None, ended, seconds, output)

    async def read_file(self, path: str, max_bytes: int = limits.READ_FILE_BYTES) -> FileRead:
        file = self.view_root / path
        if not file.is_file():
            return FileRead(FileKind.MISSING)
        content = file.read_bytes().replace(str(self.view_root).encode(), b"/workspace")
        return FileRead(FileKind.FILE, len(content), content if len(content) <= max_bytes else None)

    async def write_files(self, writes: tuple[FileWrite, ...]) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass
class FolderSandbox:
    root: Path
    opened: int = 0
    variables: dict[str, str] = field(default_factory=dict)
    links: dict[str, Path] = field(default_factory=dict)  # packages that are too large to copy

    async def preflight(self) -> Preflight:
        return Preflight("folder", ())

    async def open_workspace(self, template: Path, environment: Environment = NO_SETUP) -> FolderWorkspace:
        self.opened += 1
        folder = Path(tempfile.mkdtemp(dir=self.root))
        shutil.copytree(template, folder / "workspace")
        (folder / "home").mkdir()
        for name, target in self.links.items():
            (folder / "workspace" / name).symlink_to(target)
        return FolderWorkspace(folder, {**self.variables, **environment.variables})

    async def ensure_environment(self, spec: SetupSpec) -> Environment:
        return NO_SETUP
