"""A repository of a given size on the way through host-side git and the sandbox, its cache warm.

    python benchmarks/repository.py --tree DIR [--rounds 5] [--uid 64738]

DIR holds plain files (an unpacked source archive of a large project). It is served by the local hub over HTTP, as
GitHub would. "pinned SHA to first command" is what a task waits for on a host that knows the repository: fetch of a new
commit, plain files, workspace, `true`. "peak" is the largest resident set of any child so far.
"""

import argparse
import asyncio
import resource
import statistics
import tempfile
import time
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


def row(name: str, took: list[float]) -> None:
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    middle, low, high = (1000 * seconds for seconds in (statistics.median(took), min(took), max(took)))
    print(f"{name:32} median {middle:7.0f} ms   {low:7.0f} .. {high:7.0f}   peak {peak:5.0f} MB")


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
    took: dict[str, list[float]] = {}
    await repos.fetch(KEY, remote, "refs/heads/main")
    for number in range(count):
        hub.seed.commit(NAME, {"benchmark.txt": f"{number}\n".encode()}, "Another")
        began = time.perf_counter()
        base = await repos.fetch(KEY, remote, "refs/heads/main")
        fetched = time.perf_counter()
        template = await repos.materialise(KEY, base.tree)
        laid_out = time.perf_counter()
        workspace = await sandbox.open_workspace(template)
        await workspace.run(Command("true"))
        ready = time.perf_counter()
        await workspace.run(Command("echo changed >> benchmark.txt; echo new > new.txt"))
        view = View(workspace.view_command, workspace.view_root)
        began_snapshot = time.perf_counter()
        snapshot = await repos.snapshot(KEY, base.tree, view)
        walked = time.perf_counter()
        await repos.diff(KEY, base.tree, snapshot.tree)
        shown = time.perf_counter()
        sha = await repos.store_blob(KEY, f"fix {number}\n".encode())
        fix = TreeChange(RepoPath("fix.txt"), None, None, FileMode.REGULAR, sha)
        tree = await repos.derive(KEY, base.tree, (fix,))
        commit = await repos.commit(KEY, tree, base.commit, "Fix\n", 1_790_000_000 + number)
        began_push = time.perf_counter()
        await repos.push(KEY, remote, f"refs/heads/b{number}", commit, None)
        pushed = time.perf_counter()
        await workspace.close()
        for name, seconds in (
            ("fetch of a new commit", fetched - began),
            ("plain files", laid_out - fetched),
            ("workspace and first command", ready - laid_out),
            ("pinned SHA to first command", ready - began),
            ("snapshot of the whole tree", walked - began_snapshot),
            ("diff", shown - walked),
            ("push of a small commit", pushed - began_push),
        ):
            took.setdefault(name, []).append(seconds)
    for name, measured in took.items():
        row(name, measured)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--uid", type=int, default=64738)
    asyncio.run(main(parser.parse_args()))
