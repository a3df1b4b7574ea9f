"""Bombs, floods and survivors: each ends with a named reason, and the host goes on."""

import asyncio
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bot.sandbox.contract import Command, CommandResult, EndedBy
from tests.hostile.backends import make_sandbox
from tests.hostile.cage import Cage
from tests.hostile.points import point
from tests.sandbox.conftest import SMALL
from tests.sandbox.processes import host_processes, nap


async def python(cage: Cage, code: str, timeout_s: float = 30) -> CommandResult:
    return await cage.run(f"{cage.backend.python} -I -S - 2>&1", timeout_s, stdin=code.encode())


async def alive(cage: Cage) -> None:
    """The twin of every bomb: the next command works."""
    assert (await cage.run("echo alive")).output == b"alive\n"


@point(42)
async def test_a_fork_bomb_is_stopped_at_the_process_count(cage: Cage) -> None:
    code = """
import os, time
made = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(60)
        made += 1
except OSError as error:
    print(made, error.strerror, flush=True)
os._exit(0)
"""
    made, why = (await python(cage, code)).output.decode().strip().split(maxsplit=1)
    assert 10 < int(made) < SMALL.processes
    assert why == "Resource temporarily unavailable"
    await alive(cage)


@point(42)
async def test_a_shell_bomb_ends_by_time_and_says_what_it_met(cage: Cage) -> None:
    result = await cage.run(":(){ :|:& };:; sleep 60", 1.5)
    assert result.ended_by is EndedBy.TIMEOUT
    await alive(cage)


@point(42)
async def test_a_fork_that_was_refused_is_named_to_the_model(cage: Cage) -> None:
    many = "for i in $(seq 200); do sleep 3 & done 2>/dev/null; exit 3"
    result = await cage.run(many)
    assert result.ended_by is EndedBy.EXIT
    assert result.exit_code not in (0, None)
    assert f"at most {SMALL.processes} processes" in result.met
    assert (await cage.run("exit 3")).met == ""


@point(43)
async def test_one_large_process_ends_by_memory(cage: Cage) -> None:
    code = "x = b'x' * (800 << 20)"
    result = await cage.run(f'exec {cage.backend.python} -I -S -c "{code}"')
    assert result.ended_by is EndedBy.MEMORY, result
    assert "192 MiB" in result.detail
    assert (await python(cage, "x = b'x' * (20 << 20)")).ok


@point(43)
async def test_many_small_processes_end_by_memory_together(cage: Cage) -> None:
    one = f"{cage.backend.python} -I -S -c 'import time; x = b\"x\" * (60 << 20); time.sleep(20)' & "
    result = await cage.run(f"{one * 8} wait -n; exit 1")
    assert result.ended_by is EndedBy.MEMORY, result
    await alive(cage)


@point(43)
async def test_memory_that_is_a_file_counts_too(cage: Cage) -> None:
    code = """
import os
for _ in range(40):
    descriptor = os.memfd_create("x")
    for _ in range(10): os.write(descriptor, bytes(1 << 20))
"""
    assert (await python(cage, code)).ended_by is EndedBy.MEMORY
    await alive(cage)


@point(44)
@pytest.mark.parametrize(
    "folder", ["/dev/shm", "/dev", "/", "/run", "/var", "/home", "/pullwright", "/proc", "/sys"]
)
async def test_no_folder_takes_more_than_its_size(cage: Cage, folder: str) -> None:
    result = await cage.run(
        f"head -c 80M /dev/zero > {folder}/big; stat -c %s {folder}/big 2>/dev/null || echo 0"
    )
    assert int(result.output.split()[-1]) <= 64 << 20
    await alive(cage)


@point(44)
async def test_temporary_files_are_bounded_in_number(cage: Cage) -> None:
    code = """
import errno, os
made = 0
try:
    for made in range(400_000): os.close(os.open(f"/tmp/{made}", os.O_CREAT | os.O_WRONLY))
    print("OPEN", made)
except OSError as error: print(errno.errorcode[error.errno])
"""
    result = await python(cage, code, 60)
    assert result.ended_by is EndedBy.MEMORY or b"ENOSPC" in result.output, result


