"""The composition root: the one place where everything is built and joined. Decides nothing itself.

`build_webhook` needs the database only; `open_worker` everything. Nothing here reads the environment.
"""

import asyncio
import contextlib
import functools
import os
import random
import secrets
import socket
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from fastapi import FastAPI

from bot.domain import limits
from bot.domain.budget import Budget, decide_budget
from bot.domain.effective import OperatorSays
from bot.domain.ids import InstallationId, RepositoryId
from bot.forge.app import AppClient
from bot.forge.auth import AppKey
from bot.forge.forge import Forge, ForgeSettings
from bot.host_settings import HostSettings
from bot.llm.client import DEFAULT_BASE_URL, ModelClient, Server, open_client
from bot.llm.contract import Model
from bot.llm.features import features_for
from bot.llm.recorded import RecordedModel, RecordingModel, parse_recording
from bot.llm.retry import RetryPolicy
from bot.repos.contract import RepoKey
from bot.repos.git_repos import GitRepos
from bot.repos.housekeeping import Gone, Shelf, clear
from bot.sandbox.backend import BubblewrapSandbox, SandboxSettings
from bot.sandbox.choice import Backend, ChosenSandbox
from bot.sandbox.container_backend import ContainerSandbox, ContainerSettings
from bot.sandbox.contract import EgressPolicy, Preflight, Sandbox
from bot.sandbox.registries import AskedOnce
from bot.sandbox.remedies import refusal
from bot.sandbox.toolchains import find_toolchains
from bot.settings import Settings, vault_place
from bot.store.database import Database
from bot.store.deliveries import Inbox
from bot.store.effects import Effects
from bot.store.events import Events
from bot.store.migrations import migrate
from bot.store.received import Received
from bot.store.schedules import Schedules
from bot.store.tasks import AdmissionLimits, Tasks
from bot.store.work_trees import WorkTrees
from bot.tasks.answer import AnswerSteps
from bot.tasks.change.desk import ChangeSettings, Services
from bot.tasks.change.ground import Named, SetupMeans
from bot.tasks.change.steps import ChangeSteps
from bot.tasks.engine_dbos import DbosEngine
from bot.tasks.follow_up.steps import FollowUpSteps
from bot.tasks.kinds import KindSteps
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
from bot.vault import unseal_setup_secrets
from bot.verify.signature import read_public_key
from bot.webhook.receiver import build_receiver

log = structlog.get_logger()

_THREADS = 16  # blocking calls at once: four tasks with a few each, intake, heartbeats


@dataclass(frozen=True)
class WorkerTimes:
    """How long a worker waits for others and for itself. Only tests have others than these."""

    life: LifeTimes = field(default_factory=LifeTimes)
    intervals: Intervals = field(default_factory=Intervals)
    ledger: LedgerTimes = field(default_factory=LedgerTimes)


class SystemClock:
    """The agent's `Clock`."""

    def now(self) -> float:
        return time.time()


def open_database(settings: Settings) -> Database:
    """The database, at this version's schema. Raises SettingsFault when it is newer."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.store_url)
    migrate(database)
    return database


def build_webhook(settings: Settings) -> FastAPI:
    """The receiver's application."""
    keys = tuple(secret.get_secret_value().encode() for secret in settings.webhook_secrets)
    public_key = functools.partial(read_public_key, settings.data_dir / "keys")
    return build_receiver(Inbox(open_database(settings)), keys, time.time, public_key=public_key)


