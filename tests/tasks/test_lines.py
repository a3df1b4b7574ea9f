"""What waits is decided in the order of its issue, side by side with others, and `stop` is ahead of all of them."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from bot.domain import limits
from bot.domain.access import Permission
from bot.domain.admission import AdmissionLimits
from bot.domain.ids import DeliveryId, InstallationId, TaskId
from bot.domain.outcomes import Ignored, Outcome, Refusal
from bot.domain.tasks import RepositoryRef, TaskRequest, TaskStatus
from bot.errors import Limited, RetryLater
from bot.store.database import Database
from bot.store.deliveries import Handled, Verdict
from bot.store.inbox import Delivery, store_batch
from bot.store.tasks import Tasks
from bot.tasks.intake import Intake
from tests.tasks.payloads import button_payload, closed_payload, comment_payload, pull_payload
from tests.tasks.test_intake import Room, Teller

STOPPED = Handled(Verdict.CONTROL, Outcome.STOPPED)
ENDED_BEFORE = Handled(Verdict.IGNORED, Ignored.ENDED_BEFORE)
LONG_S = 30.0  # what must not happen is not waited for; what must, ends the wait


@dataclass
class SlowDoorman:
    """Says WRITE, of those who are named in `slow` only when it is let; `strangers` may only read."""

    slow: tuple[str, ...]
    strangers: tuple[str, ...] = ()
    let: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)

    def fetch_permission(
        self, installation: InstallationId, repository: RepositoryRef, login: str, user_id: int
    ) -> Permission:
        self.asked.append(login)
        if login in self.slow:
            assert self.let.wait(LONG_S)
        return Permission.READ if login in self.strangers else Permission.WRITE


@dataclass
class SlowTeller(Teller):
    """The repository's file comes when it is let: what needs it is slower than what does not."""

    let: threading.Event = field(default_factory=threading.Event)

    def fetch_config(self, asked: TaskRequest) -> str:
        assert self.let.wait(LONG_S)
        return self.config


@pytest.fixture
def room(database: Database) -> Iterator[Room]:
    with ThreadPoolExecutor(16) as executor:
        yield Room(database, executor)


def by(login: str, body: bytes) -> bytes:
    return body.replace(b'"ada"', f'"{login}"'.encode())


def slow_intake(room: Room, *slow: str) -> tuple[Intake, SlowDoorman]:
    intake, doorman = room.intake(Permission.WRITE), SlowDoorman(slow)
    intake.permissions = doorman
    return intake, doorman


async def decided(room: Room, *names: str) -> list[Handled]:
    """What became of them, once all are decided."""
    async with asyncio.timeout(LONG_S):
        while True:
            found = [handled for name in names if (handled := room.handled(name)) is not None]
            if len(found) == len(names):
                return found
            await asyncio.sleep(0.01)


def active(room: Room) -> list[TaskId]:
    return [view.id for view in Tasks(room.database).newest(1000) if view.status is not TaskStatus.FINISHED]


async def finish(room: Room, intake: Intake) -> None:
    await intake.decide_waiting()
    await room.controls.settle()


@pytest.mark.parametrize("end", ["stop", "closed"])
async def test_a_request_and_its_end_in_one_pass_leave_nothing_that_runs(room: Room, end: str) -> None:
    """The end asks GitHub less than the request does, and was through before it."""
    room.teller = SlowTeller()
    room.store("d1", comment_payload(11))
    if end == "stop":
        room.store("d2", comment_payload(12, text="@agent stop"))
    else:
        room.store("d2", closed_payload(), "issues")
    intake = room.intake(Permission.WRITE)
    await intake.begin()
    (ended,) = await decided(room, "d2")
    room.teller.let.set()
    await finish(room, intake)
    assert (ended.verdict, ended.reason) == (Verdict.CONTROL, "stopped" if end == "stop" else "closed")
    assert room.handled("d1") == ENDED_BEFORE
    assert active(room) == []
    assert room.teller.told == [], "nobody is told that nothing runs"


