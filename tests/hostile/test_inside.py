"""Secrets, files, processes, network: each attempt is refused, and its harmless twin works."""

import hashlib
import os
import platform
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.attempts_inside import INSIDE
from tests.hostile.cage import Cage, Canaries, probe
from tests.hostile.points import Attempt, point


@pytest.mark.parametrize("one", INSIDE, ids=str)
async def test_inside(cage: Cage, one: Attempt) -> None:
    if platform.machine() not in one.machines:
        pytest.skip(f"belongs to {', '.join(one.machines)}")
    if cage.backend.name not in one.backends:
        pytest.skip(f"belongs to {', '.join(one.backends)}")
    await cage.hold(one)


@point(5, 9, 35, 36)
def test_what_is_to_be_stolen_is_there(cage: Cage) -> None:
    """The twin on the host: the canaries are alive, so a refusal inside means something."""
    host = cage.canaries.shown
    assert Path(host["key"]).read_text() == cage.canaries.secret
    socket.create_connection(("127.0.0.1", host["tcp"]), 1).close()
    for name in ("\0" + host["abstract"], host["socket"]):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(name)
    assert os.environ["PULLWRIGHT_CANARY"] == cage.canaries.secret


@point(22)
async def test_no_mount_comes_back_to_the_host(cage: Cage) -> None:
    before = _mounts()
    inside = await cage.run("cat /proc/self/mountinfo")
    assert b" /workspace " in inside.output  # the twin: inside there are some
    assert _mounts() - before == set()


@point(22)
async def test_a_mount_of_the_host_does_not_arrive(cage: Cage) -> None:
    inside = await cage.run("awk '{print $7}' /proc/self/mountinfo 2>/dev/null || cat /proc/self/mountinfo")
    assert b"shared:" not in inside.output


@point(23, 67)
async def test_layers_are_what_they_were(cage: Cage, tmp_path: Path) -> None:
    before = [_digest(cage.template), _digest(tmp_path / "env")]
    script = (
        "echo x > README; rm -rf pkg; mkdir pkg; echo y > pkg/new; chmod 777 . README; ln -sf /etc/passwd README;"
        "rm -rf /env/* /workspace/* 2>/dev/null; truncate -s 0 /env/bin/tool 2>/dev/null; touch -d 2001-01-01 /workspace; echo done"
    )
    assert b"done" in (await cage.run(script)).output
    assert (await cage.run("ls -A")).output == b""  # the twin: for the task it is gone
    assert [_digest(cage.template), _digest(tmp_path / "env")] == before


def _mounts() -> set[str]:
    """Mount points of this process, without those that container engines make beside us."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = {line.split()[4] for line in lines}
    return {point for point in points if not point.startswith(("/var/lib/containers", "/run/"))}


def _digest(folder: Path) -> str:
    """Everything of a tree that a task could change: names, modes, links, content, times of files."""
    told = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        state = path.lstat()
        told.update(
            f"{path.relative_to(folder)} {state.st_mode:o} {state.st_size} {state.st_mtime_ns}".encode()
        )
        if path.is_symlink():
            told.update(os.fsencode(path.readlink()))
        elif path.is_file():
            told.update(path.read_bytes())
    return told.hexdigest()


@pytest.mark.parametrize("one", [one for one in INSIDE if one.point in (1, 3, 4, 5, 9, 35, 36)], ids=str)
def test_a_probe_finds_what_is_open(one: Attempt, canaries: Canaries, tmp_path: Path) -> None:
    """Without any sandbox the attempts that only read do succeed: they are no empty gestures."""
    (tmp_path / "probe.py").write_text(probe(canaries, one.program))
    argv = [sys.executable, "-I", "-S", str(tmp_path / "probe.py")]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert "\nOPEN " in "\n" + done.stdout, done.stdout + done.stderr
