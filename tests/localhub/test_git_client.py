"""The hub's git under git itself: clone, fetch, push, and what is refused, as people have it in their terminal."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.localhub.seed_ground import NewApp
from bot.localhub.server import HubServer
from tests.official.judge import judged_hub
from tests.repos.git_backend import environment
from tests.stories.world import make_key

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git on this machine")

NAME = "octo/app"


@dataclass
class Terminal:
    """Somebody with git; `ada` may write, `ben` may read."""

    hub: HubServer
    folder: Path
    tokens: dict[str, str]

    def git(self, *arguments: str, at: str = ".") -> subprocess.CompletedProcess[str]:
        who = {f"GIT_{role}_{what}": "ada" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        return subprocess.run(
            ["git", *arguments], cwd=self.folder / at, env=environment(**who), capture_output=True, text=True
        )

    def url(self, login: str) -> str:
        plain = self.hub.git_url(NAME)
        return plain.replace("://", f"://x-access-token:{self.tokens[login]}@")

    def clone(self, login: str = "ada", *options: str) -> None:
        done = self.git("-c", "protocol.version=2", "clone", *options, self.url(login), "app")
        assert done.returncode == 0, done.stderr

    def commit(self, content: str = "x = 2\n") -> None:
        (self.folder / "app/a.py").write_text(content)
        assert self.git("commit", "-qam", "Change", at="app").returncode == 0


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with judged_hub(tmp_path / "hub", time.time) as hub:
        tokens = {login: hub.seed.add_person(login) for login in ("ada", "ben", "eve")}
        hub.seed.add_repository(NAME, {"a.py": b"x = 1\n", "run.sh*": b"#!/bin/sh\n", "docs/a.md": b"# A\n"})
        hub.seed.set_role(NAME, "ada", "write")
        hub.seed.set_role(NAME, "ben", "read")
        hub.seed.add_app(NewApp("bot", "octo", make_key()[1], "http://127.0.0.1:9/nobody"))
        (tmp_path / "home").mkdir()
        yield Terminal(hub, tmp_path / "home", tokens)


def test_a_clone_is_whole(terminal: Terminal) -> None:
    terminal.clone()
    assert terminal.git("fsck", "--full", "--strict", at="app").returncode == 0
    head = terminal.git("rev-parse", "HEAD", at="app").stdout.strip()
    assert head == terminal.hub.seed.refs(NAME)["refs/heads/main"]
    assert (terminal.folder / "app/run.sh").stat().st_mode & 0o111


def test_a_shallow_clone_and_a_pinned_commit(terminal: Terminal) -> None:
    first = terminal.hub.seed.refs(NAME)["refs/heads/main"]
    terminal.hub.seed.commit(NAME, {"a.py": b"x = 9\n"}, "Later")
    terminal.clone("ben", "--depth=1")
    assert terminal.git("rev-list", "--count", "HEAD", at="app").stdout.strip() == "1"
    assert terminal.git("fetch", "-q", "--depth=1", "origin", first, at="app").returncode == 0
    assert terminal.git("rev-parse", "FETCH_HEAD", at="app").stdout.strip() == first


def test_a_push_moves_the_branch_its_pull_request_and_sends_webhooks(terminal: Terminal) -> None:
    terminal.clone()
    terminal.commit()
    assert terminal.git("push", "-q", "origin", "HEAD:refs/heads/fix", at="app").returncode == 0
    head = terminal.git("rev-parse", "HEAD", at="app").stdout.strip()
    assert terminal.hub.seed.refs(NAME)["refs/heads/fix"] == head
    assert terminal.hub.seed.file(NAME, "fix", "a.py") == b"x = 2\n"
    sent = [d.event for d in terminal.hub.hub.courier.deliveries]
    assert sent == ["push", "create"]


REFUSED = {
    "somebody who may only read": ("ben", "HEAD:refs/heads/fix"),
    "a branch that has moved": ("ada", "HEAD:refs/heads/main"),
    "a hidden ref": ("ada", "HEAD:refs/pull/1/head"),
    "the default branch's end": ("ada", ":refs/heads/main"),
}


@pytest.mark.parametrize(("login", "what"), REFUSED.values(), ids=REFUSED)
def test_a_push_that_may_not_be_is_refused_and_changes_nothing(
    terminal: Terminal, login: str, what: str
) -> None:
    terminal.clone(login)
    terminal.commit()
    terminal.hub.seed.commit(NAME, {"b.py": b"b\n"}, "Somebody was faster")
    before = terminal.hub.seed.refs(NAME)
    assert terminal.git("push", "-q", "origin", what, at="app").returncode != 0
    assert terminal.hub.seed.refs(NAME) == before
    assert terminal.hub.hub.courier.deliveries == []


def test_a_private_repository_is_nothing_to_strangers(terminal: Terminal) -> None:
    for url in (terminal.url("eve"), terminal.hub.git_url(NAME), terminal.url("ada").replace("ghp_", "ghp-")):
        assert terminal.git("clone", url, "none").returncode != 0
