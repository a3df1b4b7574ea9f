"""Red checks: waited for, blamed, and told of. Without a sandbox or a model: what is decided before there is work."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain import limits
from bot.domain.commands import CommandWord
from bot.domain.ids import CommitSha
from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase, TaskKind, TaskRequest, WayIn
from bot.store.events import Events
from bot.store.tasks import STEERING, Taken, Tasks
from bot.tasks.change.facts import ChangeFacts, CheckFacts, SubmissionFacts
from bot.tasks.workflow import Finished, Next, PhaseEnd, Waiting
from tests.stories.own_pull import BRANCH, finish, request_of
from tests.stories.world import NAME
from tests.tasks.follow_up.room import Room, open_room
from tests.texts.examples import CHECKED

LOG = "2026-11-26T10:00:01.0000000Z app.py:2: E225 missing whitespace\n2026-11-26T10:00:02Z ##[error]exit code 1\n"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with open_room(tmp_path) as opened:
        yield opened


def repair_of(room: Room) -> TaskRequest:
    """What a failed check of the head asks for."""
    asked = request_of(room.hub, room.pull)
    return replace(
        asked, kind=TaskKind.FOLLOW_UP, way=WayIn.CHECKS, comment_id=0, cause=f"k{room.head[:12]}", head=room.head,
        is_pull=True,
    )  # fmt: skip


def wish_of(room: Room, text: str = "fix the CI failures") -> TaskRequest:
    """What Ada asks for in a comment."""
    comment = room.hub.seed.comment(NAME, room.pull, "ada", f"@agent {text}")
    return replace(
        request_of(room.hub, room.pull), kind=TaskKind.FOLLOW_UP, comment_id=comment, instruction=text,
        word=CommandWord.FIX, is_pull=True,
    )  # fmt: skip


def run_ci(room: Room, branch: str = BRANCH, **jobs: str) -> None:
    told = {name: (conclusion, LOG) for name, conclusion in jobs.items()}
    room.hub.seed.add_workflow_run(NAME, branch, told)


async def settled(room: Room, taken: Taken) -> PhaseEnd:
    """What follows once nothing has ended for a while."""
    room.clock.ahead += 60
    return await room.run(taken)


async def test_checks_that_run_are_waited_for_and_the_wait_ends_with_them(room: Room) -> None:
    run = room.hub.seed.begin_workflow(NAME, BRANCH, ["lint", "test"])
    room.hub.seed.end_job(NAME, run, "lint", "failure", LOG)
    taken = room.take(repair_of(room))
    end = await settled(room, taken)
    assert isinstance(end, Waiting)
    assert not end.counted
    assert end.until is not None
    assert end.until > room.clock.now()
    room.hub.seed.end_job(NAME, run, "test", "success")
    assert isinstance(await room.run(taken), Waiting), "something has ended just now"
    assert await settled(room, taken) == Next(Phase.PREPARE)
    known = room.facts(taken.id).checks
    assert known is not None
    assert (known.step, known.red) == ("repair", ("lint",))
    assert len(room.bot_comments()) == 1, "told when there is work"


async def test_patience_ends_and_what_still_runs_is_named(room: Room) -> None:
    run = room.hub.seed.begin_workflow(NAME, BRANCH, ["lint", "slow"])
    room.hub.seed.end_job(NAME, run, "lint", "failure", LOG)
    taken = room.take(repair_of(room))
    assert isinstance(await room.run(taken), Waiting)
    room.clock.ahead += 601
    assert await room.run(taken) == Next(Phase.PREPARE)
    known = room.facts(taken.id).checks
    assert known is not None
    assert "slow" in known.unfinished


async def test_who_asked_reads_what_is_waited_for(room: Room) -> None:
    room.hub.seed.begin_workflow(NAME, BRANCH, ["slow"])
    taken = room.take(wish_of(room))
    assert isinstance(await room.run(taken), Waiting)
    (comment,) = room.bot_comments()
    assert "I wait until the checks are over: `slow`" in comment


async def test_what_is_red_on_the_base_is_left_alone_and_said(room: Room) -> None:
    run_ci(room, "main", lint="failure")
    run_ci(room, lint="failure", test="success")
    taken = room.take(repair_of(room))
    assert await settled(room, taken) == Next(Phase.REPORT)
    assert await room.run(taken, Phase.REPORT) == Finished(Outcome.NO_CHANGE_NEEDED)
    (comment,) = room.bot_comments()
    assert "Red on `main` as well, so I left it alone: `lint`." in comment


async def test_one_of_two_that_is_red_on_the_base_does_not_hide_the_other(room: Room) -> None:
    run_ci(room, "main", lint="failure", test="success")
    run_ci(room, lint="failure", test="failure")
    taken = room.take(repair_of(room))
    assert await settled(room, taken) == Next(Phase.PREPARE)
    known = room.facts(taken.id).checks
    assert known is not None
    assert (known.red, known.on_base) == (("test",), ("lint",))


async def test_after_so_many_repairs_in_a_row_it_is_handed_over_with_a_diagnosis(room: Room) -> None:
    for number in range(1, limits.CI_REPAIRS + 1):
        earlier = replace(repair_of(room), cause=f"k{number}")
        finish(room.database, earlier, _repaired(number))
    run_ci(room, lint="failure")
    taken = room.take(repair_of(room))
    assert await settled(room, taken) == Next(Phase.REPORT)
    assert await room.run(taken, Phase.REPORT) == Finished(Outcome.HANDED_OVER)
    (comment,) = room.bot_comments()
    assert "After 3 repairs the checks of" in comment
    assert "E225 missing whitespace" in comment
    for number in range(1, limits.CI_REPAIRS + 1):
        assert f"Try {number}: Because {number}." in comment


def _repaired(number: int) -> ChangeFacts:
    return ChangeFacts(
        commit=CommitSha(f"{number}" * 40),
        submission=SubmissionFacts("fixed", f"Try {number}", "", root_cause=f"Because {number}."),
        evidence=CHECKED,
        checks=CheckFacts(1.0, "repair", ("lint",)),
    )


async def test_a_persons_word_begins_the_count_again(room: Room) -> None:
    for number in range(1, limits.CI_REPAIRS + 1):
        finish(room.database, replace(repair_of(room), cause=f"k{number}"), _repaired(number))
    finish(room.database, wish_of(room, "rename it"), _repaired(9))
    run_ci(room, lint="failure")
    assert await settled(room, room.take(repair_of(room))) == Next(Phase.PREPARE)


def run_flaky(room: Room) -> None:
    seed = room.hub.seed
    run = seed.begin_workflow(NAME, BRANCH, ["test"])
    seed.end_job(NAME, run, "test", "success")
    seed.begin_job(NAME, run, "test")
    seed.end_job(NAME, run, "test", "failure", LOG)


async def test_what_passed_on_the_same_commit_is_called_flaky(room: Room) -> None:
    run_flaky(room)
    taken = room.take(repair_of(room))
    assert await settled(room, taken) == Next(Phase.REPORT)
    assert await room.run(taken, Phase.REPORT) == Finished(Outcome.FLAKY)
    (comment,) = room.bot_comments()
    assert "passed on this very commit before, so I changed nothing" in comment


async def test_a_person_may_want_what_is_flaky_repaired_all_the_same(room: Room) -> None:
    run_flaky(room)
    assert await settled(room, room.take(wish_of(room))) == Next(Phase.PREPARE)


async def test_what_passes_when_it_is_run_again_is_said_to_be_flaky_too(room: Room) -> None:
    seed = room.hub.seed
    run = seed.begin_workflow(NAME, BRANCH, ["test"])
    seed.end_job(NAME, run, "test", "failure", LOG)
    taken = room.take(repair_of(room))
    assert isinstance(await room.run(taken), Waiting)
    seed.begin_job(NAME, run, "test")
    seed.end_job(NAME, run, "test", "success")
    assert await settled(room, taken) == Next(Phase.REPORT)
    await room.run(taken, Phase.REPORT)
    (comment,) = room.bot_comments()
    assert "passed when run again, so flaky as it seems: `test`." in comment


async def test_where_nobody_asked_and_nothing_is_red_nobody_is_told(room: Room) -> None:
    run_ci(room, lint="success")
    taken = room.take(repair_of(room))
    assert await settled(room, taken) == Next(Phase.REPORT)
    assert await room.run(taken, Phase.REPORT) == Finished(Outcome.NO_CHANGE_NEEDED)
    assert room.bot_comments() == []


async def test_who_asks_for_a_repair_of_what_is_green_is_told(room: Room) -> None:
    run_ci(room, lint="success")
    taken = room.take(wish_of(room))
    assert await settled(room, taken) == Next(Phase.REPORT)
    await room.run(taken, Phase.REPORT)
    (comment,) = room.bot_comments()
    assert "No check of" in comment


async def test_a_head_that_moves_ends_the_repair_and_is_what_a_person_means(room: Room) -> None:
    run_ci(room, lint="failure")
    repair = room.take(repair_of(room))
    assert isinstance(await room.run(repair), Waiting)
    room.hub.seed.push(NAME, "ada", {"README.md": b"# Mine\n"}, BRANCH)
    assert await settled(room, repair) == Next(Phase.REPORT)
    assert await room.run(repair, Phase.REPORT) == Finished(Outcome.STALE, room.facts(repair.id).detail)
    assert room.bot_comments() == []


async def test_a_pull_request_that_is_closed_meanwhile_is_left_in_peace(room: Room) -> None:
    run_ci(room, lint="failure")
    taken = room.take(repair_of(room))
    assert isinstance(await room.run(taken), Waiting)
    room.hub.seed.close_issue(NAME, room.pull, "ada")
    await room.steps.run_failure(room.look(taken), Outcome.CLOSED, "Closed by ada.")
    assert room.bot_comments() == []


async def test_a_log_that_may_not_be_read_is_no_reason_to_stop(room: Room) -> None:
    run_ci(room, lint="failure")
    room.hub.seed.order_fault(method="GET", path="/logs$", status=403)
    for number in range(1, limits.CI_REPAIRS + 1):
        finish(room.database, replace(repair_of(room), cause=f"k{number}"), _repaired(number))
    taken = room.take(repair_of(room))
    await settled(room, taken)
    assert await room.run(taken, Phase.REPORT) == Finished(Outcome.HANDED_OVER)
    (comment,) = room.bot_comments()
    assert "❌ [`lint`](http" in comment
    assert "E225" not in comment


async def test_who_speaks_between_the_last_look_and_the_end_is_heard_once(room: Room) -> None:
    run_ci(room, lint="success")
    taken = room.take(wish_of(room))
    assert await settled(room, taken) == Next(Phase.REPORT)
    body = {"id": 4, "author": "ada", "text": "number that line"}
    seq = Events(room.database).append(taken.id, taken.epoch, STEERING, body, 1.0)
    again = await room.run(taken, Phase.REPORT)
    assert isinstance(again, Next)
    assert again.phase is Phase.ACCEPT
    Tasks(room.database).move(taken, again.phase, again.facts or {})
    assert room.facts(taken.id).called_back == seq
    assert await settled(room, taken) == Next(Phase.PREPARE)
