"""The composition root: the one place where everything is built and joined, with `compose_host.py` for what needs no
service. Decides nothing itself.

`build_webhook` needs the database only; `open_worker` everything. Nothing here reads the environment.
"""

import contextlib
import functools
import secrets
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from fastapi import FastAPI

from bot.compose_host import (
    SystemClock,
    budget_of,
    build_repos,
    build_sandbox,
    find_means,
    open_model,
    open_models,
    repository_shelf,
)
from bot.domain.admission import AdmissionLimits
from bot.domain.budget import decide_budget
from bot.domain.ci import Waits
from bot.domain.effective import OperatorSays
from bot.domain.ids import InstallationId, RepositoryId
from bot.errors import RetryLater, StoreFault
from bot.forge.app import AppClient
from bot.forge.auth import AppKey
from bot.forge.forge import Forge, ForgeSettings
from bot.forge.pacing import Turns
from bot.host_settings import HostSettings
from bot.llm.features import features_for
from bot.repos.contract import RepoKey
from bot.repos.housekeeping import Gone, clear
from bot.sandbox.contract import Sandbox
from bot.settings import Settings, vault_place
from bot.shared_secrets import SealingKey, SharedSecrets
from bot.store.clock import FleetClock
from bot.store.database import Database
from bot.store.effects import Effects
from bot.store.events import Events
from bot.store.evidence import EvidenceKeys, EvidenceRecords
from bot.store.inbox import Inbox
from bot.store.migrations import migrate
from bot.store.received import Received
from bot.store.schedules import Schedules
from bot.store.tasks import Tasks
from bot.store.work_trees import WorkTrees
from bot.store.write_turns import WriteTurns
from bot.tasks.answer import AnswerSteps
from bot.tasks.change.baselines import clear_baselines
from bot.tasks.change.desk import ChangeSettings, Services
from bot.tasks.change.ground import Named
from bot.tasks.change.steps import ChangeSteps
from bot.tasks.dashboard import Dashboards
from bot.tasks.engine_dbos import DbosEngine
from bot.tasks.follow_up.steps import FollowUpSteps
from bot.tasks.half_sent import HalfSentDesk
from bot.tasks.kinds import KindSteps
from bot.tasks.late import LateEffects
from bot.tasks.ledger import Ledger, LedgerTimes
from bot.tasks.maintenance.steps import MaintenanceSteps
from bot.tasks.measured import MeasuredModel, MeasuredSandbox
from bot.tasks.metrics import WorkerMetrics
from bot.tasks.queue_notices import QueueNotices
from bot.tasks.refuser import GitHubDesk
from bot.tasks.review.steps import ReviewSteps
from bot.tasks.runner import Intervals, Worker, WorkerParts, WorkerSettings
from bot.tasks.schedules import Ticker
from bot.tasks.sweep import Sweep
from bot.tasks.workers import LifeTimes, new_worker_id
from bot.webhook.receiver import build_receiver

log = structlog.get_logger()

_THREADS = 16  # blocking calls at once: four tasks with a few each, intake, heartbeats


@dataclass(frozen=True)
class WorkerTimes:
    """How long a worker waits for others and for itself. Only tests have others than these."""

    life: LifeTimes = field(default_factory=LifeTimes)
    intervals: Intervals = field(default_factory=Intervals)
    ledger: LedgerTimes = field(default_factory=LedgerTimes)


def ensure_data_dir(settings: HostSettings) -> Path:
    """The data directory, made where it is missing and written to for a try. Raises StoreFault."""
    place = settings.data_dir
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return place
    except OSError as error:
        remedy = (
            "PULLWRIGHT_DATA_DIR names a directory on a local disk that this user can write, with room in it."
        )
        raise StoreFault(f"The data directory can't be written: {error}.", remedy) from error


def open_database(settings: Settings) -> Database:
    """The database, at this version's schema. Raises SettingsFault when it is newer."""
    ensure_data_dir(settings)
    database = Database(settings.store_url)
    migrate(database)
    return database


def open_clock(database: Database) -> FleetClock:
    """What time it is for everybody who works on this database. Raises StoreFault."""
    clock = FleetClock(database)
    with at_once():
        clock.look()
    return clock


