"""What a hostile command tries, each with its harmless twin: a probe that never works would prove nothing."""

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from bot.errors import SandboxUnavailable
from bot.sandbox.arguments import STAGE
from bot.sandbox.backend import BubblewrapSandbox
from bot.sandbox.contract import Command, EndedBy, Workspace
from bot.sandbox.seccomp import build_filter

pytestmark = pytest.mark.hostile  # bombs and escapes: `make hostile`

PYTHON = os.path.realpath(sys.executable)


async def python(workspace: Workspace, code: str, timeout_s: float = 20) -> str:
    """What a Python program printed inside."""
    argv = f"{PYTHON} -I -S - 2>&1"
    result = await workspace.run(Command(argv, stdin=code.encode(), timeout_s=timeout_s))
    return result.output.decode().strip()


async def test_a_fork_bomb_is_stopped_at_the_process_count(workspace: Workspace) -> None:
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
    made, why = (await python(workspace, code)).split(maxsplit=1)
    assert 10 < int(made) < 60
    assert why == "Resource temporarily unavailable"
    result = await workspace.run(Command(":(){ :|:& };:; sleep 60", timeout_s=1))
    assert result.ended_by is EndedBy.TIMEOUT
    assert (await workspace.run(Command("echo alive"))).output.endswith(b"alive\n")


async def test_a_memory_bomb_ends_by_memory(workspace: Workspace, sandbox: BubblewrapSandbox) -> None:
    result = await workspace.run(Command(f"exec {PYTHON} -c 'x = b\"x\" * (800 << 20)'", timeout_s=20))
    if (await sandbox.preflight()).enforced_by["memory"].startswith("cgroup"):
        assert result.ended_by is EndedBy.MEMORY, result
        assert "192 MiB" in result.detail
    else:  # in a container the rlimit refuses what one process wants: it meets an error of its own
        assert not result.ok
        assert b"MemoryError" in result.output
    assert (await workspace.run(Command(f"{PYTHON} -c 'x = b\"x\" * (20 << 20)'"))).ok


async def test_a_disk_bomb_ends_by_disk(workspace: Workspace) -> None:
    endless = "i=0; while :; do head -c 4M /dev/zero > f$i || break; i=$((i+1)); sleep 0.02; done; sleep 20"
    result = await workspace.run(Command(endless, timeout_s=20))
    assert result.ended_by is EndedBy.DISK
    assert "48 MiB" in result.detail


async def test_many_files_end_by_disk_even_in_a_closed_directory(workspace: Workspace) -> None:
    code = """
import os, time
os.mkdir("shut"); os.chdir("shut"); os.chmod(".", 0o300)
for i in range(4000): open(str(i), "w").close()
os.chmod(".", 0)
time.sleep(20)
"""
    result = await workspace.run(Command(f"{PYTHON} -I -S -", stdin=code.encode(), timeout_s=20))
    assert (result.ended_by, "3000 files" in result.detail) == (EndedBy.DISK, True)


async def test_temporary_directories_have_a_size(workspace: Workspace) -> None:
    result = await workspace.run(
        Command("head -c 80M /dev/zero > /dev/shm/big; stat -c %s /dev/shm/big; df -m /tmp")
    )
    assert b"No space left" in result.output
    assert b"67108864" in result.output


async def test_nothing_of_the_host_can_be_read(workspace: Workspace, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    os.environ["PULLWRIGHT_TEST_SECRET"] = "open-sesame"  # ours, not the sandbox's
    try:
        script = (
            f"cat {secret}\nls /work /var/lib {STAGE} /home /sys /boot /mnt\nls /proc/1/root /root/* 2>&1\n"
            "cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'\nls -l /proc/self/fd\ncat /etc/hostname /etc/shadow\n"
        )
        result = await workspace.run(Command("exec bash -s 2>&1", stdin=script.encode()))
    finally:
        del os.environ["PULLWRIGHT_TEST_SECRET"]
    text = result.output.decode()
    assert "--args" in text  # pid 1's command line is readable, and names no path of the host
    assert "secret" not in text.splitlines()
    assert "open-sesame" not in text
    assert str(tmp_path.parent) not in text.replace(f"cat: {secret}: No such file", "")
    assert "state" not in text.replace(str(tmp_path), "")
    assert (await workspace.run(Command("cat README /etc/passwd"))).output.startswith(b"below\nroot:x:0:")


async def test_no_descriptor_is_inherited(workspace: Workspace) -> None:
    assert await python(workspace, "import os; print(sorted(map(int, os.listdir('/proc/self/fd')))[:4])") in (
        "[0, 1, 2, 3]",  # 3 is the listing's own
        "[0, 1, 2]",
    )
    # Without a pipe: its two ends are the shell's own for a moment. What the pattern's own reading opened is gone.
    still_open = 'for fd in /proc/$$/fd/*; do if [ -e "$fd" ]; then echo "${fd##*/}"; fi; done'
    result = await workspace.run(Command(still_open))
    seen = {int(number) for number in result.output.split()}
    assert seen
    assert seen <= {0, 1, 2, 255}


async def test_there_is_no_network(workspace: Workspace) -> None:
    code = """
import socket
for where in (("127.0.0.1", 3128), ("169.254.169.254", 80), ("1.1.1.1", 53), ("10.0.0.1", 80)):
    try: socket.create_connection(where, 0.3); print("reached", where)
    except OSError as error: print(type(error).__name__)
try: socket.getaddrinfo("example.org", 443); print("resolved")
except OSError as error: print("unresolved")
for family in (40, 17, 38, 9):
    try: socket.socket(family, socket.SOCK_DGRAM); print("family", family)
    except OSError as error: print(error.errno)
server = socket.create_server(("localhost", 0))
client = socket.create_connection(server.getsockname(), 1)
print("loopback works", [name for _, name in socket.if_nameindex()])
"""
    said = await python(workspace, f"{code}", 20)
    assert "reached" not in said
    assert "resolved" not in said.replace("unresolved", "")
    assert "family" not in said
    assert said.endswith("loopback works ['lo']")


async def test_wide_system_calls_are_refused(workspace: Workspace) -> None:
    code = """
import ctypes, fcntl, os, platform
libc = ctypes.CDLL(None, use_errno=True)
arm = platform.machine() == "aarch64"
calls = {"ptrace": (101, 117), "keyctl": (250, 219), "add_key": (248, 217), "bpf": (321, 280), "unshare": (272, 97),
  "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "mount": (165, 40), "open_by_handle_at": (304, 265),
  "fsopen": (430, 430), "setns": (308, 268), "process_vm_readv": (310, 270), "pidfd_getfd": (438, 438)}
for name, numbers in calls.items():
    result = libc.syscall(numbers[arm], 0, 0, 0, 0, 0)
    if (result, ctypes.get_errno()) != (-1, 1): print("open:", name, result, ctypes.get_errno())
print(libc.syscall(435, 0, 0), ctypes.get_errno())
print(libc.syscall((56, 220)[arm], 0x10000000 | 17, 0, 0, 0, 0), ctypes.get_errno())
master, slave = os.openpty()
for request in (0x5412, 0x541C):
    try: fcntl.ioctl(slave, request, b"x"); print("typed")
    except OSError as error: print(error.errno)
print(os.get_terminal_size(slave)[0] >= 0, os.waitpid(os.fork() or os._exit(0), 0)[1])
"""
    assert await python(workspace, code) == "-1 38\n-1 1\n1\n1\nTrue 0"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="x32 and i386 belong to x86_64")
