"""Schedules: kept as the file says, begun once, ended once."""

import threading
from dataclasses import replace

import pytest

from bot.domain.admission import AdmissionLimits
from bot.domain.allowance import Allowances, Cost
from bot.domain.ids import InstallationId, RepositoryId, TaskId
from bot.domain.outcomes import Outcome
from bot.domain.repo_sections import ScheduleConfig
from bot.domain.schedules import MaintenanceRef, Pause, ScheduleResult
from bot.domain.tasks import RepositoryRef, TaskKind, TaskRequest, WayIn
from bot.store.database import Database
from bot.store.schedules import Bounds, Place, RunEnd, Schedules, StoredSchedule
from bot.store.tasks import Tasks, insert_task
from tests.store.requests import request

KEY = RepositoryId(10)
PLACE = Place(InstallationId(100), RepositoryRef(KEY, "octo/r10", "main"), Bounds(3, 2, 4.0))
WEEKLY = ScheduleConfig(when="weekly mon", zone="UTC", prompt="Look.")
DAILY = ScheduleConfig(when="daily", zone="UTC", prompt="Look.")
WIDE = AdmissionLimits(fleet=10, repository=10, installation=10)


def turn(name: str, slot: int) -> TaskRequest:
    return replace(
        request(0, issue=0),
        kind=TaskKind.MAINTENANCE,
        cause=f"s10-{name}-{slot}",
        way=WayIn.SCHEDULE,
        maintenance=MaintenanceRef(name, slot, pushed=("a", "b")),
    )


@pytest.fixture
def store(database: Database) -> Schedules:
    made = Schedules(database)
    made.keep(PLACE, {"sums": (WEEKLY, 50.0), "docs": (DAILY, 70.0)})
    return made


def due(store: Schedules, now: float = 60.0) -> StoredSchedule:
    (found,) = store.due(now)
    return found


def finish(database: Database, task: str, outcome: Outcome = Outcome.PROVEN) -> None:
    tasks = Tasks(database)
    tasks.admit(WIDE, 61.0)
    tasks.finish(tasks.take(TaskId(task), "w"), outcome, "", 62.0)


def test_a_turn_comes_back_as_it_was_asked_for(store: Schedules, database: Database) -> None:
    assert store.begin(due(store), turn("sums", 50), 900.0, 60.0)
    tasks = Tasks(database)
    tasks.admit(WIDE, 61.0)
    assert tasks.take(TaskId("t-s10-sums-50"), "w").request == turn("sums", 50)


def test_what_is_due_begins_once_and_not_again_while_it_works(store: Schedules, database: Database) -> None:
    seen = due(store)
    assert store.begin(seen, turn("sums", 50), 900.0, 60.0)
    assert not store.begin(seen, turn("sums", 50), 900.0, 60.0), "as another machine saw it"
    assert store.due(60.0) == ()
    assert [one.name for one in store.due(2_000.0)] == ["docs"], "its turn is under way"
    finish(database, "t-s10-sums-50")
    ((repository, run, outcome),) = store.ended_tasks()
    assert outcome == "proven"
    assert store.end(
        repository,
        run,
        RunEnd(ScheduleResult.OPENED, "Add", 5, "c" * 40, "d" * 40, "Add", "https://hub/c1"),
        63.0,
    )
    assert not store.end(repository, run, RunEnd(ScheduleResult.ERROR), 64.0), "once"
    assert store.ended_tasks() == ()
    again = next(one for one in store.due(2_000.0) if one.name == "sums")
    assert (again.next_at, again.runs[0].result, again.runs[0].pull) == (900.0, "opened", 5)
    assert again.runs[0].report == "https://hub/c1"
    assert not store.begin(again, turn("sums", 50), 1_800.0, 2_000.0), "the same turn was had"


