"""Milliseconds from asking for a command to its result, all of the sandbox included, and what its parts cost.

    python benchmarks/sandbox_start.py [--rounds 40] [--uid 64738]

Each row runs `true` so many times and prints median, fastest and slowest. "bare process" is the floor: bash
started from the same loop. "bubblewrap alone" has the namespaces and /usr, and none of our overlay, filter,
limits, files or watchdog. "while a model thinks" is what a turn's first command takes: `Workspace.prepare` was called
THINKS_S before, which no model undercuts; the other rows have everything made when it is asked for. As root commands
drop to `--uid`; as an ordinary user they stay what they are.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from bot.sandbox.backend import BubblewrapSandbox, SandboxSettings
from bot.sandbox.bwrap import Bubblewrap, find_bubblewrap
from bot.sandbox.cgroups import CgroupHost
from bot.sandbox.contract import Command
from bot.sandbox.workspace import SandboxWorkspace

THINKS_S = 0.1
Start = Callable[[], Awaitable[object]]


async def measure(name: str, start: Start, rounds: int, before: Start | None = None) -> None:
    """Print one row. `before` is no part of the time."""
    await start()
    took = []
    for _ in range(rounds):
        if before is not None:
            await before()
        began = time.perf_counter()
        await start()
        took.append((time.perf_counter() - began) * 1000)
    print(f"{name:32} median {statistics.median(took):6.1f} ms   {min(took):6.1f} .. {max(took):6.1f}")


async def bare(*argv: str) -> None:
    process = await asyncio.create_subprocess_exec(*argv, env={})
    assert await process.wait() == 0, argv


def alone(bwrap: Bubblewrap) -> tuple[str, ...]:
    names = [name for name in ("bin", "lib", "lib64") if (Path("/") / name).is_symlink()]
    links = [part for name in names for part in ("--symlink", f"usr/{name}", f"/{name}")]
    return (
        str(bwrap.path),
        "--unshare-all",
        "--ro-bind",
        "/usr",
        "/usr",
        *links,
        "--proc",
        "/proc",
        "/usr/bin/true",
    )


def lay_out(work: Path) -> Path:
    work.chmod(0o755)
    (template := work / "template").mkdir()
    (template / "README").write_text("below\n")
    return template


async def main(rounds: int, uid: int) -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # on disk, as in earnest
        work = Path(folder)
        template = lay_out(work)
        sandbox = BubblewrapSandbox(SandboxSettings(work / "state", uid))
        found = await sandbox.preflight()
        assert found.ok, found
        workspace = await sandbox.open_workspace(template)
        assert isinstance(workspace, SandboxWorkspace)
        print(f"{found.checks[0].detail}; memory by {found.enforced_by['memory']}\n")
        true = Command("true")
        plain = replace(workspace, runner=replace(workspace.runner, cgroups=CgroupHost(0), ahead=None))
        await measure("bare process", lambda: bare("/bin/bash", "-c", "true"), rounds)
        await measure("bubblewrap alone", lambda: bare(*alone(find_bubblewrap(None))), rounds)
        await measure("everything but the cgroup", lambda: plain.run(true), rounds)
        await measure("everything", lambda: workspace.run(true), rounds)
        await measure("reading one file", lambda: workspace.read_file("README"), rounds)

        async def think() -> None:
            workspace.prepare()
            await asyncio.sleep(THINKS_S)

        await measure("everything, while a model thinks", lambda: workspace.run(true), rounds, think)
        await measure("reading one file, the same", lambda: workspace.read_file("README"), rounds, think)
        await measure("four at once, the slowest", lambda: four(sandbox, template, true), rounds // 4)
        await workspace.close()


async def four(sandbox: BubblewrapSandbox, template: Path, command: Command) -> None:
    opened = [await sandbox.open_workspace(template) for _ in range(4)]
    await asyncio.gather(*(one.run(command) for one in opened))
    await asyncio.gather(*(one.close() for one in opened))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--uid", type=int, default=64738)
    given = parser.parse_args()
    asyncio.run(main(given.rounds, given.uid))