@point(44)
async def test_a_full_disk_ends_by_disk(cage: Cage) -> None:
    endless = "i=0; while :; do head -c 4M /dev/zero > f$i || break; i=$((i+1)); sleep 0.02; done; sleep 20"
    result = await cage.run(endless)
    assert result.ended_by is EndedBy.DISK
    assert "48 MiB" in result.detail


@point(44)
async def test_files_that_were_removed_while_open_count_too(cage: Cage) -> None:
    code = """
import os, time
held = []
for number in range(60):
    descriptor = os.open(f"f{number}", os.O_CREAT | os.O_RDWR); os.unlink(f"f{number}"); held.append(descriptor)
    os.write(descriptor, bytes(4 << 20)); time.sleep(0.02)
time.sleep(20)
"""
    result = await python(cage, code)
    assert (result.ended_by, "48 MiB" in result.detail) == (EndedBy.DISK, True), result


@point(44)
async def test_many_files_end_by_disk_even_in_a_closed_folder(cage: Cage) -> None:
    code = """
import os, time
os.mkdir("shut"); os.chdir("shut"); os.chmod(".", 0o300)
for number in range(4000): open(str(number), "w").close()
os.chmod(".", 0)
time.sleep(20)
"""
    result = await python(cage, code)
    assert (result.ended_by, "3000 files" in result.detail) == (EndedBy.DISK, True), result


@point(45)
async def test_a_sparse_file_costs_what_it_holds(cage: Cage) -> None:
    result = await cage.run(
        "truncate -s 900M sparse && sleep 0.8 && truncate -s 2000M larger; echo $?; sleep 0.5"
    )
    assert result.ended_by is EndedBy.EXIT  # 900 MB of nothing are within the bound on disk
    assert not result.output.endswith(b"0\n")  # over the bound on one file
    read = await cage.workspace.read_file("sparse")
    assert (read.size, read.content) == (900 << 20, None)


@point(46)
async def test_endless_output_is_cut_and_counted(cage: Cage) -> None:
    began = time.monotonic()
    result = await cage.run("yes", 1.5, output_bytes=100_000)
    assert result.ended_by is EndedBy.TIMEOUT
    assert len(result.output) == 100_000
    assert result.cut_bytes > 1_000_000
    assert time.monotonic() - began < 30


@point(46)
async def test_strange_bytes_come_as_they_are(cage: Cage) -> None:
    result = await cage.run(r"printf '\377\000\033[2J\r\n\303'; printf '\355\240\200' >&2")
    assert result.output == b"\xff\0\x1b[2J\r\n\xc3\xed\xa0\x80"


@point(47)
async def test_nothing_survives_a_timeout(cage: Cage) -> None:
    code = f"""
import os, signal, time
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv("/usr/bin/sleep", ["sleep", "{nap(1)}"])
        time.sleep(60)
os.execv("/usr/bin/sleep", ["sleep", "{nap(1)}"])
"""
    result = await python(cage, code, 1.5)
    assert result.ended_by is EndedBy.TIMEOUT
    assert host_processes(nap(1)) == []
    await alive(cage)


@point(47)
async def test_nothing_survives_its_shell(cage: Cage) -> None:
    result = await cage.run(
        f"(trap '' TERM HUP; setsid sleep {nap(0)} & ) ; nohup sleep {nap(0)} >/dev/null 2>&1 & echo done"
    )
    assert result.output == b"done\n"
    assert result.ended_by is EndedBy.EXIT
    assert host_processes(nap(0)) == []


@point(48)
async def test_a_background_process_does_not_hold_the_output(cage: Cage) -> None:
    began = time.monotonic()
    result = await cage.run(f"sleep {nap(9)} & echo started", 25)
    assert (result.output, result.ended_by) == (b"started\n", EndedBy.EXIT)
    assert time.monotonic() - began < 20