def test_many_machines_begin_a_turn_once(store: Schedules) -> None:
    seen, begun = due(store), []
    gate = threading.Barrier(8)

    def race() -> None:
        gate.wait()
        begun.append(store.begin(seen, turn("sums", 50), 900.0, 60.0))

    threads = [threading.Thread(target=race) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(begun) == [False] * 7 + [True]


def test_a_turn_that_is_passed_over_says_why_and_goes_on_to_the_next(store: Schedules) -> None:
    seen = due(store)
    assert store.pass_over(seen, RunEnd(ScheduleResult.LIMIT_DAY), (50, 900.0), 60.0)
    assert not store.pass_over(seen, RunEnd(ScheduleResult.LIMIT_DAY), (50, 900.0), 60.0)
    assert store.due(60.0) == ()
    (run,) = store.list(KEY)[1].runs
    assert (run.result, run.task, run.ended_at) == ("limit_day", "", 60.0)


def test_the_file_decides_and_an_unchanged_schedule_keeps_its_time(store: Schedules) -> None:
    store.keep(PLACE, {"sums": (replace_prompt(WEEKLY), 5_000.0), "new": (DAILY, 80.0)})
    assert [(one.name, one.next_at, one.spec.prompt) for one in store.list(KEY)] == [
        ("sums", 50.0, "Otherwise."),
        ("new", 80.0, "Look."),
    ]
    store.keep(PLACE, {"sums": (DAILY, 6_000.0)})
    assert [(one.name, one.next_at) for one in store.list(KEY)] == [("sums", 6_000.0)]
    store.keep(PLACE, {})
    assert store.list(KEY) == ()
    assert [place.repository.id for place in store.places()] == [KEY], "its dashboard stays"


def replace_prompt(spec: ScheduleConfig) -> ScheduleConfig:
    return spec.model_copy(update={"prompt": "Otherwise."})


def test_a_repository_without_schedules_leaves_no_row(database: Database) -> None:
    store = Schedules(database)
    store.keep(PLACE, {})
    store.keep_fault(PLACE, "line 3")
    assert store.places() == ()


def test_a_file_that_can_not_be_used_is_said_and_one_that_can_heals_it(store: Schedules) -> None:
    store.keep_fault(PLACE, "line 3: no")
    assert due(store).place.fault == "line 3: no"
    store.keep(PLACE, {"sums": (WEEKLY, 1.0)})
    assert due(store).place.fault == ""


def test_repositories_that_are_gone_are_forgotten_with_their_schedules(store: Schedules) -> None:
    store.forget_others({100}, {10, 11})
    assert store.list(KEY) != ()
    store.forget_others({100}, {11})
    assert (store.list(KEY), store.places()) == ((), ())


def test_an_installation_that_is_gone_takes_its_schedules_with_it(store: Schedules) -> None:
    store.forget_others({200}, {10})
    assert store.places() == ()


def test_a_paused_one_is_not_due_unless_somebody_wants_it_now(store: Schedules) -> None:
    assert store.pause(KEY, "sums", Pause.PERSON)
    assert store.due(60.0) == ()
    assert store.want(KEY, "sums", "ada")
    assert due(store).wanted_by == "ada"
    assert store.begin(due(store), turn("sums", 60), 50.0, 60.0)
    assert store.wake(KEY, "sums", 990.0, 65.0)
    found = store.find(KEY, "sums")
    assert found is not None
    assert (found.pause, found.next_at, found.woken_at, found.wanted_by) == ("", 990.0, 65.0, "")
    assert not store.want(KEY, "other", "ada")


def test_what_schedules_have_used_is_counted(store: Schedules, database: Database) -> None:
    seen = due(store)
    store.begin(seen, turn("sums", 50), 900.0, 60.0)
    tasks = Tasks(database)
    tasks.admit(WIDE, 61.0)
    taken = tasks.take(TaskId("t-s10-sums-50"), "w")
    tasks.charge(taken, Cost(1_000, 1.5), 61.0)
    tasks.finish(taken, Outcome.PROVEN, "", 62.0)
    ((repository, run, _),) = store.ended_tasks()
    store.end(repository, run, RunEnd(ScheduleResult.OPENED), 63.0)
    means = store.means(seen, turn("sums", 60), 70.0)
    assert (means.opened_today, means.usd_this_week, means.most_usd, means.spent_out) == (1, 1.5, 4.0, False)
    later = store.means(seen, turn("sums", 60), 63.0 + 8 * 86_400)
    assert (later.opened_today, later.usd_this_week) == (0, 0.0)
    poor = Schedules(database, Allowances(repository=Cost(10**9, 1.0)))
    assert poor.means(seen, turn("sums", 60), 70.0).spent_out


def test_people_come_before_schedules(store: Schedules, database: Database) -> None:
    store.begin(due(store), turn("sums", 50), 900.0, 60.0)
    with database.write() as connection:
        insert_task(connection, request(2, issue=2), 61.0)
    admitted = Tasks(database).admit(AdmissionLimits(fleet=1, repository=1, installation=1), 62.0)
    assert [one.task for one in admitted] == ["t-2"]


def test_schedules_have_half_of_the_fleet_at_most(database: Database) -> None:
    names = ("a", "b", "c")
    store = Schedules(database)
    store.keep(PLACE, dict.fromkeys(names, (WEEKLY, 50.0)))
    for one in store.due(60.0):
        assert store.begin(one, turn(one.name, 50), 900.0, 60.0)
    limits = AdmissionLimits(fleet=4, repository=9, installation=9)
    assert len(Tasks(database).admit(limits, 61.0)) == 2
    assert Tasks(database).admit(limits, 62.0) == ()
    with database.write() as connection:
        insert_task(connection, request(2, issue=2), 63.0)
    assert [one.task for one in Tasks(database).admit(limits, 64.0)] == ["t-2"]
    assert len(Tasks(database).admit(AdmissionLimits(fleet=1, repository=9, installation=9), 65.0)) == 0


def test_a_fleet_of_one_serves_schedules_too(store: Schedules, database: Database) -> None:
    store.begin(due(store), turn("sums", 50), 900.0, 60.0)
    assert len(Tasks(database).admit(AdmissionLimits(fleet=1, repository=1, installation=1), 61.0)) == 1
