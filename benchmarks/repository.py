"""A repository of a given size on the way through host-side git and the sandbox, its cache warm.

    python benchmarks/repository.py --tree DIR [--rounds 5] [--uid 64738]

DIR holds plain files (an unpacked source archive of a large project). It is served by the local hub over HTTP, as
GitHub would; the hub's own work is in the wall times of fetch and push, and not in their processor times: those are
of our children alone. From a pinned SHA to the first command a task waits for the first three rows.
"""

import argparse
import asyncio
import resource
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from bot.domain.ids import RepoPath
from bot.localhub.records import AccountKind
from bot.localhub.server import HubServer
from bot.localhub.state import Hub
from bot.repos.contract import FileMode, Remote, RepoKey, TreeChange, View
from bot.repos.git_repos import GitRepos
from bot.sandbox.backend import BubblewrapSandbox, SandboxSettings
from bot.sandbox.contract import Command

KEY, NAME = RepoKey(1, 2), "octo/large"


def read_tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and ".git" not in path.parts
    }


def opened(folder: Path) -> Path:
    """The sandbox's user goes through it."""
    folder.chmod(0o755)
    return folder


@dataclass
class Steps:
    """Seconds and processor seconds of our own children, by step."""

    took: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    _at: tuple[float, float] = (0.0, 0.0)

    def start(self) -> None:
        self._at = _now()

    def done(self, name: str) -> None:
        """The step that began at the last call ends here, and the next begins."""
        now = _now()
        self.took.setdefault(name, []).append((now[0] - self._at[0], now[1] - self._at[1]))
        self._at = now

    def show(self) -> None:
        for name, measured in self.took.items():
            wall, spent = ([1000 * one[part] for one in measured] for part in (0, 1))
            print(
                f"{name:32} median {statistics.median(wall):7.0f} ms   {min(wall):7.0f} .. {max(wall):7.0f}"
                f"   processor {statistics.median(spent):6.0f} ms"
            )
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"\nlargest child {peak:.0f} MB")


def _now() -> tuple[float, float]:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter(), spent.ru_utime + spent.ru_stime


async def main(given: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place:
        work = opened(Path(place))
        with HubServer(Hub(work / "hub", time.time)) as hub:
            hub.hub.ensure_account("octo", AccountKind.ORGANIZATION)
            token = hub.seed.add_person("ada")
            files = read_tree(given.tree)
            hub.seed.add_repository(NAME, files)
            hub.seed.set_role(NAME, "ada", "write")
            print(f"{len(files)} files, {sum(map(len, files.values())) / 1e6:.0f} MB\n")
            sandbox = BubblewrapSandbox(SandboxSettings(work / "state", given.uid))
            assert (await sandbox.preflight()).ok
            repos = GitRepos(work / "repos", sandbox.owner_uid)
            await rounds(given.rounds, hub, repos, sandbox, Remote(hub.git_url(NAME), token))


async def rounds(
    count: int, hub: HubServer, repos: GitRepos, sandbox: BubblewrapSandbox, remote: Remote
) -> None:
    steps = Steps()
    await repos.fetch(KEY, remote, "refs/heads/main")
    for number in range(count):
        hub.seed.commit(NAME, {"benchmark.txt": f"{number}\n".encode()}, "Another")
        steps.start()
        base = await repos.fetch(KEY, remote, "refs/heads/main")
        steps.done("fetch of a new commit")
        template = await repos.materialise(KEY, base.tree)
        steps.done("plain files")
        workspace = await sandbox.open_workspace(template)
        await workspace.run(Command("true"))
        steps.done("workspace and first command")
        await workspace.run(Command("echo changed >> benchmark.txt; echo new > new.txt"))
        view = View(workspace.view_command, workspace.view_root)
        steps.start()
        snapshot = await repos.snapshot(KEY, base.tree, view)
        steps.done("snapshot of the whole tree")
        await repos.diff(KEY, base.tree, snapshot.tree)
        steps.done("diff")
        await workspace.close()
        sha = await repos.store_blob(KEY, f"fix {number}\n".encode())
        fix = TreeChange(RepoPath("fix.txt"), None, None, FileMode.REGULAR, sha)
        tree = await repos.derive(KEY, base.tree, (fix,))
        commit = await repos.commit(KEY, tree, (base.commit,), "Fix\n", 1_790_000_000 + number)
        steps.start()
        await repos.push(KEY, remote, f"refs/heads/b{number}", commit, None)
        steps.done("push of a small commit")
    steps.show()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--uid", type=int, default=64738)
    asyncio.run(main(parser.parse_args()))
