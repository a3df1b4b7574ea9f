"""The supervisor: children start, are noticed when they die, and never outlive it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.cli.supervise import Supervisor
from bot.errors import ForPerson


def test_a_child_that_dies_is_reported_with_its_log(tmp_path: Path) -> None:
    with Supervisor() as supervisor:
        child = supervisor.start("receiver", ["no-such-command"], {}, tmp_path / "log")
        child.process.wait(30)
        with pytest.raises(ForPerson) as fault:
            supervisor.wait_until(lambda: False, "The receiver", 30)
    assert "receiver process ended with code 2" in fault.value.message
    assert "no-such-command" in fault.value.remedy


def test_waiting_has_an_end(tmp_path: Path) -> None:
    with Supervisor() as supervisor, pytest.raises(ForPerson, match="did not get ready within 0 s"):
        supervisor.wait_until(lambda: False, "The hub", 0.05)


def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, time\n"
        "from bot.cli import supervise\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
        " preexec_fn=supervise._die_with_parent)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child_pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while _alive(child_pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _alive(child_pid)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
