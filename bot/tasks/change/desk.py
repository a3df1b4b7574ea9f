"""What every phase of a change works with: the services of the process, and one task's own things.

Blocking calls (GitHub, database) go through `call`, one bounded executor for the process.
"""

from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bot.agent.contract import Clock
from bot.domain.budget import Budget
from bot.forge.forge import Forge
from bot.llm.contract import Model
from bot.repos.contract import Repos
from bot.sandbox.contract import EgressPolicy, Sandbox

T = TypeVar("T")


@dataclass(frozen=True)
class ChangeSettings:
    """The operator's settings that a change needs, already checked."""

    handle: str
    web_url: str
    data_dir: Path
    egress: EgressPolicy  # for set-up only: the work has no network
    setup_command: str = ""
    test_command: str = ""
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
    executor: Executor
