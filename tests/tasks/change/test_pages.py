"""The last word of a task, where it does not fit into one comment."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.domain import limits
from bot.errors import Superseded
from bot.store.tasks import Taken
from bot.tasks.change.desk import open_desk
from bot.tasks.change.pages import Told, edit, tell
from bot.texts.markers import tracking_marker
from tests.stories.own_pull import request_of
from tests.stories.world import NAME
from tests.tasks.follow_up.room import Room, open_room

WORDS = [f"word{n}" for n in range(20_000)]


def begin(room: Room) -> tuple[Taken, Told]:
    """A task with its tracking comment."""
    asked = room.hub.seed.comment(NAME, room.pull, "ada", "@agent fix this")
    taken = room.take(replace(request_of(room.hub, room.pull), comment_id=asked))
    with room.services.forge.repository(
        taken.request.installation, NAME, taken.request.repository.id
    ) as github:
        made = github.threads.create_tracking_comment(room.pull, tracking_marker(taken.id))
    return taken, Told(room.pull, made.id, made.url)


async def say(room: Room, taken: Taken, first: Told, body: str) -> None:
    async with open_desk(room.services, taken) as desk:
        await tell(desk, first, f"{body}\n\n{tracking_marker(taken.id)}\n")


def comments(room: Room) -> list[dict[str, Any]]:
    return [c for c in room.thread()["comments"] if c["user"]["login"].endswith("[bot]")]


async def test_what_does_not_fit_goes_on_and_the_first_leads_to_it(tmp_path: Path) -> None:
    with open_room(tmp_path) as room:
        taken, first = begin(room)
        before = len(comments(room)) - 1
        await say(room, taken, first, "\n".join(WORDS))
        told = comments(room)[before:]
        bodies = [one["body"] for one in told]
        assert len(bodies) == 3
        assert max(map(len, bodies)) <= limits.BODY_CHARACTERS
        assert set("\n".join(bodies).split()) >= set(WORDS)
        assert [url in bodies[0] for url in (one["html_url"] for one in told[1:])] == [True, True]
        assert all(f"[it begins here]({first.url})" in body for body in bodies[1:])
        assert [tracking_marker(taken.id) in body for body in bodies] == [True, False, False]

        await say(room, taken, first, "\n".join(["Again.", *WORDS]))  # after a death in between
        again = comments(room)[before:]
        assert [one["id"] for one in again] == [one["id"] for one in told], "each is there once"
        assert again[0]["body"].startswith("Again.")


async def test_a_tracking_comment_that_somebody_deleted_has_no_further_pages(tmp_path: Path) -> None:
    with open_room(tmp_path) as room:
        taken, first = begin(room)
        with room.services.forge.repository(
            taken.request.installation, NAME, taken.request.repository.id
        ) as github:
            github.threads.delete_comment(first.comment)
        before = len(comments(room))
        await say(room, taken, first, "\n".join(WORDS))
        assert len(comments(room)) == before


async def test_an_edit_that_waited_for_its_turn_is_not_sent_when_the_task_is_anothers_by_then(
    tmp_path: Path,
) -> None:
    with open_room(tmp_path) as room:
        taken, first = begin(room)
        arrived, goes_on = threading.Event(), threading.Event()

        def arrives() -> None:
            arrived.set()
            goes_on.wait(60)

        room.hub.seed.order_fault(method="PATCH", path="/issues/comments/", arrives=arrives)
        async with open_desk(room.services, taken) as ahead, open_desk(room.services, taken) as behind:
            going = asyncio.create_task(edit(ahead, first.comment, "at work"))
            await asyncio.to_thread(arrived.wait, 60)
            waiting = asyncio.create_task(edit(behind, first.comment, "still at work"))
            room.services.tasks.take(taken.id, "another")
            goes_on.set()
            assert await going
            with pytest.raises(Superseded):
                await waiting
        assert comments(room)[-1]["body"] == "at work"


@pytest.mark.parametrize("last", [True, False])
async def test_the_last_word_is_written_again_when_another_edit_came_in_between(
    tmp_path: Path, last: bool
) -> None:
    with open_room(tmp_path) as room:
        _, first = begin(room)
        task = room.services.tasks.newest(1)[0].id
        taken = room.services.tasks.take(task, "another")
        record = room.hub.hub.repository(NAME)
        assert record is not None
        said = next(one for one in record.threads[room.pull].comments if one.id == first.comment)

        def another() -> None:
            said.body = "at work"

        room.hub.seed.order_fault(method="PATCH", path="/issues/comments/", performed=True, happens=another)
        async with open_desk(room.services, taken) as desk:
            await tell(desk, first, f"Over.\n\n{tracking_marker(taken.id)}\n", last=last)
        assert comments(room)[-1]["body"].startswith("Over." if last else "at work")
