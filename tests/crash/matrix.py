"""One story told again and again in one world, with another misfortune each time.

All tellings share the hub, the receiver, the database and whatever lives of the worker: each has an issue of its
own. A worker that died is replaced, and the replacement tells the next one as well.
"""

import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, assert_never

import sqlalchemy as sa

from bot.domain.ids import DeliveryId, TaskId
from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase, TaskStatus
from bot.store.deliveries import Deliveries
from bot.store.effects import EffectState
from bot.store.schema import effect
from bot.store.schema import task as tasks
from bot.store.schema import worker as workers
from bot.store.tasks import Tasks, TaskView
from tests.crash.worker import PATIENCE_S, Worker
from tests.stories.registry import Story
from tests.stories.world import World, story

WRITES = "/api/v3/repos/|/git-receive-pack$|/graphql$"


class Misfortune(StrEnum):
    """What happens at the n-th write to the hub, or at the n-th lasting commit."""

    KILLED_BEFORE_WRITE = "killed before a write"
    KILLED_AFTER_WRITE = "killed after a write"
    KILLED_BEFORE_COMMIT = "killed before a commit"
    KILLED_AFTER_COMMIT = "killed after a commit"
    TWO_OWNERS_AT_WRITE = "two owners at a write"
    TWO_OWNERS_AT_COMMIT = "two owners at a commit"
    BAD_GATEWAY = "502 after a write was carried out"
    DROPPED = "the connection breaks off after a write was carried out"

    @property
    def at_commits(self) -> bool:
        return self in (
            Misfortune.KILLED_BEFORE_COMMIT,
            Misfortune.KILLED_AFTER_COMMIT,
            Misfortune.TWO_OWNERS_AT_COMMIT,
        )


@dataclass(frozen=True)
class Size:
    """How many points one undisturbed telling has."""

    writes: int
    commits: int

    def points(self, misfortune: Misfortune) -> range:
        return range(1, 1 + (self.commits if misfortune.at_commits else self.writes))


