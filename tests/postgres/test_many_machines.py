"""Two receivers and three workers on one database, each with a data directory as on a machine of its own."""

import json
import os
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import httpx2
import pytest

from bot.cli.supervise import Child
from bot.domain.ids import TaskId
from bot.domain.tasks import TaskStatus
from bot.localhub.records import Exchange
from bot.store.evidence import EvidenceRecords
from bot.store.tasks import Tasks, TaskView
from bot.verify.signature import is_genuine
from tests.stories.registry import GOOD
from tests.stories.world import World, story

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(600)]


SPACING_S = 0.2


@dataclass
class Fleet:
    world: World
    folder: Path
    receivers: list[str] = field(default_factory=list)  # their addresses
    workers: dict[str, Child] = field(default_factory=dict)
    asked: dict[int, int] = field(default_factory=dict)  # issue by comment

    def start_receiver(self, name: str) -> None:
        settings = self._machine(name)
        ready = self.folder / name / "receiver.json"
        self.world.supervisor.start(name, ["serve"], settings, self.world.data_dir / f"{name}.log")
        self.world.supervisor.wait_until(ready.exists, name, 90)
        self.receivers.append(json.loads(ready.read_text())["url"] + "/webhook")

    def start_worker(self, name: str) -> None:
        log = self.world.data_dir / "worker.log"
        self.workers[name] = self.world.supervisor.start(name, ["worker"], self._machine(name), log)
        self.world.supervisor.wait_until((self.folder / name / "worker.json").exists, name, 90)

    def ask(self, times: int) -> None:
        """On as many issues, by way of one receiver and the other in turn."""
        seed = self.world.hub.seed
        app = next(iter(self.world.hub.hub.apps))
        for n in range(times):
            seed.set_webhook(app, self.receivers[n % len(self.receivers)], "a secret of the story")
            issue = seed.open_issue(self.world.name, "eve", "Sums are wrong", "`add(1, 2)` gives -1.")
            self.asked[seed.comment(self.world.name, issue, "ada", "@agent fix this")] = issue
            assert seed.wait_idle()

    def tasks(self) -> list[TaskView]:
        tasks = Tasks(self.world.database)
        return [found for comment in self.asked if (found := tasks.find(TaskId(f"t-{comment}")))]

    def held_by(self) -> Counter[str]:
        return Counter(task.worker for task in self.tasks() if task.status is TaskStatus.RUNNING)

    def all_over(self) -> bool:
        views = self.tasks()
        return len(views) == len(self.asked) and all(one.status is TaskStatus.FINISHED for one in views)

    def expect_one_of_everything(self) -> None:
        ends = [(task.outcome, task.detail) for task in self.tasks() if task.outcome != "proven"]
        assert not ends, f"{ends}\n{self.world.log()}"
        assert len(self.world.pulls()) == len(self.asked)
        assert len(self.world.branches()) == len(self.asked)
        for issue in self.asked.values():
            self.world.issue = issue
            assert len(self.world.bot_comments()) == 1

    def expect_evidence_of_one_key(self) -> None:
        """Whichever worker signed it, and whichever receiver is asked: the workers' machines may be gone."""
        records = EvidenceRecords(self.world.database)
        signed = [found for task in self.tasks() if (found := records.find(task.id))]
        assert len(signed) == len(self.asked)
        for receiver in self.receivers:
            answer = httpx2.get(receiver.replace("/webhook", "/evidence.pub.pem"), trust_env=False)
            assert answer.content.count(b"BEGIN PUBLIC KEY") == 1
            assert all(is_genuine(answer.content, one.record, one.signature) for one in signed)
        assert not list(self.folder.glob("*/keys"))

    def watch_writes(self) -> list[float]:
        """When they were answered, as they come. Pushes and what is asked of the other API are none."""
        answered: list[float] = []

        def watch(seen: Exchange) -> None:
            if seen.method not in ("GET", "HEAD") and seen.path.startswith("/repos/"):
                answered.append(time.monotonic())

        self.world.hub.hub.watchers.append(watch)
        return answered

    def _machine(self, name: str) -> dict[str, str]:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return {**self.world.settings, "PULLWRIGHT_DATA_DIR": str(folder)}


def test_a_dead_worker_and_a_stopped_one_are_replaced_by_the_others_without_anyones_help(
    tmp_path: Path, url: str
) -> None:
    limits = {
        "PULLWRIGHT_REPOSITORY_TASKS": "6",
        "PULLWRIGHT_FLEET_TASKS": "6",
        "PULLWRIGHT_INSTALLATION_TASKS": "6",
        "PULLWRIGHT_WRITE_SPACING_S": str(SPACING_S),
    }
    with story(tmp_path, GOOD, worker=False, PULLWRIGHT_DATABASE_URL=url, **limits) as world:
        world.patience_s = 300.0
        fleet = Fleet(world, tmp_path)
        writes = fleet.watch_writes()
        for name in ("receiver-1", "receiver-2"):
            fleet.start_receiver(name)
        goes_on = threading.Event()
        world.model.before = lambda _turn: goes_on.wait(120) and None
        for name in ("worker-1", "worker-2", "worker-3"):
            fleet.start_worker(name)
        fleet.ask(6)
        world.wait_for("all at work", lambda: len(world.model.requests) >= 6)
        held = fleet.held_by()
        assert sum(held.values()) == 6
        assert min(later - earlier for earlier, later in pairwise(writes)) >= SPACING_S, (
            "the workers write in turn"
        )

        dead, stopped, _ = fleet.workers.values()
        world.supervisor.children.remove(dead)
        os.kill(dead.process.pid, signal.SIGKILL)
        dead.process.wait()
        assert world.supervisor.stop(stopped) == 0, "it hands over"
        goes_on.set()
        world.wait_for("the end of all", fleet.all_over)
        fleet.expect_one_of_everything()
        fleet.expect_evidence_of_one_key()
        # Replies that were under way at a death or a hand-over are asked for again, recorded ones never.
        assert len(world.model.requests) <= 6 * len(GOOD) + 6
