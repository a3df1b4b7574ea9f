"""The bubblewrap back end: preflight once, then workspaces and environments. Fails closed.

It must never open a workspace on a host whose preflight did not pass, nor take a weaker sandbox in its place.

Races. Two workers may share the state directory: each keeps its workspaces in a folder of its own under a file
lock that the kernel drops when it dies; at start the folders of the dead are removed.
"""

import asyncio
import fcntl
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bot.errors import SandboxUnavailable
from bot.sandbox import egress, setup, trees
from bot.sandbox.bounds import Bounds
from bot.sandbox.bwrap import find_bubblewrap
from bot.sandbox.cgroups import find_cgroups
from bot.sandbox.contract import NO_SETUP, Check, Environment, Preflight, SetupSpec, Workspace
from bot.sandbox.preflight import check_host
from bot.sandbox.runner import Runner, default_toolchains, make_upper
from bot.sandbox.seam import Mounts
from bot.sandbox.workspace import BubblewrapWorkspace

_LOCK: Final = "lock"


@dataclass(frozen=True)
class SandboxSettings:
    """What the operator decides. `uid`: whom sandboxed processes run as on the host when the worker is root."""

    state_dir: Path
    uid: int
    bwrap: Path | None = None
    toolchains: tuple[Path, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)


class BubblewrapSandbox:
    """See `contract.Sandbox`. Nothing is touched before the first question."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        self._runner: Runner | None = None
        self._preflight: Preflight | None = None
        self._folder: Path | None = None
        self._lock: int | None = None  # held as long as this process lives
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
        folder = self._settings.state_dir / "environments"
        return await setup.ensure_environment(spec, runner.run, state_dir=folder, uid=self.owner_uid)

    async def _ready(self) -> Runner:
        """The runner of a host that passed. Raises SandboxUnavailable with the whole report."""
        found = await self.preflight()
        if self._runner is None or not found.ok:
            raise _unavailable(found)
        return self._runner

    async def _ask_host(self) -> Preflight:
        try:
            runner, folder = await asyncio.to_thread(self._prepare)
        except SandboxUnavailable as error:
            return Preflight("", (Check("bubblewrap", False, error.message, error.remedy),))
        except OSError as error:
            detail = f"{self._settings.state_dir}: {error}"
            return Preflight("", (Check("data directory", False, detail, "Let the worker write there."),))
        found = await check_host(runner, folder / "preflight")
        self._runner = runner
        return found

    def _prepare(self) -> tuple[Runner, Path]:
        bwrap = find_bubblewrap(self._settings.bwrap)
        folder = self._own_folder()
        toolchains = default_toolchains(self._settings.toolchains)
        runner = Runner(
            bwrap, self.owner_uid, toolchains, find_cgroups(), egress.serve, self._settings.bounds
        )
        return runner, folder

    def _own_folder(self) -> Path:
        """A locked folder for this process; those of dead ones are removed."""
        if self._folder is not None:
            return self._folder
        parent = self._settings.state_dir / "workspaces"
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in parent.iterdir():
            lock = _try_lock(folder)
            if lock is not None:
                trees.remove(folder)
                os.close(lock)
        while self._lock is None:  # a sweep of another start may come between making and locking
            folder = parent / secrets.token_hex(6)
            folder.mkdir(mode=0o700)
            self._lock = _try_lock(folder)
        self._folder = folder
        return folder

    def _open(self, runner: Runner, template: Path, environment: Environment) -> BubblewrapWorkspace:
        try:
            if self.owner_uid is not None:
                for layer in (template, environment.env_layer, *environment.workspace_layers):
                    if layer is not None:
                        trees.adopt(layer, self.owner_uid)
            folder = self._own_folder() / secrets.token_hex(8)
            folder.mkdir(mode=0o700)
            (folder / "view").mkdir()
            upper = make_upper(folder / "layer", self.owner_uid)
        except OSError as error:
            raise SandboxUnavailable(f"No workspace can be made: {error}.") from error
        mounts = Mounts((*environment.workspace_layers, template), upper, env_lower=environment.env_layer)
        return BubblewrapWorkspace(runner, folder, mounts, environment)


def _try_lock(folder: Path) -> int | None:
    """The lock of a folder, or None while its owner lives or when the folder was removed under us."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), (folder / _LOCK).stat()):
            return descriptor
    except OSError:
        pass  # locked by its owner, or gone
    os.close(descriptor)
    return None


def _unavailable(found: Preflight) -> SandboxUnavailable:
    failed = [check for check in found.checks if not check.ok]
    lines = [f"  - {check.name}: {check.detail}" for check in failed]
    remedies = list(dict.fromkeys(check.remedy for check in failed if check.remedy))
    return SandboxUnavailable(
        "The sandbox does not work on this host:\n" + "\n".join(lines), "\n".join(remedies)
    )
