"""What a workspace costs over a large environment, and what many idle ones cost together.

    python benchmarks/workspaces.py [--megabytes 1000] [--files 50000] [--idle 50] [--rounds 20] [--uid 64738]

Lays an environment of that size down once. "first command" is from asking for a workspace to the result of `true` in
it; "disk" is what the new workspace itself takes. Idle workspaces are open without a running command; "with a sleep"
each has one, and the memory is what its processes hold for themselves (proportional set size), bash and bubblewrap
included, and how much the worker itself grew.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path

from bot.sandbox.backend import BubblewrapSandbox, SandboxSettings
from bot.sandbox.contract import Command, Environment
from bot.sandbox.watchdog import descendants, measure


def lay_out(folder: Path, megabytes: int, files: int) -> tuple[Path, Environment]:
    """A small template, and `files` files of `megabytes` together in an environment."""
    folder.chmod(0o755)
    (template := folder / "template").mkdir()
    (template / "README").write_text("below\n")
    size = megabytes * (1 << 20) // files
    content = os.urandom(size)
    for number in range(files):
        place = folder / "env" / "lib" / f"d{number % 500}"
        if number < 500:
            place.mkdir(parents=True)
        (place / f"f{number}").write_bytes(content)
    return template, Environment("benchmark", env_layer=folder / "env")


def held_bytes(pids: list[int]) -> int:
    """Proportional set size of processes."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


async def measure_opening(sandbox: BubblewrapSandbox, template: Path, env: Environment, rounds: int) -> None:
    took, disk = [], []
    for _ in range(rounds):
        began = time.perf_counter()
        workspace = await sandbox.open_workspace(template, env)
        assert (await workspace.run(Command("true"))).ok
        took.append((time.perf_counter() - began) * 1000)
        disk.append(measure(str(workspace.view_root.parent), 10_000)[0])
        await workspace.close()
    middle, low, high = statistics.median(took), min(took), max(took)
    print(f"{'workspace and first command':32} median {middle:6.1f} ms   {low:6.1f} .. {high:6.1f}")
    print(f"{'disk of a new workspace':32} median {statistics.median(disk) / 1024:6.1f} KiB")


async def measure_idle(sandbox: BubblewrapSandbox, template: Path, env: Environment, count: int) -> None:
    own = held_bytes([os.getpid()])
    opened = [await sandbox.open_workspace(template, env) for _ in range(count)]
    grown = held_bytes([os.getpid()]) - own
    print(f"{f'{count} idle workspaces':32} {grown / count / 1024:6.1f} KiB each (the worker's own)")
    running = [asyncio.create_task(one.run(Command("sleep 60"))) for one in opened]
    while sum("sleep" in _name(pid) for pid in descendants(os.getpid())) < count:  # noqa: ASYNC110
        await asyncio.sleep(0.1)  # no event of ours tells that a program has begun
    children = [pid for pid in descendants(os.getpid()) if pid != os.getpid()]
    each = (held_bytes(children) + held_bytes([os.getpid()]) - own) / count
    print(f"{f'{count} with a sleep':32} {each / 1024:6.1f} KiB each, {len(children) / count:.0f} processes")
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for one in opened:
        await one.close()


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""


async def main(given: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # on disk, as in earnest
        work = Path(folder)
        template, env = lay_out(work, given.megabytes, given.files)
        sandbox = BubblewrapSandbox(SandboxSettings(work / "state", given.uid))
        found = await sandbox.preflight()
        assert found.ok, found
        await (await sandbox.open_workspace(template, env)).close()  # the environment is handed over once
        print(f"{given.megabytes} MB in {given.files} files; memory by {found.enforced_by['memory']}\n")
        await measure_opening(sandbox, template, env, given.rounds)
        await measure_idle(sandbox, template, env, given.idle)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in (
        ("--megabytes", 1000),
        ("--files", 50_000),
        ("--idle", 50),
        ("--rounds", 20),
        ("--uid", 64738),
    ):
        parser.add_argument(name, type=int, default=default)
    asyncio.run(main(parser.parse_args()))