async def test_the_request_that_was_faster_is_a_task_that_ends(room: Room) -> None:
    room.store("d1", comment_payload(11))
    intake = room.intake(Permission.WRITE)
    await intake.decide_waiting()
    room.store("d2", comment_payload(12, text="@agent stop"))
    await finish(room, intake)
    assert room.handled("d2") == Handled(Verdict.CONTROL, Outcome.STOPPED, TaskId("t-11"))
    assert active(room) == []


async def test_what_is_asked_for_after_the_stop_is_not_stopped_by_it(room: Room) -> None:
    intake, doorman = slow_intake(room, "bo")
    room.store("d1", comment_payload(11))
    room.store("d2", by("bo", comment_payload(12, text="@agent stop")))
    room.store("d3", comment_payload(13))
    await intake.begin()
    await decided(room, "d1")
    assert room.handled("d3") is None, "it waits for the stop before it"
    doorman.let.set()
    await finish(room, intake)
    assert room.handled("d2") == Handled(Verdict.CONTROL, Outcome.STOPPED, TaskId("t-11"))
    room.time += 2
    await finish(room, intake)
    assert active(room) == ["t-13"], "it is not handed to the task that is over"


async def test_a_request_that_hangs_on_github_is_settled_by_the_stop_after_it(room: Room) -> None:
    intake, doorman = slow_intake(room, "bo")
    room.store("d1", by("bo", comment_payload(11)))
    await intake.begin()
    room.store("d2", comment_payload(12, text="@agent stop"))
    await intake.begin()
    assert await decided(room, "d1", "d2") == [ENDED_BEFORE, STOPPED]
    doorman.let.set()
    await finish(room, intake)
    assert room.teller.seen == [12]
    assert active(room) == []
    assert room.handled("d1") == ENDED_BEFORE, "nothing is decided twice"


async def test_requests_that_hang_hold_up_neither_other_issues_nor_a_stop_behind_all_of_them(
    room: Room,
) -> None:
    intake, doorman = slow_intake(room, "bo")
    await begin_task(room, intake)
    for number in range(20, 120):
        room.store(f"h{number}", by("bo", comment_payload(number, issue=number)))
    room.store("stop", comment_payload(12, text="@agent stop"))
    await intake.begin()
    assert await decided(room, "stop") == [Handled(Verdict.CONTROL, Outcome.STOPPED, TaskId("t-11"))]
    assert len(doorman.asked) <= 10, "few are asked about at once"
    doorman.let.set()
    await finish(room, intake)
    assert len(active(room)) == 100


async def begin_task(room: Room, intake: Intake) -> None:
    room.store("d1", comment_payload(11))
    await intake.decide_waiting()
    assert active(room) == ["t-11"]


async def test_a_pass_waits_for_nobody_and_the_next_one_takes_what_is_new(room: Room) -> None:
    intake, doorman = slow_intake(room, "bo")
    room.store("d1", by("bo", comment_payload(11, issue=1)))
    await intake.begin()
    room.store("d2", comment_payload(12, issue=2))
    await intake.begin()
    assert await decided(room, "d2") == [Handled(Verdict.TASK, task=TaskId("t-12"))]
    assert room.handled("d1") is None
    doorman.let.set()
    await finish(room, intake)
    assert doorman.asked.count("bo") == 1, "what is in hand is not begun again"
    assert room.handled("d1") == Handled(Verdict.TASK, task=TaskId("t-11"))


async def test_two_requests_on_one_issue_are_decided_in_their_order(room: Room) -> None:
    intake, doorman = slow_intake(room, "bo")
    room.store("d1", by("bo", comment_payload(11)))
    room.store("d2", comment_payload(12, text="@agent and zero"))
    await intake.begin()
    doorman.let.set()
    await finish(room, intake)
    assert room.handled("d1") == Handled(Verdict.TASK, task=TaskId("t-11"))
    assert room.handled("d2") == Handled(Verdict.REPLY, task=TaskId("t-11"))


