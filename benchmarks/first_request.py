"""From a comment to the 👀 and to the first request to the model, in a large repository whose cache is warm.

    python -m benchmarks.first_request [--files 6900] [--bytes 7000] [--runs 5]

The real application against the hub on loopback; the repository is generated: as many files of as many bytes as
Django's (6,900 files, 48 MB in all). Each comment is on an issue of its own and an idle installation; writes are a
second apart as in production. Beside it `git clone --depth 1` of the same repository from the same hub, where this
host has a git. GitHub's own time is not in any of them.
"""

import argparse
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from bot.domain import limits
from tests.stories.model import submit
from tests.stories.world import FILES, NAME, World, story

TURNS = (submit("no_change_needed", summary="Nothing is wrong."),)
SPACING = {"PULLWRIGHT_WRITE_SPACING_S": str(limits.WRITE_SPACING_S)}


def make_files(count: int, size: int) -> dict[str, str]:
    """Small packages of modules, no two files alike; a suite of one test, so that nothing else is measured."""
    line = "value_{0}_{1} = {1}  # one of many lines that say nothing at all\n"
    lines = max(1, size // len(line))
    made = {
        f"lib/p{n // 400}/q{n // 20 % 20}/m{n}.py": "".join(line.format(n, at) for at in range(lines))
        for n in range(count)
    }
    return {**FILES, **made}


def ask(world: World, turns: list[float]) -> tuple[float, float]:
    """Seconds to the reaction and to the first request of one comment's task."""
    issue = world.hub.seed.open_issue(NAME, "eve", "Sums are wrong", "They are.")
    record = world.hub.hub.repository(NAME)
    assert record is not None
    assert world.hub.seed.wait_idle()
    before, begun = len(turns), time.monotonic()
    asked = world.hub.seed.comment(NAME, issue, "ada", "@agent fix this")
    comment = next(one for one in record.threads[issue].comments if one.id == asked)
    reacted = 0.0
    while len(turns) == before:
        world.supervisor.check()
        reacted = reacted or (time.monotonic() if comment.reactions else 0.0)
        time.sleep(0.002)
    world.wait_for_task(asked)
    time.sleep(limits.WRITE_SPACING_S)
    return (reacted or turns[before]) - begun, turns[before] - begun


def clone(world: World, folder: Path) -> float | None:
    git = shutil.which("git")
    if git is None:
        return None
    token = world.hub.seed.add_person("ada")
    url = world.hub.git_url(NAME).replace("://", f"://ada:{token}@")
    begun = time.monotonic()
    subprocess.run([git, "clone", "--quiet", "--depth", "1", url, str(folder / "clone")], check=True)
    return time.monotonic() - begun


def run(world: World, given: argparse.Namespace, folder: Path) -> None:
    turns: list[float] = []
    world.model.before = lambda _turn: turns.append(time.monotonic())
    world.patience_s = 600.0
    cold = ask(world, turns)
    waits = [ask(world, turns) for _ in range(given.runs)]
    cloned = clone(world, folder)
    for name, at in (("the 👀", 0), ("the first request to the model", 1)):
        took = [one[at] for one in waits]
        print(
            f"from the comment to {name}: median {statistics.median(took):.2f} s, "
            f"{min(took):.2f} .. {max(took):.2f} s; with a cold cache {cold[at]:.2f} s"
        )
    print(f"git clone --depth 1: {cloned:.2f} s" if cloned is not None else "no git here to compare with")


def main() -> None:
    parser = argparse.ArgumentParser(description="From a comment to the first request to the model.")
    parser.add_argument("--files", type=int, default=6_900)
    parser.add_argument("--bytes", type=int, default=7_000)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    files = make_files(given.files, given.bytes)
    print(f"{len(files)} files, {sum(map(len, files.values())) / 1e6:.0f} MB")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "story").mkdir()
        with story(folder / "story", TURNS, files, **SPACING) as world:
            run(world, given, folder)


if __name__ == "__main__":
    main()
