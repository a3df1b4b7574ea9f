"""What durability costs inside of a task: one step of the engine, one turn's rows, a turn to write to GitHub, and the
database's growth.

    python -m benchmarks.steps [--steps 200] [--turns 200] [--url postgresql://user@host/name]

In this process, on a new SQLite file or an empty database that is named. A step is a phase that does nothing: what is
left is the engine's record, our row, and the loop between them. A turn's rows are those that make it unnecessary to
pay for it again: the model's reply (2 kB), the results of its calls (8 kB), and the state of the work (a packed
change of 4 kB), each a commit of its own with a flush to the disk. A turn to write is taken and given back, with no
spacing and nobody beside.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from bot.domain.admission import AdmissionLimits
from bot.domain.ids import InstallationId, TaskId, TreeSha
from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase
from bot.forge.pacing import WritePace
from bot.store.database import Database
from bot.store.events import Events
from bot.store.migrations import migrate
from bot.store.tasks import Taken, Tasks, insert_task
from bot.store.work_trees import WorkTrees
from bot.store.write_turns import WriteTurns
from bot.tasks.engine import RunId
from bot.tasks.engine_dbos import DbosEngine
from bot.tasks.workflow import Bookkeeping, Finished, Next, PhaseEnd
from tests.store.requests import request

REPLY, RESULTS, CHANGE = "r" * 2_000, "o" * 8_000, bytes(range(256)) * 16


@dataclass
class NoSteps:
    """Phases that do nothing, `left` times."""

    left: int
    over: asyncio.Event
    begun: list[float] = field(default_factory=list)  # of each

    async def run_phase(self, _task: Taken, phase: Phase) -> PhaseEnd:
        self.begun.append(time.perf_counter())
        self.left -= 1
        if self.left <= 0:
            self.over.set()
            return Finished(Outcome.PROVEN)
        return Next(Phase.VERIFY if phase is Phase.WORK else Phase.WORK)

    async def run_failure(self, task: Taken, outcome: Outcome, detail: str) -> None:
        raise SystemExit(f"{task.id} failed: {outcome} {detail}")


def begin(database: Database, number: int) -> RunId:
    with database.write() as connection:
        insert_task(connection, request(number, issue=number), time.time())
    (admitted,) = Tasks(database).admit(AdmissionLimits(1, 1, 1), time.time())
    return RunId(admitted.task, admitted.segment)


async def measure_steps(database: Database, count: int, pool: ThreadPoolExecutor) -> None:
    tasks, engine, over = Tasks(database), DbosEngine(database.url, "worker-here-0", 1), asyncio.Event()
    steps = NoSteps(count, over)
    books = Bookkeeping(tasks, Events(database), steps, pool, "worker-here-0", time.time)
    await engine.launch(books.open_execution)
    run = begin(database, 1)
    spent = time.process_time()
    engine.enqueue(run)
    await over.wait()
    spent = time.process_time() - spent
    took = (steps.begun[-1] - steps.begun[0]) / (count - 1) * 1e3
    print(f"a step of the engine             {took:7.2f} ms   processor {spent / count * 1e3:.2f} ms")
    await engine.hand_over(1.0)


def measure_turns(database: Database, count: int) -> None:
    tasks, events, trees = Tasks(database), Events(database), WorkTrees(database)
    taken = tasks.take(begin(database, 2).task, "worker-here-0")
    waits, spent = [], time.process_time()
    for number in range(count):
        begun = time.perf_counter()
        events.append(taken.id, taken.epoch, "reply", {"text": REPLY}, time.time())
        events.append(taken.id, taken.epoch, "results", {"text": RESULTS}, time.time())
        trees.keep(taken.id, taken.epoch, TreeSha(f"{number:040x}"), CHANGE)
        waits.append((time.perf_counter() - begun) * 1e3)
    median, most = statistics.median(waits), max(waits)
    spent = (time.process_time() - spent) / count * 1e3
    print(
        f"a turn's three rows              {median:7.2f} ms   most {most:.1f} ms   processor {spent:.2f} ms"
    )
    tasks.finish(taken, Outcome.PROVEN, "", time.time())


def measure_writes(database: Database, count: int) -> None:
    turns = WriteTurns(database, "worker-here-0", 0.0, time.time)
    pace = WritePace(turns, time.monotonic, time.sleep)
    waits, spent = [], time.process_time()
    for _ in range(count):
        begun = time.perf_counter()
        with pace.turn(InstallationId(1)):
            pass
        waits.append((time.perf_counter() - begun) * 1e3)
    median, most = statistics.median(waits), max(waits)
    spent = (time.process_time() - spent) / count * 1e3
    print(
        f"a turn to write                  {median:7.2f} ms   most {most:.1f} ms   processor {spent:.2f} ms"
    )


def size(database: Database) -> int:
    """Bytes in use, without what is free for reuse."""
    with database.read() as connection:
        if connection.dialect.name == "postgresql":
            return int(
                connection.execute(sa.text("select pg_database_size(current_database())")).scalar_one()
            )
        pages, free, each = (
            int(connection.exec_driver_sql(f"pragma {name}").scalar_one())
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * each


async def run(url: str, given: argparse.Namespace) -> None:
    database = Database(url)
    migrate(database)
    before = size(database)
    with ThreadPoolExecutor(8) as pool:
        measure_turns(database, given.turns)
        print(
            f"the database grew by             {(size(database) - before) / given.turns / 1e3:7.1f} kB a turn"
        )
        measure_writes(database, given.turns)
        await measure_steps(database, given.steps, pool)
    assert Tasks(database).find(TaskId("t-2")) is not None
    database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="A durable step, a turn's rows.")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--url", default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(given.url or f"sqlite:///{Path(folder) / 'steps.db'}", given))


if __name__ == "__main__":
    main()
