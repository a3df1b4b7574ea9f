"""From `@agent stop` to the end of a task, in each state that a task can be in.

    python -m benchmarks.stop [--runs 3]

The real application on SQLite against the hub on loopback; writes are not spaced. "Over": the row has its end, and
people are told. "Sandbox gone": no process of the model's command, or of the tests, is left on this host. The longest
of the runs is shown.
"""

import argparse
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot.domain.ids import TaskId
from bot.domain.tasks import TaskStatus
from bot.store.tasks import Tasks
from tests.stories.model import Call, Turn, edit, shell, submit, write
from tests.stories.registry import GOOD
from tests.stories.world import NAME, NEW_TEST, World, story

SLEEP = "sleep 397"
_SLOW_S = 3.0  # the write that ends the task waits for its turn behind it
FIX = edit("app.py", "a - b", "a + b")
_BEGINS = "    def test_sum(self):\n"
SLOW_TEST = NEW_TEST.replace(_BEGINS, f"{_BEGINS}        __import__('os').system('{SLEEP}')\n")


def sleeping() -> bool:
    return subprocess.run(["pgrep", "-f", SLEEP], capture_output=True, check=False).returncode == 0


@dataclass(frozen=True)
class State:
    """`turns`: the model's, of each task. `reached`: whether the newest task is in it. `hangs`: the model does not
    answer. `crowded`: one place in all, and another task has it. `slow`: the path of a write for which the hub takes
    _SLOW_S; the task is in the state when it has arrived."""

    name: str
    turns: Sequence[Turn]
    reached: Callable[[World, TaskId], bool]
    hangs: bool = False
    crowded: bool = False
    slow: str = ""
    settings: dict[str, str] = field(default_factory=dict)


def has_status(status: TaskStatus) -> Callable[[World, TaskId], bool]:
    def reached(world: World, task: TaskId) -> bool:
        view = Tasks(world.database).find(task)
        return view is not None and view.status is status

    return reached


STATES = (
    State(
        "queued",
        GOOD,
        has_status(TaskStatus.QUEUED),
        hangs=True,
        crowded=True,
        settings={"PULLWRIGHT_FLEET_TASKS": "1"},
    ),
    State("setting up", GOOD, lambda _w, _t: sleeping(), settings={"PULLWRIGHT_SETUP_COMMAND": SLEEP}),
    State("asking the model", GOOD, lambda world, _t: bool(world.model.requests), hangs=True),
    State("running a command", [FIX, shell(SLEEP), submit()], lambda _w, _t: sleeping()),
    State(
        "verifying",
        [FIX, write("tests/test_app.py", SLOW_TEST), submit()],
        lambda world, _t: len(world.model.requests) >= 3 and sleeping(),
    ),
    State(
        "waiting for a person",
        [Call("ask_person", {"questions": ["Floats too?"]})],
        has_status(TaskStatus.WAITING),
    ),
    State("publishing", GOOD, lambda _w, _t: True, slow="/pulls$"),
)


def ask(world: World) -> TaskId:
    world.issue = world.hub.seed.open_issue(NAME, "eve", "Sums are wrong", "They are.")
    return TaskId(f"t-{world.comment('ada', '@agent fix this')}")


def measure(folder: Path, state: State) -> tuple[float, float]:
    """Seconds from the comment to the end, and to the end of what ran."""
    goes_on = threading.Event()
    with story(folder, state.turns, **state.settings) as world:
        world.model.before = lambda _turn: goes_on.wait(600) and None if state.hangs else None
        if state.crowded:
            ask(world)
            world.wait_for("the first one at work", lambda: world.model.requests)
        arrived = threading.Event()
        if state.slow:
            slow = {"method": "POST", "path": state.slow, "delay_s": _SLOW_S}
            world.hub.seed.order_fault(**slow, arrives=arrived.set)
        task = ask(world)
        world.wait_for(state.name, lambda: state.reached(world, task))
        if state.slow:
            world.wait_for("the write", arrived.is_set)
        time.sleep(0.5)  # in the middle of it
        begun = time.monotonic()
        world.comment("ada", "@agent stop")
        world.wait_for("the end", lambda: has_status(TaskStatus.FINISHED)(world, task))
        over = time.monotonic() - begun
        world.wait_for("an empty host", lambda: not sleeping())
        gone = time.monotonic() - begun
        assert any("⏹️ Stopped." in body for body in world.bot_comments())
        goes_on.set()
        return over, gone


def main() -> None:
    parser = argparse.ArgumentParser(description="From a stop to the end.")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        for state in STATES:
            took = []
            for run in range(given.runs):
                (folder := Path(place) / f"{state.name}-{run}").mkdir()
                took.append(measure(folder, state))
            over, gone = (max(one[part] for one in took) for part in (0, 1))
            print(f"{state.name:22} over after {over:.1f} s, sandbox gone after {gone:.1f} s", flush=True)


if __name__ == "__main__":
    main()
