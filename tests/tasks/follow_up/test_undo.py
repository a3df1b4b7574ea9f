"""Our newest commit is taken back by one more commit, and nobody else's is."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.commands import CommandWord
from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase, TaskKind, TaskRequest
from bot.tasks.workflow import Finished, Next
from tests.stories.own_pull import BRANCH, request_of
from tests.stories.world import BUG, NAME
from tests.tasks.follow_up.room import Room, open_room


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with open_room(tmp_path) as opened:
        yield opened


def asked(room: Room) -> TaskRequest:
    comment = room.hub.seed.comment(NAME, room.pull, "ada", "@agent undo")
    request = replace(
        request_of(room.hub, room.pull), kind=TaskKind.FOLLOW_UP, comment_id=comment, is_pull=True
    )
    return replace(request, word=CommandWord.UNDO)


async def undone(room: Room) -> Outcome:
    """Every phase is done twice, as after a death."""
    taken = room.take(asked(room))
    assert await room.run(taken) == Next(Phase.PUBLISH)
    for _ in range(2):
        assert await room.run(taken, Phase.PUBLISH) == Next(Phase.REPORT)
    end = await room.run(taken, Phase.REPORT)
    assert isinstance(end, Finished)
    room.services.tasks.finish(taken, end.outcome, end.detail, 1.0)
    return end.outcome


async def test_our_newest_commit_is_taken_back_by_one_more(room: Room) -> None:
    before = room.head
    assert await undone(room) is Outcome.UNDONE
    made = room.hub.hub.repository(NAME).git.commit(room.head)  # type: ignore[union-attr]
    assert made is not None
    assert list(made.parents) == [before]
    assert made.message.startswith("Undo: Add, not subtract\n")
    assert room.hub.seed.file(NAME, BRANCH, "app.py") == BUG.encode()
    (comment,) = room.bot_comments()
    assert f"I have taken back {before[:10]}: Add, not subtract." in comment
    assert "nothing was run again" in comment


async def test_an_undoing_is_not_undone(room: Room) -> None:
    await undone(room)
    head = room.head
    assert await undone(room) is Outcome.BLOCKED
    assert room.head == head
    assert "The newest commit here is not mine" in room.bot_comments()[-1]


async def test_a_persons_commit_is_left_alone(room: Room) -> None:
    pushed = room.hub.seed.push(NAME, "ada", {"x.py": b"x = 1\n"}, BRANCH)
    assert await undone(room) is Outcome.BLOCKED
    assert room.head == pushed
