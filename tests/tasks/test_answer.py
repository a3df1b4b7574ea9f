"""The last phase of an answer, against the hub over HTTP: what is said, and to whom."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.ids import CommitSha
from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase, TaskKind
from bot.errors import AccessWithdrawn
from bot.store.tasks import Taken
from bot.tasks.answer import AnswerSteps
from bot.tasks.change.accept import learn_tracking_comment
from bot.tasks.change.desk import open_desk
from bot.tasks.change.facts import SubmissionFacts
from bot.tasks.workflow import Finished, decide_outcome
from tests.stories.own_pull import request_of
from tests.stories.world import NAME
from tests.tasks.follow_up.room import Room, open_room

SAID = "`add` subtracts, in its second line."


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with open_room(tmp_path) as opened:
        yield opened


async def answered(room: Room) -> Taken:
    """The model has answered, and nobody was told."""
    comment = room.hub.seed.comment(NAME, room.pull, "ada", "@agent explain why")
    base = CommitSha(room.hub.seed.refs(NAME)["refs/heads/main"])
    taken = room.take(
        replace(request_of(room.hub, room.pull), kind=TaskKind.ANSWER, comment_id=comment),
        base_commit=base,
        outcome=Outcome.ANSWERED.value,
        submission=SubmissionFacts("no_change_needed", "Why", SAID),
    )
    async with open_desk(room.services, taken) as desk:
        await learn_tracking_comment(desk)
    return room.look(taken)


async def test_who_asked_is_answered(room: Room) -> None:
    taken = await answered(room)
    end = await AnswerSteps(room.services).run_phase(taken, Phase.REPORT)
    assert end == Finished(Outcome.ANSWERED)
    assert SAID in room.bot_comments()[-1]


async def test_who_may_not_write_here_any_more_is_not_told_the_answer(room: Room) -> None:
    taken, steps = await answered(room), AnswerSteps(room.services)
    room.hub.seed.set_role(NAME, "ada", "read")
    with pytest.raises(AccessWithdrawn) as withdrawn:
        await steps.run_phase(taken, Phase.REPORT)
    await steps.run_failure(taken, *decide_outcome(withdrawn.value))
    comment = room.bot_comments()[-1]
    assert "ada has no write access to this repository any more." in comment
    assert "Ended as `access_withdrawn`." in comment
    assert SAID not in comment
