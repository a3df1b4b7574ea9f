"""The host's processes, seen from a test: what a command started, and whether it is gone."""

import asyncio
import os
import time
from pathlib import Path

from bot.sandbox.contract import Workspace
from bot.sandbox.launch import Running
from bot.sandbox.runner import Runner
from bot.sandbox.workspace import SandboxWorkspace

_CLOSED_S = 20.0  # on a busy machine


def nap(which: int) -> str:
    """Seconds to sleep that no other process of the tests sleeps, with `which` (0 to 9) for a test or a use.

    The suites run in several processes at once, so a fixed number would show a test its neighbour's sleepers.
    """
    return f"1{os.getpid():07d}{which}"


def host_processes(word: str) -> list[int]:
    """Processes of the host whose command line holds `word`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:  # it ended
                continue
            if word.encode() in line.replace(b"\0", b" "):
                found.append(int(entry.name))
    return found


async def made_ahead(workspace: Workspace) -> Running:
    """The sandbox that waits, when it does."""
    workspace.prepare()
    assert isinstance(workspace, SandboxWorkspace)
    assert isinstance(workspace.runner, Runner)
    assert workspace.runner.ahead is not None
    assert workspace.runner.ahead._making is not None
    _, making = workspace.runner.ahead._making
    running = await making
    assert running.is_alive
    return running


def descriptors() -> int:
    """How many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def descriptors_fall_to(most: int) -> None:
    """Those of a cgroup are closed behind our back, soon after its command; one that is left behind never is."""
    deadline = time.monotonic() + _CLOSED_S
    while (now := descriptors()) > most:
        assert time.monotonic() < deadline, f"{now} are open, {most} were"
        await asyncio.sleep(0.01)
