"""A failed check becomes one repair of a commit of ours, in the name of whoever asked for that commit."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from bot.domain.access import Permission
from bot.domain.admission import AdmissionLimits
from bot.domain.ids import CommitSha, TaskId
from bot.domain.outcomes import Ignored, Outcome
from bot.domain.schedules import MaintenanceRef
from bot.domain.tasks import TaskKind, TaskStatus, WayIn
from bot.store.database import Database
from bot.store.deliveries import Handled, Verdict
from bot.store.tasks import Tasks, insert_task
from bot.tasks.change.facts import ChangeFacts, render_facts
from tests.store.requests import request
from tests.tasks.payloads import suite_payload
from tests.tasks.test_intake import Room

HEAD = "a" * 40
REPAIR = TaskId(f"t-k10-5-{HEAD[:12]}")
WIDE = AdmissionLimits(9, 9, 9)


@pytest.fixture
def room(database: Database) -> Iterator[Room]:
    with ThreadPoolExecutor(4) as executor:
        yield Room(database, executor)


def begin(room: Room, comment: int, issue: int = 1, **facts: Any) -> Any:
    """A task at work that knows this."""
    with room.database.write() as connection:
        insert_task(connection, request(comment, issue), 1.0)
    tasks = Tasks(room.database)
    tasks.admit(WIDE, 1.0)
    taken = tasks.take(TaskId(f"t-{comment}"), "w")
    tasks.save_facts(taken, render_facts(ChangeFacts(**facts)))
    return taken


def push(room: Room, comment: int = 1) -> None:
    """A finished task that opened pull request 5 with the commit HEAD."""
    taken = begin(room, comment, commit=HEAD, pull=5)
    Tasks(room.database).finish(taken, Outcome.PROVEN, "", 2.0)


async def test_a_failed_check_of_our_commit_is_one_repair_for_whoever_asked_for_it(room: Room) -> None:
    push(room)
    room.store("d1", suite_payload(), "check_suite")
    room.store("d2", suite_payload(), "check_suite")
    intake = room.intake(Permission.WRITE)
    assert await intake.decide_waiting() == 1
    verdicts = {room.handled("d1"), room.handled("d2")}
    assert verdicts == {
        Handled(Verdict.TASK, task=REPAIR),
        Handled(Verdict.IGNORED, Ignored.ALREADY_HANDLED),
    }
    found = Tasks(room.database).find_request(REPAIR)
    assert found is not None
    assert (found.kind, found.way, found.issue, found.head) == (TaskKind.FOLLOW_UP, WayIn.CHECKS, 5, HEAD)
    assert (found.requested_by, found.is_event) == ("ada", True)


@pytest.mark.parametrize("facts", [{"commit": "b" * 40, "pull": 5}, {"base_commit": HEAD}, {"detail": HEAD}])
async def test_a_commit_that_no_task_of_ours_made_is_none_of_our_business(
    room: Room, facts: dict[str, Any]
) -> None:
    Tasks(room.database).finish(begin(room, 1, **facts), Outcome.PROVEN, "", 2.0)
    room.store("d1", suite_payload(), "check_suite")
    await room.intake(Permission.WRITE).decide_waiting()
    assert room.handled("d1") == Handled(Verdict.IGNORED, Ignored.NOT_OURS)


async def test_the_same_commit_in_another_repository_is_not_ours(room: Room) -> None:
    push(room)
    room.store("d1", suite_payload(repository=11), "check_suite")
    await room.intake(Permission.WRITE).decide_waiting()
    assert room.handled("d1") == Handled(Verdict.IGNORED, Ignored.NOT_OURS)


async def test_the_delivery_waits_until_the_pull_request_is_there_and_nothing_is_at_work_on_it(
    room: Room,
) -> None:
    taken = begin(room, 1, commit=HEAD)
    room.store("d1", suite_payload(), "check_suite")
    intake = room.intake(Permission.WRITE)
    await intake.decide_waiting()
    assert room.handled("d1") is None, "the pull request is about to be opened"
    tasks = Tasks(room.database)
    tasks.save_facts(taken, render_facts(ChangeFacts(commit=HEAD, pull=5)))  # type: ignore[arg-type]
    tasks.finish(taken, Outcome.PROVEN, "", 2.0)

    other = begin(room, 2, issue=5)
    room.time += 60
    await intake.decide_waiting()
    assert room.handled("d1") is None, "a person's request is at work there"
    tasks.finish(other, Outcome.BLOCKED, "", 3.0)
    room.time += 60
    assert await intake.decide_waiting() == 1
    view = tasks.find(REPAIR)
    assert view is not None
    assert view.status is TaskStatus.QUEUED


async def test_without_access_or_where_the_file_closes_it_nothing_begins(room: Room) -> None:
    push(room)
    room.store("d1", suite_payload(), "check_suite")
    await room.intake(Permission.READ).decide_waiting()
    assert room.handled("d1") == Handled(Verdict.IGNORED, Ignored.ACCESS_WITHDRAWN)
    room.teller.config = "triggers: {checks: false}"
    room.store("d2", suite_payload(), "check_suite")
    await room.intake(Permission.WRITE).decide_waiting()
    assert room.handled("d2") == Handled(Verdict.IGNORED, Ignored.NOT_CONFIGURED)
    assert room.teller.told == [], "nobody asked"


async def test_a_schedules_work_is_repaired_as_long_as_the_file_names_it(room: Room) -> None:
    asked = replace(request(1), kind=TaskKind.MAINTENANCE, maintenance=MaintenanceRef("sums", 1))
    with room.database.write() as connection:
        insert_task(connection, asked, 1.0)
    tasks = Tasks(room.database)
    tasks.admit(WIDE, 1.0)
    taken = tasks.take(TaskId("t-1"), "w")
    tasks.save_facts(taken, render_facts(ChangeFacts(commit=CommitSha(HEAD), pull=5)))
    tasks.finish(taken, Outcome.PROVEN, "", 2.0)
    room.teller.config = "test: pytest"
    room.store("d1", suite_payload(), "check_suite")
    await room.intake(Permission.UNKNOWN).decide_waiting()
    assert room.handled("d1") == Handled(Verdict.IGNORED, Ignored.ACCESS_WITHDRAWN)
    room.teller.config = "schedules: {tasks: {sums: {when: daily, prompt: Look.}}}"
    room.store("d2", suite_payload(), "check_suite")
    assert await room.intake(Permission.UNKNOWN).decide_waiting() == 1
    assert room.handled("d2") == Handled(Verdict.TASK, task=REPAIR)
