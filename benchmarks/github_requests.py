"""What each story asks of GitHub, against a stated minimum; a busy hour against GitHub's limits; how soon the 👀 comes.

    python -m benchmarks.github_requests [--parts change,review,follow_up,hour,reaction] [--runs 10]

The real application (receiver and worker as processes, writes a second apart as in production) against the hub on
loopback, with a scripted model. `change`, `review` and `follow_up`: one whole story each, its requests by endpoint
beside the least that would do, with the reason of each. `hour`: 20 changes asked for at once, the requests of the worst
minute as GitHub counts them (1 point for reading, 5 for writing), against 900 points and 80 content creations a minute.
`reaction`: `runs` comments, each on an idle installation, from the comment to the moment the reaction
is there. GitHub's own time (some 100 ms for each request) is in none of it.
"""

import argparse
import re
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.domain import limits
from tests.stories.model import Turn, submit
from tests.stories.registry import GOOD
from tests.stories.test_follow_up import MORE, own_pull
from tests.stories.test_review import FOUND, pull_story
from tests.stories.world import NAME, World, story

SPACING = {"PULLWRIGHT_WRITE_SPACING_S": str(limits.WRITE_SPACING_S)}
PARTS = ("change", "review", "follow_up", "hour", "reaction")
BUSY_TASKS = 20
POINTS_A_MINUTE = 900  # GitHub's documented secondary limit for REST
CREATIONS_A_MINUTE = 80  # GitHub's documented limit for content
_READS = frozenset({"GET", "HEAD", "OPTIONS"})

Minimum = dict[str, tuple[int, str]]

_COMMON: Minimum = {
    "GET /repos/R": (
        1,
        "the name of the repository's id, known for a minute (a longer story: once a minute)",
    ),
    "GET /repos/R/collaborators/U/permission": (
        2,
        "before anything starts, and before it is published (law 6)",
    ),
    "GET /repos/R/contents/P": (1, "the repository's file: which ways in are open, and the base"),
    "POST /repos/R/issues/comments/N/reactions": (1, "👀"),
    "GET /repos/R/issues/N": (1, "the thread's author and the number of its comments"),
    "GET /R.git/info/refs": (1, "fetch begins with it"),
    "POST /R.git/git-upload-pack": (1, "fetch"),
}
_TRACKED: Minimum = {
    "GET /repos/R/issues/N/comments": (2, "the tracking comment is looked for (law 2); the thread"),
    "POST /repos/R/issues/N/comments": (1, "the tracking comment"),
    "PATCH /repos/R/issues/comments/N": (1, "the last word; progress edits, one each 20 s, come on top"),
}
_PUSHED: Minimum = {
    "GET /R.git/info/refs": (2, "fetch and push begin with it"),
    "POST /R.git/git-receive-pack": (1, "push"),
    "GET /repos/R/commits/S/check-runs": (1, "the check run is looked for before it is made"),
    "POST /repos/R/check-runs": (1, "the check run"),
}
_START: Minimum = {
    "POST /app/installations/N/access_tokens": (
        4,
        "one each for the API, for fetching, for pushing, and for the look at schedules: four scopes, an hour each",
    ),
    "GET /app": (1, "our own login, by which our comments are told from quotes of them; once a process"),
    "GET /app/hook/deliveries": (1, "the worker's own look for lost deliveries, every three minutes"),
    "GET /app/installations": (1, "the worker's own look for schedules, every quarter of an hour"),
    "GET /installation/repositories": (1, "the same"),
    "GET /repos/R/contents/P": (
        2,
        "the repository's file: which ways in are open, and the base; and the look for schedules",
    ),
}
"""Once for a worker, or for a time, and for all stories together: a story that the worker begins with has them."""
MINIMUM: dict[str, Minimum] = {
    "change": {
        **_COMMON,
        **_START,
        **_TRACKED,
        **_PUSHED,
        "GET /repos/R/git/ref/heads/B": (
            4,
            "base pinned, and looked at again; our branch before and after the push",
        ),
        "GET /repos/R/pulls": (2, "open ones for the same issue; ours is looked for before it is opened"),
        "POST /repos/R/pulls": (1, "the pull request"),
    },
    "review": {
        **_COMMON,
        **_START,
        "POST /app/installations/N/access_tokens": (
            3,
            "one each for the API, for fetching, and for the look at schedules: nothing is pushed",
        ),
        "GET /repos/R/contents/P": (
            3,
            "the repository's file: for the comment, for the look for schedules, and when the pull request was opened",
        ),
        "GET /repos/R/collaborators/U/permission": (1, "before anything starts; nothing is pushed"),
        "GET /repos/R/pulls/N": (
            2,
            "head and base are pinned; whether the head has moved, before it is posted",
        ),
        "GET /repos/R/git/ref/heads/B": (1, "the tip of the base branch: rules and settings"),
        "GET /repos/R/compare/C": (1, "the merge base: where the diff begins"),
        "GET /repos/R/issues/N/comments": (1, "the thread"),
        "POST /graphql": (
            2,
            "what became of what was said before: for the model, and when the review is decided",
        ),
        "GET /repos/R/commits/S/check-runs": (1, "the check run is looked for before it is made"),
        "POST /repos/R/check-runs": (1, "the check run, in progress"),
        "PATCH /repos/R/check-runs/N": (1, "its end; progress edits come on top"),
        "GET /repos/R/pulls/N/reviews": (
            3,
            "what the last one saw; what was said, when this one is decided; it is looked for before it is made",
        ),
        "POST /repos/R/pulls/N/reviews": (1, "the review with all its comments"),
        "GET /R.git/info/refs": (2, "head and merge base are fetched; the base's tip is the merge base here"),
        "POST /R.git/git-upload-pack": (2, "the same"),
    },
    "follow_up": {
        **_COMMON,
        **_TRACKED,
        **_PUSHED,
        "GET /repos/R": (0, "known from the task before, for a minute"),
        "GET /R.git/info/refs": (1, "push begins with it; the head is here since it was pushed"),
        "POST /R.git/git-upload-pack": (0, "nothing is fetched"),
        "GET /repos/R/pulls/N": (2, "head and base are pinned; its text is brought up to date"),
        "PATCH /repos/R/pulls/N": (1, "the text"),
        "GET /repos/R/compare/C": (1, "the merge base: what the pull request changes so far"),
        "GET /repos/R/git/ref/heads/B": (3, "the base's tip; the branch before and after the push"),
    },
}
_SHAPES = (
    (r"^/api/v3", ""),
    (r"^/api/graphql", "/graphql"),
    (r"\?.*", ""),
    (rf"{NAME}\b", "R"),
    (r"/heads/.*", "/heads/B"),
    (r"/contents/.*", "/contents/P"),
    (r"/compare/.*", "/compare/C"),
    (r"/[0-9a-f]{40}\b", "/S"),
    (r"/\d+\b", "/N"),
    (r"/collaborators/[^/]+", "/collaborators/U"),
)


