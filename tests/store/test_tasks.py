"""Tasks: admitted within the limits, one holder at a time, one end."""

import threading
from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from bot.domain.admission import AdmissionLimits
from bot.domain.ids import TaskId
from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase, TaskStatus
from bot.errors import Superseded
from bot.store.database import Database
from bot.store.events import Events
from bot.store.tasks import Admitted, Taken, Tasks, insert_task, wake_task
from tests.store.requests import request

WIDE = AdmissionLimits(fleet=10, repository=10, installation=10)


def queue(database: Database, *requests: object) -> Tasks:
    with database.write() as connection:
        for number, one in enumerate(requests):
            insert_task(connection, one, now=float(number))  # type: ignore[arg-type]
    return Tasks(database)


def take(tasks: Tasks, comment: int = 1, worker: str = "w1") -> Taken:
    return tasks.take(TaskId(f"t-{comment}"), worker)


def test_a_request_comes_back_as_it_was(database: Database) -> None:
    tasks = queue(database, request(1))
    tasks.admit(WIDE, 1.0)
    assert take(tasks).request == request(1)


def test_the_same_comment_is_the_same_task_and_an_issue_has_one_active_task(database: Database) -> None:
    queue(database, request(1))
    with pytest.raises(IntegrityError):
        queue(database, request(1, issue=2))
    with pytest.raises(IntegrityError):
        queue(database, request(2, issue=1))
    queue(database, request(3, issue=2))


def test_a_finished_task_makes_room_for_the_next_on_its_issue(database: Database) -> None:
    tasks = queue(database, request(1))
    tasks.admit(WIDE, 1.0)
    tasks.finish(take(tasks), Outcome.PROVEN, "", 2.0)
    queue(database, request(2))


def test_limits_hold_for_fleet_repository_and_installation(database: Database) -> None:
    tasks = queue(
        database,
        request(1, issue=1),
        request(2, issue=2),
        request(3, issue=3, repository=11),
        request(4, issue=4, repository=12, installation=101),
        request(5, issue=5, repository=13, installation=102),
    )
    admitted = tasks.admit(AdmissionLimits(fleet=3, repository=1, installation=2), 9.0)
    assert [one.task for one in admitted] == ["t-1", "t-3", "t-4"]
    assert tasks.admit(AdmissionLimits(fleet=3, repository=1, installation=2), 9.0) == ()
    tasks.finish(take(tasks), Outcome.PROVEN, "", 10.0)
    again = tasks.admit(AdmissionLimits(fleet=3, repository=1, installation=2), 10.0)
    assert [one.task for one in again] == ["t-2"]


def test_people_come_before_events_and_places_are_told_in_that_order(database: Database) -> None:
    pushed = replace(request(1, issue=1), head="a" * 40)
    tasks = queue(database, pushed, request(2, issue=2), request(3, issue=3))
    assert [one.id for one in tasks.queue(9)] == ["t-2", "t-3", "t-1"]
    assert [tasks.count_before(TaskId(f"t-{n}")) for n in (2, 3, 1, 4)] == [0, 1, 2, 0]
    one_by_one = [tasks.admit(AdmissionLimits(n, 9, 9), 9.0) for n in (1, 2, 3)]
    assert [one.task for admitted in one_by_one for one in admitted] == ["t-2", "t-3", "t-1"]


def test_whoever_tells_of_a_queued_task_is_superseded_by_its_run_and_by_the_next_teller(
    database: Database,
) -> None:
    tasks = queue(database, request(1))
    (seen,) = tasks.queue(9)
    first = tasks.hold_queued(seen)
    with pytest.raises(Superseded):
        tasks.hold_queued(seen)
    tasks.save_facts(first, {"a": 1})
    (again,) = tasks.queue(9)
    second = tasks.hold_queued(again)
    with pytest.raises(Superseded):
        tasks.save_facts(first, {})
    tasks.admit(WIDE, 1.0)
    run = take(tasks)
    assert (run.facts, run.attempts) == ({"a": 1}, 1), "telling is no attempt"
    with pytest.raises(Superseded):
        tasks.save_facts(second, {})
    with pytest.raises(Superseded):
        tasks.hold_queued(again)


