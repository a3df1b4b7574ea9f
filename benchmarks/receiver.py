"""The receiver under load, durable before answered, beside a minimal Probot app that stores nothing.

    npm install --prefix benchmarks/probot     # once; without it the comparison is left out
    python -m benchmarks.receiver [--seconds 5] [--connections 1,8,64] [--rate 200] [--postgres]

Each server is a process of its own on loopback, in the way that it is started in production, its log in a file. The
body is an issue comment of 26 kB, signed; each request has a delivery id of its own, so each is a row. First a closed
loop at each number of connections, then an open one: `rate` requests a second whatever comes back, waits counted from
when each was due. The processor's time of the server stands beside each: on a machine that others use as well it is
the steadier measure of what saturation would be. Afterwards the rows are counted: as many as were answered.
`--postgres`: also on a PostgreSQL server that is made for it (`tests/postgres`), with its disk flushes on.
"""

import argparse
import asyncio
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from benchmarks.load import Answers, Target, closed, opened, processor_seconds
from bot.cli.supervise import Supervisor
from bot.store.database import Database
from bot.store.schema import delivery
from tests.postgres.__main__ import server as postgres_server
from tests.stories.world import make_key
from tests.tasks.payloads import comment_payload

BODY_BYTES = 26_000
SECRET = "the benchmark's own secret"  # noqa: S105
PROBOT = Path(__file__).with_name("probot")


@dataclass(frozen=True)
class Running:
    url: str
    pid: int


def make_body() -> bytes:
    """A comment that asks for nothing; the rest of GitHub's fields are stood in for by one."""
    body = json.loads(comment_payload(text="Thanks!"))
    body["filler"] = "x" * (BODY_BYTES - len(json.dumps({**body, "filler": ""})))
    return json.dumps(body).encode()


@contextmanager
def our_receiver(folder: Path, database_url: str) -> Iterator[Running]:
    private, _ = make_key()
    environment = {
        "PATH": os.environ["PATH"],
        "PULLWRIGHT_APP_ID": "1",
        "PULLWRIGHT_PRIVATE_KEY": private,
        "PULLWRIGHT_WEBHOOK_SECRETS": SECRET,
        "PULLWRIGHT_DATA_DIR": str(folder),
        "PULLWRIGHT_PORT": "0",
        "PULLWRIGHT_DATABASE_URL": database_url,
        "PULLWRIGHT_MODEL": "none",
        "OPENAI_API_KEY": "none",
    }
    ready = folder / "receiver.json"
    with Supervisor(cwd=folder) as supervisor:
        child = supervisor.start("receiver", ["serve"], environment, folder / "receiver.log")
        supervisor.wait_until(ready.exists, "the receiver", 60.0)
        url = json.loads(ready.read_text())["url"]
        _wait_for_port(int(url.rpartition(":")[2]))
        yield Running(f"{url}/webhook", child.process.pid)


@contextmanager
def probot(folder: Path, log_level: str) -> Iterator[Running]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    private, _ = make_key()
    environment = {
        "PATH": os.environ["PATH"],
        "NODE_ENV": "production",
        "APP_ID": "1",
        "PRIVATE_KEY": private,
        "WEBHOOK_SECRET": SECRET,
        "PORT": str(port),
        "LOG_LEVEL": log_level,
    }
    node = shutil.which("node")
    assert node is not None
    with (folder / "probot.log").open("wb") as log:
        process = subprocess.Popen(
            [node, "app.js"], cwd=PROBOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait_for_port(port)
        yield Running(f"http://127.0.0.1:{port}/api/github/webhooks", process.pid)
    finally:
        process.terminate()
        process.wait()


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("the server did not start")


async def measure(name: str, server: Running, given: argparse.Namespace) -> int:
    """Prints a line for each load; returns how many were answered with 2xx."""
    url, target, body = server.url, Target(server.url, SECRET), make_body()
    stored, spent = 0, processor_seconds(server.pid)

    def show(load: str, answers: Answers) -> None:
        nonlocal stored, spent
        answers.processor_s, spent = processor_seconds(server.pid) - spent, processor_seconds(server.pid)
        stored += sum(count for status, count in answers.statuses.items() if status // 100 == 2)
        print(f"{name:26} {load:15} {answers}", flush=True)

    show("to warm up", await closed(url, target.requests(body, 200), 4))
    for connections in given.connections:
        most = int(given.seconds * 6_000)  # more than any of them answers
        requests = target.requests(body, most)
        show(f"{connections} connections", await closed(url, requests, connections, given.seconds))
    requests = target.requests(body, int(given.rate * given.seconds))
    show(f"open, {given.rate:g} /s", await opened(url, requests, given.rate))
    return stored


def measure_ours(name: str, database_url: str, given: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = database_url or f"sqlite:///{folder}/pullwright.db"
        with our_receiver(Path(folder), url) as receiver:
            answered = asyncio.run(measure(name, receiver, given))
        database = Database(url)
        with database.read() as connection:
            rows = connection.execute(sa.select(sa.func.count()).select_from(delivery)).scalar()
        database.close()
        print(f"{name:26} {answered} answered with 2xx, {rows} rows", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="The receiver under load, beside Probot.")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument(
        "--connections", type=lambda text: [int(n) for n in text.split(",")], default=[1, 8, 64]
    )
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    print(f"body {len(make_body())} bytes, {given.seconds:g} s each, {os.cpu_count()} processors\n")
    if (PROBOT / "node_modules").is_dir():
        for level in ("info", "warn"):
            with tempfile.TemporaryDirectory() as folder, probot(Path(folder), level) as server:
                asyncio.run(measure(f"Probot, log level {level}", server, given))
    measure_ours("Pullwright, SQLite", "", given)
    if given.postgres:
        with postgres_server(flushes=True) as url:
            measure_ours("Pullwright, PostgreSQL", f"{url}/postgres", given)


if __name__ == "__main__":
    main()