async def test_what_only_looks_like_a_stop_keeps_its_place(room: Room) -> None:
    intake, doorman = slow_intake(room, "bo")
    room.store("d1", by("bo", comment_payload(11)))
    room.store("d2", comment_payload(12, text="Cc `@agent stop`.\n\n@agent and zero"))
    await intake.begin()
    doorman.let.set()
    await finish(room, intake)
    assert room.handled("d1") == Handled(Verdict.TASK, task=TaskId("t-11"))
    assert room.handled("d2") == Handled(Verdict.REPLY, task=TaskId("t-11"))


async def test_a_strangers_stop_settles_nothing(room: Room) -> None:
    room.store("d1", comment_payload(11))
    room.store("d2", by("bo", comment_payload(12, text="@agent stop")))
    intake, doorman = slow_intake(room)
    doorman.strangers = ("bo",)
    await finish(room, intake)
    assert active(room) == ["t-11"]


async def test_words_that_begin_nothing_are_answered_in_spite_of_a_stop_after_them(room: Room) -> None:
    room.teller = SlowTeller()
    room.store("d1", comment_payload(11, text="@agent help"))
    room.store("d2", comment_payload(12))
    room.store("d3", comment_payload(13, text="@agent stop"))
    intake = room.intake(Permission.WRITE)
    await intake.begin()
    assert await decided(room, "d2", "d3") == [ENDED_BEFORE, STOPPED]
    room.teller.let.set()
    await finish(room, intake)
    assert room.handled("d1") == Handled(Verdict.CONTROL, "help")


async def test_a_stop_by_the_button_is_for_its_own_task_and_what_waits_on_the_same_issue_goes_on(
    room: Room,
) -> None:
    intake, doorman = slow_intake(room, "bo")
    await begin_task(room, intake)
    room.store("d2", by("bo", comment_payload(12, text="@agent explain it")))
    room.store("d3", button_payload("stop", "t-11"), "check_run")
    await intake.begin()
    ended = Handled(Verdict.CONTROL, Outcome.STOPPED, TaskId("t-11"))
    assert await decided(room, "d3") == [ended]
    doorman.let.set()
    await finish(room, intake)
    room.time += 60
    await finish(room, intake)
    assert active(room) == ["t-12"]


async def test_a_review_that_waits_for_the_head_before_is_ended_by_a_stop_as_well(room: Room) -> None:
    room.teller.config = "review: {when: [opened, pushed]}"
    room.store("d1", pull_payload("opened"), "pull_request")
    intake = room.intake(Permission.WRITE)
    await intake.decide_waiting()
    room.store("d2", pull_payload("synchronize", head="b" * 40), "pull_request")
    await intake.decide_waiting()
    room.store("d3", comment_payload(12, text="@agent stop"))
    await finish(room, intake)
    room.time += 60
    await finish(room, intake)
    assert room.handled("d2") == ENDED_BEFORE
    assert active(room) == []


# -- what waits for its turn ---------------------------------------------------------------------------------


def pull_comment(comment: int, text: str) -> bytes:
    return comment_payload(comment, text=text, pull_request={})


def end_task(room: Room, name: str) -> None:
    tasks = Tasks(room.database)
    tasks.admit(AdmissionLimits(9, 9, 9), room.time)
    tasks.finish(tasks.take(TaskId(name), "w"), Outcome.UNVERIFIED, "", room.time)


async def begin_pull(room: Room, intake: Intake) -> None:
    """A follow-up is at work, and a rebase waits for it."""
    room.store("d1", pull_comment(11, "@agent rename it"))
    await intake.decide_waiting()
    room.store("d2", by("bo", pull_comment(12, "@agent rebase")))
    await intake.decide_waiting()
    assert active(room) == ["t-11"]
    assert (room.handled("d2"), room.teller.seen) == (None, [12])