async def test_foreign_system_calls_kill(workspace: Workspace) -> None:
    result = await workspace.run(
        Command(f"exec {PYTHON} -I -S -c 'import ctypes; ctypes.CDLL(None).syscall(0x40000000 | 39)'")
    )
    assert (result.ended_by, result.detail) == (EndedBy.SIGNAL, "SIGSYS")


async def test_the_system_is_read_only_and_without_rights(workspace: Workspace) -> None:
    result = await workspace.run(
        Command(
            "for d in / /usr /etc /dev /env /pullwright /proc/sys/kernel; do touch $d/x 2>&- && echo open $d; done;"
            "grep -E '^Cap(Eff|Bnd|Amb)|NoNewPrivs|Seccomp:' /proc/self/status | tr -d '\\n\\t';"
            "echo 1 > /proc/sys/kernel/core_pattern; mknod disk b 8 0; ulimit -c; kill -9 1;"
            "touch /tmp/x ~/x && echo ok"
        )
    )
    text = result.output.decode()
    assert "open" not in text
    assert "CapBnd:0000000000000000CapAmb:0000000000000000NoNewPrivs:1Seccomp:2" in text
    assert text.endswith("0\nok\n")
    assert not result.detail


async def test_stopping_the_first_process_does_not_outlive_the_timeout(workspace: Workspace) -> None:
    result = await workspace.run(Command("kill -STOP 1; kill -STOP -1; sleep 30", timeout_s=0.5))
    assert result.ended_by is EndedBy.TIMEOUT


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_jump_of_the_filter_stays_inside(machine: str) -> None:
    program = build_filter(machine)
    instructions = list(struct.iter_unpack("<HBBI", program))
    assert len(instructions) < 4096  # the kernel's bound
    for index, (code, then, otherwise, _) in enumerate(instructions):
        if code & 7 == 5:
            assert index + 1 + max(then, otherwise) < len(instructions)
    assert instructions[-1] == (0x06, 0, 0, 0x7FFF0000)


def test_an_unknown_processor_is_refused() -> None:
    with pytest.raises(SandboxUnavailable, match="riscv64"):
        build_filter("riscv64")


def _reachable_python() -> str | None:
    """A Python >= 3.11 that an ordinary user can start; ours, or the system's."""
    for path in (PYTHON, shutil.which("python3", path="/usr/bin:/usr/local/bin")):
        probe = "import sys; sys.exit(sys.version_info < (3, 11))"
        try:
            if path and subprocess.run([path, "-c", probe], user=65534, check=False).returncode == 0:
                return path
        except PermissionError:
            continue
    return None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_it_works_the_same_for_an_ordinary_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    program = _reachable_python()
    if program is None:
        pytest.skip("no Python that an ordinary user can start")
    work = Path("/var/tmp") / f"pullwright-test-{os.getpid()}"
    work.mkdir()
    os.chown(work, 65534, 65534)
    root = Path(__file__).resolve().parents[2]
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    try:
        done = subprocess.run(
            [program, "-B", str(Path(__file__).with_name("ordinary_user.py")), str(work)],
            user=65534,
            group=65534,
            extra_groups=[],
            env={"PYTHONPATH": f"{root}:{packages}", "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        shutil.rmtree(work, ignore_errors=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == ["preflight", "copy-on-write", "memory", "disk", "forks", "view", "closed"]
