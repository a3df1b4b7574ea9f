"""What one `@agent fix this` asks of GitHub, against a stated minimum; and how soon the 👀 is there.

    python -m benchmarks.github_requests [--runs 10]

The real application (receiver and worker as processes, writes a second apart as in production) against the hub on
loopback, with a scripted model. Part one: one whole story, its requests by endpoint beside the least that would do,
with the reason of each. Part two: `runs` comments, each on an idle installation, from the moment the comment is made
to the moment the reaction is there. GitHub's own time (some 100 ms for each request) is not in it.
"""

import argparse
import re
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

from bot.domain import limits
from tests.stories.model import Turn, submit
from tests.stories.test_stories import GOOD
from tests.stories.world import NAME, World, story

SPACING = {"PULLWRIGHT_WRITE_SPACING_S": str(limits.WRITE_SPACING_S)}
MINIMUM: dict[str, tuple[int, str]] = {
    "POST /app/installations/N/access_tokens": (
        3,
        "one each for the API, for fetching and for pushing: three scopes",
    ),
    "GET /app": (1, "our own login, by which our comments are told from quotes of them; once a process"),
    "GET /repos/R": (
        1,
        "the name of the repository's id, known for a minute (a longer story: once a minute at most)",
    ),
    "GET /repos/R/collaborators/U/permission": (
        2,
        "before anything starts, and again before it is published (law 6)",
    ),
    "POST /repos/R/issues/comments/N/reactions": (1, "👀"),
    "GET /repos/R/issues/N/comments": (
        2,
        "the tracking comment is looked for before it is made (law 2); the thread",
    ),
    "POST /repos/R/issues/N/comments": (1, "the tracking comment"),
    "GET /repos/R/issues/N": (1, "the thread's author and the number of its comments"),
    "PATCH /repos/R/issues/comments/N": (1, "the last word; progress edits, one each 20 s, come on top"),
    "GET /repos/R/git/ref/heads/B": (
        4,
        "the base is pinned, and still there before the push; our branch is looked for and read back",
    ),
    "GET /R.git/info/refs": (2, "fetch and push begin with it"),
    "POST /R.git/git-upload-pack": (1, "fetch"),
    "POST /R.git/git-receive-pack": (1, "push"),
    "GET /repos/R/pulls": (1, "the pull request is looked for before it is opened"),
    "POST /repos/R/pulls": (1, "the pull request"),
    "GET /repos/R/commits/S/check-runs": (1, "the check run is looked for before it is made"),
    "POST /repos/R/check-runs": (1, "the check run"),
}
_SHAPES = (
    (r"^/api/v3", ""),
    (r"\?.*", ""),
    (rf"{NAME}\b", "R"),
    (r"/heads/.*", "/heads/B"),
    (r"/[0-9a-f]{40}\b", "/S"),
    (r"/\d+\b", "/N"),
    (r"/collaborators/[^/]+", "/collaborators/U"),
)


def endpoint(method: str, path: str) -> str:
    for pattern, shape in _SHAPES:
        path = re.sub(pattern, shape, path)
    return f"{method} {path}"


def count_requests(folder: Path) -> None:
    with story(folder, GOOD, **SPACING) as world:
        world.comment("ada", "@agent fix this")
        outcome = world.wait_until_over().outcome
        made = Counter(endpoint(r["method"], r["path"]) for r in world.hub.seed.requests())
    print(f"one `@agent fix this`, {outcome}: requests by endpoint\n")
    print(f"{'made':>4} {'least':>5}  endpoint")
    for name in sorted(MINIMUM | made, key=lambda name: (name not in MINIMUM, name)):
        least, reason = MINIMUM.get(name, (0, "not needed"))
        print(f"{made[name]:4} {least:5}  {name:45} {reason}")
    print(f"{made.total():4} {sum(least for least, _ in MINIMUM.values()):5}  in all")


def measure_reaction(folder: Path, runs: int) -> None:
    turns: list[Turn] = [submit("no_change_needed", summary="Nothing is wrong.")]
    waits = []
    with story(folder, turns, **SPACING) as world:
        for number in range(runs + 1):
            world.issue = world.hub.seed.open_issue(NAME, "eve", "Sums are wrong", "They are.")
            waits.append(_react_once(world))
            world.wait_for("the end", lambda: _finished(world) == number + 1)  # noqa: B023 - waited for here
            time.sleep(limits.WRITE_SPACING_S)  # an idle installation: no write waits for the one before
    first, *others = waits
    quantiles = statistics.quantiles(others, n=10) if len(others) > 1 else others * 9
    print(f"\nfrom the comment to the 👀, {len(others)} comments on an idle installation:")
    print(f"median {statistics.median(others):.2f} s, p90 {quantiles[8]:.2f} s, most {max(others):.2f} s")
    print(f"the first after the start (tokens are minted, our name is asked): {first:.2f} s")


def _react_once(world: World) -> float:
    begun = time.monotonic()
    asked = world.comment("ada", "@agent fix this")
    record = world.hub.hub.repository(NAME)
    assert record is not None
    comment = next(c for c in record.threads[world.issue].comments if c.id == asked)
    while not comment.reactions:
        time.sleep(0.002)
    return time.monotonic() - begun


def _finished(world: World) -> int:
    from bot.domain.tasks import TaskStatus
    from bot.store.tasks import Tasks

    return sum(task.status is TaskStatus.FINISHED for task in Tasks(world.database).newest(1_000))


def main() -> None:
    parser = argparse.ArgumentParser(description="Requests of one story, and the time to the reaction.")
    parser.add_argument("--runs", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for part in ("count", "react"):
            (Path(folder) / part).mkdir()
        count_requests(Path(folder) / "count")
        measure_reaction(Path(folder) / "react", given.runs)


if __name__ == "__main__":
    main()
