"""Deliveries become a task or a named verdict, once, and only for people whose permission GitHub named."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from bot.domain.access import Permission
from bot.domain.admission import AdmissionLimits
from bot.domain.boxes import Box
from bot.domain.commands import CommandWord
from bot.domain.decisions import RefusedRequest
from bot.domain.effective import OperatorSays
from bot.domain.ids import DeliveryId, InstallationId, RepositoryId, TaskId
from bot.domain.outcomes import Ignored, Outcome, Refusal
from bot.domain.repo_sections import ScheduleConfig
from bot.domain.schedules import Pause
from bot.domain.tasks import Phase, RepositoryRef, TaskKind, TaskRequest, TaskStatus
from bot.errors import GitHubFault, RetryLater, Superseded
from bot.store.database import Database
from bot.store.deliveries import Deliveries, Handled, Verdict
from bot.store.events import Events
from bot.store.inbox import Delivery, store_batch
from bot.store.schedules import Place, Schedules, StoredSchedule
from bot.store.tasks import STEERING, Taken, Tasks
from bot.tasks.control import ControlParts, Controls
from bot.tasks.engine import RunId
from bot.tasks.intake import Intake
from bot.tasks.schedules import make_request
from bot.tasks.ticks import Ticks
from bot.tasks.workflow import Bookkeeping
from tests.tasks.payloads import (
    assigned_payload,
    button_payload,
    closed_payload,
    comment_payload,
    label_payload,
    pull_payload,
    removed_payload,
    requested_payload,
    ticked_payload,
)
from tests.tasks.quiet_engine import QuietEngine

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

    answers: list[str] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)
    now_there: str | None = None
    config: str = ""
    branches: tuple[str, ...] = ()
    open_pulls: tuple[int, ...] = ()
    changed: tuple[str, ...] = ()

    def tell(self, refused: RefusedRequest) -> None:
        self.told.append(refused.refusal)
        if self.error is not None:
            raise self.error

    def answer(self, asked: TaskRequest, text: str) -> None:
        self.answers.append(text)

    def acknowledge(self, asked: TaskRequest) -> None:
        self.seen.append(asked.comment_id)

    def fetch_text(self, asked: TaskRequest) -> str | None:
        return self.now_there

    def fetch_config(self, asked: TaskRequest) -> str:
        return self.config

    def has_branch(self, asked: TaskRequest, branch: str) -> bool:
        return branch in self.branches

    def is_pull_open(self, asked: TaskRequest, pull: int) -> bool:
        return pull in self.open_pulls

    def fetch_changed(self, asked: TaskRequest) -> tuple[str, ...]:
        return self.changed


@dataclass
class Room:
    database: Database
    executor: ThreadPoolExecutor
    time: float = STARTED
    teller: Teller = field(default_factory=Teller)
    engine: QuietEngine = field(default_factory=QuietEngine)
    ended: list[tuple[TaskId, Outcome]] = field(default_factory=list)
    controls: Controls = field(init=False)

    def store(self, name: str, body: bytes, event: str = "issue_comment") -> None:
        store_batch(self.database, [Delivery(DeliveryId(name), event, body, self.time)])

    def intake(self, *answers: Permission | Exception) -> Intake:
        doorman = Doorman(list(answers))
        deliveries, now = Deliveries(self.database), lambda: self.time
        books = Bookkeeping(
            Tasks(self.database),
            Events(self.database),
            Endings(self),
            self.executor,
            "w",
            now,  # type: ignore[arg-type]
        )
        parts = ControlParts(
            deliveries, Tasks(self.database), self.engine, books.open_execution, self.teller, "agent", self.executor,
            now, OperatorSays(models=("m",)), Ticks(Schedules(self.database), now),
        )  # fmt: skip
        self.controls = Controls(parts)
        return Intake(deliveries, doorman, self.teller, self.controls, "agent", self.executor, now)

    def handled(self, name: str) -> Handled | None:
        return Deliveries(self.database).handled(DeliveryId(name))


@dataclass
class Endings:
    """`Steps` of which only the telling of an end is asked for."""

    room: Room

    async def run_failure(self, task: Taken, outcome: Outcome, detail: str) -> None:
        self.room.ended.append((task.id, outcome))


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


@pytest.mark.parametrize(("first", "second"), [("fix this", "explain it"), ("explain it", "fix this")])
async def test_a_question_beside_a_change_waits_for_its_turn_and_so_does_the_reverse(
    room: Room, first: str, second: str
) -> None:
    room.store("d1", comment_payload(11, text=f"@agent {first}"))
    intake = room.intake(Permission.ADMIN)
    await intake.decide_waiting()
    room.store("d2", comment_payload(12, text=f"@agent {second}"))
    await intake.decide_waiting()
    assert room.handled("d2") is None
    assert (room.teller.told, room.teller.seen) == ([], [12])
    tasks = Tasks(room.database)
    tasks.admit(AdmissionLimits(9, 9, 9), STARTED)
    tasks.finish(tasks.take(TaskId("t-11"), "w"), Outcome.BLOCKED, "", STARTED)
    assert await intake.decide_waiting() == 1
    assert room.handled("d2") == Handled(Verdict.TASK, task=TaskId("t-12"))
    assert room.teller.seen == [12], "told once"


async def test_the_same_with_other_flags_beside_a_change_is_refused_and_its_author_told(room: Room) -> None:
    room.store("d1", comment_payload(11))
    intake = room.intake(Permission.ADMIN)
    await intake.decide_waiting()
    room.store("d2", comment_payload(12, text="@agent fix this --budget 2"))
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
    room.store("d2", comment_payload(12, text="@agent fix this --budget 2"))
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


# -- words about tasks ---------------------------------------------------------------------------------------


async def say(
    room: Room, name: str, comment: int, text: str, permission: Permission = Permission.WRITE
) -> None:
    room.store(name, comment_payload(comment, text=text))
    await room.intake(permission).decide_waiting()
    await room.controls.settle()


async def state(room: Room, wanted: TaskStatus) -> Tasks:
    """A task on issue 3 in that state."""
    await say(room, "d1", 11, "@agent fix this")
    tasks = Tasks(room.database)
    if wanted is not TaskStatus.QUEUED:
        tasks.admit(AdmissionLimits(9, 9, 9), STARTED)
    if wanted is TaskStatus.WAITING:
        tasks.wait(tasks.take(TaskId("t-11"), "w"), STARTED + 500)
    assert status(tasks) is wanted
    return tasks


@pytest.mark.parametrize("before", [TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.WAITING])
async def test_stop_ends_a_task_in_every_state_with_its_own_reason(room: Room, before: TaskStatus) -> None:
    tasks = await state(room, before)
    run = RunId(TaskId("t-11"), 1)
    if before is TaskStatus.RUNNING:
        room.engine.start(run, "w")
    await say(room, "d2", 12, "@agent stop")
    assert room.handled("d2") == Handled(Verdict.CONTROL, Outcome.STOPPED, TaskId("t-11"))
    view = tasks.find(TaskId("t-11"))
    assert view is not None
    assert (view.status, view.outcome, view.detail) == (TaskStatus.FINISHED, "stopped", "Stopped by ada.")
    assert room.ended == [("t-11", Outcome.STOPPED)]
    assert room.teller.seen == [12]
    assert room.engine.unfinished() == ()


async def test_what_runs_can_write_nothing_more_once_it_was_stopped(room: Room) -> None:
    tasks = await state(room, TaskStatus.RUNNING)
    taken = tasks.take(TaskId("t-11"), "w")
    await say(room, "d2", 12, "@agent stop")
    with pytest.raises(Superseded):
        tasks.move(taken, Phase.VERIFY, {})


async def test_a_death_right_behind_the_stop_leaves_its_end_to_whoever_finds_the_task(room: Room) -> None:
    tasks = await state(room, TaskStatus.WAITING)
    room.store("d2", comment_payload(12, text="@agent stop"))
    ended = Deliveries(room.database).end_task(
        DeliveryId("d2"), "10#3", (Outcome.STOPPED, "Stopped by ada."), STARTED
    )
    assert ended is not None
    (one,) = ended
    await room.intake(Permission.WRITE).decide_waiting()
    assert status(tasks) is TaskStatus.RUNNING  # without a run: reconcile enqueues this very segment
    answer = await room.controls.parts.open_execution(RunId(one.task, one.segment)).step()
    assert answer.said == "stopped"
    assert room.ended == [("t-11", Outcome.STOPPED)]


async def test_closing_the_issue_ends_its_task_and_asks_for_nobodys_permission(room: Room) -> None:
    tasks = await state(room, TaskStatus.RUNNING)
    room.store("d2", closed_payload(), "issues")
    await room.intake(Permission.NONE).decide_waiting()
    await room.controls.settle()
    view = tasks.find(TaskId("t-11"))
    assert view is not None
    assert (view.outcome, view.detail) == ("closed", "Closed by ada.")
    room.store("d3", closed_payload(), "issues")
    await room.intake(Permission.NONE).decide_waiting()
    assert room.handled("d3") == Handled(Verdict.IGNORED, Ignored.NOTHING_TO_END)


TAKEN = "installation_repositories"


@pytest.mark.parametrize(
    ("event", "payload", "detail"),
    [
        ("installation", removed_payload("deleted"), "The App was removed by ada."),
        ("installation", removed_payload("suspend"), "The App was suspended by ada."),
        (TAKEN, removed_payload("removed", 100, 9, 10), "The repository was taken from the App by ada."),
    ],
)
@pytest.mark.parametrize("before", [TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.WAITING])
async def test_removing_the_app_ends_what_runs_there_in_every_state(
    room: Room, before: TaskStatus, event: str, payload: bytes, detail: str
) -> None:
    tasks = await state(room, before)
    if before is TaskStatus.RUNNING:
        room.engine.start(RunId(TaskId("t-11"), 1), "w")
    room.store("d2", payload, event)
    await room.intake(Permission.NONE).decide_waiting()
    await room.controls.settle()
    view = tasks.find(TaskId("t-11"))
    assert view is not None
    assert (view.status, view.outcome, view.detail) == (TaskStatus.FINISHED, "access_lost", detail)
    assert room.handled("d2") == Handled(Verdict.CONTROL, Outcome.ACCESS_LOST, TaskId("t-11"))
    assert room.engine.unfinished() == ()


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("installation", removed_payload("deleted", 101)),
        (TAKEN, removed_payload("removed", 100, 9)),
        (TAKEN, removed_payload("removed", 101, 10)),
    ],
)
async def test_what_runs_elsewhere_goes_on_when_the_app_is_removed(
    room: Room, event: str, payload: bytes
) -> None:
    tasks = await state(room, TaskStatus.RUNNING)
    room.store("d2", payload, event)
    await room.intake(Permission.NONE).decide_waiting()
    assert status(tasks) is TaskStatus.RUNNING
    assert room.handled("d2") == Handled(Verdict.IGNORED, Ignored.NOTHING_TO_END)


async def test_a_request_that_is_held_is_no_task_that_could_end(room: Room) -> None:
    await say(room, "d1", 11, "@agent fix this", Permission.READ)
    room.store("d2", removed_payload(), "installation")
    await room.intake(Permission.NONE).decide_waiting()
    assert status(Tasks(room.database)) is TaskStatus.HELD


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("@agent stop", Refusal.NOTHING_RUNNING),
        ("@agent status", Refusal.NOTHING_RUNNING),
        ("@agent retry", Refusal.NOTHING_TO_RETRY),
        ("@agent go", Refusal.NOTHING_HELD),
        ("@agent fix this --model other", Refusal.BAD_FLAG),
    ],
)
async def test_a_word_without_a_task_is_answered(room: Room, text: str, refusal: Refusal) -> None:
    await say(room, "d1", 11, text)
    assert room.handled("d1") == Handled(Verdict.REFUSED, refusal)
    assert room.teller.told == [refusal]


async def test_somebody_without_write_access_stops_nothing(room: Room) -> None:
    tasks = await state(room, TaskStatus.RUNNING)
    await say(room, "d2", 12, "@agent stop", Permission.READ)
    assert room.handled("d2") == Handled(Verdict.REFUSED, Refusal.NO_WRITE_ACCESS)
    assert status(tasks) is TaskStatus.RUNNING


async def test_status_and_help_are_answered_once(room: Room) -> None:
    await state(room, TaskStatus.QUEUED)
    await say(room, "d2", 12, "@agent status")
    await say(room, "d3", 13, "@agent help")
    assert room.handled("d2") == Handled(Verdict.CONTROL, "status")
    assert "in the queue" in room.teller.answers[0]
    assert "`--model` (`m`)" in room.teller.answers[1]


async def test_config_is_answered_and_a_fault_in_it_is_said_with_its_line(room: Room) -> None:
    room.teller.config = "test: pytest\n"
    await say(room, "d1", 11, "@agent config")
    room.teller.config = "tset: pytest\n"
    await say(room, "d2", 12, "@agent config")
    room.teller.config = "test: pytest\nmodel: other\n"
    await say(room, "d3", 13, "@agent config")
    assert "| `test` | `pytest` | line 1 of the file |" in room.teller.answers[0]
    assert "| `model` | `m` | the operator |" in room.teller.answers[0]
    assert (
        ".github/pullwright.yml, line 1: the file has no key `tset`. Did you mean `test`?"
        in room.teller.answers[1]
    )
    assert ".github/pullwright.yml, line 2: `model` names `other`" in room.teller.answers[2]


async def test_a_further_request_changes_what_the_running_task_is_to_do(room: Room) -> None:
    tasks = await state(room, TaskStatus.RUNNING)
    await say(room, "d2", 12, "@agent and handle zero")
    assert room.handled("d2") == Handled(Verdict.REPLY, task=TaskId("t-11"))
    assert answers(room) == ["and handle zero"]
    assert room.teller.seen == [12]
    taken = tasks.take(TaskId("t-11"), "w")
    tasks.move(taken, Phase.PUBLISH, {})
    await say(room, "d3", 13, "@agent and one more")
    assert room.handled("d3") == Handled(Verdict.REFUSED, Refusal.ALREADY_ACTIVE)


async def test_the_request_delivered_again_does_not_steer_its_own_task(room: Room) -> None:
    await state(room, TaskStatus.RUNNING)
    await say(room, "d2", 11, "@agent fix this")
    assert room.handled("d2") == Handled(Verdict.IGNORED, Ignored.ALREADY_HANDLED)


async def test_retry_asks_again_for_the_last_request_with_what_is_added(room: Room) -> None:
    await say(room, "d1", 11, "@agent fix the totals --budget 2")
    await say(room, "d2", 12, "@agent stop")
    await say(room, "d3", 13, "@agent retry with decimals")
    assert room.handled("d3") == Handled(Verdict.TASK, task=TaskId("t-13"))
    asked = Tasks(room.database).find_request(TaskId("t-13"))
    assert asked is not None
    assert (asked.instruction, asked.budget_usd) == ("fix the totals\n\nwith decimals", 2.0)


@pytest.mark.parametrize("release", ["comment", "label"])
async def test_a_strangers_request_waits_until_somebody_with_access_releases_it(
    room: Room, release: str
) -> None:
    await say(room, "d1", 11, "@agent fix the totals", Permission.READ)
    assert room.teller.told == [Refusal.NO_WRITE_ACCESS]
    tasks = Tasks(room.database)
    assert status(tasks) is TaskStatus.HELD
    assert tasks.admit(AdmissionLimits(9, 9, 9), STARTED) == ()
    room.teller.now_there = "@agent fix the totals"
    if release == "comment":
        await say(room, "d2", 12, "@agent go", Permission.MAINTAIN)
    else:
        room.store("d2", label_payload(), "issues")
        await room.intake(Permission.MAINTAIN).decide_waiting()
    assert room.handled("d2") == Handled(Verdict.TASK, task=TaskId("t-11"))
    assert status(tasks) is TaskStatus.QUEUED


async def test_a_held_request_is_in_nobodys_way(room: Room) -> None:
    await say(room, "d1", 11, "@agent fix the totals", Permission.READ)
    await say(room, "d2", 12, "@agent fix this")
    assert room.handled("d2") == Handled(Verdict.TASK, task=TaskId("t-12"))


@pytest.mark.parametrize("now_there", [None, "@agent delete the tests", "Never mind."])
async def test_a_request_that_was_edited_meanwhile_is_not_released(room: Room, now_there: str | None) -> None:
    await say(room, "d1", 11, "@agent fix the totals", Permission.READ)
    room.teller.now_there = now_there
    await say(room, "d2", 12, "@agent go")
    assert room.handled("d2") == Handled(Verdict.REFUSED, Refusal.EDITED_SINCE)
    assert status(Tasks(room.database)) is TaskStatus.HELD


async def test_the_label_alone_asks_for_a_change(room: Room) -> None:
    room.store("d1", label_payload(), "issues")
    assert await room.intake(Permission.WRITE).decide_waiting() == 1


async def test_buttons_stop_and_ask_again(room: Room) -> None:
    tasks = await state(room, TaskStatus.RUNNING)
    room.store("d2", button_payload("stop", "t-11"), "check_run")
    await room.intake(Permission.WRITE).decide_waiting()
    await room.controls.settle()
    assert status(tasks) is TaskStatus.FINISHED
    room.store("d3", button_payload("retry", "t-11"), "check_run")
    await room.intake(Permission.WRITE).decide_waiting()
    assert room.handled("d3") == Handled(Verdict.TASK, task=TaskId("t-c77-retry"))


async def test_a_button_works_again_after_each_end(room: Room) -> None:
    tasks = await state(room, TaskStatus.RUNNING)
    tasks.finish(tasks.take(TaskId("t-11"), "w"), Outcome.UNVERIFIED, "", STARTED)
    for number, name in enumerate(["t-c77-retry", "t-c77-retry-2", "t-c77-retry-3"]):
        for press in (f"p{number}", f"q{number}"):  # the second one by somebody impatient
            room.store(press, button_payload("retry", "t-11"), "check_run")
            await room.intake(Permission.WRITE).decide_waiting()
        assert room.handled(f"p{number}") == Handled(Verdict.TASK, task=TaskId(name))
        assert room.handled(f"q{number}") == Handled(Verdict.IGNORED, Ignored.ALREADY_HANDLED)
        tasks.admit(AdmissionLimits(9, 9, 9), STARTED)
        tasks.finish(tasks.take(TaskId(name), "w"), Outcome.UNVERIFIED, "", STARTED)
    room.store("p0", button_payload("retry", "t-11"), "check_run")  # GitHub sends the first press once more
    assert await room.intake(Permission.WRITE).decide_waiting() == 0


async def test_the_stop_button_of_a_task_that_is_over_leaves_the_next_one_alone(room: Room) -> None:
    tasks = await state(room, TaskStatus.RUNNING)
    tasks.finish(tasks.take(TaskId("t-11"), "w"), Outcome.UNVERIFIED, "", STARTED)
    await say(room, "d2", 12, "@agent fix this")
    room.store("d3", button_payload("stop", "t-11"), "check_run")
    await room.intake(Permission.WRITE).decide_waiting()
    assert room.handled("d3") == Handled(Verdict.REFUSED, Refusal.TASK_OVER)
    assert room.teller.told == [Refusal.TASK_OVER]
    room.store("d4", button_payload("stop", "t-12"), "check_run")
    await room.intake(Permission.WRITE).decide_waiting()
    await room.controls.settle()
    assert room.handled("d4") == Handled(Verdict.CONTROL, Outcome.STOPPED, TaskId("t-12"))


@pytest.mark.parametrize(("task", "repository"), [("t-99", 10), ("t-11", 12)])
async def test_a_button_of_a_task_that_is_not_there_does_nothing(
    room: Room, task: str, repository: int
) -> None:
    await state(room, TaskStatus.RUNNING)
    room.store("d2", button_payload("stop", task, repository), "check_run")
    await room.intake(Permission.WRITE).decide_waiting()
    assert room.handled("d2") == Handled(Verdict.IGNORED, Ignored.UNKNOWN_TASK)


async def test_what_is_released_or_tried_again_beside_a_running_task_is_refused_and_stays_held(
    room: Room,
) -> None:
    await say(room, "d1", 11, "@agent fix the totals", Permission.READ)
    await say(room, "d2", 12, "@agent fix this")
    room.teller.now_there = "@agent fix the totals"
    await say(room, "d3", 13, "@agent go")
    assert room.handled("d3") == Handled(Verdict.REFUSED, Refusal.ALREADY_ACTIVE)
    assert status(Tasks(room.database)) is TaskStatus.HELD
    await say(room, "d4", 14, "@agent stop")
    await say(room, "d5", 15, "@agent go")
    assert room.handled("d5") == Handled(Verdict.TASK, task=TaskId("t-11"))
    await say(room, "d6", 16, "@agent retry")
    assert room.handled("d6") == Handled(Verdict.REFUSED, Refusal.ALREADY_ACTIVE)


# -- reviews by configuration --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "action", "draft", "wanted"),
    [
        ("", "opened", False, False),
        ("review: {when: [opened]}", "opened", False, True),
        ("review: {when: [opened]}", "opened", True, False),
        ("review: {when: [opened], drafts: true}", "opened", True, True),
        ("review: {when: [opened]}", "synchronize", False, False),
        ("review: {when: pushed}", "synchronize", False, True),
        ("review: {when: [ready]}", "ready_for_review", False, True),
        ("review: {when: [opened], branches: ['release/*']}", "opened", False, False),
        ("review: {when: [opened], labels: [Bug]}", "opened", False, True),
        ("review: {when: [opened], skip_authors: [Eve]}", "opened", False, False),
        ("review: {when: [opened], paths: [src/, '*.sql']}", "opened", False, True),
        ("review: {when: [opened], paths: ['*.sql']}", "opened", False, False),
        ("review: {wen: [opened]}", "opened", False, False),
    ],
)
async def test_a_pull_request_is_reviewed_by_itself_where_the_repository_wants_it(
    room: Room, config: str, action: str, draft: bool, wanted: bool
) -> None:
    room.teller.config, room.teller.changed = config, ("README.md", "src/app.py")
    room.store("d1", pull_payload(action, draft=draft), "pull_request")
    intake = room.intake(Permission.NONE)  # nobody is asked about: the file is the authority
    assert await intake.decide_waiting() == int(wanted)
    handled = room.handled("d1")
    assert handled is not None
    assert handled.verdict is (Verdict.TASK if wanted else Verdict.IGNORED)
    assert wanted or handled.reason == Ignored.NOT_CONFIGURED


async def test_a_push_waits_for_the_review_of_the_head_before(room: Room) -> None:
    room.teller.config = "review: {when: [opened, pushed]}"
    room.store("d1", pull_payload("opened"), "pull_request")
    intake = room.intake(Permission.NONE)
    await intake.decide_waiting()
    room.store("d2", pull_payload("synchronize", head="b" * 40), "pull_request")
    await intake.decide_waiting()
    assert room.handled("d2") is None
    tasks = Tasks(room.database)
    (begun,) = tasks.admit(AdmissionLimits(9, 9, 9), STARTED)
    tasks.finish(tasks.take(begun.task, "w"), Outcome.CLEAN, "", STARTED)
    room.time += 6
    assert await intake.decide_waiting() == 1
    assert room.teller.told == []


# -- which ways are open -------------------------------------------------------------------------------------


async def test_a_mention_is_refused_where_the_repository_does_not_want_it_and_words_are_heard(
    room: Room,
) -> None:
    room.teller.config = "triggers: {mention: false}"
    await say(room, "d1", 11, "@agent fix this")
    assert room.handled("d1") == Handled(Verdict.REFUSED, Refusal.WAY_CLOSED)
    assert room.teller.told == [Refusal.WAY_CLOSED]
    await say(room, "d2", 12, "@agent fix this", Permission.READ)
    assert room.handled("d2") == Handled(Verdict.IGNORED, Ignored.NOT_CONFIGURED)
    assert room.teller.told == [Refusal.WAY_CLOSED], "strangers are not told"
    for number, word in enumerate(("help", "config"), start=13):
        await say(room, f"d{number}", number, f"@agent {word}")
        assert room.handled(f"d{number}") == Handled(Verdict.CONTROL, word)
    assert "a comment that mentions me" not in room.teller.answers[0]
    await say(room, "d20", 20, "@agent retry")
    assert room.handled("d20") == Handled(Verdict.REFUSED, Refusal.WAY_CLOSED)


async def test_a_label_that_is_switched_off_is_a_label_like_any_other(room: Room) -> None:
    room.teller.config = "triggers: {label: false}"
    room.store("d1", label_payload(), "issues")
    intake = room.intake(Permission.WRITE)
    await intake.decide_waiting()
    assert room.handled("d1") == Handled(Verdict.IGNORED, Ignored.NOT_CONFIGURED)
    assert room.teller.told == []
    assert intake.permissions.asked == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("event", "body"), [("issues", assigned_payload()), ("pull_request", requested_payload())]
)
@pytest.mark.parametrize(
    ("config", "permission", "verdict", "reason"),
    [
        ("", Permission.WRITE, Verdict.IGNORED, Ignored.NOT_CONFIGURED),
        ("tset: x", Permission.WRITE, Verdict.IGNORED, Ignored.NOT_CONFIGURED),
        ("triggers: {assign: other, review_request: other}", Permission.WRITE, Verdict.IGNORED, "not_configured"),
        ("triggers: {assign: Octo-Agent, review_request: '@octo-agent'}", Permission.WRITE, Verdict.TASK, ""),
        (
            "triggers: {assign: octo-agent, review_request: octo-agent}",
            Permission.READ,
            Verdict.REFUSED,
            Refusal.NO_WRITE_ACCESS,
        ),
    ],
)  # fmt: skip
async def test_a_machine_user_is_asked_by_whom_the_repository_lets_ask(
    room: Room, event: str, body: bytes, config: str, permission: Permission, verdict: Verdict, reason: str
) -> None:
    room.teller.config = config
    room.store("d1", body, event)
    await room.intake(permission).decide_waiting()
    handled = room.handled("d1")
    assert handled is not None
    assert (handled.verdict, handled.reason) == (verdict, reason)


async def test_a_file_that_can_not_be_read_closes_no_way_that_needs_none(room: Room) -> None:
    room.teller.config = "triggers: {mention: perhaps}"
    await say(room, "d1", 11, "@agent fix this")
    assert room.handled("d1") == Handled(Verdict.TASK, task=TaskId("t-11"))


async def test_a_released_request_is_worked_on_with_the_thread_as_the_releaser_read_it(room: Room) -> None:
    room.store("d1", comment_payload(11, text="@agent fix the totals", updated_at="x"))
    await room.intake(Permission.READ).decide_waiting()
    room.teller.now_there = "@agent fix the totals"
    room.store("d2", label_payload(), "issues")
    await room.intake(Permission.WRITE).decide_waiting()
    asked = Tasks(room.database).find_request(TaskId("t-11"))
    assert asked is not None
    assert asked.requested_at == "2026-03-02T00:00:00Z"


# -- boxes of the dashboard ----------------------------------------------------------------------------------


@dataclass
class Schedule:
    """One schedule, whose dashboard is issue 9, and a turn of it that works."""

    store: Schedules

    @property
    def now(self) -> StoredSchedule:
        found = self.store.find(RepositoryId(10), "sums")
        assert found is not None
        return found


@pytest.fixture
def schedule(room: Room) -> Schedule:
    store = Schedules(room.database)
    place = Place(InstallationId(100), RepositoryRef(RepositoryId(10), "octo/app", "main"))
    store.keep(place, {"sums": (ScheduleConfig(when="daily", zone="UTC", prompt="Look."), STARTED - 1.0)})
    store.note_written(store.places()[0], 9)
    return Schedule(store)


def _begin(room: Room, schedule: Schedule) -> TaskId:
    request = make_request(schedule.now, 1, room.time)
    assert schedule.store.begin(schedule.now, request, room.time + 900.0, room.time)
    Tasks(room.database).admit(AdmissionLimits(9, 9, 9), room.time)
    return request.task_id


async def test_pausing_ends_the_turn_that_works_and_people_see_why(room: Room, schedule: Schedule) -> None:
    task = _begin(room, schedule)
    room.store("d1", ticked_payload(Box.PAUSE), "issues")
    intake = room.intake(Permission.WRITE)
    assert await intake.decide_waiting() == 1
    await room.controls.settle()
    assert schedule.now.pause == Pause.PERSON
    assert room.ended == [(task, Outcome.STOPPED)]
    assert room.handled("d1") == Handled(Verdict.CONTROL, Outcome.STOPPED, task)


async def test_two_ticks_before_a_turn_begins_are_one(room: Room, schedule: Schedule) -> None:
    for name in ("d1", "d2"):
        room.store(name, ticked_payload(Box.RUN), "issues")
    assert await room.intake(Permission.WRITE).decide_waiting() == 2
    assert room.handled("d1") == room.handled("d2") == Handled(Verdict.CONTROL, "tick")
    assert schedule.now.wanted_by == "ada"


@pytest.mark.parametrize("permission", [Permission.READ, Permission.TRIAGE, Permission.UNKNOWN])
async def test_a_tick_without_access_does_nothing_and_the_box_is_put_back(
    room: Room, schedule: Schedule, permission: Permission
) -> None:
    assert schedule.store.unwritten(9) == ()
    room.store("d1", ticked_payload(Box.RUN), "issues")
    assert await room.intake(permission).decide_waiting() == 0
    assert room.handled("d1") == Handled(Verdict.IGNORED, Ignored.TICK_WITHOUT_ACCESS)
    assert schedule.now.wanted_by == ""
    assert len(schedule.store.unwritten(9)) == 1
    assert room.teller.told == []


async def test_a_tick_in_any_other_issue_asks_nobody(room: Room, schedule: Schedule) -> None:
    room.store("d1", ticked_payload(Box.RUN, issue=8), "issues")
    assert await room.intake(GitHubFault("not to be asked")).decide_waiting() == 0
    assert room.handled("d1") == Handled(Verdict.IGNORED, Ignored.NO_DASHBOARD)
    assert schedule.now.wanted_by == ""


# -- where a change starts ------------------------------------------------------------------------------------


async def started(room: Room, **issue: object) -> TaskRequest | None:
    room.store("base", comment_payload(**issue))  # type: ignore[arg-type]
    await room.intake(Permission.WRITE).decide_waiting()
    return Tasks(room.database).find_request(TaskId("t-11"))


async def base(room: Room, **issue: object) -> tuple[str, str]:
    request = await started(room, **issue)
    assert request is not None
    return request.base, request.base_from


FILE = "base:\n  branch: develop\n  milestone: release/*\n"


async def test_the_flag_goes_before_everything(room: Room) -> None:
    room.teller.config = FILE
    line = {"body": "Base: dev", "author_association": "OWNER"}
    assert await base(room, text="@agent fix this --base mine", **line) == ("mine", "")


async def test_a_line_of_the_issue_goes_before_its_milestone_and_the_file(room: Room) -> None:
    room.teller.config = FILE
    room.teller.branches = ("release/1.2",)
    line = {"body": "Base: dev", "author_association": "MEMBER", "milestone": {"title": "1.2"}}
    assert await base(room, **line) == ("dev", "the issue's text")


async def test_the_milestone_counts_where_it_has_a_branch(room: Room) -> None:
    room.teller.config = FILE
    room.teller.branches = ("release/1.2",)
    found = await base(room, milestone={"title": "1.2"}, body="Base: dev", author_association="NONE")
    assert found == ("release/1.2", "the milestone `1.2`")


async def test_else_the_file_says_it(room: Room) -> None:
    room.teller.config = "base: develop\n"
    assert await base(room, milestone={"title": "1.2"}) == ("develop", "`base` in `.github/pullwright.yml`")


async def test_the_default_branch_by_any_way_is_nothing_to_talk_about(room: Room) -> None:
    room.teller.config = "base: main\n"
    assert await base(room) == ("", "")


async def test_while_our_pull_request_is_open_the_issue_is_no_place_for_a_further_one(room: Room) -> None:
    assert await started(room) is not None
    tasks = Tasks(room.database)
    tasks.admit(AdmissionLimits(9, 9, 9), room.time)
    taken = tasks.take(TaskId("t-11"), "w")
    tasks.save_facts(taken, {"pull": 5})
    tasks.finish(taken, Outcome.PROVEN, "", room.time)
    room.teller.open_pulls = (5,)
    room.store("second", comment_payload(12))
    await room.intake(Permission.WRITE).decide_waiting()
    assert room.handled("second") == Handled(Verdict.REFUSED, Refusal.PULL_OPEN)
    room.store("again", comment_payload(13, text="@agent retry"))
    await room.intake(Permission.WRITE).decide_waiting()
    again = room.handled("again")
    assert again is not None
    assert again.verdict is Verdict.TASK


async def test_a_stranger_who_asks_everywhere_is_told_a_few_times_and_every_request_is_kept(
    room: Room,
) -> None:
    intake = room.intake(Permission.READ)
    for number in range(1, 6):
        room.store(f"s{number}", comment_payload(number, issue=number))
        await intake.decide_waiting()
        handled = room.handled(f"s{number}")
        assert handled is not None
        assert (handled.verdict, handled.reason) == (Verdict.REFUSED, Refusal.NO_WRITE_ACCESS)
    assert room.teller.told == [Refusal.NO_WRITE_ACCESS] * 3
    assert Tasks(room.database).find_held("10#5") is not None


async def test_the_button_below_a_review_asks_for_its_findings_to_be_mended(room: Room) -> None:
    body = json.loads(comment_payload(21, text="@agent review"))
    body["issue"]["pull_request"] = {"url": "x"}
    room.store("review", json.dumps(body).encode())
    await room.intake(Permission.WRITE).decide_waiting()
    tasks = Tasks(room.database)
    tasks.admit(AdmissionLimits(9, 9, 9), room.time)
    taken = tasks.take(TaskId("t-21"), "w")
    found = {
        "path": "app.py",
        "start": 6,
        "end": 6,
        "priority": "P1",
        "title": "Divides by zero",
        "body": "Always.",
    }
    facts = {"review": {"head_commit": "a", "base_branch": "main", "tip_commit": "b", "findings": [found]}}
    tasks.save_facts(taken, facts)
    tasks.finish(taken, Outcome.FINDINGS, "", room.time)
    room.store("pressed", button_payload("fix", "t-21"), "check_run")
    await room.intake(Permission.WRITE).decide_waiting()
    asked = tasks.find_request(TaskId("t-c77-fix"))
    assert asked is not None
    assert (asked.kind, asked.word, asked.issue) == (TaskKind.FOLLOW_UP, CommandWord.FIX, 3)
    assert "`app.py`, lines 6-6 (P1): Divides by zero. Always." in asked.instruction
