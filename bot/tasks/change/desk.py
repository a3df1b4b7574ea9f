"""What every phase of a change works with: the services of the process, and one task's own things.

Blocking calls (GitHub, database) go through `call`, one bounded executor for the process. What a phase learns
goes through `learn` and is on disk when that returns, fenced by the task's epoch.
"""

import asyncio
import contextvars
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from bot.agent.contract import Clock
from bot.domain.allowance import Cost
from bot.domain.budget import Budget, Spent, decide_budget, limit_budget, lower_budget
from bot.domain.ci import Waits
from bot.domain.schedules import MaintenanceRef
from bot.domain.tasks import TaskRequest
from bot.errors import Bug, TokenRefused
from bot.forge.ci import CiReader
from bot.forge.forge import Forge, RepositoryForge
from bot.forge.listings import Listings
from bot.llm.contract import Model
from bot.llm.features import features_for
from bot.repos.contract import Conflict, ConflictKind, FileMode, Remote, RepoKey, Repos
from bot.sandbox.contract import Sandbox
from bot.store.events import Events
from bot.store.evidence import EvidenceRecords
from bot.store.tasks import Taken, Tasks
from bot.store.work_trees import WorkTrees
from bot.tasks.change.facts import (
    ChangeFacts,
    FollowFacts,
    TurnFacts,
    parse_facts,
    render_facts,
)
from bot.tasks.change.ground import Ground, Named, Place, SetupMeans, Sides, list_files, read_texts
from bot.tasks.events import TaskEventLog, TaskInbox, TaskRows
from bot.tasks.ledger import Ledger

T = TypeVar("T")
JsonObject = dict[str, Any]


@dataclass(frozen=True)
class ChangeSettings:
    """The operator's settings that a change needs, already checked."""

    handle: str
    web_url: str
    data_dir: Path
    means: SetupMeans
    setup_secrets: Callable[[str], Mapping[str, str]] = lambda _repository: {}  # by its full name
    commands: Named = field(default_factory=Named)
    fresh_attempt: bool = True  # a second one after a red end
    budget: Budget = field(default_factory=Budget)
    second_look: bool = False
    secrets: tuple[str, ...] = ()  # literal values that no text may hold
    waits: Waits = field(default_factory=Waits)  # for checks to be over
    host: str = ""  # names the data directory


