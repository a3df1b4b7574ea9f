"""What an operator's Prometheus sees: numbers of the tables, and this worker's phases."""

import time
from contextlib import closing
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest
from prometheus_client import generate_latest

from bot.domain.admission import AdmissionLimits
from bot.domain.ids import DeliveryId, InstallationId, RepositoryId
from bot.domain.outcomes import Outcome
from bot.domain.repo_sections import ScheduleConfig
from bot.domain.schedules import Pause, ScheduleResult
from bot.domain.tasks import Phase, RepositoryRef
from bot.store.database import Database
from bot.store.deliveries import Deliveries
from bot.store.inbox import Delivery, store_batch
from bot.store.schedules import Place, RunEnd, Schedules
from bot.store.tasks import Tasks
from bot.store.workers import Workers
from bot.tasks.measured import ModelEnd
from bot.tasks.metrics import WorkerMetrics
from tests.store.requests import request

NOW = 1_000.0


@pytest.fixture
def busy(database: Database) -> Database:
    """One task has ended, one waits, one delivery is not decided; one worker beats."""
    for comment, at in ((1, 900.0), (2, 940.0), (3, 970.0)):
        name = DeliveryId(f"d-{comment}")
        store_batch(database, [Delivery(name, "issue_comment", b"{}", at)])
        if comment < 3:
            Deliveries(database).accept(name, request(comment, issue=comment), at + 2.0)
    tasks = Tasks(database)
    (first,) = tasks.admit(AdmissionLimits(1, 1, 1), NOW)
    tasks.finish(tasks.take(first.task, "w"), Outcome.PROVEN, "", NOW)
    Workers(database).register("w", NOW)
    Workers(database).register("dead", NOW - 500.0)
    return database


def test_the_tables_are_told_as_they_are_when_somebody_asks(busy: Database) -> None:
    told = generate_latest(WorkerMetrics(busy, lambda: NOW).registry).decode()
    for line in (
        "pullwright_database_up 1.0",
        'pullwright_tasks{status="finished"} 1.0',
        'pullwright_tasks{status="queued"} 1.0',
        'pullwright_task_outcomes{outcome="proven"} 1.0',
        "pullwright_oldest_queued_seconds 58.0",
        "pullwright_deliveries_undecided 1.0",
        "pullwright_oldest_undecided_seconds 30.0",
        "pullwright_delivery_lag_seconds 2.0",
        "pullwright_workers 1.0",
    ):
        assert line in told.splitlines()


def test_schedules_are_told_by_why_they_rest_and_their_turns_by_result(database: Database) -> None:
    store, spec = Schedules(database), ScheduleConfig(when="daily", zone="UTC", prompt="Look.")
    place = Place(InstallationId(1), RepositoryRef(RepositoryId(2), "octo/app", "main"))
    store.keep(place, {"a": (spec, 1.0), "b": (spec, 1.0), "c": (spec, NOW * 2)})
    store.pause(RepositoryId(2), "b", Pause.FAILURES)
    (due,) = store.due(NOW)
    store.pass_over(due, RunEnd(ScheduleResult.LIMIT_DAY), (1, NOW * 2), NOW)
    told = generate_latest(WorkerMetrics(database, lambda: NOW).registry).decode()
    for line in (
        'pullwright_schedules{pause="awake"} 2.0',
        'pullwright_schedules{pause="failures"} 1.0',
        'pullwright_schedule_turns{result="limit_day"} 1.0',
        "pullwright_schedule_turns_open 0.0",
    ):
        assert line in told.splitlines()


def test_an_empty_service_has_metrics_too(database: Database) -> None:
    told = generate_latest(WorkerMetrics(database, lambda: NOW).registry).decode()
    assert "pullwright_oldest_queued_seconds 0.0" in told.splitlines()


def test_a_database_that_is_away_is_told_and_no_error(busy: Database) -> None:
    metrics = WorkerMetrics(busy, lambda: NOW)
    with busy.write() as connection:
        connection.exec_driver_sql("alter table effect rename to elsewhere")
    assert "pullwright_database_up 0.0" in generate_latest(metrics.registry).decode().splitlines()


def test_phases_are_counted_and_served_on_the_loopback(database: Database) -> None:
    metrics = WorkerMetrics(database, time.time)
    metrics.observe_phase(Phase.WORK, 3.0)
    served = metrics.serve("127.0.0.1", 0)
    direct = build_opener(ProxyHandler({}))
    with served, direct.open(f"http://127.0.0.1:{served.port}/metrics", timeout=5) as answer:
        told = answer.read().decode()
    assert 'pullwright_phase_seconds_bucket{le="5.0",phase="work"} 1.0' in told.splitlines()


def test_what_this_worker_alone_knows_is_told_with_words_of_closed_sets(database: Database) -> None:
    metrics = WorkerMetrics(database, time.time, lambda: 4_321)
    metrics.observe_wait(3.0)
    metrics.observe_model(ModelEnd.REPLIED, 4.0)
    metrics.observe_model(ModelEnd.AWAY, 40.0)
    metrics.observe_command(0.2)
    metrics.observe_retry()
    told = generate_latest(metrics.registry).decode()
    for line in (
        "pullwright_wait_seconds_sum 3.0",
        'pullwright_model_seconds_sum{end="replied"} 4.0',
        'pullwright_model_seconds_count{end="away"} 1.0',
        'pullwright_sandbox_seconds_bucket{le="0.5"} 1.0',
        "pullwright_effects_retried_total 1.0",
        "pullwright_github_requests_left 4321.0",
    ):
        assert line in told.splitlines()


def test_what_github_grants_is_not_told_before_it_has_said(database: Database) -> None:
    told = generate_latest(WorkerMetrics(database, time.time).registry).decode()
    assert "pullwright_github_requests_left" not in told


def test_a_damaged_database_is_told_as_one_that_is_not_up(tmp_path: Path) -> None:
    path = tmp_path / "damaged.db"
    path.write_bytes(b"x" * 5_000)
    with closing(Database(f"sqlite:///{path}")) as damaged:
        told = generate_latest(WorkerMetrics(damaged, lambda: NOW).registry).decode()
    assert "pullwright_database_up 0.0" in told.splitlines()
