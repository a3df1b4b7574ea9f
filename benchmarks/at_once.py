"""Many tasks at once in one worker, beside one alone: wall time, and memory for each.

    python -m benchmarks.at_once [--tasks 50] [--turns 30] [--latency 2] [--shell]

The real application on SQLite against the hub on loopback; the model takes `latency` seconds for each reply. Each task
is `turns` replies long and changes nothing, so what is measured is the worker: its steps, rows, requests and
sandboxes. Without `--shell` the replies note a plan, with it each runs a command in the sandbox: that costs
processors, and how many tasks fit is then a matter of how many of those there are. Writes are not spaced.

To begin and to end a task costs as much as a dozen turns, and all begin at once here: the fewer the turns, the more of
the relation is that crowd at the start. 30 is what a model takes for a small repair.
"""

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.burst import memory_mb
from benchmarks.load import processor_seconds
from bot.domain.ids import TaskId
from bot.domain.tasks import TaskStatus
from bot.store.tasks import Tasks
from tests.stories.model import Call, Turn, shell, submit
from tests.stories.world import NAME, World, story


def make_turns(count: int, with_shell: bool) -> list[Turn]:
    """No two are the same: a loop would be ended."""
    said: list[Turn] = [
        shell(f"echo {n}; cat app.py")
        if with_shell
        else Call("update_plan", {"plan": [{"step": f"Look, {n}", "status": "in_progress"}]})
        for n in range(count - 1)
    ]
    return [*said, submit("no_change_needed", summary="Nothing is wrong.")]


def run_tasks(world: World, count: int, most_s: float) -> float:
    """Seconds from the first comment to the last end."""
    seed, tasks = world.hub.seed, Tasks(world.database)
    issues = [seed.open_issue(NAME, "eve", "Sums are wrong", "They are.") for _ in range(count)]
    assert seed.wait_idle(60.0)
    begun = time.monotonic()
    left = {TaskId(f"t-{seed.comment(NAME, issue, 'ada', '@agent fix this')}") for issue in issues}
    while left:
        world.supervisor.check()
        if time.monotonic() - begun > most_s:
            raise SystemExit(f"{len(left)} of {count} did not end\n{world.log()}")
        # One query, and few of them: who watches shares the processors with the worker.
        views = tasks.newest(count)
        over = [one for one in views if one.status is TaskStatus.FINISHED and one.id in left]
        assert all(one.outcome == "no_change_needed" for one in over), [one.detail for one in over]
        left -= {one.id for one in over}
        time.sleep(0.25)
    return time.monotonic() - begun


def run(world: World, given: argparse.Namespace) -> None:
    assert world._worker is not None
    pid = world._worker.process.pid
    world.model.before = lambda _turn: time.sleep(given.latency)
    run_tasks(world, 1, given.most_s)  # warm: caches, tokens, the environment
    alone = min(run_tasks(world, 1, given.most_s) for _ in range(2))
    before, spent = memory_mb(pid, "VmRSS"), processor_seconds(pid)
    together = run_tasks(world, given.tasks, given.most_s)
    spent = processor_seconds(pid) - spent
    after = memory_mb(pid)
    print(
        f"one alone {alone:.1f} s, {given.tasks} at once {together:.1f} s: {together / alone:.2f} times as long"
    )
    print(f"the model's part of each: {given.turns * given.latency:.1f} s")
    print(
        f"worker's memory {before:.0f} MB, at most {after:.0f} MB: {(after - before) / given.tasks:.2f} MB each"
    )
    print(f"worker's processor time {spent / given.tasks:.2f} s for each task, children not counted")


def main() -> None:
    parser = argparse.ArgumentParser(description="Many tasks at once in one worker.")
    parser.add_argument("--tasks", type=int, default=50)
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--latency", type=float, default=2.0)
    parser.add_argument("--shell", action="store_true")
    parser.add_argument("--most-s", type=float, default=1_200.0)
    given = parser.parse_args()
    names = ("PULLWRIGHT_FLEET_TASKS", "PULLWRIGHT_REPOSITORY_TASKS", "PULLWRIGHT_INSTALLATION_TASKS")
    places = dict.fromkeys(names, str(given.tasks))
    turns = make_turns(given.turns, given.shell)
    with tempfile.TemporaryDirectory() as folder, story(Path(folder), turns, **places) as world:
        run(world, given)


if __name__ == "__main__":
    main()
