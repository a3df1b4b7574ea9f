"""How long a review of a large pull request takes without its model, and what it asks of GitHub.

    python -m benchmarks.review [--runs 5] [--lines 2000]

The real application (receiver and worker as processes, no pause between writes) against the hub on loopback. The
scripted model answers at once, so what is measured is the harness, from the comment to the posted review: until the
model is first asked (accept, fetch, set up, baseline begun), its four turns (a look at the whole diff, the tests,
three findings of which the harness reproduces one, the end), and from its last word to the review (diff, anchors,
threads, posting). Each run is a pull request of its own over the same base. The first is told apart: it fetches the
base and measures its tests.
"""

import argparse
import statistics
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.github_requests import endpoint
from tests.model_server.script import Reply
from tests.stories.model import Call, Turn, shell, submit
from tests.stories.world import FILES, NAME, World, story

_FILES = 20


@dataclass(frozen=True)
class Taken:
    """Seconds: until the model was asked, between its first and its last request, and from that to the review."""

    before: float
    turns: float
    after: float

    @property
    def whole(self) -> float:
        return self.before + self.turns + self.after


def _source(number: int, lines: int, sign: str) -> str:
    """A module of `lines` lines, in functions of ten."""
    text = []
    for start in range(0, lines, 10):
        text.append(f"def total_{number}_{start}(a, b):")
        text += [f"    a = a {sign} b * {step}" for step in range(8)]
        text.append("    return a")
    return "\n".join(text) + "\n"


def _files(lines: int, sign: str) -> dict[str, str]:
    """Half of a diff of `lines` lines is old, the other half is new: all but the `def` and the `return` change."""
    each = lines // 2 * 10 // 8 // _FILES // 10 * 10
    return {f"shop/part{number}.py": _source(number, each, sign) for number in range(_FILES)}


def _finding(number: int, **more: str) -> Call:
    place = {"path": f"shop/part{number}.py", "start_line": 2, "end_line": 2, "snippet": "a - b * 0"}
    told = {
        "priority": "P1",
        "title": f"Part {number} subtracts",
        "body": "The total of two sums is their sum.",
    }
    return Call("report_finding", {**place, **told, **more})


TURNS: list[Turn] = [
    shell("git diff"),
    Call("run_tests", {"selection": []}),
    Reply(calls=(
        _finding(1, suggestion="    a = a + b * 0"),
        _finding(2),
        _finding(3, reproduction="python3 -c 'from shop.part3 import total_3_0; assert total_3_0(1, 1) > 0'"),
    )),
    submit("no_change_needed", summary="I read all of it."),
]  # fmt: skip


def measure(folder: Path, runs: int, lines: int) -> tuple[list[Taken], Counter[str], int]:
    """Each run's time, the last one's requests by endpoint, and the changed lines of one pull request."""
    asked: list[float] = []
    with story(folder, TURNS, {**FILES, "shop/__init__.py": "", **_files(lines, "+")}) as world:
        world.model.before = lambda _turn: asked.append(time.monotonic())
        taken, made, changed = [], Counter[str](), 0
        for number in range(runs + 1):
            files = {path: text.encode() for path, text in _files(lines, "-").items()}
            world.hub.seed.commit(NAME, files, "Subtract", f"work-{number}")
            world.issue = world.hub.seed.open_pull(NAME, "eve", "Subtract", "As agreed.", f"work-{number}")
            changed = sum(line[:1] in "+-" for line in world.thread()["diff"].splitlines())
            asked.clear()
            before = len(world.hub.seed.requests())
            taken.append(_review_once(world, asked))
            made = Counter(endpoint(r["method"], r["path"]) for r in world.hub.seed.requests()[before:])
        return taken, made, changed


def _review_once(world: World, asked: list[float]) -> Taken:
    record = world.hub.hub.repository(NAME)
    assert record is not None
    pull = record.threads[world.issue].pull
    assert pull is not None
    begun = time.monotonic()
    comment = world.comment("ada", "@agent review")
    world.wait_for("the review", lambda: pull.reviews)
    posted = time.monotonic()
    task = world.wait_for_task(comment)
    assert task.outcome == "findings", f"{task.outcome}: {task.detail}"
    assert len(pull.review_comments) == 3, "all findings are anchored"
    return Taken(asked[0] - begun, asked[-1] - asked[0], posted - asked[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description="Harness time of a review, without its model.")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--lines", type=int, default=2_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        taken, made, changed = measure(Path(folder), given.runs, given.lines)
    first, *others = taken
    print(f"a review of {changed} changed lines in {_FILES} files, seconds without the model:\n")
    print(f"{'':22} {'first':>7} {'median':>7} {'most':>7}   ({len(others)} more runs)")
    for name, part in (
        ("until the model is asked", "before"),
        ("its four turns", "turns"),
        ("until it is posted", "after"),
        ("in all", "whole"),
    ):
        values = [getattr(one, part) for one in others]
        shown = (getattr(first, part), statistics.median(values), max(values))
        print(f"{name:22} " + " ".join(f"{value:7.2f}" for value in shown))
    print("\nrequests of the last one:\n")
    for name, count in sorted(made.items()):
        print(f"{count:4}  {name}")
    print(f"{made.total():4}  in all")


if __name__ == "__main__":
    main()