@asynccontextmanager
async def open_worker(settings: Settings, times: WorkerTimes = WorkerTimes()) -> AsyncIterator[Worker]:
    """A worker that is ready to run. Raises SettingsFault, SandboxUnavailable (never a weaker sandbox)."""
    async with AsyncExitStack() as stack:
        sandbox = build_sandbox(settings)
        await _check_sandbox(sandbox)
        database = open_database(settings)
        stack.callback(database.close)
        forge = open_forge(settings)
        stack.callback(forge.close)
        metrics = WorkerMetrics(database, time.time, forge.quota.least)
        if settings.metrics_port:
            stack.enter_context(metrics.serve(settings.metrics_host, settings.metrics_port))
        executor = ThreadPoolExecutor(_THREADS, "blocking")
        stack.callback(executor.shutdown, wait=False, cancel_futures=True)
        models = await stack.enter_async_context(open_models(settings))
        named = {settings.model: models[0]}
        for name in settings.models if settings.recording is None else ():
            other = settings.model_copy(update={"model": name})
            named[name] = await stack.enter_async_context(open_model(other))
        watched = {name: MeasuredModel(model, metrics.observe_model) for name, model in named.items()}
        ledger = Ledger(Effects(database), executor, time.time, times.ledger)
        ledger.observe_retry = metrics.observe_retry
        services = Services(
            settings=_change_settings(settings),
            repos=GitRepos(settings.data_dir / "repos", owner_uid(settings)),
            sandbox=MeasuredSandbox(sandbox, metrics.observe_command),
            forge=forge,
            models=tuple(MeasuredModel(model, metrics.observe_model) for model in models),
            clock=SystemClock(),
            tasks=Tasks(database),
            events=Events(database),
            ledger=ledger,
            executor=executor,
            work_trees=WorkTrees(database),
            named=watched,
        )
        worker_id = new_worker_id(socket.gethostname(), secrets.token_hex(6))
        github = GitHubDesk(forge, settings.handle)
        yield Worker(
            WorkerSettings(
                worker_id,
                settings.handle,
                settings.data_dir / "workers",
                AdmissionLimits(settings.fleet_tasks, settings.repository_tasks, settings.installation_tasks),
                settings.allowances,
                times=times.life,
                intervals=times.intervals,
            ),
            WorkerParts(
                database=database,
                engine=DbosEngine(settings.store_url, worker_id, settings.fleet_tasks),
                steps=KindSteps(
                    ChangeSteps(services),
                    AnswerSteps(services),
                    ReviewSteps(services),
                    FollowUpSteps(services),
                    MaintenanceSteps(services),
                ),
                permissions=github,
                refuser=github,
                answerer=github,
                executor=executor,
                now=time.time,
                tell_queue=QueueNotices(services, time.time).tell,
                clear_disk=functools.partial(clear_repositories, settings),
                ticker=Ticker(
                    forge,
                    Schedules(database, settings.allowances),
                    services.tasks,
                    Received(database),
                    time.time,
                ),
                sweep=Sweep(forge, Received(database), settings.handle, time.time),
                observe_phase=metrics.observe_phase,
                observe_wait=metrics.observe_wait,
                operator=_operator_says(settings, tuple(named)),
            ),
        )


def build_sandbox(settings: HostSettings, *, sweeps: bool = True) -> ChosenSandbox:
    """The sandbox of a worker with these settings. Tries nothing yet. `sweeps`: see `WorkerFolder`."""
    chosen = ChosenSandbox(
        tuple((name, _build_backend(name, settings)) for name in settings.sandbox_backends)
    )
    for folder in chosen.folders:
        folder.sweeps = sweeps
    return chosen


def _build_backend(name: str, settings: HostSettings) -> Backend:
    state_dir, uid = settings.data_dir / "sandbox", settings.sandbox_uid
    days, size = settings.environment_days, int(settings.environment_gib * 1024**3)
    if name == "container":
        return ContainerSandbox(
            ContainerSettings(
                state_dir=state_dir,
                uid=uid,
                image=settings.container_image,
                allowed=settings.container_images,
                engine=settings.container_engine,
                runtime=settings.container_runtime,
                environment_days=days,
                environment_bytes=size,
            )
        )
    return BubblewrapSandbox(
        SandboxSettings(
            state_dir=state_dir,
            uid=uid,
            bwrap=settings.bwrap,
            toolchains=build_toolchains(settings),
            environment_days=days,
            environment_bytes=size,
        )
    )


def owner_uid(settings: HostSettings) -> int | None:
    """Who owns the plain files that a sandbox works over: its dedicated user when we are root; None: ourselves."""
    return settings.sandbox_uid if os.geteuid() == 0 else None


def build_toolchains(settings: HostSettings) -> tuple[Path, ...]:
    """Those that the operator names, and those that are found on this host."""
    return tuple(one.path for one in find_toolchains(settings.toolchain_paths, Path.home()))


def open_forge(settings: Settings) -> Forge:
    """GitHub, as the App. Close it. Raises SettingsFault when the key is none."""
    key = settings.private_key_pem
    return Forge(ForgeSettings(settings.api_url, settings.app_id, key, settings.write_spacing_s))


def open_app_client(settings: Settings) -> AppClient:
    """Asks GitHub as the App. Raises SettingsFault when the key is none."""
    key = AppKey(settings.app_id, settings.private_key_pem)
    return AppClient(settings.api_url, key, time.time, time.sleep)


async def _check_sandbox(sandbox: Sandbox) -> None:
    """Tried once, at the start. A host without one still answers people: each task ends as `no_sandbox`."""
    found = await sandbox.preflight()
    if found.ok:
        log.info("sandbox.ready", backend=found.backend, limits=dict(found.enforced_by))
    for check in (*found.passed_over, *found.checks):
        if not check.ok:
            log.error("sandbox.refused", check=check.name, detail=check.detail, remedy=check.remedy)