def build_webhook(settings: Settings, database: Database | None = None) -> FastAPI:
    """The receiver's application. `database`: None for one of its own, which is open until the process ends."""
    keys = tuple(secret.get_secret_value().encode() for secret in settings.webhook_secrets)
    database = database or open_database(settings)
    clock = open_clock(database)
    published = EvidenceKeys(database)

    def public_key() -> bytes | None:
        return b"".join(published.list_public()) or None

    inbox = Inbox(database, look_at_clock=clock.look)
    return build_receiver(inbox, keys, clock, public_key=public_key)


@asynccontextmanager
async def open_worker(settings: Settings, times: WorkerTimes = WorkerTimes()) -> AsyncIterator[Worker]:
    """A worker that is ready to run; never with a weaker sandbox. Raises SettingsFault, StoreFault."""
    ensure_data_dir(settings)
    async with AsyncExitStack() as stack:
        sandbox = build_sandbox(settings)
        await _check_sandbox(sandbox)
        database = open_database(settings)
        stack.callback(database.close)
        worker_id = new_worker_id(socket.gethostname(), secrets.token_hex(6))
        clock = open_clock(database)
        turns = WriteTurns(database, worker_id, settings.write_spacing_s, clock)
        forge = open_forge(settings, turns)
        stack.callback(forge.close)
        metrics = WorkerMetrics(database, clock, forge.quota.least)
        if settings.metrics_port:
            stack.enter_context(metrics.serve(settings.metrics_host, settings.metrics_port))
        executor = ThreadPoolExecutor(_THREADS, "blocking")
        stack.callback(executor.shutdown, wait=False, cancel_futures=True)
        shared = open_shared_secrets(settings, database)
        with at_once():
            signer = shared.open_signer(settings.data_dir / "keys")
        models = await stack.enter_async_context(open_models(settings))
        named = {settings.model: models[0]}
        for name in settings.models if settings.recording is None else ():
            other = settings.model_copy(update={"model": name})
            named[name] = await stack.enter_async_context(open_model(other))
        watched = {name: MeasuredModel(model, metrics.observe_model) for name, model in named.items()}
        ledger = Ledger(Effects(database), executor, clock, times.ledger)
        ledger.observe_retry = metrics.observe_retry
        services = Services(
            settings=_change_settings(settings, shared),
            repos=build_repos(settings),
            sandbox=MeasuredSandbox(sandbox, metrics.observe_command),
            forge=forge,
            models=tuple(MeasuredModel(model, metrics.observe_model) for model in models),
            clock=SystemClock(clock),
            tasks=Tasks(database),
            events=Events(database),
            ledger=ledger,
            executor=executor,
            work_trees=WorkTrees(database),
            evidence=EvidenceRecords(database),
            sign=signer.sign,
            named=watched,
        )
        steps = KindSteps(
            ChangeSteps(services),
            AnswerSteps(services),
            ReviewSteps(services),
            FollowUpSteps(services),
            MaintenanceSteps(services),
        )
        half_sent = HalfSentDesk(Effects(database), forge, clock, times.ledger.settle_s)
        late = LateEffects(half_sent, services.tasks, services.events, steps, executor, clock)
        github = GitHubDesk(forge, settings.handle)
        schedules = Schedules(database, settings.allowances)
        yield Worker(
            WorkerSettings(
                worker_id,
                settings.handle,
                settings.data_dir / "workers",
                AdmissionLimits(settings.fleet_tasks, settings.repository_tasks, settings.installation_tasks),
                settings.allowances,
                times=times.life,
                intervals=times.intervals,
                drain_s=settings.drain_s,
            ),
            WorkerParts(
                database=database,
                engine=DbosEngine(
                    settings.store_url, worker_id, settings.worker_tasks or settings.fleet_tasks
                ),
                steps=steps,
                permissions=github,
                refuser=github,
                answerer=github,
                executor=executor,
                now=clock,
                look_at_clock=clock.look,
                tell_queue=QueueNotices(services, clock).tell,
                tell_late=late.tell,
                clear_disk=functools.partial(clear_repositories, settings),
                ticker=Ticker(forge, schedules, services.tasks, Received(database), clock),
                dashboards=Dashboards(
                    forge, schedules, settings.web_url.rstrip("/"), settings.literal_secrets
                ),
                sweep=Sweep(forge, Received(database), settings.handle, clock),
                observe_phase=metrics.observe_phase,
                observe_wait=metrics.observe_wait,
                operator=_operator_says(settings, tuple(named)),
            ),
        )