async def test_a_request_that_comes_when_the_task_is_over_does_not_overtake_the_one_that_waits(
    room: Room,
) -> None:
    intake = room.intake(Permission.WRITE)
    await begin_pull(room, intake)
    end_task(room, "t-11")
    room.store("d3", pull_comment(13, "@agent add a test"))
    await intake.decide_waiting()
    assert active(room) == ["t-12"]


async def test_a_task_that_ends_while_a_later_request_is_decided_is_followed_by_the_first(room: Room) -> None:
    intake = room.intake(Permission.WRITE)
    await begin_pull(room, intake)
    doorman = SlowDoorman(("eve",))
    intake.permissions = doorman
    room.store("d3", by("eve", pull_comment(13, "@agent undo")))
    await intake.begin()
    async with asyncio.timeout(LONG_S):
        while not doorman.asked:
            await asyncio.sleep(0.01)
    end_task(room, "t-11")
    doorman.let.set()
    await finish(room, intake)
    assert active(room) == ["t-12"]
    end_task(room, "t-12")
    await finish(room, intake)
    assert active(room) == ["t-13"]


async def test_nothing_is_asked_about_before_its_turn_and_an_hour_of_waiting_is_no_trying(room: Room) -> None:
    intake = room.intake(Permission.WRITE)
    await begin_pull(room, intake)
    doorman = intake.permissions = SlowDoorman(())
    for _ in range(60):
        room.time += 60
        await intake.decide_waiting()
    assert doorman.asked == []
    end_task(room, "t-11")
    intake.permissions = room.intake(RetryLater("503", 30.0)).permissions
    await intake.decide_waiting()
    assert (room.handled("d2"), room.teller.told) == (None, [])
    intake.permissions = doorman
    room.time += 31
    assert await intake.decide_waiting() == 1


async def test_another_leader_knows_the_order_as_well(room: Room) -> None:
    intake = room.intake(Permission.WRITE)
    await begin_pull(room, intake)
    room.time += 1
    room.store("d3", pull_comment(13, "@agent undo"))
    await intake.decide_waiting()
    await intake.close()
    end_task(room, "t-11")
    await room.intake(Permission.WRITE).decide_waiting()
    assert active(room) == ["t-12"]


async def test_words_to_the_task_at_work_do_not_wait_behind_what_waits_for_a_turn(room: Room) -> None:
    intake = room.intake(Permission.WRITE)
    await begin_pull(room, intake)
    room.store("d3", pull_comment(13, "@agent and zero"))
    await intake.decide_waiting()
    assert room.handled("d3") == Handled(Verdict.REPLY, task=TaskId("t-11"))


async def test_status_says_what_waits_oldest_first_and_who_asked(room: Room) -> None:
    intake = room.intake(Permission.WRITE)
    await begin_pull(room, intake)
    room.store("d3", pull_comment(13, "@agent undo"))
    room.store("d4", pull_comment(14, "@agent status"))
    await intake.decide_waiting()
    assert (
        "2 requests wait until that is over, in this order: `rebase` (bo), `undo` (ada)."
        in (room.teller.answers[0])
    )
    end_task(room, "t-11")
    room.store("d5", pull_comment(15, "@agent status"))
    await intake.decide_waiting()
    assert "1 request waits until that is over, in this order: `undo` (ada)." in room.teller.answers[1]


async def test_a_stop_ends_all_that_wait_for_a_turn(room: Room) -> None:
    intake = room.intake(Permission.WRITE)
    await begin_pull(room, intake)
    room.store("d3", pull_comment(13, "@agent review"))
    await intake.decide_waiting()
    room.store("d4", pull_comment(14, "@agent stop"))
    await finish(room, intake)
    await finish(room, intake)
    assert [room.handled("d2"), room.handled("d3")] == [ENDED_BEFORE] * 2
    assert active(room) == []