def endpoint(method: str, path: str) -> str:
    for pattern, shape in _SHAPES:
        path = re.sub(pattern, shape, path)
    return f"{method} {path}"


@contextmanager
def told(name: str, folder: Path) -> Iterator[tuple[World, int]]:
    """One whole story, and the number of requests before it began."""
    if name == "change":
        with story(folder, GOOD, **SPACING) as world:
            world.comment("ada", "@agent fix this")
            yield world, 0
    elif name == "review":
        with pull_story(folder, FOUND, **SPACING) as world:
            world.comment("ada", "@agent review")
            yield world, 0
    else:
        with own_pull(folder, MORE, **SPACING) as world:
            before = len(world.hub.seed.requests())
            world.comment("ada", "@agent text should count as nothing")
            yield world, before


def count_requests(name: str, folder: Path) -> Counter[str]:
    with told(name, folder) as (world, before):
        tasks = 2 if before else 1
        world.wait_for("the end", lambda: _finished(world) == tasks)
        made = Counter(endpoint(r["method"], r["path"]) for r in world.hub.seed.requests()[before:])
    least = MINIMUM[name]
    print(f"\n{name}: requests by endpoint\n")
    print(f"{'made':>4} {'least':>5}  endpoint")
    for one in sorted(least | made, key=lambda one: (one not in least, one)):
        count, reason = least.get(one, (0, "not needed"))
        print(f"{made[one]:4} {count:5}  {one:45} {reason}")
    print(f"{made.total():4} {sum(count for count, _ in least.values()):5}  in all")
    return made


def points(made: Counter[str]) -> tuple[int, int]:
    """GitHub's points, and the requests that create content. Git over HTTP is not counted by the REST limits."""
    api = {name: count for name, count in made.items() if ".git/" not in name}
    cost = sum(count * (1 if name.split()[0] in _READS else 5) for name, count in api.items())
    content = ("/comments", "/reactions", "/pulls", "/reviews", "/check-runs")
    return cost, sum(n for name, n in api.items() if name.startswith("POST") and name.endswith(content))


def measure_hour(folder: Path) -> None:
    """The worst minute when BUSY_TASKS changes are asked for at once: times of the hub's own record."""
    with story(folder, GOOD, PULLWRIGHT_FLEET_TASKS="4", PULLWRIGHT_REPOSITORY_TASKS="4", **SPACING) as world:
        world.patience_s = 3_600.0
        seen: list[tuple[float, str]] = []
        world.hub.hub.watchers.append(
            lambda one: seen.append((time.monotonic(), endpoint(one.method, one.path)))
        )
        for _ in range(BUSY_TASKS):
            world.issue = world.hub.seed.open_issue(NAME, "eve", "Sums are wrong", "`add(1, 2)` gives -1.")
            world.comment("ada", "@agent fix this")
        world.wait_for("the end of all", lambda: _finished(world) == BUSY_TASKS)
    whole, created = points(Counter(name for _, name in seen))
    worst = (0, 0)
    for begin, _ in seen:
        minute = points(Counter(name for at, name in seen if begin <= at < begin + 60))
        worst = (max(worst[0], minute[0]), max(worst[1], minute[1]))
    print(
        f"\n{BUSY_TASKS} changes asked for at once: {len(seen)} requests, {whole} points, {created} creations"
    )
    print(
        f"the worst minute: {worst[0]} points of {POINTS_A_MINUTE}, {worst[1]} creations of {CREATIONS_A_MINUTE}"
    )


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
    parser = argparse.ArgumentParser(
        description="Requests of each story, a busy hour, and the time to the reaction."
    )
    parser.add_argument("--parts", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--runs", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for part in given.parts.split(","):
            place = Path(folder) / part
            place.mkdir()
            if part == "hour":
                measure_hour(place)
            elif part == "reaction":
                measure_reaction(place, given.runs)
            else:
                cost, created = points(count_requests(part, place))
                print(f"{cost} points, {created} creations of content")


if __name__ == "__main__":
    main()