def test_two_loops_that_admit_at_once_admit_each_task_once(database: Database) -> None:
    tasks = queue(database, *(request(n, issue=n, repository=n, installation=n) for n in range(1, 41)))
    admitted: list[Admitted] = []

    def admit() -> None:
        for _ in range(10):
            admitted.extend(tasks.admit(AdmissionLimits(40, 40, 40), 1.0))

    threads = [threading.Thread(target=admit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.task for one in admitted) == sorted(f"t-{n}" for n in range(1, 41))


def test_who_takes_it_later_holds_it_alone(database: Database) -> None:
    tasks = queue(database, request(1))
    tasks.admit(WIDE, 1.0)
    old = take(tasks, worker="w1")
    new = take(tasks, worker="w2")
    assert (old.epoch, new.epoch) == (1, 2)
    events = Events(database)
    for write in (
        lambda: tasks.move(old, Phase.WORK, {}),
        lambda: tasks.save_facts(old, {}),
        lambda: tasks.wait(old, None),
        lambda: tasks.finish(old, Outcome.PROVEN, "", 2.0),
        lambda: events.append(old.id, old.epoch, "reply", {}, 2.0),
    ):
        with pytest.raises(Superseded):
            write()
    tasks.move(new, Phase.WORK, {"a": 1})
    found = tasks.find(new.id)
    assert found is not None
    assert (found.phase, found.facts, found.worker) == (Phase.WORK, {"a": 1}, "w2")


def test_attempts_count_within_a_phase(database: Database) -> None:
    tasks = queue(database, request(1))
    tasks.admit(WIDE, 1.0)
    assert [take(tasks).attempts for _ in range(3)] == [1, 2, 3]
    tasks.move(taken := take(tasks), Phase.WORK, {})
    assert taken.attempts == 4
    assert take(tasks).attempts == 2


def test_a_waiting_task_frees_its_slot_and_comes_back_in_time(database: Database) -> None:
    tasks = queue(database, request(1))
    (first,) = tasks.admit(WIDE, 1.0)
    tasks.wait(take(tasks), until=50.0)
    with pytest.raises(Superseded):
        take(tasks)
    assert tasks.admit(WIDE, 49.0) == ()
    (second,) = tasks.admit(WIDE, 50.0)
    assert (first.segment, second.segment) == (1, 2)
    assert take(tasks).phase is Phase.ACCEPT


def test_a_finished_task_can_not_be_taken(database: Database) -> None:
    tasks = queue(database, request(1))
    tasks.admit(WIDE, 1.0)
    tasks.finish(take(tasks), Outcome.BLOCKED, "why", 5.0)
    with pytest.raises(Superseded):
        take(tasks)
    found = tasks.find(TaskId("t-1"))
    assert found is not None
    assert (found.status, found.outcome, found.detail) == (TaskStatus.FINISHED, "blocked", "why")


def test_what_a_worker_held_is_handed_over_and_it_can_write_no_more(database: Database) -> None:
    tasks = queue(database, request(1))
    tasks.admit(WIDE, 1.0)
    old = take(tasks, worker="w1")
    assert tasks.release("w1") == ("t-1",)
    assert tasks.release("w1") == ()
    with pytest.raises(Superseded):
        tasks.save_facts(old, {})
    assert take(tasks, worker="w2").epoch == 3


def test_a_write_that_comes_after_its_run_waits_is_refused_even_when_the_task_runs_again(
    database: Database,
) -> None:
    tasks = queue(database, request(1))
    tasks.admit(WIDE, 1.0)
    old = take(tasks)
    tasks.wait(old, until=1.0)
    tasks.admit(WIDE, 2.0)
    with pytest.raises(Superseded):
        Events(database).append(old.id, old.epoch, "reply", {}, 2.0)
    assert take(tasks).epoch == old.epoch + 2


def wake(database: Database) -> bool:
    with database.write() as connection:
        return wake_task(connection, TaskId("t-1"))


def test_a_task_that_waits_for_a_person_comes_back_when_it_is_woken(database: Database) -> None:
    tasks = queue(database, request(1))
    tasks.admit(WIDE, 1.0)
    assert not wake(database)
    tasks.wait(take(tasks), until=None)
    assert tasks.admit(WIDE, 1e12) == ()
    assert wake(database)
    assert not wake(database)
    assert [one.segment for one in tasks.admit(WIDE, 2.0)] == [2]


def test_of_many_that_append_at_once_only_the_holder_of_the_last_epoch_goes_on(database: Database) -> None:
    tasks = queue(database, request(1))
    tasks.admit(WIDE, 1.0)
    events = Events(database)
    written: list[tuple[int, int]] = []

    def work(worker: str) -> None:
        taken = take(tasks, worker=worker)
        for _ in range(10):
            try:
                written.append((events.append(taken.id, taken.epoch, "reply", {}, 2.0), taken.epoch))
            except Superseded:
                return

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seq for seq, _ in written) == list(range(1, len(written) + 1))
    epochs = [epoch for _, epoch in sorted(written)]
    assert epochs == sorted(epochs)
    assert epochs.count(4) == 10


def test_while_some_admit_and_some_finish_the_limits_hold_at_every_moment(database: Database) -> None:
    tasks = queue(database, *(request(n, issue=n, repository=n % 3) for n in range(1, 31)))
    most = AdmissionLimits(fleet=4, repository=2, installation=4)
    seen: list[int] = []

    def work(worker: str) -> None:
        for _ in range(40):
            for one in tasks.admit(most, 1.0):
                seen.append(len(tasks.running()))
                tasks.finish(tasks.take(one.task, worker), Outcome.PROVEN, "\ud800 \0", 2.0)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 30
    assert max(seen) <= 4
    assert all(view.outcome == "proven" for view in tasks.newest(100))