async def test_more_than_a_few_do_not_wait_and_their_authors_are_told(room: Room) -> None:
    intake = room.intake(Permission.WRITE)
    await begin_pull(room, intake)
    numbers = range(20, 20 + limits.REQUESTS_WAITING)
    for number in numbers:
        room.time += 1
        room.store(f"d{number}", pull_comment(number, "@agent review"))
    await intake.decide_waiting()
    waits = [number for number in numbers if room.handled(f"d{number}") is None]
    assert waits == list(numbers[:-1]), "one waits since before"
    assert room.handled(f"d{numbers[-1]}") == Handled(Verdict.REFUSED, Refusal.MANY_WAIT)
    assert room.teller.told == [Refusal.MANY_WAIT]


@pytest.mark.parametrize("texts", [("review", "rename it"), ("rename it", "review")])
async def test_a_review_beside_a_follow_up_waits_for_its_turn_and_so_does_the_reverse(
    room: Room, texts: tuple[str, str]
) -> None:
    intake = room.intake(Permission.WRITE)
    for number, text in enumerate(texts, 11):
        room.time += 1
        room.store(f"d{number}", pull_comment(number, f"@agent {text}"))
    await intake.decide_waiting()
    for name in ("t-11", "t-12"):
        assert active(room) == [name]
        end_task(room, name)
        await intake.decide_waiting()
    assert room.teller.told == []


async def test_github_away_for_a_request_keeps_its_successors_waiting(room: Room) -> None:
    room.store("d1", comment_payload(11))
    room.store("d2", comment_payload(12, text="@agent and zero"))
    intake = room.intake(RetryLater("503", 30.0), Permission.WRITE)
    await intake.decide_waiting()
    assert (room.handled("d1"), room.handled("d2")) == (None, None)
    room.time += 31
    await intake.decide_waiting()
    assert room.handled("d2") == Handled(Verdict.REPLY, task=TaskId("t-11"))


async def test_a_limit_is_waited_for_and_only_a_long_one_is_a_refusal(room: Room) -> None:
    room.store("d1", comment_payload())
    intake = room.intake(Limited("primary", 3_000.0))
    for _ in range(2):
        await intake.decide_waiting()
        room.time += 3_001
        assert room.handled("d1") is None
    intake.permissions = room.intake(RetryLater("503", 30.0)).permissions
    await intake.decide_waiting()
    assert room.handled("d1") is None, "a limit's own time is no trying"
    intake.permissions = room.intake(Limited("primary", 3_000.0)).permissions
    room.time += 3_001
    await intake.decide_waiting()
    assert room.handled("d1") == Handled(Verdict.REFUSED, Refusal.PERMISSION_UNKNOWN)


async def test_what_is_let_go_in_the_middle_is_found_again(room: Room) -> None:
    intake, doorman = slow_intake(room, "bo")
    room.store("d1", by("bo", comment_payload(11)))
    await intake.begin()
    await intake.close()
    doorman.let.set()
    assert await room.intake(Permission.WRITE).decide_waiting() == 1


async def test_a_stop_behind_thousands_is_through_in_seconds(room: Room) -> None:
    """A burst that takes hours to decide: nobody may wait for it whose own issue is quiet."""
    intake, doorman = slow_intake(room, "bo")
    await begin_task(room, intake)
    body = by("bo", comment_payload(20)).decode()
    many = [
        Delivery(
            DeliveryId(f"m{n}"),
            "issue_comment",
            body.replace('"number": 3', f'"number": {n}').encode(),
            room.time,
        )
        for n in range(100, 5_100)
    ]
    store_batch(room.database, many)
    room.time += 1
    room.store("stop", comment_payload(12, text="@agent stop"))
    passing = asyncio.create_task(intake.begin())
    assert await decided(room, "stop") == [Handled(Verdict.CONTROL, Outcome.STOPPED, TaskId("t-11"))]
    assert len(doorman.asked) <= 10
    await passing
    closing = asyncio.create_task(intake.close())
    doorman.let.set()
    await closing
