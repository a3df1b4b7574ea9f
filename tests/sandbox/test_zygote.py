"""The process that sandboxes are forked from: it may die, its worker may die, and it holds nothing of anybody's."""

import asyncio
import marshal
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.errors import SandboxUnavailable
from bot.sandbox.backend import BubblewrapSandbox
from bot.sandbox.bounds import Bounds
from bot.sandbox.cgroups import CgroupHost, CommandCgroup, find_cgroups
from bot.sandbox.contract import Command
from bot.sandbox.starter import Starter, Waiting


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


NOWHERE = CgroupHost(0)


def told(waiting: Waiting) -> int:
    """Its pidfd, which comes when the zygote has forked."""
    assert waiting.pidfd is not None or select.select([waiting.line], [], [], 5)[0]
    pidfd = waiting.hear()
    assert pidfd is not None
    return pidfd


def test_it_keeps_no_descriptor_of_a_start() -> None:
    starter = Starter()
    starter.ensure()
    folder = Path(f"/proc/{zygote_of(starter)}/fd")
    before = len(list(folder.iterdir()))
    ours, theirs = os.pipe()
    for _ in range(3):
        waiting = starter.take(NOWHERE, Bounds())
        waiting.start(theirs, theirs, [(theirs, theirs)])  # a request that can't be read: the launcher ends
        assert select.select([waiting.line], [], [], 5)[0]
        waiting.hear()  # its pidfd, or the end of the line when it was dead before that was taken
        waiting.close()
    os.close(theirs)
    assert os.read(ours, 1) == b"", "somebody holds the other end"
    os.close(ours)
    until = time.monotonic() + 5  # it answers first and closes then
    while len(list(folder.iterdir())) != before and time.monotonic() < until:
        time.sleep(0.01)
    assert len(list(folder.iterdir())) == before


def test_a_launcher_that_was_dead_before_its_pidfd_was_taken_is_no_failed_fork() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    waiting = Waiting(ours, NOWHERE, Bounds(), CommandCgroup({}, 0))
    theirs.close()
    assert (waiting.hear(), waiting.fault) == (None, 0)
    waiting.close()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    waiting = Waiting(ours, NOWHERE, Bounds(), CommandCgroup({}, 0))
    theirs.send(b"F11")
    theirs.close()
    assert (waiting.hear(), waiting.fault) == (None, 11)
    waiting.close()


def test_the_launcher_that_was_made_ahead_is_taken_once_and_only_for_the_same_bounds() -> None:
    starter = Starter()
    starter.prepare(NOWHERE, Bounds())
    starter.prepare(NOWHERE, Bounds())  # one is enough
    ahead = starter.take(NOWHERE, Bounds())
    other = starter.take(NOWHERE, Bounds())
    assert told(ahead) != told(other)
    starter.prepare(NOWHERE, Bounds())
    tighter = starter.take(NOWHERE, Bounds(processes=3))
    assert tighter.bounds == Bounds(processes=3)
    for waiting in (ahead, other, tighter):
        pidfd = os.dup(told(waiting))
        waiting.close()
        assert select.select([pidfd], [], [], 5)[0], "nobody wants it, and it waits on"
        os.close(pidfd)


def test_one_that_died_waiting_is_not_taken() -> None:
    starter = Starter()
    starter.prepare(NOWHERE, Bounds())
    ahead = starter.take(NOWHERE, Bounds())
    pidfd = told(ahead)
    starter._ahead = ahead  # as if it had not been taken
    starter.give_up()
    assert select.select([pidfd], [], [], 5)[0], "it outlives its zygote"
    fresh = starter.take(NOWHERE, Bounds())
    assert fresh is not ahead
    told(fresh)
    fresh.close()


async def test_a_command_leaves_one_launcher_behind_and_no_group_of_its_own(
    sandbox: BubblewrapSandbox, template: Path
) -> None:
    workspace = await sandbox.open_workspace(template)
    runner = workspace.runner  # type: ignore[attr-defined]
    parents = set(runner.cgroups.parents.values())

    def groups() -> int:  # those of other tests' launchers in this process too
        return sum(len(list(parent.glob(f"pullwright-{os.getpid()}-*"))) for parent in parents)

    await workspace.run(Command("true"))
    before = groups()
    for _ in range(3):
        await workspace.run(Command("true"))
    until = time.monotonic() + 5
    while groups() > before and time.monotonic() < until:
        runner.cgroups.remove(())  # one that the kernel still counts down is tried again
        await asyncio.sleep(0.02)
    assert groups() <= before, "only that of the launcher that waits"
    await workspace.close()


def test_the_groups_of_a_killed_worker_are_removed_by_its_zygote() -> None:
    host = find_cgroups()
    if not host.parents:
        pytest.skip("no cgroup can be made here")
    code = (
        "from bot.sandbox.starter import Starter; from bot.sandbox.cgroups import find_cgroups\n"
        "from bot.sandbox.bounds import Bounds\n"
        "s = Starter(); w = s.take(find_cgroups(), Bounds())\n"
        "print(*w.group.folders, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        folders = [Path(word) for word in worker.stdout.readline().split()]
        assert folders
        assert all(folder.is_dir() for folder in folders)
        worker.kill()
    deadline = time.monotonic() + 10
    while any(folder.exists() for folder in folders):
        assert time.monotonic() < deadline, "they are left"
        time.sleep(0.02)


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
        "def lose(line, groups, parent):\n"
        "    if os.fork() == 0: os.fork(); os.write(line, b'%d\\n' % os.getpid()); time.sleep(60)\n"
        "    os._exit(0)\n"
        "zygote.launcher.wait_and_launch = lose\n"
        "zygote.main()"
    )
    subprocess.run([sys.executable, "-c", code, str(theirs.fileno()), str(Path.cwd())],
                   pass_fds=(theirs.fileno(),), check=True)  # fmt: skip
    theirs.close()
    line, far = socket.socketpair()
    socket.send_fds(ours, [marshal.dumps([])], [far.fileno()])
    far.close()
    heard = b""
    while heard.count(b"\n") < 2:
        heard += line.recv(100)
    ours.close()
    line.settimeout(20)  # it ends when the last one that holds it is dead
    while chunk := line.recv(100):
        heard += chunk
    line.close()
    pids = heard.replace(b"P", b"").decode().split()
    assert not any(Path(f"/proc/{pid}/exe").exists() for pid in pids)
