"""The bubblewrap back end: preflight once, then workspaces and environments. Fails closed.

It must never open a workspace on a host whose preflight did not pass, nor take a weaker sandbox in its place.

Races: those of `folders`.
"""

import asyncio
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from bot.domain import limits
from bot.errors import SandboxUnavailable
from bot.sandbox import egress, setup, trees
from bot.sandbox.bounds import Bounds
from bot.sandbox.bwrap import find_bubblewrap
from bot.sandbox.cgroups import find_cgroups
from bot.sandbox.contract import NO_SETUP, Check, Environment, Preflight, SetupSpec, Workspace
from bot.sandbox.environments import Shelf, hold_layers, release
from bot.sandbox.folders import WorkerFolder
from bot.sandbox.preflight import check_host, enforced_by
from bot.sandbox.remedies import refusal
from bot.sandbox.runner import Runner, default_toolchains, make_upper
from bot.sandbox.seam import Mounts
from bot.sandbox.workspace import SandboxWorkspace


@dataclass(frozen=True)
class SandboxSettings:
    """What the operator decides. `uid`: whom sandboxed processes run as on the host when the worker is root."""

    state_dir: Path
    uid: int
    bwrap: Path | None = None
    toolchains: tuple[Path, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)
    environment_days: float = limits.ENVIRONMENT_DAYS
    environment_bytes: int = limits.ENVIRONMENT_BYTES

    def shelf(self, name: str) -> Shelf:
        """Where environments are kept, and how much of them."""
        return Shelf(self.state_dir / name, self.environment_days, self.environment_bytes)


class BubblewrapSandbox:
    """See `contract.Sandbox`. Nothing is touched before the first question."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        self._runner: Runner | None = None
        self._preflight: Preflight | None = None
        self._folder = WorkerFolder(settings.state_dir / "workspaces")
        self._asking = asyncio.Lock()  # the first two tasks may come at once

    @property
    def owner_uid(self) -> int | None:
        """Who owns what a sandbox reads and writes: the dedicated uid when we are root; None: ourselves."""
        return self._settings.uid if os.geteuid() == 0 else None

    async def preflight(self) -> Preflight:
        """See `contract.Sandbox.preflight`."""
        async with self._asking:
            if self._preflight is None:
                self._preflight = await self._ask_host()
            return self._preflight

    async def open_workspace(self, template: Path, environment: Environment = NO_SETUP) -> Workspace:
        """See `contract.Sandbox.open_workspace`. `template` is handed over to the sandbox's user."""
        runner = await self._ready()
        return await asyncio.to_thread(self._open, runner, template, environment)

    async def ensure_environment(self, spec: SetupSpec) -> Environment:
        """See `contract.Sandbox.ensure_environment`."""
        runner = await self._ready()
        layers = setup.Layers(self._settings.shelf("environments"), self.owner_uid)
        return await setup.ensure_environment(spec, runner.run, layers)

    async def _ready(self) -> Runner:
        """The runner of a host that passed. Raises SandboxUnavailable with the whole report."""
        found = await self.preflight()
        if self._runner is None or not found.ok:
            raise refusal(found)
        return self._runner

    async def _ask_host(self) -> Preflight:
        try:
            runner, folder = await asyncio.to_thread(self._prepare)
        except SandboxUnavailable as error:
            return Preflight("", (Check("bubblewrap", False, error.message, error.remedy),))
        except OSError as error:
            detail = f"{self._settings.state_dir}: {error}"
            return Preflight("", (Check("data directory", False, detail, "Let the worker write there."),))
        version = ".".join(map(str, runner.bwrap.version))
        first = Check("bubblewrap", True, f"{version}, {runner.bwrap.source}: {runner.bwrap.path}")
        found = await check_host(runner, folder / "preflight", first, enforced_by(runner.cgroups))
        self._runner = runner
        return replace(found, backend="bubblewrap" if found.ok else "")

    def _prepare(self) -> tuple[Runner, Path]:
        bwrap = find_bubblewrap(self._settings.bwrap)
        folder = self._folder.ensure()
        toolchains = default_toolchains(self._settings.toolchains)
        runner = Runner(
            bwrap, self.owner_uid, toolchains, find_cgroups(), egress.serve, self._settings.bounds
        )
        return runner, folder

    def _open(self, runner: Runner, template: Path, environment: Environment) -> SandboxWorkspace:
        held: tuple[int, ...] = ()
        try:
            held = hold_layers(environment)
            if self.owner_uid is not None:
                for layer in (template, environment.env_layer, *environment.workspace_layers):
                    if layer is not None:
                        trees.adopt(layer, self.owner_uid)
            folder = self._folder.make()
            (folder / "view").mkdir()
            upper = make_upper(folder / "layer", self.owner_uid)
        except OSError as error:
            release(held)
            raise SandboxUnavailable(f"No workspace can be made: {error}.") from error
        mounts = Mounts((*environment.workspace_layers, template), upper, env_lower=environment.env_layer)
        return SandboxWorkspace(runner, folder, mounts, environment, held)
