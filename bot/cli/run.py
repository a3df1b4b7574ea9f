"""`pullwright run`: the same loop, sandbox and verification on a person's own clone, without GitHub.

The clone's files are read at the beginning and, if the person says so, written at the end; all work happens on a copy
in the sandbox. What the run leaves (its log, the patch, the evidence) is kept in the user's cache, whatever its end.

Here is what comes before the work: settings, the clone, the sandbox's preflight, what the work wants first. Most of it
happens in other processes, so what the work needs is loaded meanwhile (`run_work.py`, and the client's library): this
module must not load it. See docs/decisions/0111.

Must never: write into the clone without consent, or call a change good that was not measured.
"""

import asyncio
import contextlib
import gc
import hashlib
import logging
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.compose_host import build_repos, build_sandbox, open_models, require_sandbox
from bot.errors import ForPerson, RepositoryFault, RetryLater
from bot.log import configure_log
from bot.repos.contract import Checkout, RepoKey
from bot.repos.git_repos import GitRepos
from bot.sandbox.contract import NO_SETUP, Sandbox
from bot.settings import LocalSettings, load_local_settings
from bot.tasks.change.history import name_base, with_history

if TYPE_CHECKING:
    from bot.cli.run_events import RunView
    from bot.llm.contract import Model


@dataclass(frozen=True)
class RunOptions:
    """As on the command line. `model` empty: the environment's."""

    instruction: str
    repo: Path = Path()
    model: str = ""
    as_json: bool = False
    apply: bool = False
    patch: Path | None = None
    attempts: int = 1


@dataclass(frozen=True)
class Prepared:
    """What the work begins with. `uncommitted`: how many files of the clone differ from its commit."""

    options: RunOptions
    settings: LocalSettings
    repos: GitRepos
    sandbox: Sandbox
    key: RepoKey
    checkout: Checkout
    uncommitted: int


def run_run(options: RunOptions, view: "RunView | None" = None) -> int:
    """The exit code, see `run_codes.py`. Raises ForPerson: settings, no sandbox, no repository."""
    configure_log(logging.WARNING, late=True)
    if not options.instruction.strip():
        raise ForPerson("There is no instruction.", 'For example: pullwright run "fix the failing test"')
    settings = load_local_settings(**({"model": options.model} if options.model else {}))
    return asyncio.run(_run(options, settings, view))


async def _run(options: RunOptions, settings: LocalSettings, view: "RunView | None") -> int:
    async with AsyncExitStack() as stack:
        prepared, models = await _both(_prepare(options, settings), _load(options, settings, stack))
        if not gc.isenabled():  # `main.py`: what is loaded is no garbage, and is not looked at again
            gc.freeze()
            gc.enable()
        from bot.cli.run_work import work

        return await work(prepared, models, view)


async def _both(
    preparing: Coroutine[Any, Any, Prepared], loading: "Coroutine[Any, Any, tuple[Model, ...]]"
) -> "tuple[Prepared, tuple[Model, ...]]":
    """The results of both. When one fails nothing of the other goes on behind our back."""
    tasks = (asyncio.create_task(preparing), asyncio.create_task(loading))
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _load(options: RunOptions, settings: LocalSettings, stack: AsyncExitStack) -> "tuple[Model, ...]":
    """All that is needed until the first request. The models are closed with the stack.

    Race: two threads that load modules of one library at once, which import each other, can be given half of one. So
    the client's library comes first, alone; opening it (certificates) and our own modules have none in common."""
    if settings.recording is None:
        await asyncio.to_thread(_load_client)
    models, _ = await asyncio.gather(
        stack.enter_async_context(open_models(settings)), asyncio.to_thread(_load_work, options)
    )
    return models


def _load_client() -> None:
    import bot.llm.client  # noqa: F401
    from bot.llm.library import load_library

    load_library()


def _load_work(options: RunOptions) -> None:
    import bot.cli.run_work

    if not options.as_json:
        import bot.cli.run_view  # noqa: F401


async def _prepare(options: RunOptions, settings: LocalSettings) -> Prepared:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    repos, sandbox = build_repos(settings), build_sandbox(settings)
    key = RepoKey(0, _number(options.repo))
    (checkout, uncommitted), found = await asyncio.gather(
        _read_clone(repos, key, options.repo.resolve()), sandbox.preflight()
    )
    require_sandbox(found)
    with contextlib.suppress(RepositoryFault, RetryLater):
        template = await repos.materialise(key, checkout.files)
        await with_history(sandbox, NO_SETUP, template, name_base(key, checkout.files))
    return Prepared(options, settings, repos, sandbox, key, checkout, uncommitted)


async def _read_clone(repos: GitRepos, key: RepoKey, folder: Path) -> tuple[Checkout, int]:
    """What is in the clone, and how many files differ from its commit. The work then finds made what it asks for first
    (a list of the files, their template; in `_prepare` the model's git); what fails fails there again, where it has a
    name."""
    checkout = await repos.import_checkout(key, folder)
    changes = await repos.changes(key, checkout.tree, checkout.files)
    with contextlib.suppress(RepositoryFault, RetryLater):
        await asyncio.gather(repos.list_tree(key, checkout.files), repos.materialise(key, checkout.files))
    return checkout, len(changes)


def _number(repo: Path) -> int:
    """The cache's number: the same place has the same cache."""
    return int.from_bytes(hashlib.sha256(bytes(repo.resolve())).digest()[:6], "big")
