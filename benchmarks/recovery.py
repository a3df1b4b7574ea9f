"""From the SIGKILL of a worker to its task running elsewhere.

    python -m benchmarks.recovery [--runs 3]

The real application on SQLite against the hub on loopback; the model is being waited for when it happens. "This host":
the other worker shares the data directory and its lock files, so it knows at once. "Another host": it has one of its
own, so the dead one is missed when it has not beaten for half a minute (WORKER_DEAD_S). "Running" is the model's next
request, so the base has been fetched and the workspace is open.
"""

import argparse
import os
import signal
import tempfile
import threading
import time
from pathlib import Path

from bot.cli.supervise import Child
from tests.stories.model import shell, submit
from tests.stories.world import NAME, World, story

TURNS = (shell("cat app.py"), submit("no_change_needed", summary="Nothing is wrong."))


def start_worker(world: World, name: str, data_dir: Path) -> Child:
    data_dir.mkdir(exist_ok=True)
    settings = {**world.settings, "PULLWRIGHT_DATA_DIR": str(data_dir)}
    (data_dir / "worker.json").unlink(missing_ok=True)
    child = world.supervisor.start(name, ["worker"], settings, world.data_dir / "worker.log")
    world.supervisor.wait_until((data_dir / "worker.json").exists, name, 120.0)
    return child


def ask(world: World) -> int:
    world.issue = world.hub.seed.open_issue(NAME, "eve", "Sums are wrong", "They are.")
    return world.comment("ada", "@agent fix this")


def measure_death(folder: Path, other: str) -> float:
    """Seconds from the death to the request that follows it."""
    url = f"sqlite:///{folder / 'data' / 'pullwright.db'}"
    with story(folder, TURNS, worker=False, PULLWRIGHT_DATABASE_URL=url) as world:
        world.patience_s = 200.0
        first = start_worker(world, "first", world.data_dir)
        goes_on = threading.Event()
        world.model.before = lambda turn: turn == 1 and goes_on.wait(200) and None
        asked = ask(world)
        world.wait_for("the second turn", lambda: len(world.model.requests) >= 2)
        start_worker(world, "second", world.data_dir if other == "this host" else folder / "other")
        world.supervisor.children.remove(first)
        begun = time.monotonic()
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait()
        world.wait_for("the third request", lambda: len(world.model.requests) >= 3)
        took = time.monotonic() - begun
        goes_on.set()
        world.wait_for_task(asked)
        return took


def main() -> None:
    parser = argparse.ArgumentParser(description="From a death to going on.")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        for number, other in enumerate(("this host", "another host")):
            took = []
            for run in range(given.runs):
                folder = Path(place) / f"{number}-{run}"
                folder.mkdir()
                took.append(measure_death(folder, other))
            print(f"SIGKILL to running on {other}: {', '.join(f'{one:.1f} s' for one in took)}", flush=True)


if __name__ == "__main__":
    main()
