"""A repository of a given size on the way through host-side git and the sandbox, its cache warm.

    python -m benchmarks.repository --tree DIR [--rounds 5] [--uid 64738]

DIR holds plain files (an unpacked source archive of a large project). It is served by git's own server over HTTP, whose
work is in the times of fetch and push. Each round has one commit more: the first three rows are what the first task of
a new commit waits for from the pinned SHA to its first command, the fourth what each one after it does.
"""

import argparse
import asyncio
import shutil
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.child_memory import WatchedForks, watching
from bot.domain.ids import CommitSha, RepoPath
from bot.repos.contract import BaseCommit, FileMode, Remote, RepoKey, TreeChange, View, Written
from bot.repos.git_repos import GitRepos
from bot.sandbox.backend import BubblewrapSandbox, SandboxSettings
from bot.sandbox.contract import Command
from tests.repos.git_backend import TOKEN, serving_git

KEY, MAIN = RepoKey(1, 2), "refs/heads/main"


def opened(folder: Path) -> Path:
    """The sandbox's user goes through it."""
    folder.chmod(0o755)
    return folder


@dataclass
class Steps:
    """Seconds by step."""

    took: dict[str, list[float]] = field(default_factory=dict)
    _at: float = 0.0

    def start(self) -> None:
        self._at = time.perf_counter()

    def done(self, name: str) -> None:
        """The step that began at the last call ends here, and the next begins."""
        now = time.perf_counter()
        self.took.setdefault(name, []).append(now - self._at)
        self._at = now

    def show(self) -> None:
        for name, seconds in self.took.items():
            each = [1000 * one for one in seconds]
            print(
                f"{name:36} median {statistics.median(each):7.0f} ms   {min(each):7.0f} .. {max(each):7.0f}"
            )


@dataclass
class Upstream:
    """Somebody's clone, from which commits come."""

    clone: Path

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=b", "-c", "user.email=b@example.com", "-c", "gc.auto=0")
        command = ["git", "-C", str(self.clone), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, name: str, text: str) -> None:
        (self.clone / name).write_text(text)
        self.git("add", "-A", "-f")
        self.git("commit", "-qm", text)
        self.git("push", "-q", str(self.clone.parent / "served" / "large.git"), "HEAD:main")


def lay_out(work: Path, tree: Path) -> Upstream:
    """A bare repository `served/large.git` of the files below `tree`, and a clone of it."""
    upstream, bare = Upstream(work / "clone"), work / "served" / "large.git"
    shutil.copytree(tree, upstream.clone, ignore=shutil.ignore_patterns(".git"))
    bare.parent.mkdir()
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    for key, value in (("uploadpack.allowFilter", "true"), ("http.receivepack", "true")):
        subprocess.run(["git", "-C", str(bare), "config", key, value], check=True)
    upstream.git("init", "-q", "-b", "main")
    upstream.commit("benchmark.txt", "first")
    return upstream


async def main(given: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place:
        work = opened(Path(place))
        upstream = lay_out(work, given.tree)
        print(f"{len(upstream.git('ls-files').splitlines())} files\n")
        with serving_git(work / "served") as backend:
            sandbox = BubblewrapSandbox(SandboxSettings(work / "state", given.uid))
            assert (await sandbox.preflight()).ok
            repos = GitRepos(
                work / "repos", sandbox.owner_uid, products_since=lambda: 0.0, forks=WatchedForks()
            )
            await rounds(given.rounds, upstream, repos, sandbox, Remote(f"{backend.url}/large.git", TOKEN))


async def rounds(
    count: int, upstream: Upstream, repos: GitRepos, sandbox: BubblewrapSandbox, remote: Remote
) -> None:
    steps = Steps()
    await repos.materialise(KEY, (await repos.fetch(KEY, remote, MAIN)).tree)
    for number in range(count):
        upstream.commit("benchmark.txt", f"{number}")
        steps.start()
        base = await repos.fetch(KEY, remote, MAIN)
        steps.done("fetch of a new commit")
        template = await repos.materialise(KEY, base.tree)
        steps.done("its plain files, others beside")
        workspace = await sandbox.open_workspace(template)
        await workspace.run(Command("true"))
        steps.done("workspace and first command")
        await reach(repos, sandbox, remote, base.commit)
        steps.done("the same commit, to a first command")
        await workspace.run(Command("echo changed >> benchmark.txt; echo new > new.txt"))
        written = Written(workspace.written_layers, base.tree)
        view = View(workspace.view_command, workspace.view_root, written)
        steps.start()
        snapshot = await repos.snapshot(KEY, base.tree, view)
        steps.done("snapshot")
        await repos.diff(KEY, base.tree, snapshot.tree)
        steps.done("diff")
        whole = await repos.snapshot(KEY, base.tree, View(workspace.view_command, workspace.view_root))
        steps.done("snapshot with every file looked at")
        assert whole.tree == snapshot.tree
        await workspace.close()
        await push(repos, remote, base, number, steps)
        templates = repos.state_dir / str(KEY.installation) / str(KEY.repository) / "templates"
        templates.rename(templates.with_name(f"aside-{number}"))
        steps.start()
        await repos.materialise(KEY, base.tree)
        steps.done("plain files without any beside")
    steps.show()


async def push(repos: GitRepos, remote: Remote, base: BaseCommit, number: int, steps: Steps) -> None:
    """One commit with a clock beside it, and another with an eye on its memory."""
    assert isinstance(repos.forks, WatchedForks)
    commits = []
    for text in (f"fix {number}\n", f"another fix {number}\n"):
        sha = await repos.store_blob(KEY, text.encode())
        fix = TreeChange(RepoPath("fix.txt"), None, None, FileMode.REGULAR, sha)
        tree = await repos.derive(KEY, base.tree, (fix,))
        commits.append(await repos.commit(KEY, tree, (base.commit,), "Fix\n", 1_790_000_000 + number))
    steps.start()
    await repos.push(KEY, remote, f"refs/heads/b{number}", commits[0], None)
    steps.done("push of a small commit")
    with watching(repos.forks) as highest:
        await repos.push(KEY, remote, f"refs/heads/m{number}", commits[1], None)
    print(f"memory of a push: {highest.own:.1f} MB of its own, {highest.resident:.1f} MB with what is shared")


async def reach(repos: GitRepos, sandbox: BubblewrapSandbox, remote: Remote, commit: CommitSha) -> None:
    """What a task does up to its first command."""
    base = await repos.fetch(KEY, remote, MAIN, commit)
    workspace = await sandbox.open_workspace(await repos.materialise(KEY, base.tree))
    await workspace.run(Command("true"))
    await workspace.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--uid", type=int, default=64738)
    asyncio.run(main(parser.parse_args()))
