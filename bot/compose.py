"""The composition root: the one place where everything is built and joined. Decides nothing itself.

`build_webhook` needs the database only; `open_worker` everything. Nothing here reads the environment.
"""

import asyncio
import random
import secrets
import socket
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import structlog
from fastapi import FastAPI

from bot.domain import limits
from bot.domain.budget import Budget
from bot.errors import SandboxUnavailable
from bot.forge.app import AppClient
from bot.forge.auth import AppKey
from bot.forge.forge import Forge, ForgeSettings
from bot.llm.client import DEFAULT_BASE_URL, ModelClient, Server, open_client
from bot.llm.contract import Model
from bot.llm.recorded import RecordedModel, RecordingModel, parse_recording
from bot.llm.retry import RetryPolicy
from bot.repos.git_repos import GitRepos
from bot.sandbox.backend import BubblewrapSandbox, SandboxSettings
from bot.sandbox.contract import EgressPolicy, Preflight
from bot.sandbox.registries import effective_registry_hosts
from bot.settings import HostSettings, Settings
from bot.store.database import Database
from bot.store.deliveries import Inbox
from bot.store.effects import Effects
from bot.store.events import Events
from bot.store.migrations import migrate
from bot.store.tasks import AdmissionLimits, Tasks
from bot.tasks.answer import AnswerSteps
from bot.tasks.change.desk import ChangeSettings, Services
from bot.tasks.change.ground import Named
from bot.tasks.change.steps import ChangeSteps
from bot.tasks.engine_dbos import DbosEngine
from bot.tasks.kinds import KindSteps
from bot.tasks.ledger import Ledger
from bot.tasks.refuser import GitHubDesk
from bot.tasks.review.steps import ReviewSteps
from bot.tasks.runner import Worker, WorkerParts, WorkerSettings
from bot.tasks.workers import new_worker_id
from bot.webhook.receiver import build_receiver

log = structlog.get_logger()

_THREADS = 16  # blocking calls at once: four tasks with a few each, intake, heartbeats


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
    return build_receiver(Inbox(open_database(settings)), keys, time.time)


@asynccontextmanager
async def open_worker(settings: Settings) -> AsyncIterator[Worker]:
    """A worker that is ready to run. Raises SettingsFault, SandboxUnavailable (never a weaker sandbox)."""
    async with AsyncExitStack() as stack:
        sandbox = build_sandbox(settings)
        await _check_sandbox(sandbox)
        database = open_database(settings)
        stack.callback(database.close)
        forge = Forge(
            ForgeSettings(
                settings.api_url, settings.app_id, settings.private_key_pem, settings.write_spacing_s
            )
        )
        stack.callback(forge.close)
        executor = ThreadPoolExecutor(_THREADS, "blocking")
        stack.callback(executor.shutdown, wait=False, cancel_futures=True)
        model = await stack.enter_async_context(open_model(settings))
        models = {settings.model: model}
        for name in settings.models if settings.recording is None else ():
            named = settings.model_copy(update={"model": name})
            models[name] = await stack.enter_async_context(open_model(named))
        services = Services(
            settings=await _change_settings(settings),
            repos=GitRepos(settings.data_dir / "repos", sandbox.owner_uid),
            sandbox=sandbox,
            forge=forge,
            model=model,
            clock=SystemClock(),
            tasks=Tasks(database),
            events=Events(database),
            ledger=Ledger(Effects(database), executor, time.time),
            executor=executor,
            models=models,
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
            ),
            WorkerParts(
                database=database,
                engine=DbosEngine(settings.store_url, worker_id, settings.fleet_tasks),
                steps=KindSteps(ChangeSteps(services), AnswerSteps(services), ReviewSteps(services)),
                permissions=github,
                refuser=github,
                answerer=github,
                executor=executor,
                now=time.time,
                models=tuple(models),
            ),
        )


def build_sandbox(settings: HostSettings) -> BubblewrapSandbox:
    """The sandbox of a worker with these settings. Tries nothing yet."""
    return BubblewrapSandbox(
        SandboxSettings(
            state_dir=settings.data_dir / "sandbox",
            uid=settings.sandbox_uid,
            bwrap=settings.bwrap,
            toolchains=tuple(settings.toolchain_paths),
        )
    )


def open_app_client(settings: Settings) -> AppClient:
    """Asks GitHub as the App. Raises SettingsFault when the key is none."""
    key = AppKey(settings.app_id, settings.private_key_pem)
    return AppClient(settings.api_url, key, time.time, time.sleep)


async def _check_sandbox(sandbox: BubblewrapSandbox) -> None:
    """Tried once, at the start. A host without one still answers people: each task ends as `no_sandbox`."""
    found = await sandbox.preflight()
    if found.ok:
        log.info("sandbox.ready", backend=found.backend, limits=dict(found.enforced_by))
    for check in found.checks:
        if not check.ok:
            log.error("sandbox.refused", check=check.name, detail=check.detail, remedy=check.remedy)


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


async def setup_egress(settings: HostSettings) -> EgressPolicy:
    """What a set-up may reach: the host's own package registries, and what the operator adds."""
    registries = await effective_registry_hosts()
    hosts = tuple(dict.fromkeys((*registries, *settings.egress_hosts)))
    bundle = settings.egress_ca.read_bytes() if settings.egress_ca else None
    return EgressPolicy(hosts, settings.egress_pins, bundle)


def budget_of(settings: HostSettings) -> Budget:
    return Budget(settings.turns, settings.tokens, settings.money_usd, settings.minutes)


async def _change_settings(settings: Settings) -> ChangeSettings:
    return ChangeSettings(
        handle=settings.handle,
        web_url=settings.web_url.rstrip("/"),
        data_dir=settings.data_dir,
        egress=await setup_egress(settings),
        commands=Named(settings.setup_command, settings.test_command),
        budget=budget_of(settings),
        secrets=settings.literal_secrets,
    )


def check_host(state_dir: Path, uid: int, bwrap: Path | None) -> None:
    """Raises SandboxUnavailable, with the whole report and the remedies, when no sandbox works on this host."""
    require_sandbox(asyncio.run(BubblewrapSandbox(SandboxSettings(state_dir, uid, bwrap)).preflight()))


def require_sandbox(found: Preflight) -> None:
    """Raises SandboxUnavailable, with the whole report and the remedies, unless the preflight passed."""
    if not found.ok:
        failed = [check for check in found.checks if not check.ok]
        lines = "\n".join(f"  - {check.name}: {check.detail}" for check in failed)
        remedies = "\n".join(dict.fromkeys(check.remedy for check in failed if check.remedy))
        raise SandboxUnavailable(
            f"No sandbox works on this host, and nothing runs without one:\n{lines}", remedies
        )