def open_shared_secrets(settings: Settings, database: Database) -> SharedSecrets:
    """What processes on this database share, with what this host had by itself. Raises SettingsFault, StoreFault."""
    shared = SharedSecrets(database, SealingKey(settings.private_key_pem), time.time)
    with at_once():
        shared.adopt_setup_secrets(*vault_place())
    return shared


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    """For a start and for a person, who wait for nothing: what could be tried again is a StoreFault."""
    try:
        yield
    except RetryLater as error:
        raise StoreFault(f"The database can't be used: {error}", "Check that it answers.") from error


def open_forge(settings: Settings, turns: Turns | None = None) -> Forge:
    """GitHub, as the App; `turns` to write are shared by whoever writes beside others. Close it. Raises SettingsFault
    when the key is none."""
    key = settings.private_key_pem
    given = ForgeSettings(settings.api_url, settings.app_id, key, settings.write_spacing_s)
    return Forge(given, turns=turns)


def open_app_client(settings: Settings) -> AppClient:
    """Asks GitHub as the App. Raises SettingsFault when the key is none."""
    key = AppKey(settings.app_id, settings.private_key_pem)
    return AppClient(settings.api_url, key, time.time, time.sleep)


async def _check_sandbox(sandbox: Sandbox) -> None:
    """Tried at the start. A host without one still answers people: tasks have it tried again, and end as
    `no_sandbox` if it is in vain."""
    found = await sandbox.preflight()
    if found.ok:
        log.info("sandbox.ready", backend=found.backend, limits=dict(found.enforced_by))
    for check in (*found.passed_over, *found.checks):
        if not check.ok:
            log.error("sandbox.refused", check=check.name, detail=check.detail, remedy=check.remedy)


def clear_repositories(settings: HostSettings, busy: frozenset[tuple[int, int]]) -> Gone:
    """Caches, plain files and baselines of repositories that are over the operator's bounds. Raises OSError."""
    keys = frozenset(RepoKey(InstallationId(one), RepositoryId(other)) for one, other in busy)
    now = time.time()  # this host's, as the times of its files are
    clear_baselines(settings.data_dir / "baselines", now - settings.cache_days * 86_400)
    return clear(repository_shelf(settings), keys, now)


def _change_settings(settings: Settings, shared: SharedSecrets) -> ChangeSettings:
    return ChangeSettings(
        handle=settings.handle,
        web_url=settings.web_url.rstrip("/"),
        data_dir=settings.data_dir,
        means=find_means(settings),
        commands=Named(settings.setup_command, settings.test_command),
        budget=budget_of(settings),
        fresh_attempt=settings.fresh_attempt,
        setup_secrets=shared.open_setup_secrets,
        second_look=settings.second_look,
        secrets=settings.literal_secrets,
        waits=Waits(settings.ci_quiet_s, settings.ci_wait_s),
        host=_name_of(settings.data_dir),
    )


def _operator_says(settings: Settings, models: tuple[str, ...]) -> OperatorSays:
    """What `config` tells people, and what they may choose."""
    budget = decide_budget(budget_of(settings), features_for(settings.model).budget)
    web_url = settings.web_url.rstrip("/")
    return OperatorSays(settings.setup_command, settings.test_command, budget, models, web_url)


def _name_of(data_dir: Path) -> str:
    """The data directory's own, given at its first use: two hosts may use one path for two directories."""
    place, token = data_dir / "host-id", secrets.token_hex(8)
    part = data_dir / f"host-id.{token}"
    part.write_text(token)
    with contextlib.suppress(FileExistsError):
        place.hardlink_to(part)  # whole, and only the first one
    part.unlink()
    return place.read_text()
