"""A worker of the benchmark: opened once, it runs attempts on one clone as `pullwright run` does.

As a command (`python -m benchmarks.harness_attempt CLONE`) it is `pullwright run` without the bound of turns that the
model's family has: for conversations that are longer than any task should be.
"""

import asyncio
import io
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.agent.contract import AgentTask, RepositoryFacts
from bot.cli.run_events import JsonView
from bot.compose_host import (
    SystemClock,
    budget_of,
    build_sandbox,
    find_means,
    open_model_client,
    owner_uid,
    require_sandbox,
)
from bot.repos.contract import Checkout, RepoKey
from bot.repos.git_repos import GitRepos
from bot.settings import LocalSettings, load_local_settings
from bot.tasks.change.attempt import AttemptEnd, AttemptTools, run_attempt
from bot.tasks.change.ground import Ground, Named, Place, choose_commands, list_files
from bot.tasks.file_log import FileEventLog


@dataclass(frozen=True)
class Worker:
    settings: LocalSettings
    ground: Ground
    task: AgentTask

    @staticmethod
    @asynccontextmanager
    async def open(clone: Path) -> AsyncIterator["Worker"]:
        """Everything that a task finds ready: the sandbox is tried, the clone's objects are in the cache."""
        settings = load_local_settings()
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        repos, key = GitRepos(settings.data_dir / "repos", owner_uid(settings)), RepoKey(0, 1)
        checkout = await repos.import_checkout(key, clone)
        sandbox = build_sandbox(settings)
        require_sandbox(await sandbox.preflight())
        place = Place(repos, sandbox, key, find_means(settings), settings.data_dir / "baselines")
        chosen, _ = await choose_commands(place, await list_files(place, checkout.files), Named())
        ground = Ground(place, checkout.commit, checkout.files, chosen, owner="benchmark")
        yield Worker(settings, ground, _describe(checkout))

    async def attempt(self, url: str, number: int) -> AttemptEnd:
        """One whole attempt against the model at this address."""
        settings = self.settings.model_copy(update={"openai_base_url": url})
        log = FileEventLog(self.settings.data_dir / f"events-{number}.jsonl", str(number), time.time)
        async with open_model_client(settings) as model:
            tools = AttemptTools(model, log, JsonView(_Nowhere()), SystemClock(), budget_of(settings))
            return await run_attempt(self.ground, self.task, tools)


class _Nowhere(io.StringIO):
    """Keeps nothing: what is shown is no memory of the task's."""

    def write(self, _text: str, /) -> int:
        return 0


def _describe(checkout: Checkout) -> AgentTask:
    facts = RepositoryFacts(checkout.root.name, ("calc.py", "material.txt"))
    return AgentTask(
        facts, checkout.commit, checkout.files, "Run the commands that you think of.", "benchmark"
    )


async def _run(clone: Path) -> None:
    async with Worker.open(clone) as worker:
        await worker.attempt(worker.settings.openai_base_url, 0)


if __name__ == "__main__":
    asyncio.run(_run(Path(sys.argv[1])))
