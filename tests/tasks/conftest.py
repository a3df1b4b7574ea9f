"""A folder with a real database, and real worker processes that end with the test."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.domain.ids import DeliveryId, TaskId
from bot.domain.tasks import TaskStatus
from bot.store.database import Database
from bot.store.deliveries import Deliveries
from bot.store.inbox import Delivery, store_batch
from bot.store.migrations import migrate
from bot.store.tasks import Tasks, TaskView
from tests.databases import new_database
from tests.store.requests import request
from tests.tasks.payloads import comment_payload
from tests.tasks.world import Elsewhere

ROOT = Path(__file__).parents[2]
DEADLINE_S = 90.0  # on a busy machine a worker needs many seconds to start


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with new_database(tmp_path / "pullwright.db") as url, closing(Database(url)) as opened:
        migrate(opened)
        yield opened


@dataclass
class Lab:
    """One database, one GitHub, any number of workers."""

    folder: Path
    database: Database
    elsewhere: Elsewhere
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.database.url

    def start(self, worker: str, **script: Any) -> "subprocess.Popen[bytes]":
        line = json.dumps({"folder": str(self.folder), "url": self.url, "worker": worker, **script})
        with (self.folder / "workers.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.tasks.worker_process", line],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def queue(self, *comments: int, repository: int = 10) -> None:
        """One accepted task for each comment, each on an issue of its own."""
        for comment in comments:
            name = DeliveryId(f"d-{comment}")
            store_batch(self.database, [Delivery(name, "issue_comment", b"{}", time.time())])
            wanted = request(comment, issue=comment, repository=repository)
            Deliveries(self.database).accept(name, wanted, time.time())

    def deliver(self, *comments: int, again: str = "") -> None:
        """A stored delivery for each comment, not decided yet."""
        batch = [
            Delivery(
                DeliveryId(f"d-{one}{again}"), "issue_comment", comment_payload(one, issue=one), time.time()
            )
            for one in comments
        ]
        store_batch(self.database, batch)

    @property
    def newest(self) -> "subprocess.Popen[bytes]":
        return self.processes[-1]

    def task(self, comment: int) -> TaskView:
        view = self.find(comment)
        assert view is not None
        return view

    def find(self, comment: int) -> TaskView | None:
        return Tasks(self.database).find(TaskId(f"t-{comment}"))

    def wait(self, what: Callable[[], object]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not what():
            if time.monotonic() > deadline:
                pytest.fail(f"never happened; the workers say:\n{self.log()}")
            time.sleep(0.03)

    def wait_finished(self, *comments: int) -> None:
        def finished(one: int) -> bool:
            view = self.find(one)
            return view is not None and view.status is TaskStatus.FINISHED

        self.wait(lambda: all(finished(one) for one in comments))

    def log(self) -> str:
        return (self.folder / "workers.log").read_text()[-8000:]


@pytest.fixture
def lab(tmp_path: Path, database: Database) -> Iterator[Lab]:
    made = Lab(tmp_path, database, Elsewhere(tmp_path / "github.db"))
    yield made
    for process in made.processes:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
