"""A review and its comments become one task, once. Named after the acceptance cases of the field."""

import asyncio
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.domain import limits
from bot.domain.access import Permission
from bot.domain.ids import TaskId
from bot.domain.outcomes import Ignored, Outcome, Refusal
from bot.domain.tasks import TaskKind, WayIn
from bot.store.database import Database
from bot.store.deliveries import Handled, Verdict
from bot.store.tasks import Tasks
from tests.tasks.payloads import review_comment_payload, review_payload, suite_payload
from tests.tasks.test_intake import Room
from tests.tasks.test_intake_checks import WIDE, begin, push
from tests.tasks.test_lines import SlowDoorman, by

REVIEW = TaskId("t-v10-55")


@pytest.fixture
def room(database: Database) -> Iterator[Room]:
    with ThreadPoolExecutor(4) as executor:
        yield Room(database, executor)


def store_review(room: Room, order: int) -> list[str]:
    """A review with eight comments, in an order of its own; the names of the deliveries."""
    sent = [("pull_request_review", review_payload("Eight things."))]
    sent += [("pull_request_review_comment", review_comment_payload(90 + n)) for n in range(8)]
    random.Random(order).shuffle(sent)
    for number, (event, body) in enumerate(sent):
        room.time += 0.001
        room.store(f"d{number}", body, event)
    return [f"d{number}" for number in range(len(sent))]


@pytest.mark.parametrize("order", range(5))
async def test_a_review_with_eight_inline_comments_is_one_job(room: Room, order: int) -> None:
    push(room)
    names = store_review(room, order)
    intake = room.intake(Permission.WRITE)
    assert await intake.decide_waiting() == 1
    verdicts = [room.handled(name) for name in names]
    assert verdicts.count(Handled(Verdict.TASK, task=REVIEW)) == 1
    assert verdicts.count(Handled(Verdict.IGNORED, Ignored.ALREADY_HANDLED)) == 8
    found = Tasks(room.database).find_request(REVIEW)
    assert found is not None
    assert (found.kind, found.way, found.issue, found.review) == (TaskKind.FOLLOW_UP, WayIn.REVIEWED, 5, 55)
    assert room.teller.told == []


async def test_the_same_comment_by_two_event_types_is_one_job(room: Room) -> None:
    room.store("d1", review_payload("@agent rename it"), "pull_request_review")
    room.store("d2", review_comment_payload(91, "@agent rename it"), "pull_request_review_comment")
    assert await room.intake(Permission.WRITE).decide_waiting() == 1
    assert {room.handled("d1"), room.handled("d2")} == {
        Handled(Verdict.TASK, task=REVIEW),
        Handled(Verdict.IGNORED, Ignored.ALREADY_HANDLED),
    }


async def test_the_same_delivery_after_the_job_is_over_is_known(room: Room) -> None:
    push(room)
    room.store("d1", review_payload("One thing."), "pull_request_review")
    intake = room.intake(Permission.WRITE)
    await intake.decide_waiting()
    tasks = Tasks(room.database)
    tasks.admit(WIDE, 1.0)
    tasks.finish(tasks.take(REVIEW, "w"), Outcome.CHECKED, "", 2.0)
    room.store("d2", review_comment_payload(91), "pull_request_review_comment")
    await intake.decide_waiting()
    assert room.handled("d2") == Handled(Verdict.IGNORED, Ignored.ALREADY_HANDLED)


async def test_two_reviews_of_one_pull_request_come_in_order(room: Room) -> None:
    push(room)
    busy = begin(room, 2, issue=5)
    room.store("d1", review_payload("One thing."), "pull_request_review")
    intake = room.intake(Permission.WRITE)
    assert await intake.decide_waiting() == 0
    assert room.handled("d1") is None, "something is at work there"
    Tasks(room.database).finish(busy, Outcome.CHECKED, "", 2.0)
    room.time += 60
    assert await intake.decide_waiting() == 1


def review(room: Room, number: int, review: int) -> None:
    """With a comment on the diff, which is what its author sees a reaction on."""
    room.time += 1
    body = review_comment_payload(90 + review, review=review)
    room.store(f"d{number}", body, "pull_request_review_comment")


async def test_the_review_that_came_first_has_the_first_turn_whenever_it_was_last_looked_at(
    room: Room,
) -> None:
    push(room)
    busy = begin(room, 2, issue=5)
    review(room, 1, 55)
    intake = room.intake(Permission.WRITE)
    await intake.decide_waiting()
    Tasks(room.database).finish(busy, Outcome.CHECKED, "", 2.0)
    review(room, 2, 56)
    assert await intake.decide_waiting() == 1, "at once: nothing has to pass"
    assert room.handled("d1") == Handled(Verdict.TASK, task=REVIEW)
    assert room.handled("d2") is None
    Tasks(room.database).admit(WIDE, 1.0)
    Tasks(room.database).finish(Tasks(room.database).take(REVIEW, "w"), Outcome.CHECKED, "", 2.0)
    assert await intake.decide_waiting() == 1
    assert room.handled("d2") == Handled(Verdict.TASK, task=TaskId("t-v10-56"))


@pytest.mark.parametrize("order", [("suite", "review"), ("review", "suite")])
async def test_a_failed_check_and_a_review_have_their_turns_as_they_came(
    room: Room, order: tuple[str, str]
) -> None:
    push(room)
    busy = begin(room, 2, issue=5)
    intake = room.intake(Permission.WRITE)
    for number, name in enumerate(order, 1):
        room.time += 1
        if name == "suite":
            room.store("suite", suite_payload(), "check_suite")
        else:
            review(room, number, 55)
        await intake.decide_waiting()
    Tasks(room.database).finish(busy, Outcome.CHECKED, "", 2.0)
    assert await intake.decide_waiting() == 1
    begun = "suite" if order[0] == "suite" else "d1"
    handled = room.handled(begun)
    assert handled is not None
    assert handled.verdict is Verdict.TASK