@dataclass
class Stage:
    """A world, and the worker that lives now."""

    world: World
    story: Story
    worker: Worker
    frozen: Worker | None = None
    # What the frozen one was known by: counting rows is not enough, its rival has none yet when it is ready.
    frozen_rows: frozenset[str] = frozenset()
    deaths: int = 0
    freezing: threading.Lock = field(default_factory=threading.Lock)

    # -- telling --------------------------------------------------------------------------------------------
    def measure(self) -> Size:
        """An undisturbed telling."""
        seen, writes = self.worker.seen, self._writes()
        self.tell()
        return Size(self._writes() - writes, self.worker.seen - seen)

    def tell_with(self, misfortune: Misfortune, n: int) -> None:
        """Raises AssertionError when anything is not there exactly once, or the task does not end."""
        self.deaths = 0
        match misfortune:
            case Misfortune.KILLED_BEFORE_WRITE:
                self._order(n, performed=False, happens=lambda: self._send(signal.SIGKILL))
            case Misfortune.KILLED_AFTER_WRITE:
                self._order(n, performed=True, happens=lambda: self._send(signal.SIGKILL))
            case Misfortune.TWO_OWNERS_AT_WRITE:
                self._order(n, performed=True, happens=self._freeze)
            case Misfortune.BAD_GATEWAY:
                self._order(n, performed=True, status=502)
            case Misfortune.DROPPED:
                self._order(n, performed=True)
            case Misfortune.KILLED_BEFORE_COMMIT:
                self.worker.meet(signal.SIGKILL, n, after=False)
            case Misfortune.KILLED_AFTER_COMMIT:
                self.worker.meet(signal.SIGKILL, n, after=True)
            case Misfortune.TWO_OWNERS_AT_COMMIT:
                self.worker.meet(signal.SIGSTOP, n, after=True)  # before it: what it locked would stay so
            case _:
                assert_never(misfortune)
        try:
            self.tell()
        finally:
            self.worker.meet(signal.SIGKILL, 0, after=False)
            self.world.hub.seed.clear_faults()

    def tell(self) -> None:
        world, told = self.world, self.story
        world.issue = world.hub.seed.open_issue(world.name, "eve", "Sums are wrong", "`add(1, 2)` gives -1.")
        paid = len(world.model.requests)
        told.arrange(world)
        asked = told.begin(world) if told.begin else world.comment(told.asks, told.says)
        task = TaskId(f"t-{asked}")
        if told.outcome is None:
            self.wait("a refusal", lambda: self._all_decided() and self._holds(task))
        else:
            if told.reply:
                self.wait("the question", lambda: self._rests(task))
                world.comment("ada", told.reply)
            if told.stop_at:
                self.wait("the work", lambda: len(world.model.requests) - paid >= told.stop_at)
                world.comment("ada", "@agent stop")
            view = self.wait("the end", lambda: self._finished(task))
            assert view.outcome == told.outcome, f"{view.outcome}: {view.detail}"
        if self.frozen is not None:  # before it is declared dead it may well go on
            self.wait("the death of the frozen one", self._has_passed_on)
        self._wake_the_frozen()
        self.wait("a verdict on every delivery", self._all_decided)
        self._expect_one_of_everything(asked, task)
        turns = len(told.turns) if told.outcome else 0
        assert len(world.model.requests) - paid <= turns + self.deaths, "a recorded turn was paid again"

    # -- what is expected -----------------------------------------------------------------------------------
    def _expect_one_of_everything(self, asked: int | str, task: TaskId) -> None:
        world, told = self.world, self.story
        said = f"Fixes #{world.issue}\n" if told.begin is None else f"schedule `n{world.issue}`"
        pulls = [p for p in world.pulls() if said in p["issue"]["body"] + "\n"]
        assert len(pulls) == told.pulls, f"{len(pulls)} pull requests"
        begun = f"/agent/{world.issue}-" if told.begin is None else f"/agent/schedule-n{world.issue}"
        branches = [ref for ref in world.branches() if begun in ref]
        assert len(branches) == told.pulls, f"branches {branches}"
        assert all(len(pull["check_runs"]) == 1 for pull in pulls), "check runs"
        assert len(world.bot_comments()) == told.comments, f"comments {world.bot_comments()}"
        if told.reviews:
            self._expect_one_review()
        if told.commits:
            assert world.thread()["pull"]["commits"] == 1 + told.commits, "commits"
            assert len(world.thread()["check_runs"]) == 1, "check runs"
            assert len(world.thread()["review_comments"]) == 2 * told.answers, "the request and its answer"
        if told.outcome is not None and told.begin is None:
            self._expect_last_words(told.outcome, pulls)
            assert world.thread()["reactions"][str(asked)] == [["pullwright[bot]", "eyes"]]
        self.wait("the end of every effect", lambda: self._states(task) <= {EffectState.DONE.value})

    def _expect_last_words(self, outcome: Outcome, pulls: list[dict[str, Any]]) -> None:
        """No run that was late has written over them."""
        comments = self.world.bot_comments()
        ended = [body for body in comments if f"Ended as `{outcome.value}`." in body]
        assert len(ended) == min(self.story.comments, 1), f"last words: {comments}"
        wanted = {Outcome.PROVEN: "success", Outcome.CHECKED: "neutral", Outcome.FINDINGS: "failure"}
        shown = [*pulls, *([self.world.thread()] if self.story.commits or self.story.reviews else [])]
        found = [(run["status"], run["conclusion"]) for one in shown for run in one["check_runs"]]
        assert all(one == ("completed", wanted[outcome]) for one in found), f"check runs {found}"

    def _expect_one_review(self) -> None:
        """Beside the one that was there before; its threads resolved; its check run there once, and ended."""
        world, told = self.world, self.story
        shown = world.thread()
        assert len(shown["reviews"]) == told.reviews, f"{len(shown['reviews'])} reviews"
        assert len(shown["review_comments"]) == told.reviews, "a comment for each"
        assert len(world.hub.seed.resolved_findings(world.name, world.issue)) == told.resolved, "threads"
        assert "**Mended since" in shown["reviews"][-1]["body"], (
            "a death does not make it forget what it resolved"
        )
        runs = shown["check_runs"]
        assert [run["status"] for run in runs] == ["completed"], f"check runs {runs}"

    def _states(self, task: TaskId) -> set[str]:
        """Of its effects: what was under way when it ended is looked for soon after."""
        with self.world.database.read() as connection:
            return set(connection.execute(sa.select(effect.c.state).where(effect.c.task == task)).scalars())

    # -- seeing ---------------------------------------------------------------------------------------------
    def _holds(self, task: TaskId) -> bool:
        """A refused request is no task, but for a maintainer who may release it."""
        view = Tasks(self.world.database).find(task)
        return view is None or view.status is TaskStatus.HELD

    def wait(self, what: str, seen: Callable[[], Any]) -> Any:
        """Until `seen`; a worker that dies is replaced, one that is frozen gets a rival."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := seen()):
            if self.worker.is_dead:
                # Fenced on a machine that was too busy to beat: whoever supervises it starts it again.
                died = self.worker.fenced_itself or self.worker.process.exitcode == -signal.SIGKILL
                assert died, f"it ended by itself\n{self.log()}"
                self._replace()
            elif self.worker.is_frozen:
                self._freeze()
                self.frozen, self.frozen_rows = self.worker, self._rows()
                self._replace(host="another")
            elif self.frozen is not None and self._has_passed_on():
                self._wake_the_frozen()
            assert time.monotonic() < deadline, f"{what} did not come\n{self.log()}"
            time.sleep(0.1)
        return found

    def log(self) -> str:
        return "\n".join((self.world.data_dir / "worker.log").read_text().splitlines()[-25:])

    def _finished(self, task: TaskId) -> TaskView | None:
        view = Tasks(self.world.database).find(task)
        return view if view is not None and view.status is TaskStatus.FINISHED else None

    def _rests(self, task: TaskId) -> bool:
        """It has asked, and waits for a person: one that GitHub put off while it was about to ask has a time."""
        asked = (tasks.c.status == TaskStatus.WAITING.value, tasks.c.phase == Phase.ASK.value)
        with self.world.database.read() as connection:
            query = sa.select(tasks.c.id).where(tasks.c.id == task, *asked, tasks.c.next_at.is_(None))
            return connection.execute(query).first() is not None

    def _all_decided(self) -> bool:
        deliveries = Deliveries(self.world.database)
        sent = list(self.world.hub.hub.courier.deliveries)
        return self.world.hub.seed.wait_idle() and all(
            deliveries.handled(DeliveryId(str(one.guid))) for one in sent[-12:]
        )

    def _writes(self) -> int:
        requests = list(self.world.hub.hub.requests)
        return sum(1 for one in requests if one.method not in ("GET", "HEAD") and _is_write(one.path))

    # -- processes ------------------------------------------------------------------------------------------
    def _order(self, n: int, **fault: Any) -> None:
        if "status" not in fault:
            fault["drop"] = True
        self.world.hub.seed.order_fault(method="writes", path=WRITES, passes=n - 1, **fault)

    def _send(self, number: signal.Signals) -> None:
        os.kill(self.worker.pid, number)

    def _freeze(self) -> None:
        """Not while another thread of it is in the middle of a transaction: machines that share one file freeze
        together, and a server waits for it longer than we do. The hub's thread does it at a write and ours when it
        finds it frozen: one after the other, or one wakes what the other froze."""
        with self.freezing:
            worker = self.worker
            for tries in range(500):
                os.kill(worker.pid, signal.SIGSTOP)
                while not (worker.is_frozen or worker.is_dead):
                    time.sleep(0.001)
                if worker.is_dead or not self._is_locked():
                    return
                os.kill(worker.pid, signal.SIGCONT)
                time.sleep(
                    0.005 * (1 + tries % 10)
                )  # on a busy machine it comes to no commit in the shortest
        raise AssertionError("the database stays locked")

    def _is_locked(self) -> bool:
        """Whether somebody has begun what he has not ended: with a server that may also be the receiver for a moment,
        and then it is looked at again."""
        database = self.world.database
        if database.engine.dialect.name == "sqlite":
            return not _can_be_written(Path(database.url.removeprefix("sqlite:///")))
        with database.read() as connection:
            return bool(connection.exec_driver_sql(_OPEN_TRANSACTIONS).scalar_one())

    def _replace(self, host: str = "") -> None:
        self.deaths += 1
        self.worker = start_worker(self.world, self.world.data_dir / host if host else self.world.data_dir)

    def begin_again(self) -> None:
        """After a telling that went wrong: the next one is not to suffer from it."""
        self.end()
        self.frozen = None
        self.worker = start_worker(self.world, self.world.data_dir)

    def end(self) -> None:
        for worker in filter(None, (self.worker, self.frozen)):
            worker.end()

    def _has_passed_on(self) -> bool:
        """Whether the frozen one was declared dead."""
        return not self.frozen_rows & self._rows()

    def _rows(self) -> frozenset[str]:
        with self.world.database.read() as connection:
            return frozenset(connection.execute(sa.select(workers.c.id)).scalars())

    def _wake_the_frozen(self) -> None:
        if self.frozen is not None and self.frozen.is_frozen:
            os.kill(self.frozen.pid, signal.SIGCONT)
            self.frozen.process.join(PATIENCE_S)
            assert self.frozen.fenced_itself, f"it goes on beside the other\n{self.log()}"
        self.frozen = None


def _is_write(path: str) -> bool:
    return "/api/v3/repos/" in path or path.endswith(("/git-receive-pack", "/graphql"))


_ADMISSION_LOCK = int.from_bytes(b"admi")  # bot/store/tasks.py
_OPEN_TRANSACTIONS = (
    "select count(*) from pg_stat_activity as one where datname = current_database() "
    "and backend_type = 'client backend' and pid <> pg_backend_pid() and xact_start is not null "
    "and (backend_xid is not null or exists "
    f"(select from pg_locks where pg_locks.pid = one.pid and locktype = 'advisory' and objid = {_ADMISSION_LOCK}))"
)
"""Those that others may have to wait for: who only reads locks nobody out, and the engine's library only tries its own
lock, which it holds for seconds."""


def _can_be_written(path: Path) -> bool:
    with closing(sqlite3.connect(path, timeout=0.0, isolation_level=None)) as connection:
        try:
            connection.execute("begin immediate")
            connection.execute("rollback")
        except sqlite3.OperationalError:
            return False
    return True


def start_worker(world: World, data_dir: Path) -> Worker:
    """Ready when it returns. Another `data_dir` is another host."""
    data_dir.mkdir(exist_ok=True)
    settings = {**world.settings, "PULLWRIGHT_DATA_DIR": str(data_dir)}
    worker = Worker(settings, data_dir / "worker.json", world.data_dir / "worker.log")
    deadline = time.monotonic() + PATIENCE_S
    while not worker.ready.exists():
        assert not worker.is_dead, (world.data_dir / "worker.log").read_text()[-3000:]
        assert time.monotonic() < deadline, "no worker"
        time.sleep(0.02)
    return worker


@contextmanager
def stage(tmp_path: Path, told: Story) -> Iterator[Stage]:
    with story(tmp_path, told.turns, worker=False, PULLWRIGHT_CI_QUIET_S="0.2") as world:
        made = Stage(world, told, start_worker(world, world.data_dir))
        try:
            yield made
        finally:
            made.end()


def chosen(points: range, sample: int, seed: str) -> list[int]:
    """All of them, or a seeded sample."""
    if not sample or sample >= len(points):
        return list(points)
    return sorted(random.Random(seed).sample(points, sample))
