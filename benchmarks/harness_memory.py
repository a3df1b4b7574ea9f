"""What one more task takes in a worker that runs already: memory at the highest, and time to its first request.

The worker is a process of its own that runs real attempts (`run_attempt`: the same as for the App and the local
command) in real sandboxes, and counts itself only: what a command needs inside its sandbox has limits of its own.
"""

import asyncio
import gc
import multiprocessing
import os
import re
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.harness_model import ModelProcess, Plan

LOUD = "yes 'some output of a program' | head -c 1000000000"
LOOKS = tuple(f"head -c {4096 + number} material.txt" for number in range(12))


@dataclass(frozen=True)
class Found:
    first_s: float  # to the first request
    each_mb: float  # of each of those that run at once, at the highest
    left_mb: float  # of each when all are over


def measure_worker(work: Path, clone: Path, rounds: int, tasks: int) -> None:
    """Print both rows."""
    found = [_in_a_worker(work / f"worker-{number}", clone, tasks) for number in range(rounds)]
    _tell("warm worker: first request", [one.first_s for one in found], "s")
    _tell(f"one more task of {tasks}, 1 GB printed, at the highest", [one.each_mb for one in found], "MB")
    _tell("the same when they are over", [one.left_mb for one in found], "MB")


def _tell(name: str, values: Sequence[float], unit: str) -> None:
    shown = ", ".join(f"{one:.2f}" for one in sorted(values))
    print(f"{name:60} {shown} {unit}", flush=True)


def _in_a_worker(cache: Path, clone: Path, tasks: int) -> Found:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(cache, clone, tasks, theirs))
    process.start()
    theirs.close()
    try:
        return Found(*ours.recv())
    finally:
        process.join()


def _work(cache: Path, clone: Path, tasks: int, ends: Connection) -> None:
    os.environ |= {
        "XDG_CACHE_HOME": str(cache),
        "OPENAI_API_KEY": "none",
        "PULLWRIGHT_MODEL": "gpt-5",
    }
    found = asyncio.run(_measure(clone, tasks))
    ends.send((found.first_s, found.each_mb, found.left_mb))


async def _measure(clone: Path, tasks: int) -> Found:
    from benchmarks.harness_attempt import Worker  # in the worker alone: its imports are what is measured

    async with Worker.open(clone) as worker:
        with ModelProcess(Plan(LOOKS[:2])) as model:
            await worker.attempt(model.url, 0)  # everything is imported and prepared now
        with ModelProcess(Plan(LOOKS[:2])) as model:
            began = time.monotonic()
            await worker.attempt(model.url, 1)
            first_s = model.so_far()[0].arrived - began
        with ExitStack() as models:
            plan = Plan((*LOOKS[:6], LOUD, *LOOKS[6:]))
            urls = [models.enter_context(ModelProcess(plan)).url for _ in range(tasks)]
            before = _restart_highest()
            await asyncio.gather(*(worker.attempt(url, 2 + at) for at, url in enumerate(urls)))
            highest = _held_mb("VmHWM")
        gc.collect()
        return Found(first_s, (highest - before) / tasks, (_held_mb("VmRSS") - before) / tasks)


def _restart_highest() -> float:
    """What is held now; the highest is counted from here on."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    return _held_mb("VmRSS")


def _held_mb(name: str) -> float:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) / 1000
