"""What a worker costs that has nothing to do, and how soon it has noticed that there is something.

    python -m benchmarks.idle [--seconds 30] [--runs 10] [--postgres]

The real application against the hub on loopback. First nothing happens: the processor's time of the worker's process,
as a share of one processor. Then comments, one after the other, each on an issue of its own: from the comment to the
👀 on it, with the writes of an installation a second apart as in production. `--postgres`: on a server that is made
for it (`tests/postgres`).
"""

import argparse
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.first_request import SPACING, TURNS, ask
from benchmarks.load import processor_seconds
from tests.postgres.__main__ import server as postgres_server
from tests.stories.world import World, story

SETTLES_S = 65.0  # what begins with a start is over; for a minute the engine looks for schedules each second


def measure_rest(world: World, seconds: float) -> float:
    """The share of one processor that the worker takes."""
    assert world._worker is not None
    pid = world._worker.process.pid
    time.sleep(SETTLES_S)
    before, begun = processor_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return (processor_seconds(pid) - before) / (time.monotonic() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description="A worker that has nothing to do.")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = dict(SPACING)
        if given.postgres:
            url = stack.enter_context(postgres_server(flushes=True))
            settings["PULLWRIGHT_DATABASE_URL"] = f"{url}/postgres"
        world = stack.enter_context(story(folder, TURNS, **settings))
        print(f"a worker at rest: {measure_rest(world, given.seconds):.1%} of a processor", flush=True)
        turns: list[float] = []
        world.model.before = lambda _turn: turns.append(time.monotonic())
        ask(world, turns)  # tokens and caches
        took = [ask(world, turns)[0] for _ in range(given.runs)]
        print(
            f"from the comment to the 👀: median {statistics.median(took):.2f} s, {min(took):.2f} .. {max(took):.2f} s"
        )


if __name__ == "__main__":
    main()
