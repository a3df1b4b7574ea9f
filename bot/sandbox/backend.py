"""The bubblewrap back end: a preflight, then workspaces and environments. Fails closed.

It must never open a workspace on a host whose preflight did not pass, nor take a weaker sandbox in its place.

Races: those of `folders` and `identities`.
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
from bot.sandbox.contract import NO_SETUP, Environment, Preflight, SetupSpec, Workspace
from bot.sandbox.environments import OVERLAYS, Shelf, hold_layers, release
from bot.sandbox.folders import WorkerFolder
from bot.sandbox.identities import Identities, Identity
from bot.sandbox.preflight import Prepared, Readiness, enforced_by
from bot.sandbox.runner import Runner, default_toolchains, make_upper
from bot.sandbox.seam import Mounts
from bot.sandbox.standing import Ahead
from bot.sandbox.workspace import SandboxWorkspace


@dataclass(frozen=True)
class SandboxSettings:
    """What the operator decides. `uid`: who owns the layers on the host when the worker is root; commands run as the
    users after it."""

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
        self.folder = WorkerFolder(settings.state_dir / "workspaces")
        self._readiness = Readiness("bubblewrap", settings.state_dir, self._prepare)
        self._identities: Identities | None = None  # None: commands run as the owner, or as ourselves
        self._probes: Identity | None = None  # whom the preflight's own commands run as

    @property
    def owner_uid(self) -> int | None:
        """Who owns what a sandbox reads and writes: a dedicated uid when we are root; None: ourselves."""
        return self._settings.uid if os.geteuid() == 0 else None

    async def preflight(self) -> Preflight:
        """See `contract.Sandbox.preflight`."""
        return await self._readiness.preflight()

    async def open_workspace(self, template: Path, environment: Environment = NO_SETUP) -> Workspace:
        """See `contract.Sandbox.open_workspace`. `template` is handed over to the sandbox's user."""
        runner = await self._readiness.runner()
        return await asyncio.to_thread(self._open, runner, template, environment)

    async def ensure_environment(self, spec: SetupSpec) -> Environment:
        """See `contract.Sandbox.ensure_environment`."""
        runner = await self._readiness.runner()
        layers = setup.Layers(self._settings.shelf(OVERLAYS), self.owner_uid)
        identity = await asyncio.to_thread(self._lease)
        try:
            return await setup.ensure_environment(spec, replace(runner, identity=identity).run, layers)
        finally:
            if identity is not None:
                identity.give_back()

    def _lease(self) -> Identity | None:
        try:
            return self._identities.lease() if self._identities is not None else None
        except OSError as error:
            raise SandboxUnavailable(f"No user for a workspace: {error}.") from error

    def _prepare(self) -> Prepared[Runner]:
        bwrap = find_bubblewrap(self._settings.bwrap)
        folder = self.folder.ensure()
        toolchains = default_toolchains(self._settings.toolchains)
        users = self._find_users()
        self._probes = self._probes or self._lease()
        runner = Runner(
            bwrap,
            self.owner_uid,
            toolchains,
            find_cgroups(),
            self._settings.bounds,
            self._probes,
            serve=egress.serve,
        )
        version = ".".join(map(str, bwrap.version))
        found = f"{version}, {bwrap.source}: {bwrap.path}"
        return Prepared(runner, folder, found, {**enforced_by(runner.cgroups), "user on the host": users})

    def _find_users(self) -> str:
        """Settle whom commands run as; in words, for the report."""
        if self.owner_uid is None:
            return "the worker's own, without rights"
        identities = Identities(self._settings.state_dir / "users", self.owner_uid)
        fault = identities.find_fault()
        if fault:
            return f"{self.owner_uid} for all workspaces ({fault})"
        self._identities = identities
        return f"one for each workspace, from {self.owner_uid + 1} on; files belong to {self.owner_uid}"

    def _open(self, runner: Runner, template: Path, environment: Environment) -> SandboxWorkspace:
        held: tuple[int, ...] = ()
        try:
            held = hold_layers(environment)
            identity = self._lease()
            if identity is not None:
                held = (*held, identity.lock)
            if self.owner_uid is not None:
                for layer in (template, environment.env_layer, *environment.workspace_layers):
                    if layer is not None:
                        trees.adopt(layer, self.owner_uid)
            folder = self.folder.make()
            (folder / "view").mkdir()
            upper = make_upper(folder / "layer", self.owner_uid)
        except SandboxUnavailable:
            release(held)
            raise
        except OSError as error:
            release(held)
            raise SandboxUnavailable(f"No workspace can be made: {error}.") from error
        runner = replace(runner, identity=identity, ahead=Ahead())
        mounts = Mounts((*environment.workspace_layers, template), upper, env_lower=environment.env_layer)
        return SandboxWorkspace(runner, folder, mounts, environment, held)