@dataclass(frozen=True)
class Services:
    """One set for the worker's process."""

    settings: ChangeSettings
    repos: Repos
    sandbox: Sandbox
    forge: Forge
    models: tuple[Model, ...]  # of the first attempt, then of the ones after it
    clock: Clock
    tasks: Tasks
    events: Events
    ledger: Ledger
    executor: Executor
    work_trees: WorkTrees
    evidence: EvidenceRecords
    sign: Callable[[bytes], bytes]  # a record of evidence: its signature
    named: Mapping[str, Model] = field(default_factory=dict)  # that people may name with `--model`


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
    def key(self) -> RepoKey:
        return RepoKey(self.request.installation, self.request.repository.id)

    @property
    def model(self) -> Model:
        """Of the attempt that is under way; one that the request names (the intake has checked it), or else the
        repository's file, serves all."""
        models, named = self.services.models, self.services.named
        operators = models[min(self.facts.attempt, len(models)) - 1]
        return named.get(self.request.model) or named.get(self.facts.rules.model) or operators

    @property
    def budget(self) -> Budget:
        """Of the whole task, with the model that is at work."""
        budget = decide_budget(self.services.settings.budget, features_for(self.model.name).budget)
        rules = self.facts.rules
        budget = lower_budget(budget, rules.usd, rules.minutes, rules.turns, rules.tokens)
        return limit_budget(budget, self.request.budget_usd)

    @property
    def spent_before(self) -> Spent:
        """By the attempt before this one."""
        return self.facts.earlier.spent if self.facts.earlier else Spent()

    @property
    def log(self) -> TaskEventLog:
        """The agent's memory of the attempt that is under way."""
        return self.log_of(self.facts.attempt)

    def log_of(self, attempt: int) -> TaskEventLog:
        services, taken = self.services, self.taken
        rows = TaskRows(services.events, taken.id, taken.epoch, services.executor, services.clock.now)
        return TaskEventLog(rows, attempt)

    @property
    def inbox(self) -> TaskInbox:
        """What people say to the task."""
        return TaskInbox(self.services.events, self.taken.id, self.services.executor)

    @property
    def place(self) -> Place:
        services = self.services
        baselines = services.settings.data_dir / "baselines"
        name, find = self.request.repository.full_name, services.settings.setup_secrets
        secrets = functools.partial(find, name)
        return Place(services.repos, services.sandbox, self.key, services.settings.means, baselines, secrets)

    @property
    def ground(self) -> Ground:
        """What the change stands on; whole once PREPARE is over."""
        facts, follow = self.facts, self.facts.follow
        ground = Ground(self.place, facts.base_commit, facts.base_tree, facts.chosen, self.taken.id)
        if follow is None:
            return ground
        if follow.merge is None:
            return replace(ground, trunk=follow.trunk_tree, foreign=follow.fork)
        sides = Sides(
            ours=(facts.base_commit, follow.merge.head_tree),
            theirs=(follow.rules_commit, follow.rules_tree),
            began=(follow.trunk_commit, follow.trunk_tree),
            conflicts=tuple(Conflict(path, ConflictKind(kind)) for path, kind in follow.merge.conflicts),
        )
        return replace(ground, trunk=follow.rules_tree, foreign=follow.fork, sides=sides)

    @property
    def checks_page(self) -> str:
        """The page of the check runs on the task's commit, for people."""
        name, commit = self.request.repository.full_name, self.facts.commit
        return f"{self.services.settings.web_url}/{name}/commit/{commit}/checks" if commit else ""

    async def call(self, function: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Run something that blocks, in the process's bounded executor."""
        # With what is bound for the log here (the task's id), in whatever thread it runs.
        work = functools.partial(contextvars.copy_context().run, function, *arguments, **named)
        return await asyncio.get_running_loop().run_in_executor(self.services.executor, work)

    def check_held(self) -> None:
        """Asked just before an edit leaves, which no row speaks of. Blocking. Raises Superseded, RetryLater."""
        self.services.tasks.check_held(self.taken)

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

    async def learn_follow(self, **changes: Any) -> None:
        """As `learn`, about the follow-up."""
        await self.learn(follow=replace(self.follow, **changes))

    @property
    def follow(self) -> FollowFacts:
        """What a follow-up knows, once ACCEPT is over."""
        if self.facts.follow is None:
            raise Bug("the phase before left no pull request to go on with")
        return self.facts.follow

    def open_ci(self) -> CiReader:
        """What CI says of this repository's commits. Close it."""
        request = self.request
        return self.services.forge.ci(
            request.installation, request.repository.full_name, request.repository.id
        )

    def open_listings(self) -> Listings:
        """What is open in this repository. Close it."""
        request = self.request
        return self.services.forge.listings(
            request.installation, request.repository.full_name, request.repository.id
        )

    @property
    def turn(self) -> tuple[MaintenanceRef, TurnFacts]:
        """Which turn of which schedule this is, and what it knows once ACCEPT is over."""
        if self.request.maintenance is None or self.facts.turn is None:
            raise Bug("the phase before left no schedule's turn")
        return self.request.maintenance, self.facts.turn

    async def learn_turn(self, **changes: Any) -> None:
        """As `learn`, about the schedule's turn."""
        await self.learn(turn=replace(self.facts.turn or TurnFacts(), **changes))

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


@asynccontextmanager
async def open_desk(services: Services, task: Taken) -> AsyncIterator[Desk]:
    """For one phase."""
    request = task.request
    place = (request.installation, request.repository.full_name, request.repository.id)
    github = services.forge.repository(*place)
    try:
        yield Desk(services, task, parse_facts(task.facts), github)
    finally:
        github.close()
