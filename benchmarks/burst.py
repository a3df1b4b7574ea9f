"""A burst of deliveries, some of which ask for something: none lost, none twice; how long, and how much memory.

    python -m benchmarks.burst [--deliveries 5000] [--tasks 500] [--at-once 4] [--connections 32]

The real application, one receiver and one worker as processes on SQLite, against the hub on loopback. All deliveries
are the hub's own, made beforehand; then they are sent as fast as the receiver takes them, those that ask for something
twice, and every tenth of them under another delivery id as well. The model submits at once, so a task is accepted,
prepared, worked on in a sandbox and reported, and changes nothing. Writes are not spaced here: with GitHub's one
second between the writes of an installation, three for each task, `tasks` of one installation take three seconds each.
"""

import argparse
import asyncio
import json
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from benchmarks.load import Answers, Target, closed
from bot.domain.tasks import TaskStatus
from bot.store.schema import delivery, task
from tests.stories.model import submit
from tests.stories.world import NAME, World, story

SECRET = "a secret of the story"  # noqa: S105
TURNS = (submit("no_change_needed", summary="Nothing is wrong."),)


@dataclass(frozen=True)
class Made:
    """`asked`: issue by comment."""

    requests: list[bytes]
    rows: int
    asked: dict[int, int]


def make(world: World, target: Target, deliveries: int, tasks: int) -> Made:
    """An issue and a request for each task (two deliveries), and talk on one more issue."""
    seed = world.hub.seed
    app = next(iter(world.hub.hub.apps))
    seed.set_webhook(app, "http://127.0.0.1:9/nobody", SECRET)
    asked = {}
    for number in range(tasks):
        issue = seed.open_issue(NAME, "eve", f"Sums are wrong, {number}", "`add(1, 2)` gives -1.")
        asked[seed.comment(NAME, issue, "ada", "@agent fix this")] = issue
    for number in range(deliveries - 2 * tasks):
        seed.comment(NAME, world.issue, "eve", f"I see it too, {number}")
    assert seed.wait_idle(600.0)
    seed.set_webhook(app, "", SECRET)  # what the bot itself causes is not told here
    made = [one for one in world.hub.hub.courier.deliveries if one.event in ("issues", "issue_comment")]
    requests = []
    others = 0
    for one in made:
        requests.append(target.request(one.payload, one.guid, one.event))
        if one.event == "issue_comment" and json.loads(one.payload)["comment"]["id"] in asked:
            requests.append(requests[-1])
            if len(requests) % 10 == 0:
                requests.append(target.request(one.payload, str(uuid.uuid4()), one.event))
                others += 1
    return Made(requests, len(made) + others, asked)


def memory_mb(pid: int, line: str = "VmHWM") -> float:
    """A process's peak (VmHWM) or present (VmRSS) resident memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(row.split()[1]) for row in status.splitlines() if row.startswith(line)) / 1024


def wait(world: World, begun: float, what: str, seen: Callable[[], bool], most_s: float) -> float:
    while not seen():
        world.supervisor.check()
        if time.monotonic() - begun > most_s:
            raise SystemExit(f"{what} did not happen\n{world.log()}")
        time.sleep(0.2)
    took = time.monotonic() - begun
    print(f"{what:32} after {took:7.1f} s", flush=True)
    return took


def count(world: World, query: sa.Select[tuple[int]]) -> int:
    with world.database.read() as connection:
        return int(connection.execute(query).scalar_one())


def check(world: World, made: Made) -> None:
    """None lost, none twice."""
    number = sa.func.count()
    rows = count(world, sa.select(number).select_from(delivery))
    assert rows == made.rows, f"{rows} rows of {made.rows} deliveries"
    with world.database.read() as connection:
        outcomes = Counter(connection.execute(sa.select(task.c.outcome)).scalars())
    assert outcomes == {"no_change_needed": len(made.asked)}, outcomes
    for comment, issue in made.asked.items():
        thread = world.thread(issue)
        said = [one for one in thread["comments"] if one["user"]["login"].endswith("[bot]")]
        assert len(said) == 1, f"{len(said)} comments on #{issue}"
        assert thread["reactions"][str(comment)] == [["pullwright[bot]", "eyes"]]
    asked = len(world.model.requests)
    assert asked == len(made.asked) * len(TURNS), f"the model was asked {asked} times"
    print(
        f"{rows} rows, {len(made.asked)} tasks, each with one reaction, one comment, one end: none lost, none twice"
    )


def run(world: World, given: argparse.Namespace) -> None:
    url = json.loads((world.data_dir / "receiver.json").read_text())["url"] + "/webhook"
    made = make(world, Target(url, SECRET), given.deliveries, given.tasks)
    print(
        f"{len(made.requests)} requests, {made.rows} deliveries, {given.tasks} tasks, {given.at_once} at once"
    )
    begun = time.monotonic()
    answers: Answers = asyncio.run(closed(url, made.requests, given.connections))
    print(f"received                         {answers}")
    number = sa.func.count()
    undecided = sa.select(number).select_from(delivery).where(delivery.c.state == "stored")
    unfinished = sa.select(number).select_from(task).where(task.c.status != TaskStatus.FINISHED.value)
    wait(world, begun, "every delivery decided", lambda: count(world, undecided) == 0, given.most_s)
    took = wait(world, begun, "every task over", lambda: count(world, unfinished) == 0, given.most_s)
    print(f"{took / given.tasks:.2f} s for each task")
    for child in world.supervisor.children:
        print(f"memory of the {child.name}, at most: {memory_mb(child.process.pid):.0f} MB")
    check(world, made)


def main() -> None:
    parser = argparse.ArgumentParser(description="A burst of deliveries.")
    parser.add_argument("--deliveries", type=int, default=5_000)
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--most-s", type=float, default=3_600.0)
    given = parser.parse_args()
    places = dict.fromkeys(
        ("PULLWRIGHT_FLEET_TASKS", "PULLWRIGHT_REPOSITORY_TASKS", "PULLWRIGHT_INSTALLATION_TASKS"),
        str(given.at_once),
    )
    with tempfile.TemporaryDirectory() as folder, story(Path(folder), TURNS, **places) as world:
        run(world, given)


if __name__ == "__main__":
    main()
