"""Who is alive: this worker's heartbeat, and the reaper that gives a dead worker's tasks to the others.

Races, and how each is closed:
- A worker that is only slow is taken for dead: its tasks' epochs are raised before anybody else gets them, so
  it can write nothing more; and it stops itself (`Fenced`) SELF_FENCE_S after its last heartbeat, well before
  WORKER_DEAD_S.
- A worker starts and claims a run while the reaper looks: runs are read before the list of the living.
- Two reapers: everything they do may be done twice. Only the leader reaps, so that they rarely meet.
- Hosts whose clocks differ: `now` is the same for all of them (`store/clock.py`).
- Death in the middle of reaping: the dead worker's row goes last, so the next pass does it all again.

A worker of this host is known to be dead at once: it held a lock on a file, and the kernel let go of it.
Workers of other hosts, or on file systems without locks, are dead WORKER_DEAD_S after their last heartbeat.
"""

import asyncio
import contextlib
import fcntl
import os
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from bot.domain import limits
from bot.errors import PullwrightError
from bot.store.tasks import Tasks
from bot.store.workers import Workers
from bot.tasks.engine import Engine, RunStatus

log = structlog.get_logger()

_HOST_CHARACTERS: Final = 64  # Linux allows no longer host name


@dataclass(frozen=True)
class LifeTimes:
    """Seconds. `fence_s` < `dead_s`, or two would work on one task as a rule."""

    beat_s: float = limits.HEARTBEAT_S
    fence_s: float = limits.SELF_FENCE_S
    dead_s: float = limits.WORKER_DEAD_S


def new_worker_id(host: str, token: str) -> str:
    """The id of one start of a worker. `token`: random, without a hyphen. The host's name stands in it, so that a
    log says where a task ran and a container's health check finds its own worker."""
    return f"{_host_part(host)}-{token}"


def runs_on(worker: str, host: str) -> bool:
    """Whether that worker was started on that host (or in that container)."""
    return worker.rpartition("-")[0] == _host_part(host)


def _host_part(host: str) -> str:
    return "worker-" + re.sub(r"[^A-Za-z0-9.-]", "-", host)[:_HOST_CHARACTERS]


class HostLocks:
    """One locked file for each worker of this host, in a folder on a local disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: list[int] = []

    def hold(self, worker: str) -> None:
        """Ours, until this process ends in whatever way. Before the worker is registered."""
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path(worker), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        with contextlib.suppress(OSError):  # no locks here: heartbeats alone decide
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._held.append(descriptor)

    def is_dead(self, worker: str) -> bool:
        """True only if it ran on this host and its process is gone."""
        try:
            descriptor = os.open(self._path(worker), os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        else:
            return True
        finally:
            os.close(descriptor)

    def names(self) -> tuple[str, ...]:
        """Of all workers that left a file here."""
        return tuple(sorted(path.stem for path in self._folder.glob("*.lock")))

    def forget(self, worker: str) -> None:
        self._path(worker).unlink(missing_ok=True)

    def _path(self, worker: str) -> Path:
        return self._folder / f"{worker}.lock"


class Heartbeat:
    """This worker's. In a thread of its own: busy pools can't hold it up. `now`: seconds since the epoch."""

    def __init__(self, workers: Workers, worker: str, times: LifeTimes, now: Callable[[], float]) -> None:
        self._workers, self._worker, self._times, self._now = workers, worker, times, now
        self._thread = ThreadPoolExecutor(1, "heartbeat")
        self._last = time.monotonic()

    async def run_until_fenced(self) -> str:
        """Returns only when this worker must stop writing at once: the reason."""
        while True:
            started = time.monotonic()
            left = self._times.fence_s - (started - self._last)
            if left <= 0:
                return "no heartbeat could be written in time"
            try:
                if not await asyncio.wait_for(self._beat(), left):
                    return "another worker has declared this one dead"
                self._last = started
            except TimeoutError:
                continue
            except PullwrightError as error:  # a heartbeat that ends by an error would end the fence as well
                log.warning("a heartbeat was not written", why=str(error))
            await asyncio.sleep(min(self._times.beat_s, max(0.05, left)))

    async def _beat(self) -> bool:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._workers.beat, self._worker, self._now())

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True)
class Reaper:
    """Blocking. One for the worker's process; several may run."""

    workers: Workers
    tasks: Tasks
    engine: Engine
    locks: HostLocks
    times: LifeTimes
    now: Callable[[], float]  # seconds since the epoch

    def living(self) -> tuple[str, ...]:
        """Workers that nobody needs to replace, sorted: the first one leads."""
        since = self.now() - self.times.dead_s
        return tuple(sorted(one for one in self.workers.alive(since) if not self.locks.is_dead(one)))

    def _may_be_lost(self) -> bool:
        """Whether there is work, or somebody is missing: at rest the engine need not be asked."""
        return bool(self.tasks.running()) or len(self.workers.alive(0.0)) > len(self.living())

    def reap(self) -> tuple[str, ...]:
        """Fence the dead, queue their runs again, forget them; who was dead. Raises RetryLater."""
        if not self._may_be_lost():
            return ()
        runs = self.engine.unfinished()
        before = self.now() - self.times.dead_s
        living = set(self.living())
        gone = [one for one in self.workers.alive(before) if one not in living]
        dead = tuple(dict.fromkeys((*self.workers.dead(before), *gone)))
        for worker in dead:
            held = self.tasks.release(worker)
            log.warning("a worker is dead", worker=worker, tasks=list(held))
        lost = tuple(run.id for run in runs if run.status is RunStatus.RUNNING and run.worker not in living)
        self.engine.take_over(lost)
        for worker in dead:
            self.workers.remove(worker)
            self.locks.forget(worker)
        return dead
