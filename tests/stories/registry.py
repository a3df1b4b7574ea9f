"""The stories that other suites run over: what is asked, what the model does, and what must be there in the end.

A suite adds its own trouble (deaths, faults, another database) and expects the same end: exactly one of everything.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from bot.domain.outcomes import Outcome
from bot.localhub.actions_reviews import Place, create_review
from bot.localhub.records import Actor
from tests.stories.model import Call, Say, Turn, edit, shell, submit, write
from tests.stories.schedules import begin_turn
from tests.stories.world import NEW_TEST, OLD_TEST, World

FIX = edit("app.py", "a - b", "a + b")
TEST = edit("tests/test_app.py", OLD_TEST[-50:], OLD_TEST[-50:] + NEW_TEST[len(OLD_TEST) :])
RUN_TESTS = Call("run_tests", {"selection": []})
GOOD: Final[tuple[Turn, ...]] = (shell("cat app.py"), FIX, TEST, RUN_TESTS, submit())
ASK = Call("ask_person", {"questions": ["Should `add` take strings too?"]})
ANSWER = submit("no_change_needed", summary="`add` subtracts (`app.py:2`).")


def _nothing(_world: World) -> None:
    """No trouble of the story's own."""


@dataclass(frozen=True)
class Story:
    """`outcome` None: refused, no task. `pulls` and `comments`: how many of the bot's there are in the end.
    `says`: the request. `reply`: what Ada answers when she is asked. `stop_at`: she says stop when the model has been
    asked so often (0: never). `reviews`, `resolved`: of the bot, on the pull request that `arrange` opened; and of its
    threads there; `commits`: that it pushed to it, `answers`: in people's threads. `arrange`: the story's own trouble,
    for each telling. `begin`: what asks where no comment does; it gives the task's name without `t-`."""

    name: str
    turns: tuple[Turn, ...]
    outcome: Outcome | None
    pulls: int = 0
    comments: int = 1
    asks: str = "ada"
    says: str = "@agent fix this"
    reply: str = ""
    stop_at: int = 0
    reviews: int = 0
    resolved: int = 0
    commits: int = 0
    answers: int = 0
    arrange: Callable[[World], None] = field(default=_nothing)
    begin: Callable[[World], str] | None = None


def _limit_once(world: World) -> None:
    """GitHub says "not now" to the pull request; the task is deferred."""
    world.hub.seed.order_fault(method="POST", path="/pulls$", status=429, headers={"retry-after": "1"})


def _on_a_pull_of_ada(world: World) -> None:
    """A pull request of her own, with a commit that no other telling has."""
    branch, head = f"notes-{world.issue}", {"NOTES.md": f"Of {world.issue}.\n".encode()}
    world.hub.seed.commit(world.name, head, "Notes", branch)
    world.issue = world.hub.seed.open_pull(world.name, "ada", "Notes", "Some notes.", branch)


def _conflicting_pull_of_adas(world: World) -> None:
    """Both sides have made the same file, each with words of its own."""
    _on_a_pull_of_ada(world)
    world.hub.seed.commit(
        world.name, {"NOTES.md": f"Of main, for {world.issue}.\n".encode()}, "Notes of main"
    )


SETTLED: Final[tuple[Turn, ...]] = (write("NOTES.md", "Of both.\n"), submit(title="Notes of both"))

_HEAD: Final = "def add(a, b):\n    return a - b\n\n\ndef mean(xs):\n    return sum(xs) / len(xs)\n"
_TOLD: Final = "**P1 · It divides by nothing**\n\nOnce.\n\n<!-- pullwright:finding:0123456789abcdef -->"