@asynccontextmanager
async def open_models(settings: HostSettings) -> AsyncIterator[tuple[Model, ...]]:
    """Of a first attempt, and of a fresh one where the operator named another model for it."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(open_model(settings))
        if not settings.second_model:
            yield (first,)
            return
        other = settings.model_copy(update={"model": settings.second_model})
        yield first, await stack.enter_async_context(open_model(other))


@asynccontextmanager
async def open_model(settings: HostSettings) -> AsyncIterator[Model]:
    """The model that the settings name, or a recording of one."""
    if settings.recording is not None:
        text = settings.recording.read_text(encoding="utf-8")
        again = settings.record_to is not None
        recorded = RecordedModel(parse_recording(text, settings.recording.name), strict=not again)
        yield RecordingModel(recorded, settings.record_to) if settings.record_to else recorded
        return
    async with open_model_client(settings) as model:
        yield RecordingModel(model, settings.record_to) if settings.record_to else model


@asynccontextmanager
async def open_model_client(
    settings: HostSettings, tries: int = limits.MODEL_TRIES
) -> AsyncIterator[ModelClient]:
    """A client for the model's server that the settings name. Fewer `tries` where a person waits."""
    server = Server(
        settings.model,
        settings.openai_api_key.get_secret_value(),
        settings.openai_base_url or DEFAULT_BASE_URL,
        settings.wire,
        settings.effort,
        settings.prices,
        settings.model_idle_s,
    )
    async with open_client(server, RetryPolicy(asyncio.sleep, random.random, tries), time.time) as client:
        yield client


def find_means(settings: HostSettings) -> SetupMeans:
    """What a set-up may reach here: the host's own package registries, and what the operator adds."""
    bundle = settings.egress_ca.read_bytes() if settings.egress_ca else None
    return SetupMeans(EgressPolicy(settings.egress_hosts, settings.egress_pins, bundle), AskedOnce())


def clear_repositories(settings: HostSettings, busy: frozenset[tuple[int, int]]) -> Gone:
    """Caches and plain files of repositories that are over the operator's bounds. Raises OSError."""
    keys = frozenset(RepoKey(InstallationId(one), RepositoryId(other)) for one, other in busy)
    return clear(repository_shelf(settings), keys, time.time())


def repository_shelf(settings: HostSettings) -> Shelf:
    """Where repositories are kept, and how much of them."""
    return Shelf(settings.data_dir / "repos", settings.cache_days, int(settings.cache_gib * 1024**3))


def budget_of(settings: HostSettings) -> Budget:
    return Budget(settings.turns, settings.tokens, settings.money_usd, settings.minutes)


def _change_settings(settings: Settings) -> ChangeSettings:
    vault, vault_key = vault_place()
    return ChangeSettings(
        handle=settings.handle,
        web_url=settings.web_url.rstrip("/"),
        data_dir=settings.data_dir,
        means=find_means(settings),
        commands=Named(settings.setup_command, settings.test_command),
        budget=budget_of(settings),
        fresh_attempt=settings.fresh_attempt,
        setup_secrets=lambda repository: unseal_setup_secrets(vault, vault_key).get(repository.lower(), {}),
        second_look=settings.second_look,
        secrets=settings.literal_secrets,
        host=_name_of(settings.data_dir),
    )


def _operator_says(settings: Settings, models: tuple[str, ...]) -> OperatorSays:
    """What `config` tells people, and what they may choose."""
    budget = decide_budget(budget_of(settings), features_for(settings.model).budget)
    return OperatorSays(settings.setup_command, settings.test_command, budget, models)


def _name_of(data_dir: Path) -> str:
    """The data directory's own, given at its first use: two hosts may use one path for two directories."""
    place, token = data_dir / "host-id", secrets.token_hex(8)
    part = data_dir / f"host-id.{token}"
    part.write_text(token)
    with contextlib.suppress(FileExistsError):
        place.hardlink_to(part)  # whole, and only the first one
    part.unlink()
    return place.read_text()


def check_host(state_dir: Path, uid: int, bwrap: Path | None) -> None:
    """Raises SandboxUnavailable, with the whole report and the remedies, when no sandbox works on this host."""
    require_sandbox(asyncio.run(BubblewrapSandbox(SandboxSettings(state_dir, uid, bwrap)).preflight()))


def require_sandbox(found: Preflight) -> None:
    """Raises SandboxUnavailable, with the whole report and the remedies, unless the preflight passed."""
    if not found.ok:
        raise refusal(found)
