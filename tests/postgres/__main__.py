"""Runs a command beside a PostgreSQL server of its own: `python -m tests.postgres pytest tests/store`.

The server is made from binaries that are there (on PATH, or where Debian puts them), in a new folder, on a free port
of the loopback, and goes with the command. TEST_POSTGRES_URL names it; if that is set already, that server is used.
As root it runs as another user: PostgreSQL refuses to be root.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOBODY = 65_534  # the user, where we are root; no file of a system belongs to it
_START_S = 60.0
_SETTINGS = (
    "listen_addresses=127.0.0.1",
    "fsync=off",  # a test's data is lost with its folder anyway; what is tested is order, not the disk
    "max_connections=300",
    "shared_buffers=64MB",
)


def find_binaries() -> Path:
    """The folder of `initdb` and `postgres`. Ends the program when there is none."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    named = shutil.which("initdb")
    found = [*debian, *([Path(named)] if named else [])]
    for one in found:
        if (one.parent / "postgres").exists():
            return one.parent
    sys.exit(
        "No PostgreSQL here. Install one (Debian: apt-get install postgresql), or set TEST_POSTGRES_URL."
    )


@contextmanager
def server() -> Iterator[str]:
    """Its URL, without a database's name."""
    binaries = find_binaries()
    user = _NOBODY if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="pullwright-postgres-"))
    if user is not None:
        os.chown(folder, user, user)
    data = folder / "data"
    quiet = {"stdout": subprocess.DEVNULL, "user": user, "group": user, "extra_groups": [] if user else None}
    initdb = [binaries / "initdb", "-D", data, "-U", "pullwright", "--auth=trust", "-E", "UTF8", "--no-sync"]
    subprocess.run([str(part) for part in initdb], check=True, cwd=folder, **quiet)
    port = _free_port()
    settings = [part for one in (*_SETTINGS, f"unix_socket_directories={folder}") for part in ("-c", one)]
    log = folder / "log"
    command = [str(binaries / "postgres"), "-D", str(data), "-p", str(port), *settings]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, **{**quiet, "stdout": output}, stderr=subprocess.STDOUT
        )
    try:
        _wait(process, port, log)
        yield f"postgresql://pullwright@127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    sys.exit(f"PostgreSQL did not start:\n{log.read_text(errors='replace')[-2000:]}")


def main(command: list[str]) -> int:
    if os.environ.get("TEST_POSTGRES_URL"):
        return subprocess.run(command, check=False).returncode
    with server() as url:
        return subprocess.run(command, check=False, env={**os.environ, "TEST_POSTGRES_URL": url}).returncode


if __name__ == "__main__":
    sys.exit(main([sys.executable, "-m", *sys.argv[1:]]))
