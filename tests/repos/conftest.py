"""A hub with one repository, and our git beside it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.domain.ids import TreeSha
from bot.localhub.records import AccountKind
from bot.localhub.server import HubServer
from bot.localhub.state import Hub
from bot.repos.contract import BaseCommit, Remote, RepoKey, View
from bot.repos.git_repos import GitRepos

NAME = "octo/app"
FILES = {
    "app.py": b"def add(a, b):\r\n    return a - b\r\n",
    "run.sh*": b"#!/bin/sh\necho hi\n",
    "pkg/__init__.py": b"",
    "pkg/deep/data.bin": bytes(range(256)),
    ".gitignore": b"*.log\nbuild/\n!keep.log\n",
    "tracked.log": b"tracked although ignored\n",
    ".gitattributes": b"*.py text eol=crlf\n* filter=evil\n",
}
KEY = RepoKey(1, 2)


@dataclass
class GitWorld:
    hub: HubServer
    repos: GitRepos
    remote: Remote
    work: Path

    async def fetch(self) -> BaseCommit:
        return await self.repos.fetch(KEY, self.remote, "refs/heads/main")

    async def open_work(self, tree: TreeSha) -> View:
        """A writable copy of a tree, as a sandbox would have it."""
        import shutil

        template = await self.repos.materialise(KEY, tree)
        shutil.copytree(template, self.work, symlinks=True)
        return View(lambda argv: argv, self.work)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[GitWorld]:
    with HubServer(Hub(tmp_path / "hub", lambda: 1_790_000_000.0)) as hub:
        hub.hub.ensure_account("octo", AccountKind.ORGANIZATION)
        token = hub.seed.add_person("ada")
        hub.seed.add_repository(NAME, FILES)
        hub.seed.set_role(NAME, "ada", "write")
        remote = Remote(hub.git_url(NAME), token)
        yield GitWorld(
            hub, GitRepos(tmp_path / "repos", products_since=lambda: 0.0), remote, tmp_path / "work"
        )
