"""`pullwright run`: the same loop, sandbox and verification on a person's own clone, without GitHub.

The clone's files are read at the beginning and, if the person says so, written at the end; all work happens on a copy
in the sandbox. What the run leaves (its log, the patch, the evidence) is kept in the user's cache, whatever its end.

Here is what comes before the work: settings, the clone, the sandbox's preflight. The latter two happen in other
processes, so what the work needs is loaded meanwhile (`run_work.py`, and the client's library): this module must not
load it. See docs/decisions/0111.

Must never: write into the clone without consent, or call a change good that was not measured.
"""

import asyncio
import gc
import hashlib
import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot.compose_host import build_repos, build_sandbox, require_sandbox
from bot.errors import ForPerson
from bot.log import configure_log
from bot.repos.contract import Checkout, RepoKey
from bot.repos.git_repos import GitRepos
from bot.sandbox.contract import Sandbox
from bot.settings import LocalSettings, load_local_settings

if TYPE_CHECKING:
    from bot.cli.run_events import RunView


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
    loading = threading.Thread(target=_load, args=(options, settings), name="load", daemon=True)
    loading.start()
    return asyncio.run(_run(options, settings, loading, view))


def _load(options: RunOptions, settings: LocalSettings) -> None:
    """All that will be needed until the first request."""
    import bot.cli.run_work

    if not options.as_json:
        import bot.cli.run_view
    if settings.recording is None:
        import bot.llm.client

        bot.llm.client.load_library()


async def _run(
    options: RunOptions, settings: LocalSettings, loading: threading.Thread, view: "RunView | None"
) -> int:
    prepared = await _prepare(options, settings)
    await asyncio.to_thread(loading.join)
    if not gc.isenabled():  # `main.py`: what is loaded is no garbage, and is not looked at again
        gc.freeze()
        gc.enable()
    from bot.cli.run_work import work

    return await work(prepared, view)


async def _prepare(options: RunOptions, settings: LocalSettings) -> Prepared:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    repos, sandbox = build_repos(settings), build_sandbox(settings)
    key = RepoKey(0, _number(options.repo))
    checkout, found = await asyncio.gather(
        repos.import_checkout(key, options.repo.resolve()), sandbox.preflight()
    )
    require_sandbox(found)
    uncommitted = len(await repos.changes(key, checkout.tree, checkout.files))
    return Prepared(options, settings, repos, sandbox, key, checkout, uncommitted)


def _number(repo: Path) -> int:
    """The cache's number: the same place has the same cache."""
    return int.from_bytes(hashlib.sha256(bytes(repo.resolve())).digest()[:6], "big")