@point(26)
async def test_stopping_the_first_process_does_not_outlive_the_timeout(cage: Cage) -> None:
    result = await cage.run("kill -STOP 1; kill -STOP -1; sleep 30", 1.5)
    assert result.ended_by is EndedBy.TIMEOUT
    await alive(cage)


@point(50)
async def test_parallel_tasks_do_not_see_each_other(cage: Cage) -> None:
    other = await cage.backend.sandbox.open_workspace(cage.template)
    write = f"echo theirs > README; echo theirs > /tmp/shared; echo theirs > /dev/shm/shared; sleep {nap(8)}"
    theirs = asyncio.create_task(other.run(Command(write, timeout_s=20)))
    while not host_processes(nap(8)):
        await asyncio.sleep(0.05)
    seen = await cage.run(
        "cat README /tmp/shared /dev/shm/shared 2>&1; for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $f; done; kill -9 -1; true"
    )
    assert b"theirs" not in seen.output
    assert nap(8).encode() not in seen.output
    assert host_processes(nap(8))  # the twin: it is there, and outlived the signal to all
    theirs.cancel()
    await asyncio.gather(theirs, return_exceptions=True)
    await other.close()


@point(51)
def test_a_start_from_a_thread_that_ends_lives_as_long_as_it_is_awaited(cage: Cage) -> None:
    """The death signal follows the thread that started the process; a loop of its own thread is that thread."""
    found: list[CommandResult] = []

    def work() -> None:
        found.append(asyncio.run(cage.run("sleep 0.3; echo lived")))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert found[0].output == b"lived\n"


_WORKER = """
import asyncio, sys
from pathlib import Path
from bot.sandbox.contract import Command
from tests.hostile.backends import make_sandbox
async def main():
    sandbox = make_sandbox(sys.argv[1], Path(sys.argv[2]))
    workspace = await sandbox.open_workspace(Path(sys.argv[3]))
    print(workspace.view_root, flush=True)
    await workspace.run(Command(f"(setsid sleep {sys.argv[4]} &); trap '' TERM; sleep {sys.argv[4]}", timeout_s=100))
asyncio.run(main())
"""


@pytest.fixture
def killed_worker(cage: Cage, tmp_path: Path) -> tuple[Path, Path, int]:
    """A worker that was killed in the middle of a command: its state directory, its workspace, its id."""
    argv = [
        sys.executable,
        "-c",
        _WORKER,
        cage.backend.name,
        str(tmp_path / "state"),
        str(cage.template),
        nap(7),
    ]
    root = Path(__file__).resolve().parents[2]
    worker = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=root)
    assert worker.stdout is not None
    workspace = Path(worker.stdout.readline().strip())
    until = time.monotonic() + 60
    while not host_processes(f"sleep {nap(7)}") and time.monotonic() < until:
        time.sleep(0.05)
    assert host_processes(f"sleep {nap(7)}"), "the command never ran"
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    return tmp_path / "state", workspace, worker.pid


@point(49)
async def test_a_killed_worker_leaves_nothing(cage: Cage, killed_worker: tuple[Path, Path, int]) -> None:
    state, workspace, pid = killed_worker
    if cage.backend.name == "bubblewrap":  # the kernel ends them with their parent
        until = time.monotonic() + 10
        while host_processes(f"sleep {nap(7)}") and time.monotonic() < until:
            await asyncio.sleep(0.05)
        assert host_processes(f"sleep {nap(7)}") == []
    assert workspace.parent.exists()
    again = make_sandbox(cage.backend.name, state)
    assert (await again.preflight()).ok  # the next worker cleans up behind it
    assert host_processes(f"sleep {nap(7)}") == []
    assert not workspace.parent.exists()
    assert list(Path("/sys/fs/cgroup").rglob(f"pullwright-{pid}-*")) == []


def test_the_tests_themselves_left_nothing() -> None:
    assert [pid for which in range(10) for pid in host_processes(nap(which))] == []
