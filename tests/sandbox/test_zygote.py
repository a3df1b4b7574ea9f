"""The process that sandboxes are forked from: it may die, its worker may die, and it holds nothing of anybody's."""

import asyncio
import marshal
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.errors import SandboxUnavailable
from bot.sandbox.backend import BubblewrapSandbox
from bot.sandbox.contract import Command
from bot.sandbox.starter import Starter


def zygote_of(starter: Starter) -> int:
    """Its process id, which the pidfd knows."""
    told = Path(f"/proc/self/fdinfo/{starter.pidfd}").read_text()
    return int(told.partition("Pid:")[2].split()[0])


async def test_a_zygote_that_died_is_made_anew(sandbox: BubblewrapSandbox, template: Path) -> None:
    workspace = await sandbox.open_workspace(template)
    starter: Starter = workspace.runner.starter  # type: ignore[attr-defined]
    assert (await workspace.run(Command("echo one"))).output == b"one\n"
    os.kill(zygote_of(starter), signal.SIGKILL)
    time.sleep(0.1)
    assert (await workspace.run(Command("echo two"))).output == b"two\n"
    await workspace.close()


async def test_its_death_ends_what_it_forked(sandbox: BubblewrapSandbox, template: Path) -> None:
    workspace = await sandbox.open_workspace(template)
    starter: Starter = workspace.runner.starter  # type: ignore[attr-defined]
    starter.ensure()
    running = asyncio.create_task(workspace.run(Command("touch begun; sleep 30", timeout_s=30)))
    begun = workspace.mounts.changes / "begun"  # type: ignore[attr-defined]
    while not begun.exists():
        await asyncio.sleep(0.02)
    starter.give_up()
    with pytest.raises(SandboxUnavailable):
        await asyncio.wait_for(running, 10)
    assert (await workspace.run(Command("echo on"))).output == b"on\n"
    await workspace.close()


def test_it_keeps_no_descriptor_of_a_start() -> None:
    starter = Starter()
    starter.ensure()
    folder = Path(f"/proc/{zygote_of(starter)}/fd")
    before = len(list(folder.iterdir()))
    ours, theirs = os.pipe()
    for _ in range(3):
        line = starter.start(
            theirs, theirs, [(theirs, theirs)]
        )  # a request that can't be read: the launcher ends
        with line:
            line.settimeout(5)
            _, sent, _, _ = socket.recv_fds(line, 1, 1)
            for descriptor in sent:
                os.close(descriptor)
    os.close(theirs)
    assert os.read(ours, 1) == b"", "somebody holds the other end"
    os.close(ours)
    until = time.monotonic() + 5  # it answers first and closes then
    while len(list(folder.iterdir())) != before and time.monotonic() < until:
        time.sleep(0.01)
    assert len(list(folder.iterdir())) == before


def test_it_ends_with_its_worker_however_that_ends() -> None:
    code = "from bot.sandbox.starter import Starter; s = Starter(); s.ensure(); print(s.pidfd, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        pidfd = worker.stdout.readline().strip()
        told = Path(f"/proc/{worker.pid}/fdinfo/{pidfd}").read_text()
        zygote = int(told.partition("Pid:")[2].split()[0])
        assert os.getsid(zygote) != os.getsid(worker.pid), "Ctrl-C in a terminal would reach it"
        worker.kill()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{zygote}/exe").exists():
        assert time.monotonic() < deadline, "it lives on"
        time.sleep(0.02)


def test_who_lost_its_parent_in_the_middle_of_a_start_is_found_and_killed() -> None:
    """Bubblewrap's child waits for its parent at first, whose death no signal tells it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    code = (
        "import os, sys, time; sys.path.insert(0, sys.argv[2])\n"
        "from bot.sandbox import zygote\n"
        "def lose(descriptor, parent):\n"
        "    if os.fork() == 0: os.fork(); os.write(1, b'%d\\n' % os.getpid()); time.sleep(60)\n"
        "    os._exit(0)\n"
        "zygote.launcher.launch = lose\n"
        "zygote.main()"
    )
    subprocess.run([sys.executable, "-c", code, str(theirs.fileno()), str(Path.cwd())],
                   pass_fds=(theirs.fileno(),), check=True)  # fmt: skip
    theirs.close()
    read, write = os.pipe()
    line, far = socket.socketpair()
    start = marshal.dumps({"numbers": [1], "request": 0, "status": 1})
    socket.send_fds(ours, [start], [write, far.fileno()])
    os.close(write)
    far.close()
    told = b""
    while told.count(b"\n") < 2:
        told += os.read(read, 100)
    ours.close()
    assert os.read(read, 1) == b"", "somebody lives on"
    os.close(read)
    line.close()
    assert not any(Path(f"/proc/{pid}/exe").exists() for pid in told.decode().split())
