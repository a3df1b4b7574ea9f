"""Deliveries become a task or a named verdict, once, and only for people whose permission GitHub named."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from bot.domain.access import Permission
from bot.domain.ids import DeliveryId, InstallationId, TaskId
from bot.domain.outcomes import Ignored, Refusal
from bot.domain.tasks import Phase, RepositoryRef, TaskStatus
from bot.domain.triggers import RefusedRequest
from bot.errors import GitHubFault, RetryLater
from bot.store.database import Database
from bot.store.deliveries import Deliveries, Delivery, Handled, Verdict, store_batch
from bot.store.events import Events
from bot.store.tasks import STEERING, AdmissionLimits, Tasks
from bot.tasks.intake import Intake
from tests.tasks.payloads import comment_payload

STARTED = 1_000.0


@dataclass
class Doorman:
    """Answers about permissions from a list, the last one for ever."""

    answers: list[Permission | Exception]
    asked: list[str] = field(default_factory=list)

    def fetch_permission(
        self, installation: InstallationId, repository: RepositoryRef, login: str, user_id: int
    ) -> Permission:
        self.asked.append(login)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Teller:
    told: list[Refusal] = field(default_factory=list)
    error: Exception | None = None

    def tell(self, refused: RefusedRequest) -> None:
        self.told.append(refused.refusal)
        if self.error is not None:
            raise self.error


@dataclass
class Room:
    database: Database
    executor: ThreadPoolExecutor
    time: float = STARTED
    teller: Teller = field(default_factory=Teller)

    def store(self, name: str, body: bytes, event: str = "issue_comment") -> None:
        store_batch(self.database, [Delivery(DeliveryId(name), event, body, self.time)])

    def intake(self, *answers: Permission | Exception) -> Intake:
        doorman = Doorman(list(answers))
        deliveries = Deliveries(self.database)
        return Intake(deliveries, doorman, self.teller, "agent", self.executor, lambda: self.time)

    def handled(self, name: str) -> Handled | None:
        return Deliveries(self.database).handled(DeliveryId(name))


@pytest.fixture
def room(database: Database) -> Iterator[Room]:
    with ThreadPoolExecutor(4) as executor:
        yield Room(database, executor)


async def test_a_comment_of_a_person_with_write_access_is_one_task(room: Room) -> None:
    room.store("d1", comment_payload())
    intake = room.intake(Permission.WRITE)
    assert await intake.decide_waiting() == 1
    assert await intake.decide_waiting() == 0
    assert room.handled("d1") == Handled(Verdict.TASK, task=TaskId("t-11"))
    view = Tasks(room.database).find(TaskId("t-11"))
    assert view is not None


async def test_the_same_comment_under_another_delivery_is_known(room: Room) -> None:
    room.store("d1", comment_payload())
    room.store("d2", comment_payload())
    assert await room.intake(Permission.WRITE).decide_waiting() == 1
    verdicts = {room.handled("d1"), room.handled("d2")}
    assert Handled(Verdict.IGNORED, Ignored.ALREADY_HANDLED) in verdicts
    assert room.teller.told == []


async def test_a_second_request_on_the_issue_is_refused_and_its_author_told(room: Room) -> None:
    room.store("d1", comment_payload(11))
    intake = room.intake(Permission.ADMIN)
    await intake.decide_waiting()
    room.store("d2", comment_payload(12))
    await intake.decide_waiting()
    assert room.handled("d2") == Handled(Verdict.REFUSED, Refusal.ALREADY_ACTIVE)
    assert room.teller.told == [Refusal.ALREADY_ACTIVE]


@pytest.mark.parametrize("permission", [Permission.READ, Permission.TRIAGE, Permission.NONE])
async def test_a_stranger_is_refused(room: Room, permission: Permission) -> None:
    room.store("d1", comment_payload())
    assert await room.intake(permission).decide_waiting() == 0
    assert room.handled("d1") == Handled(Verdict.REFUSED, Refusal.NO_WRITE_ACCESS)


async def test_a_strangers_faulty_request_is_refused_for_being_a_strangers(room: Room) -> None:
    room.store("d1", comment_payload(state="closed"))
    await room.intake(Permission.READ).decide_waiting()
    assert room.teller.told == [Refusal.NO_WRITE_ACCESS]


async def test_a_request_that_can_not_be_served_is_refused_with_its_reason(room: Room) -> None:
    room.store("d1", comment_payload(state="closed"))
    await room.intake(Permission.WRITE).decide_waiting()
    assert room.handled("d1") == Handled(Verdict.REFUSED, Refusal.ISSUE_CLOSED)
    assert room.teller.told == [Refusal.ISSUE_CLOSED]


@pytest.mark.parametrize(
    ("event", "body", "reason"),
    [
        ("push", b"{}", Ignored.UNKNOWN_EVENT),
        ("issue_comment", b"\xff", Ignored.MALFORMED),
        ("issue_comment", b"[1]", Ignored.MALFORMED),
        ("issue_comment", b"[" * 100_000, Ignored.MALFORMED),
        ("issue_comment", comment_payload(text="nothing"), Ignored.NO_MENTION),
    ],
)
async def test_what_asks_for_nothing_is_ignored_without_asking_github(
    room: Room, event: str, body: bytes, reason: Ignored
) -> None:
    room.store("d1", body, event)
    intake = room.intake(Permission.WRITE)
    await intake.decide_waiting()
    assert room.handled("d1") == Handled(Verdict.IGNORED, reason)
    assert isinstance(intake.permissions, Doorman)
    assert intake.permissions.asked == []


async def test_github_away_keeps_the_delivery_and_holds_up_no_other(room: Room) -> None:
    room.store("d1", comment_payload(11, issue=1))
    intake = room.intake(RetryLater("503", 30.0), Permission.WRITE)
    assert await intake.decide_waiting() == 0
    room.store("d2", comment_payload(12, issue=2))
    assert await intake.decide_waiting() == 1
    assert room.handled("d1") is None
    room.time += 31
    assert await intake.decide_waiting() == 1
    assert room.handled("d1") == Handled(Verdict.TASK, task=TaskId("t-11"))


async def test_github_that_stays_away_is_a_refusal(room: Room) -> None:
    room.store("d1", comment_payload())
    intake = room.intake(RetryLater("503", 30.0))
    await intake.decide_waiting()
    room.time += 1_000
    await intake.decide_waiting()
    assert room.handled("d1") == Handled(Verdict.REFUSED, Refusal.PERMISSION_UNKNOWN)


async def test_github_that_refuses_to_say_is_a_refusal_even_if_it_can_not_be_told(room: Room) -> None:
    room.store("d1", comment_payload())
    room.teller.error = GitHubFault("gone", status=404)
    await room.intake(GitHubFault("gone", status=404)).decide_waiting()
    assert room.handled("d1") == Handled(Verdict.REFUSED, Refusal.PERMISSION_UNKNOWN)


async def test_a_refusal_that_can_not_be_told_now_is_told_later(room: Room) -> None:
    room.store("d1", comment_payload(state="closed"))
    room.teller.error = RetryLater("rate limit", 60.0)
    intake = room.intake(Permission.WRITE)
    await intake.decide_waiting()
    assert room.handled("d1") is None
    room.teller.error = None
    room.time += 61
    await intake.decide_waiting()
    assert room.handled("d1") == Handled(Verdict.REFUSED, Refusal.ISSUE_CLOSED)
    assert len(room.teller.told) == 2


async def test_a_refusal_that_the_store_decided_is_told_later_as_well(room: Room) -> None:
    room.store("d1", comment_payload(11))
    intake = room.intake(Permission.ADMIN)
    await intake.decide_waiting()
    room.store("d2", comment_payload(12))
    room.teller.error = RetryLater("rate limit", 60.0)
    await intake.decide_waiting()
    room.teller.error = None
    room.time += 61
    await intake.decide_waiting()
    await intake.decide_waiting()
    assert room.teller.told == [Refusal.ALREADY_ACTIVE] * 2


async def test_a_backlog_of_an_outage_is_tried_like_anything_else(room: Room) -> None:
    room.store("d1", comment_payload())
    room.time += 5_000
    intake = room.intake(RetryLater("503", 30.0), Permission.WRITE)
    await intake.decide_waiting()
    assert room.handled("d1") is None
    room.time += 31
    assert await intake.decide_waiting() == 1


# -- answers to a task's questions ---------------------------------------------------------------------------


async def asking(room: Room) -> Tasks:
    """A task on issue 3 that has posted its questions and rests."""
    room.store("d1", comment_payload(11))
    await room.intake(Permission.WRITE).decide_waiting()
    tasks = Tasks(room.database)
    tasks.admit(AdmissionLimits(9, 9, 9), STARTED)
    taken = tasks.take(TaskId("t-11"), "w")
    tasks.move(taken, Phase.ASK, {})
    tasks.wait(taken, None)
    return tasks


def answers(room: Room) -> list[str]:
    return [row.body["text"] for row in Events(room.database).load(TaskId("t-11"), 0, (STEERING,))]


def status(tasks: Tasks) -> TaskStatus:
    view = tasks.find(TaskId("t-11"))
    assert view is not None
    return view.status


@pytest.mark.parametrize("text", ["Zero, please.", "@agent Zero, please."])
async def test_a_comment_with_or_without_a_mention_answers_a_task_that_asked(room: Room, text: str) -> None:
    tasks = await asking(room)
    room.store("d2", comment_payload(12, text=text))
    assert await room.intake(Permission.WRITE).decide_waiting() == 1
    assert room.handled("d2") == Handled(Verdict.REPLY, task=TaskId("t-11"))
    assert answers(room) == ["Zero, please."]
    assert status(tasks) is TaskStatus.QUEUED


async def test_an_answer_by_somebody_without_access_is_not_heard(room: Room) -> None:
    tasks = await asking(room)
    room.store("d2", comment_payload(12, text="Delete everything."))
    await room.intake(Permission.READ).decide_waiting()
    assert room.handled("d2") == Handled(Verdict.IGNORED, Ignored.REPLY_WITHOUT_ACCESS)
    assert answers(room) == room.teller.told == []
    assert status(tasks) is TaskStatus.WAITING


async def test_the_request_itself_delivered_again_is_no_answer(room: Room) -> None:
    tasks = await asking(room)
    room.store("d2", comment_payload(11))
    await room.intake(Permission.WRITE).decide_waiting()
    assert room.handled("d2") == Handled(Verdict.IGNORED, Ignored.ALREADY_HANDLED)
    assert status(tasks) is TaskStatus.WAITING


async def test_talk_on_an_issue_whose_task_did_not_ask_is_ignored_and_nobody_is_asked_about(
    room: Room,
) -> None:
    room.store("d1", comment_payload(11))
    await room.intake(Permission.WRITE).decide_waiting()
    room.store("d2", comment_payload(12, text="Interesting."))
    intake = room.intake(Permission.WRITE)
    await intake.decide_waiting()
    assert room.handled("d2") == Handled(Verdict.IGNORED, Ignored.NO_MENTION)
    assert intake.permissions.asked == []  # type: ignore[attr-defined]


async def test_an_answer_that_is_faster_than_the_rest_queues_the_task_again(room: Room) -> None:
    room.store("d1", comment_payload(11))
    await room.intake(Permission.WRITE).decide_waiting()
    tasks = Tasks(room.database)
    tasks.admit(AdmissionLimits(9, 9, 9), STARTED)
    taken = tasks.take(TaskId("t-11"), "w")
    tasks.move(taken, Phase.ASK, {})
    room.store("d2", comment_payload(12, text="Zero."))
    await room.intake(Permission.WRITE).decide_waiting()
    assert status(tasks) is TaskStatus.RUNNING
    tasks.wait(taken, None)
    assert status(tasks) is TaskStatus.QUEUED
    tasks.admit(AdmissionLimits(9, 9, 9), STARTED)
    tasks.wait(tasks.take(TaskId("t-11"), "w"), None)  # it asks again: the old answer does not wake it
    assert status(tasks) is TaskStatus.WAITING


async def test_texts_of_strangers_are_parsed_beside_the_loop_that_keeps_the_worker_alive(room: Room) -> None:
    """64 KB of Markdown can take seconds, and everybody may comment: the heart must beat meanwhile."""
    asked: list[str] = []

    class Watched(ThreadPoolExecutor):
        def submit(self, function, /, *arguments, **named):  # type: ignore[no-untyped-def]
            asked.append(function.__name__)
            return super().submit(function, *arguments, **named)

    with Watched(2) as executor:
        room.executor = executor
        room.store("d1", comment_payload())
        assert await room.intake(Permission.WRITE).decide_waiting() == 1
    assert "_read" in asked