def _reviewed_before(world: World) -> None:
    """A pull request with a finding of ours on it, pushed to since then. The request is made there."""
    seed, hub = world.hub.seed, world.hub.hub
    branch = f"mean-{world.issue}"
    own = f"Of {world.issue}.\n".encode()  # or it were the same commit as the one of another telling
    seed.commit(world.name, {"app.py": _HEAD.encode(), "NOTES.md": own}, "Mean", branch)
    world.issue = seed.open_pull(world.name, "eve", "Add mean", "A mean.", branch)
    with hub.lock:
        record = hub.repository(world.name)
        assert record is not None
        thread, app = record.threads[world.issue], next(iter(hub.apps.values()))
        assert thread.pull is not None
        place = Place(hub, record, thread, thread.pull, Actor(app.bot, app))
        comment = {"path": "app.py", "line": 6, "side": "RIGHT", "body": _TOLD}
        create_review(place, {"event": "COMMENT", "body": "One thing.", "comments": [comment]})
    mended = _HEAD.replace("len(xs)\n", "len(xs) if xs else 0\n")
    seed.push(world.name, "eve", {"app.py": mended.encode()}, branch)


WRONG_SIGN = Call(
    "report_finding",
    {
        "path": "app.py",
        "start_line": 2,
        "end_line": 2,
        "snippet": "a - b",
        "priority": "P1",
        "title": "Wrong sign",
        "body": "`add(1, 2)` is -1.",
    },
)
REVIEW: Final[tuple[Turn, ...]] = (
    Call("settle_finding", {"number": 1, "mended": True, "why": "An empty list gives 0."}),
    WRONG_SIGN,
    submit("no_change_needed", summary="I read `add` and `mean`."),
)


def _red_pull_of_adas(world: World) -> None:
    _on_a_pull_of_ada(world)
    branch = world.thread()["pull"]["head"]["ref"]
    world.hub.seed.add_workflow_run(world.name, branch, {"test": ("failure", "AssertionError: -1 != 3\n")})


def _comment_on_diff(world: World) -> str:
    """The task has the name of the review that GitHub makes around the comment."""
    says = "@agent add, do not subtract"
    number = world.hub.seed.comment_on_line(world.name, world.issue, "ada", "NOTES.md", 1, says)
    said = [one for one in world.thread()["review_comments"] if one["id"] == number]
    record = world.hub.hub.repository(world.name)
    assert record is not None
    return f"v{record.id}-{said[0]['pull_request_review_id']}"


POINT: Final = submit(points=["1 done: it adds now"])

STORIES: Final = (
    Story("change", GOOD, Outcome.PROVEN, pulls=1),
    Story("sent back", (FIX, submit(), TEST, submit()), Outcome.PROVEN, pulls=1),
    Story("refused", GOOD, None, asks="eve"),
    Story("gives up", (FIX, Say("I can't go on."), Say("Really not.")), Outcome.BLOCKED),
    Story("waits for a person", (ASK, *GOOD), Outcome.PROVEN, pulls=1, comments=2, reply="Numbers only."),
    Story(
        "answer",
        (shell("tee seen.txt < app.py"), ANSWER),
        Outcome.ANSWERED,
        says="@agent explain why sums are wrong",
    ),
    Story("follow-up", GOOD, Outcome.PROVEN, commits=1, arrange=_on_a_pull_of_ada),
    Story(
        "rebase",
        SETTLED,
        Outcome.CHECKED,
        says="@agent rebase",
        commits=2,  # the base branch's own, and the merge
        arrange=_conflicting_pull_of_adas,
    ),
    Story("cancelled", (FIX, shell("sleep 97"), submit()), Outcome.STOPPED, stop_at=2),
    Story("stopped while it waits", (ASK,), Outcome.STOPPED, comments=2, reply="@agent stop"),
    Story("deferred by a limit", GOOD, Outcome.PROVEN, pulls=1, arrange=_limit_once),
    Story("maintenance", GOOD, Outcome.PROVEN, pulls=1, comments=0, begin=begin_turn),
    Story(
        "red CI",
        GOOD,
        Outcome.PROVEN,
        says="@agent fix the CI failures",
        commits=1,
        arrange=_red_pull_of_adas,
    ),
    Story(
        "a comment on the diff",
        (*GOOD[:-1], POINT),
        Outcome.PROVEN,
        commits=1,
        answers=1,
        arrange=_on_a_pull_of_ada,
        begin=_comment_on_diff,
    ),
    Story(
        "review",
        REVIEW,
        Outcome.FINDINGS,
        comments=0,
        says="@agent review",
        reviews=2,
        resolved=1,
        arrange=_reviewed_before,
    ),
)
