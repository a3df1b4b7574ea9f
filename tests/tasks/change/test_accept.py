"""Accept: what people see first, and what is brought here meanwhile."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase, TaskKind, TaskRequest
from bot.tasks.answer import AnswerSteps
from bot.tasks.change.facts import parse_facts
from bot.tasks.change.steps import ChangeSteps
from bot.tasks.review.steps import ReviewSteps
from bot.tasks.workflow import Finished, Next
from tests.stories.own_pull import request_of
from tests.stories.world import NAME
from tests.tasks.follow_up.room import Room, open_room


def ask(room: Room) -> TaskRequest:
    """On an issue of its own."""
    seed = room.hub.seed
    issue = seed.open_issue(NAME, "eve", "Sums are wrong", "They are.")
    asked = seed.comment(NAME, issue, "ada", "@agent fix this")
    return replace(request_of(room.hub, issue), comment_id=asked)


def posted(room: Room) -> list[str]:
    """The last words of the addresses, in order."""
    requests = list(room.hub.hub.requests)
    return [one.path.rpartition("/")[2] for one in requests if one.method == "POST"]


async def test_the_base_is_here_before_the_comment_may_be_written(tmp_path: Path) -> None:
    """Two writes of an installation are some time apart, and nobody has to wait for that to begin."""
    with open_room(tmp_path, write_spacing_s=4.0) as room:
        before, taken = len(posted(room)), room.take(ask(room))
        assert await ChangeSteps(room.services).run_phase(taken, Phase.ACCEPT) == Next(Phase.PREPARE)
        ours = posted(room)[before:]
        assert ours.index("reactions") < ours.index("git-upload-pack") < ours.index("comments")
        facts = parse_facts(room.look(taken).facts)
        assert facts.base_commit == room.hub.seed.refs(NAME)["refs/heads/main"]
        assert facts.comment


async def test_a_base_that_can_not_be_fetched_is_for_the_next_phase_to_say(tmp_path: Path) -> None:
    with open_room(tmp_path) as room:
        taken = room.take(ask(room))
        room.hub.seed.order_fault(method="POST", path="git-upload-pack", status=500, times=9)
        assert await ChangeSteps(room.services).run_phase(taken, Phase.ACCEPT) == Next(Phase.PREPARE)
        assert parse_facts(room.look(taken).facts).base_commit


@pytest.mark.parametrize("steps", [ChangeSteps, AnswerSteps])
async def test_an_issue_that_was_closed_before_the_task_began_ends_it_by_that(
    tmp_path: Path, steps: type[ChangeSteps | AnswerSteps]
) -> None:
    """A delivery that comes late, or once more, still says "open"."""
    with open_room(tmp_path) as room:
        asked = ask(room)
        room.hub.seed.close_issue(NAME, asked.issue, "ada")
        taken = room.take(asked)
        assert await steps(room.services).run_phase(taken, Phase.ACCEPT) == Next(Phase.REPORT)
        view = room.look(taken)
        taken = replace(taken, phase=Phase.REPORT, facts=view.facts)
        end = await steps(room.services).run_phase(taken, Phase.REPORT)
        assert end == Finished(Outcome.CLOSED, "It was closed before I began.")
        assert not parse_facts(view.facts).base_commit


async def test_a_pull_request_that_was_closed_before_its_review_began_is_not_reviewed(tmp_path: Path) -> None:
    with open_room(tmp_path) as room:
        comment = room.hub.seed.comment(NAME, room.pull, "ada", "@agent review")
        asked = replace(request_of(room.hub, room.pull), comment_id=comment, kind=TaskKind.REVIEW, head="")
        room.hub.seed.close_issue(NAME, room.pull, "ada")
        taken = room.take(asked)
        end = await ReviewSteps(room.services).run_phase(taken, Phase.ACCEPT)
        assert end == Finished(Outcome.CLOSED, "It is closed.")
        assert parse_facts(room.look(taken).facts).review is None
        assert parse_facts(room.look(taken).facts).comment, "who asked is told"
