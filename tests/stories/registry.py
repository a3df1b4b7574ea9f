"""The stories that other suites run over: what is asked, what the model does, and what must be there in the end.

A suite adds its own trouble (deaths, faults, another database) and expects the same end: exactly one of everything.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from bot.domain.outcomes import Outcome
from tests.stories.model import Call, Say, Turn, edit, shell, submit
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
    """`outcome` None: refused, no task. `pulls` and `comments`: how many of the bot's there are in the end; of a story
    that `arrange` puts on a pull request also `reviews`, and `commits` that the bot pushed to it.
    `says`: the request. `reply`: what Ada answers when she is asked. `stop_at`: she says stop when the model has been
    asked so often (0: never). `arrange`: the story's own trouble, for each telling."""

    name: str
    turns: tuple[Turn, ...]
    outcome: Outcome | None
    pulls: int = 0
    comments: int = 1
    reviews: int = 0
    commits: int = 0
    asks: str = "ada"
    says: str = "@agent fix this"
    reply: str = ""
    stop_at: int = 0
    arrange: Callable[[World], None] = field(default=_nothing)


def _limit_once(world: World) -> None:
    """GitHub says "not now" to the pull request; the task is deferred."""
    world.hub.seed.order_fault(method="POST", path="/pulls$", status=429, headers={"retry-after": "1"})


def _on_a_pull_of_ada(world: World) -> None:
    """A pull request of her own, with a commit that no other telling has."""
    branch, head = f"notes-{world.issue}", {"NOTES.md": f"Of {world.issue}.\n".encode()}
    world.hub.seed.commit(world.name, head, "Notes", branch)
    world.issue = world.hub.seed.open_pull(world.name, "ada", "Notes", "Some notes.", branch)


FOUND = Call(
    "report_finding",
    {
        "path": "NOTES.md",
        "start_line": 1,
        "end_line": 1,
        "priority": "P1",
        "title": "A note says nothing",
        "body": "Nobody knows what it is about.",
    },
)
REVIEWED: Final = (shell("git diff | tee seen.txt"), FOUND, submit("no_change_needed", summary="I read it."))

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
    Story(
        "review",
        REVIEWED,
        Outcome.FINDINGS,
        comments=0,
        reviews=1,
        says="@agent review",
        arrange=_on_a_pull_of_ada,
    ),
    Story("follow-up", GOOD, Outcome.PROVEN, commits=1, arrange=_on_a_pull_of_ada),
    Story("cancelled", (FIX, shell("sleep 97"), submit()), Outcome.STOPPED, stop_at=2),
    Story("stopped while it waits", (ASK,), Outcome.STOPPED, comments=2, reply="@agent stop"),
    Story("deferred by a limit", GOOD, Outcome.PROVEN, pulls=1, arrange=_limit_once),
)
