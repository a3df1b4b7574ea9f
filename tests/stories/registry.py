"""The stories that other suites run over: what is asked, what the model does, and what must be there in the end.

A suite adds its own trouble (deaths, faults, another database) and expects the same end: exactly one of everything.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from bot.domain.outcomes import Outcome
from tests.stories.model import Call, Say, Turn, edit, shell, submit
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
    asked so often (0: never). `arrange`: the story's own trouble, for each telling. `begin`: what asks where no comment
    does; it gives the task's name without `t-`."""

    name: str
    turns: tuple[Turn, ...]
    outcome: Outcome | None
    pulls: int = 0
    comments: int = 1
    asks: str = "ada"
    says: str = "@agent fix this"
    reply: str = ""
    stop_at: int = 0
    arrange: Callable[[World], None] = field(default=_nothing)
    begin: Callable[[World], str] | None = None


def _limit_once(world: World) -> None:
    """GitHub says "not now" to the pull request; the task is deferred."""
    world.hub.seed.order_fault(method="POST", path="/pulls$", status=429, headers={"retry-after": "1"})


STORIES: Final = (
    Story("change", GOOD, Outcome.PROVEN, pulls=1),
    Story("sent back", (FIX, submit(), TEST, submit()), Outcome.PROVEN, pulls=1),
    Story("refused", GOOD, None, asks="eve"),
    Story("gives up", (FIX, Say("I can't go on."), Say("Really not.")), Outcome.BLOCKED),
    Story("waits for a person", (ASK, *GOOD), Outcome.PROVEN, pulls=1, comments=2, reply="Numbers only."),
    Story(
        "answer", (shell("cat app.py"), ANSWER), Outcome.ANSWERED, says="@agent explain why sums are wrong"
    ),
    Story("cancelled", (FIX, shell("sleep 97"), submit()), Outcome.STOPPED, stop_at=2),
    Story("stopped while it waits", (ASK,), Outcome.STOPPED, comments=2, reply="@agent stop"),
    Story("deferred by a limit", GOOD, Outcome.PROVEN, pulls=1, arrange=_limit_once),
    Story("maintenance", GOOD, Outcome.PROVEN, pulls=1, comments=0, begin=begin_turn),
)
