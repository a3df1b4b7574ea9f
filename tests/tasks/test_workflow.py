"""One execution: what each end of a phase does to the row, and what an older execution may not do."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import pytest

from bot.domain import limits
from bot.domain.admission import AdmissionLimits
from bot.domain.ids import TaskId
from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase, TaskStatus
from bot.errors import (
    AccessWithdrawn,
    BranchTaken,
    Bug,
    ForModel,
    GitHubFault,
    ModelFault,
    RepositoryFault,
    RetryLater,
    SandboxUnavailable,
    SetupFailed,
    Superseded,
)
from bot.store.database import Database
from bot.store.events import Events
from bot.store.tasks import Taken, Tasks, TaskView, insert_task
from bot.tasks.engine import RunId
from bot.tasks.workflow import Bookkeeping, Finished, Next, PhaseEnd, Waiting, decide_outcome, decide_pause
from tests.store.requests import request

TASK = TaskId("t-1")
WIDE = AdmissionLimits(10, 10, 10)
Phases = Callable[[Taken, Phase], Awaitable[PhaseEnd]]


@dataclass
class Fixed:
    """Steps whose phase is one function; failing to tell people is scripted."""

    phase: Phases
    tell_error: Exception | None = None
    told: list[Outcome] = field(default_factory=list)

    async def run_phase(self, task: Taken, phase: Phase) -> PhaseEnd:
        return await self.phase(task, phase)

    async def run_failure(self, task: Taken, outcome: Outcome, detail: str) -> None:
        self.told.append(outcome)
        if self.tell_error is not None:
            raise self.tell_error


@dataclass
class Room:
    tasks: Tasks
    events: Events
    executor: ThreadPoolExecutor

    def books(self, steps: Fixed, *, attempts: int = 5, deferrals: int = 100) -> Bookkeeping:
        return Bookkeeping(
            self.tasks, self.events, steps, self.executor, "w1", time.time, attempts, deferrals
        )

    def admit(self) -> None:
        self.tasks.admit(WIDE, time.time() + 1000)

    @property
    def row(self) -> TaskView:
        view = self.tasks.find(TASK)
        assert view is not None
        return view


@pytest.fixture
def room(database: Database) -> Iterator[Room]:
    with database.write() as connection:
        insert_task(connection, request(1), time.time())
    with ThreadPoolExecutor(4) as executor:
        made = Room(Tasks(database), Events(database), executor)
        made.admit()
        yield made


def always(end: PhaseEnd | Exception) -> Phases:
    async def phase(_task: Taken, _phase: Phase) -> PhaseEnd:
        if isinstance(end, Exception):
            raise end
        return end

    return phase


async def run(books: Bookkeeping) -> str:
    """The run of the newest admission, to its end."""
    view = books.tasks.find(TASK)
    assert view is not None
    execution = books.open_execution(RunId(TASK, view.segment))
    answer = await execution.step()
    while answer.more:
        answer = await execution.step()
    return answer.said


async def test_phases_follow_each_other_with_the_facts_of_the_ones_before(room: Room) -> None:
    seen = []

    async def phase(task: Taken, phase: Phase) -> PhaseEnd:
        seen.append((phase, task.facts))
        if phase is Phase.ACCEPT:
            return Next(Phase.PREPARE, {"comment": 7})
        if phase is Phase.PREPARE:
            room.tasks.save_facts(task, {**task.facts, "base": "abc"})
            return Next(Phase.WORK)
        return Finished(Outcome.CHECKED, "good")

    assert await run(room.books(Fixed(phase))) == Outcome.CHECKED
    assert seen == [
        (Phase.ACCEPT, {}),
        (Phase.PREPARE, {"comment": 7}),
        (Phase.WORK, {"comment": 7, "base": "abc"}),
    ]
    assert (room.row.status, room.row.outcome) == (TaskStatus.FINISHED, Outcome.CHECKED)


async def test_waiting_frees_the_slot_and_the_same_phase_is_run_again(room: Room) -> None:
    assert await run(room.books(Fixed(always(Waiting(time.time() + 5))))) == "waiting"
    assert room.row.status is TaskStatus.WAITING
    room.admit()
    assert (room.row.status, room.row.phase, room.row.segment) == (TaskStatus.RUNNING, Phase.ACCEPT, 2)


async def test_a_superseded_execution_stops_silently_and_finishes_nothing(room: Room) -> None:
    async def phase(task: Taken, _phase: Phase) -> PhaseEnd:
        room.tasks.take(task.id, "w2")
        return Finished(Outcome.PROVEN)

    steps = Fixed(phase)
    assert await run(room.books(steps)) == "superseded"
    assert (room.row.status, room.row.worker, steps.told) == (TaskStatus.RUNNING, "w2", [])


async def test_superseded_within_a_phase_is_silent_too(room: Room) -> None:
    steps = Fixed(always(Superseded("somebody else has it")))
    assert await run(room.books(steps)) == "superseded"
    assert steps.told == []


async def test_nothing_is_run_for_a_task_that_is_over(room: Room) -> None:
    assert await run(room.books(Fixed(always(Finished(Outcome.PROVEN))))) == Outcome.PROVEN
    assert await run(room.books(Fixed(always(Bug("not to be run"))))) == "superseded"


async def test_a_run_of_an_older_segment_takes_nothing(room: Room) -> None:
    await run(room.books(Fixed(always(Waiting(time.time())))))
    room.admit()
    answer = await room.books(Fixed(always(Finished(Outcome.PROVEN)))).open_execution(RunId(TASK, 1)).step()
    assert answer.said == "superseded"
    assert (room.row.status, room.row.attempts) == (TaskStatus.RUNNING, 0)


async def test_a_passing_fault_defers_the_task_and_counts_no_attempt(room: Room) -> None:
    before = time.time()
    steps = Fixed(always(RetryLater("rate limit", 60.0)))
    assert await run(room.books(steps)) == "deferred"
    assert (room.row.status, room.row.attempts, steps.told) == (TaskStatus.WAITING, 0, [])
    assert room.tasks.admit(WIDE, before + 30) == ()


async def test_passing_faults_that_do_not_pass_are_an_end(room: Room) -> None:
    steps = Fixed(always(RetryLater("rate limit", 60.0)))
    books = room.books(steps, deferrals=2)
    assert [await run(books)] == ["deferred"]
    room.admit()
    assert [await run(books)] == ["deferred"]
    room.admit()
    assert await run(books) == Outcome.CRASHED
    assert steps.told == [Outcome.CRASHED]
    assert "Given up after 2 waits: rate limit" in room.row.detail


async def test_an_outage_is_outlasted_by_whoever_is_told_to_come_again_soon(room: Room) -> None:
    """As git does: its server says nothing of when it is back. 15 waits are for ten minutes as 100 are for an hour."""
    begun = now = time.time()

    async def phase(_task: Taken, _phase: Phase) -> PhaseEnd:
        if now < begun + 600.0:
            raise RetryLater("the git server answered with status 503", 5.0)
        return Finished(Outcome.PROVEN)

    books = replace(room.books(Fixed(phase), deferrals=15), now=lambda: now)
    pauses = []
    while await run(books) == "deferred":
        until = float(room.events.load(TASK, 0, ("deferred",))[-1].body["until"])
        assert room.tasks.admit(WIDE, until - 0.01) == ()
        assert [one.task for one in room.tasks.admit(WIDE, until)] == [TASK]
        pauses.append(until - now)
        now = until
    assert room.row.outcome == Outcome.PROVEN
    assert [round(pause, 3) for pause in pauses[:8]] == [5.0, 5.0, 5.0, 8.0, 16.0, 32.0, 60.0, 60.0]


@pytest.mark.parametrize(
    ("asked_s", "waits_ended_s_ago", "pause_s"),
    [
        (0.0, [], 1.0),
        (5.0, [], 5.0),
        (5.0, [0.0], 5.0),
        (1.0, [0.0, 1.0, 3.0], 8.0),
        (3_000.0, [0.0] * 99, 3_000.0),
        (5.0, [0.0] * 2_000, limits.DEFERRAL_PAUSE_S),
        (5.0, [limits.DEFERRAL_QUIET_S + 1] * 99, 5.0),
    ],
)
def test_a_fault_that_comes_again_is_waited_for_longer(
    asked_s: float, waits_ended_s_ago: list[float], pause_s: float
) -> None:
    now = 1_790_000_000.0
    assert decide_pause(asked_s, tuple(now - ago for ago in waits_ended_s_ago), now) == pause_s


def test_all_waits_of_a_task_outlast_an_hour_by_far() -> None:
    now, ended = 0.0, []
    for _ in range(limits.TASK_DEFERRALS):
        now += decide_pause(1.0, tuple(ended), now)
        ended.append(now)
    assert now > 5_400.0


async def test_a_host_without_a_sandbox_is_waited_for_and_then_it_is_an_end(room: Room) -> None:
    steps = Fixed(always(SandboxUnavailable("no back end")))
    for pause in limits.SANDBOX_WAITS_S:
        before = time.time()
        assert await run(room.books(steps)) == "deferred"
        assert (room.row.status, room.row.attempts, steps.told) == (TaskStatus.WAITING, 0, [])
        assert room.tasks.admit(WIDE, before + pause - 0.01) == ()
        room.admit()
    assert await run(room.books(steps)) == Outcome.NO_SANDBOX
    assert (steps.told, room.row.detail) == ([Outcome.NO_SANDBOX], "no back end")


async def test_waits_for_others_do_not_count_as_waits_for_a_sandbox(room: Room) -> None:
    for error in (RetryLater("rate limit", 60.0),) * 5:
        assert await run(room.books(Fixed(always(error)))) == "deferred"
        room.admit()
    assert await run(room.books(Fixed(always(SandboxUnavailable("too busy"))))) == "deferred"


async def test_a_model_that_stays_away_is_an_end_too(room: Room) -> None:
    steps = Fixed(always(Waiting(time.time(), "the model asked to wait")))
    books = room.books(steps, deferrals=1)
    assert await run(books) == "waiting"
    room.admit()
    assert await run(books) == Outcome.MODEL_UNAVAILABLE
    assert "Given up after 1 waits: the model asked to wait" in room.row.detail


async def test_people_are_told_with_what_the_phase_learned_before_it_failed(room: Room) -> None:
    seen: list[object] = []

    async def learn_and_fail(task: Taken, _phase: Phase) -> PhaseEnd:
        room.tasks.save_facts(task, {"pull": 7})
        raise GitHubFault("no check run", status=422)

    class Teller(Fixed):
        async def run_failure(self, task: Taken, outcome: Outcome, detail: str) -> None:
            seen.append(task.facts)

    await run(room.books(Teller(learn_and_fail)))
    assert seen == [{"pull": 7}]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (BranchTaken("taken"), Outcome.BRANCH_TAKEN),
        (SetupFailed("pip failed"), Outcome.SETUP_FAILED),
        (RepositoryFault("too large"), Outcome.REPOSITORY_UNUSABLE),
        (ModelFault("bad key"), Outcome.MODEL_UNAVAILABLE),
        (GitHubFault("gone", status=404), Outcome.ACCESS_LOST),
        (AccessWithdrawn("not any more", status=403), Outcome.ACCESS_WITHDRAWN),
        (GitHubFault("not processable", status=422), Outcome.REPOSITORY_UNUSABLE),
        (Bug("impossible"), Outcome.CRASHED),
        (ForModel("leaked"), Outcome.CRASHED),
        (ZeroDivisionError("secret"), Outcome.CRASHED),
    ],
)
async def test_every_error_of_a_phase_is_a_named_end_that_people_are_told(
    room: Room, error: Exception, outcome: Outcome
) -> None:
    steps = Fixed(always(error))
    assert await run(room.books(steps)) == outcome
    assert steps.told == [outcome]
    assert (room.row.status, room.row.outcome) == (TaskStatus.FINISHED, outcome)


def test_an_unforeseen_error_shows_people_its_kind_and_not_its_text() -> None:
    assert "secret" not in decide_outcome(ZeroDivisionError("secret"))[1]


async def test_a_task_is_over_even_if_nobody_can_be_told(room: Room) -> None:
    steps = Fixed(always(Bug("impossible")), tell_error=Bug("again"))
    assert await run(room.books(steps)) == Outcome.CRASHED
    assert room.row.status is TaskStatus.FINISHED


async def test_a_decided_end_is_told_later_when_github_is_away_and_no_phase_is_run_again(room: Room) -> None:
    steps = Fixed(always(SetupFailed("pip failed")), tell_error=RetryLater("503", 1.0))
    assert await run(room.books(steps)) == "deferred"
    room.admit()
    later = Fixed(always(Bug("not to be run")))
    assert await run(room.books(later)) == Outcome.SETUP_FAILED
    assert later.told == [Outcome.SETUP_FAILED]
    assert room.row.detail == "pip failed"


async def test_attempts_are_counted_over_executions_that_were_cut_short(room: Room) -> None:
    for _ in range(3):
        room.tasks.take(TASK, "dies")
    steps = Fixed(always(Finished(Outcome.PROVEN)))
    assert await run(room.books(steps, attempts=3)) == Outcome.CRASHED
    assert steps.told == [Outcome.CRASHED]


async def test_telling_that_itself_kills_workers_is_left_out_in_the_end(room: Room) -> None:
    for _ in range(6):
        room.tasks.take(TASK, "dies")
    steps = Fixed(always(Finished(Outcome.PROVEN)))
    assert await run(room.books(steps, attempts=3)) == Outcome.CRASHED
    assert steps.told == []


async def test_handing_over_cancels_the_phase_and_lets_the_row_wait_for_the_next_admission(
    room: Room,
) -> None:
    begun, cleaned = asyncio.Event(), asyncio.Event()

    async def phase(_task: Taken, _phase: Phase) -> PhaseEnd:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.set()
        return Waiting()

    execution = room.books(Fixed(phase)).open_execution(RunId(TASK, 1))
    step = asyncio.create_task(execution.step())
    await begun.wait()
    execution.hand_over()
    answer = await step
    assert (answer.more, answer.said) == (False, "handed_over")
    assert cleaned.is_set()
    assert (room.row.status, room.row.attempts) == (TaskStatus.WAITING, 0)
    assert [one.task for one in room.tasks.admit(WIDE, time.time())] == [TASK]


async def test_cancelled_from_outside_nothing_is_written(room: Room) -> None:
    begun = asyncio.Event()

    async def phase(_task: Taken, _phase: Phase) -> PhaseEnd:
        begun.set()
        await asyncio.sleep(60)
        return Waiting()

    step = asyncio.create_task(room.books(Fixed(phase)).open_execution(RunId(TASK, 1)).step())
    await begun.wait()
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    assert (room.row.status, room.row.attempts) == (TaskStatus.RUNNING, 1)
