"""What is built from the host's settings alone: sandbox, model, budget, places on disk. The worker has it, and so have
the local commands, which load no database, no engine and no GitHub. The rest is `compose.py`. Decides nothing itself.

A person waits for `pullwright run`: so what only one of the functions needs is loaded there.
"""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bot.domain import limits
from bot.domain.budget import Budget
from bot.host_settings import HostSettings
from bot.repos.git_repos import GitRepos
from bot.repos.housekeeping import Shelf
from bot.sandbox.backend import BubblewrapSandbox, SandboxSettings
from bot.sandbox.choice import Backend, ChosenSandbox
from bot.sandbox.contract import EgressPolicy, Preflight
from bot.sandbox.environments import newest_products
from bot.sandbox.remedies import refusal
from bot.sandbox.toolchains import find_toolchains

if TYPE_CHECKING:
    from bot.llm.client import ModelClient
    from bot.llm.contract import Model
    from bot.tasks.change.ground import SetupMeans


class SystemClock:
    """The agent's `Clock`: this host's, or `seconds` since the epoch from wherever they are told."""

    def __init__(self, seconds: Callable[[], float] = time.time) -> None:
        self._seconds = seconds

    def now(self) -> float:
        return self._seconds()


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
        from bot.sandbox.container_backend import ContainerSandbox, ContainerSettings

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


@asynccontextmanager
async def open_models(settings: HostSettings) -> AsyncIterator[tuple["Model", ...]]:
    """Of a first attempt, and of a fresh one where the operator named another model for it."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(open_model(settings))
        if not settings.second_model:
            yield (first,)
            return
        other = settings.model_copy(update={"model": settings.second_model})
        yield first, await stack.enter_async_context(open_model(other))


@asynccontextmanager
async def open_model(settings: HostSettings) -> AsyncIterator["Model"]:
    """The model that the settings name, or a recording of one."""
    from bot.llm.recorded import RecordedModel, RecordingModel, parse_recording

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
) -> AsyncIterator["ModelClient"]:
    """A client for the model's server that the settings name. Fewer `tries` where a person waits."""
    from bot.llm.client import DEFAULT_BASE_URL, Server, open_client
    from bot.llm.retry import RetryPolicy

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


def find_means(settings: HostSettings) -> "SetupMeans":
    """What a set-up may reach here: the host's own package registries, and what the operator adds."""
    from bot.sandbox.registries import AskedOnce
    from bot.tasks.change.ground import SetupMeans

    bundle = settings.egress_ca.read_bytes() if settings.egress_ca else None
    return SetupMeans(EgressPolicy(settings.egress_hosts, settings.egress_pins, bundle), AskedOnce())


def build_repos(settings: HostSettings) -> GitRepos:
    """Git on this host, with templates that share files as far as no set-up's products could be taken for newer."""
    return GitRepos(
        settings.data_dir / "repos",
        owner_uid(settings),
        products_since=partial(newest_products, settings.data_dir / "sandbox"),
    )


def repository_shelf(settings: HostSettings) -> Shelf:
    """Where repositories are kept, and how much of them."""
    return Shelf(settings.data_dir / "repos", settings.cache_days, int(settings.cache_gib * 1024**3))


def budget_of(settings: HostSettings) -> Budget:
    return Budget(settings.turns, settings.tokens, settings.money_usd, settings.minutes)


def check_host(state_dir: Path, uid: int, bwrap: Path | None) -> None:
    """Raises SandboxUnavailable, with the whole report and the remedies, when no sandbox works on this host."""
    require_sandbox(asyncio.run(BubblewrapSandbox(SandboxSettings(state_dir, uid, bwrap)).preflight()))


def require_sandbox(found: Preflight) -> None:
    """Raises SandboxUnavailable, with the whole report and the remedies, unless the preflight passed."""
    if not found.ok:
        raise refusal(found)
