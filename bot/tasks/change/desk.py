"""What every phase of a change works with: the services of the process, and one task's own things.

Blocking calls (GitHub, database) go through `call`, one bounded executor for the process. What a phase learns
goes through `learn` and is on disk when that returns, fenced by the task's epoch.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from bot.agent.contract import Clock
from bot.domain.allowance import Cost
from bot.domain.budget import Budget
from bot.domain.tasks import TaskRequest
from bot.errors import Bug, TokenRefused
from bot.forge.forge import Forge, RepositoryForge
from bot.llm.contract import Model
from bot.repos.contract import FileMode, Remote, RepoKey, Repos
from bot.sandbox.contract import EgressPolicy, Sandbox
from bot.store.events import Events
from bot.store.tasks import Taken, Tasks
from bot.tasks.change.facts import ChangeFacts, render_facts
from bot.tasks.change.ground import Ground, Named, Place, list_files, read_texts
from bot.tasks.ledger import Ledger

T = TypeVar("T")
JsonObject = dict[str, Any]


@dataclass(frozen=True)
class ChangeSettings:
    """The operator's settings that a change needs, already checked."""

    handle: str
    web_url: str
    data_dir: Path
    egress: EgressPolicy  # for set-up only: the work has no network
    commands: Named = field(default_factory=Named)
    budget: Budget = field(default_factory=Budget)
    secrets: tuple[str, ...] = ()  # literal values that no text may hold


@dataclass(frozen=True)
class Services:
    """One set for the worker's process."""

    settings: ChangeSettings
    repos: Repos
    sandbox: Sandbox
    forge: Forge
    model: Model
    clock: Clock
    tasks: Tasks
    events: Events
    ledger: Ledger
    executor: Executor
    models: Mapping[str, Model] = field(default_factory=dict)  # that people may name, by name


@dataclass
class Desk:
    """One phase of one task. `facts` is what is known now; `files` is the base tree once it was listed."""

    services: Services
    taken: Taken
    facts: ChangeFacts
    github: RepositoryForge
    _files: dict[str, tuple[FileMode, str]] | None = None

    @property
    def request(self) -> TaskRequest:
        return self.taken.request

    @property
    def model(self) -> Model:
        """The one that the request names, which the intake has checked; else the operator's."""
        services = self.services
        return services.models.get(self.request.model, services.model)

    @property
    def key(self) -> RepoKey:
        return RepoKey(self.request.installation, self.request.repository.id)

    @property
    def place(self) -> Place:
        services = self.services
        baselines = services.settings.data_dir / "baselines"
        return Place(services.repos, services.sandbox, self.key, services.settings.egress, baselines)

    @property
    def ground(self) -> Ground:
        """What the change stands on; whole once PREPARE is over."""
        facts = self.facts
        return Ground(self.place, facts.base_commit, facts.base_tree, facts.setup, facts.test, self.taken.id)

    async def call(self, function: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Run something that blocks, in the process's bounded executor."""
        work = functools.partial(function, *arguments, **named)
        return await asyncio.get_running_loop().run_in_executor(self.services.executor, work)

    async def learn(self, **changes: Any) -> None:
        """New facts, on disk when it returns; what was spent counts for later tasks too. Raises Superseded."""
        self.facts = replace(self.facts, **changes)
        await self.call(self.services.tasks.save_facts, self.taken, render_facts(self.facts))
        if "spent" in changes:
            spent, now = self.facts.spent, self.services.clock.now()
            cost = Cost(spent.tokens, spent.cost_usd)
            await self.call(self.services.tasks.charge, self.taken, cost, now)

    async def learn_review(self, **changes: Any) -> None:
        """As `learn`, about the review."""
        if self.facts.review is None:
            raise Bug("there is no review to learn about")
        await self.learn(review=replace(self.facts.review, **changes))

    async def note(self, kind: str, body: JsonObject) -> None:
        """One event row. Raises Superseded."""
        now = self.services.clock.now()
        await self.call(self.services.events.append, self.taken.id, self.taken.epoch, kind, body, now)

    async def fetch_remote(self) -> Remote:
        """Where to fetch from, with a token that can read this repository and nothing else."""
        token = await self.call(
            self.services.forge.fetch_token, self.request.installation, self.request.repository.id
        )
        return Remote(self._clone_url, token)

    async def push_remote(self) -> Remote:
        """Where to push, with a token that can write this repository's content and nothing else."""
        token = await self.call(
            self.services.forge.push_token, self.request.installation, self.request.repository.id
        )
        return Remote(self._clone_url, token)

    async def with_remote(
        self, open_remote: Callable[[], Awaitable[Remote]], use: Callable[[Remote], Awaitable[T]]
    ) -> T:
        """`use` with a remote; once more with a new token when the kept one is refused (revoked, suspended in
        between). Fetching twice and pushing by compare-and-swap twice do no harm."""
        try:
            return await use(await open_remote())
        except TokenRefused:
            self.services.forge.forget_git_tokens(self.request.installation, self.request.repository.id)
        return await use(await open_remote())

    @property
    def _clone_url(self) -> str:
        return f"{self.services.settings.web_url}/{self.request.repository.full_name}.git"

    async def base_files(self) -> dict[str, tuple[FileMode, str]]:
        """Every path of the base tree with its mode and blob."""
        if self._files is None:
            self._files = await list_files(self.place, self.facts.base_tree)
        return self._files

    async def read_base(self, paths: tuple[str, ...]) -> dict[str, str]:
        """Texts of regular files of the base tree; missing, binary and special ones are left out."""
        return await read_texts(self.place, await self.base_files(), paths)
