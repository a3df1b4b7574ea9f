"""Metrics for Prometheus, on a port of their own that only the loopback has unless the operator says otherwise.

What the tables say (queue, ends, effects, cost) is read from them when somebody asks: every worker answers the same,
and a restart loses nothing. What only this process knows (how long its phases, its models and its sandboxes take, how
many requests GitHub still grants it) is counted here.

Must never: name a repository, a person or a task: labels are words of closed sets.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Thread
from typing import Final
from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.domain import limits
from bot.domain.tasks import Phase
from bot.errors import Bug, RetryLater, StoreFault
from bot.store.database import Database
from bot.store.measures import Measures, fetch_measures
from bot.tasks.measured import ModelEnd

_PHASE_BUCKETS_S: Final = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600)
_COMMAND_BUCKETS_S: Final = (0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 900)

log = structlog.get_logger()


class WorkerMetrics:
    """One for the worker's process. `now`: seconds since the epoch."""

    def __init__(
        self,
        database: Database,
        now: Callable[[], float],
        quota_left: Callable[[], int | None] = lambda: None,
    ) -> None:
        """`quota_left`: requests that GitHub still grants; None: not known."""
        self.registry = CollectorRegistry()
        self.registry.register(_Tables(database, now))
        self.registry.register(_Quota(quota_left))
        self._phases = Histogram(
            "pullwright_phase_seconds",
            "How long the phases of tasks took in this worker, whatever came of them.",
            ["phase"],
            buckets=_PHASE_BUCKETS_S,
            registry=self.registry,
        )

        self._waits = Histogram(
            "pullwright_wait_seconds",
            "From a task's request to its first phase, of those that this worker took.",
            buckets=_PHASE_BUCKETS_S,
            registry=self.registry,
        )
        self._model = Histogram(
            "pullwright_model_seconds",
            "How long requests to models took, their retries included, by what came of them.",
            ["end"],
            buckets=_PHASE_BUCKETS_S,
            registry=self.registry,
        )
        self._sandbox = Histogram(
            "pullwright_sandbox_seconds",
            "How long commands and set-ups took in sandboxes.",
            buckets=_COMMAND_BUCKETS_S,
            registry=self.registry,
        )
        self._retried = Counter(
            "pullwright_effects_retried",
            "Effects on GitHub whose answer was lost: looked for, and made where they were not there.",
            registry=self.registry,
        )

    def observe_wait(self, seconds: float) -> None:
        self._waits.observe(seconds)

    def observe_model(self, end: ModelEnd, seconds: float) -> None:
        self._model.labels(end.value).observe(seconds)

    def observe_command(self, seconds: float) -> None:
        self._sandbox.observe(seconds)

    def observe_retry(self) -> None:
        self._retried.inc()

    def observe_phase(self, phase: Phase, seconds: float) -> None:
        self._phases.labels(phase.value).observe(seconds)

    def serve(self, host: str, port: int) -> "Served":
        """Answer `GET /metrics` from a thread until the block is left; port 0: any. Raises OSError."""
        return Served(*start_http_server(port, host, self.registry))


@dataclass(frozen=True)
class Served:
    """Somebody who answers. A context manager."""

    server: WSGIServer
    thread: Thread

    @property
    def port(self) -> int:
        return self.server.server_port

    def __enter__(self) -> "Served":
        log.info("metrics", host=self.server.server_name, port=self.port)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class _Quota(Collector):
    def __init__(self, left: Callable[[], int | None]) -> None:
        self._left = left

    def collect(self) -> Iterator[Metric]:
        """Nothing while it is not known."""
        left = self._left()
        if left is not None:
            name = "pullwright_github_requests_left"
            yield _gauge(name, "Requests that GitHub still grants, the least of any account.", float(left))


class _Tables(Collector):
    def __init__(self, database: Database, now: Callable[[], float]) -> None:
        self._database, self._now = database, now

    def describe(self) -> Iterator[Metric]:
        """Nothing: the database is not asked before somebody asks us."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """A database that is away is a metric of its own, never an error page."""
        now = self._now()
        try:
            found = fetch_measures(self._database, now, now - limits.WORKER_DEAD_S)
        except (RetryLater, StoreFault, Bug) as fault:
            log.warning("metrics without the database", why=str(fault))
            yield _gauge("pullwright_database_up", "Whether the database answered.", 0.0)
            return
        yield _gauge("pullwright_database_up", "Whether the database answered.", 1.0)
        yield from _render(found)


def _render(found: Measures) -> Iterator[Metric]:
    yield _by("pullwright_tasks", "Tasks that are kept, by state.", "status", found.tasks)
    yield _by("pullwright_task_outcomes", "Finished tasks that are kept, by end.", "outcome", found.outcomes)
    yield _by(
        "pullwright_effects",
        "Effects on GitHub, by state; `sending` lost its answer.",
        "state",
        found.effects,
    )
    yield _by("pullwright_schedules", "Schedules, by why they rest.", "pause", found.schedules)
    yield _by(
        "pullwright_schedule_turns", "Turns of schedules that are kept, by result.", "result", found.turns
    )
    for name, help_text, value in (
        ("oldest_queued_seconds", "Age of the oldest task that waits to be admitted.", found.oldest_queued_s),
        ("deliveries_undecided", "Deliveries that the intake has not decided.", found.undecided),
        ("oldest_undecided_seconds", "Age of the oldest of them.", found.oldest_undecided_s),
        ("delivery_lag_seconds", "From received to decided, mean of five minutes.", found.delivery_lag_s),
        ("schedule_turns_open", "Turns of schedules that are under way.", found.turns_open),
        ("workers", "Workers that beat lately.", found.workers),
        ("model_tokens", "Tokens that tasks have cost, of those that are kept.", found.tokens),
        ("model_money_usd", "US dollars that tasks have cost, where prices are known.", found.money_usd),
    ):
        yield _gauge(f"pullwright_{name}", help_text, float(value))


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=value)


def _by(name: str, help_text: str, label: str, values: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for word, number in sorted(values.items()):
        family.add_metric([word], float(number))
    return family