async def test_a_repair_that_waits_is_not_overtaken_while_github_is_asked_about_it(room: Room) -> None:
    push(room)
    busy = begin(room, 2, issue=5)
    room.store("suite", suite_payload(), "check_suite")
    intake = room.intake(Permission.WRITE)
    await intake.decide_waiting()
    doorman = intake.permissions = SlowDoorman(("ada",))
    Tasks(room.database).finish(busy, Outcome.CHECKED, "", 2.0)
    room.time += 1
    room.store("d1", by("bo", review_payload("One thing.")), "pull_request_review")
    for _ in range(30):
        await intake.begin()
        await asyncio.sleep(0.01)
    assert doorman.asked == ["ada"], "nobody is asked about who stands behind"
    doorman.let.set()
    await intake.decide_waiting()
    assert room.handled("suite") is not None
    assert room.handled("d1") is None


async def test_as_many_reviews_as_may_wait_do_so_with_all_their_comments(room: Room) -> None:
    push(room)
    begin(room, 2, issue=5)
    intake = room.intake(Permission.WRITE)
    for number in range(2 * limits.REQUESTS_WAITING):
        review(room, number, 55 + number % limits.REQUESTS_WAITING)
    await intake.decide_waiting()
    assert {room.handled(f"d{number}") for number in range(2 * limits.REQUESTS_WAITING)} == {None}
    review(room, 99, 99)
    await intake.decide_waiting()
    assert room.handled("d99") == Handled(Verdict.REFUSED, Refusal.MANY_WAIT)


async def test_whoever_waits_for_a_turn_is_told_so_at_once_and_once(room: Room) -> None:
    push(room)
    begin(room, 2, issue=5)
    review(room, 1, 55)
    intake = room.intake(Permission.WRITE)
    await intake.decide_waiting()
    assert room.teller.seen == [145]
    for _ in range(3):
        room.time += 60
        await intake.decide_waiting()
    assert room.teller.seen == [145]
    assert room.handled("d1") is None


async def test_a_stranger_who_would_have_to_wait_is_told_nothing(room: Room) -> None:
    push(room)
    begin(room, 2, issue=5)
    review(room, 1, 55)
    await room.intake(Permission.READ).decide_waiting()
    assert room.teller.seen == []
    assert room.handled("d1") == Handled(Verdict.IGNORED, Ignored.REPLY_WITHOUT_ACCESS)


async def test_a_review_of_many_comments_is_one_that_waits(room: Room) -> None:
    push(room)
    busy = begin(room, 2, issue=5)
    names = [f"c{n}" for n in range(2 * limits.REQUESTS_WAITING)]
    for number, name in enumerate(names):
        room.time += 0.001
        room.store(name, review_comment_payload(90 + number), "pull_request_review_comment")
    intake = room.intake(Permission.WRITE)
    await intake.decide_waiting()
    assert {room.handled(name) for name in names} == {None}
    Tasks(room.database).finish(busy, Outcome.CHECKED, "", 2.0)
    assert await intake.decide_waiting() == 1
    verdicts = [room.handled(name) for name in names]
    assert verdicts[0] == Handled(Verdict.TASK, task=REVIEW)
    assert set(verdicts[1:]) == {Handled(Verdict.IGNORED, Ignored.ALREADY_HANDLED)}
    assert room.teller.told == []


async def test_a_review_of_a_persons_pull_request_asks_for_nothing_without_a_mention(room: Room) -> None:
    push(room)
    room.store("d1", review_payload("Fine by me.", pull=6), "pull_request_review")
    await room.intake(Permission.WRITE).decide_waiting()
    assert room.handled("d1") == Handled(Verdict.IGNORED, Ignored.NO_MENTION)


async def test_a_follow_up_on_a_persons_pull_request_does_not_make_it_ours(room: Room) -> None:
    taken = begin(room, 1, commit="a" * 40, pull=6)
    tasks = Tasks(room.database)
    with room.database.write() as connection:
        connection.exec_driver_sql(
            "update task set request = replace(request, '\"change\"', '\"follow_up\"')"
        )
    tasks.finish(taken, Outcome.PROVEN, "", 2.0)
    room.store("d1", review_payload("Fine by me.", pull=6), "pull_request_review")
    await room.intake(Permission.WRITE).decide_waiting()
    assert room.handled("d1") == Handled(Verdict.IGNORED, Ignored.NO_MENTION)


async def test_a_stranger_is_not_answered_and_nothing_is_held(room: Room) -> None:
    push(room)
    room.store("d1", review_payload("Do it otherwise."), "pull_request_review")
    await room.intake(Permission.READ).decide_waiting()
    assert room.handled("d1") == Handled(Verdict.IGNORED, Ignored.REPLY_WITHOUT_ACCESS)
    assert room.teller.told == []
    assert Tasks(room.database).find(REVIEW) is None


async def test_where_the_file_closes_it_a_mention_still_asks(room: Room) -> None:
    push(room)
    room.teller.config = "triggers: {reviews: false}"
    room.store("d1", review_payload("One thing."), "pull_request_review")
    room.store("d2", review_payload("@agent one thing", review=56), "pull_request_review")
    intake = room.intake(Permission.WRITE)
    assert await intake.decide_waiting() == 1
    assert room.handled("d1") == Handled(Verdict.IGNORED, Ignored.NOT_CONFIGURED)
    assert room.handled("d2") == Handled(Verdict.TASK, task=TaskId("t-v10-56"))
