"""The container back end as a `Sandbox`: engine, image, preflight, workspaces, environments. Fails closed.

An image of the repository's own choice is taken only when the operator's list allows its name: to pull an image is a
request from the host, and what is in it runs.
"""

import asyncio
import hashlib
import json
import os
import platform
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from bot.domain import limits
from bot.errors import SandboxUnavailable
from bot.log import LateLog
from bot.sandbox import container_cli as cli
from bot.sandbox import egress, setup, trees
from bot.sandbox.bounds import Bounds
from bot.sandbox.container import ContainerRunner
from bot.sandbox.contract import NO_SETUP, Environment, Preflight, SetupSpec, Workspace
from bot.sandbox.copies import hand_over, lay_out
from bot.sandbox.environments import CONTAINERS, Shelf, hold_layers, release
from bot.sandbox.folders import WorkerFolder
from bot.sandbox.identities import Identities, Identity
from bot.sandbox.preflight import Prepared, Readiness
from bot.sandbox.runner import make_upper
from bot.sandbox.seam import Mounts
from bot.sandbox.seccomp import build_profile
from bot.sandbox.workspace import SandboxWorkspace

log = LateLog()

_NO_IMAGE: Final = "Set PULLWRIGHT_CONTAINER_IMAGE to one that has bash, coreutils, sed, tar and Python 3."


@dataclass(frozen=True)
class ContainerSettings:
    """What the operator decides. `allowed`: patterns of image names that repositories may ask for."""

    state_dir: Path
    uid: int
    image: str
    allowed: tuple[str, ...] = ()
    engine: str = ""
    runtime: str = ""  # `runsc`, or empty for the engine's own
    bounds: Bounds = field(default_factory=Bounds)
    environment_days: float = limits.ENVIRONMENT_DAYS
    environment_bytes: int = limits.ENVIRONMENT_BYTES


class ContainerSandbox:
    """See `contract.Sandbox`. Nothing is touched before the first question."""

    def __init__(self, settings: ContainerSettings) -> None:
        self._settings = settings
        self.folder = WorkerFolder(settings.state_dir / "containers", self._end_containers)
        self._readiness = Readiness("container", settings.state_dir, self._prepare)
        self._pulling = asyncio.Lock()
        self._identities: Identities | None = None  # None: commands run as ourselves

    @property
    def owner_uid(self) -> int | None:
        """Who owns what tasks share: a dedicated uid when we are root; None: ourselves."""
        return self._settings.uid if os.geteuid() == 0 else None

    async def preflight(self) -> Preflight:
        """See `contract.Sandbox.preflight`."""
        return await self._readiness.preflight()

    async def open_workspace(self, template: Path, environment: Environment = NO_SETUP) -> Workspace:
        """See `contract.Sandbox.open_workspace`. A copy: its time grows with the template."""
        runner = await self._with_image(await self._readiness.runner(), environment.image)
        return await asyncio.to_thread(self._open, runner, template, environment)

    async def ensure_environment(self, spec: SetupSpec) -> Environment:
        """See `contract.Sandbox.ensure_environment`."""
        image = spec.image if self._allows(spec.image) else ""
        runner = await self._with_image(await self._readiness.runner(), image)
        kept = replace(
            spec, key_parts=(*spec.key_parts, f"container {runner.images[image].digest}"), image=image
        )
        shelf = Shelf(
            self._settings.state_dir / CONTAINERS,
            self._settings.environment_days,
            self._settings.environment_bytes,
        )
        identity = await asyncio.to_thread(self._lease)
        runner = replace(runner, uid=identity.uid if identity else None)
        layers = setup.Layers(shelf, runner.uid, hand_over, image)
        try:
            return await setup.ensure_environment(kept, runner.run, layers)
        finally:
            if identity is not None:
                identity.give_back()

    def _lease(self) -> Identity | None:
        try:
            return self._identities.lease() if self._identities is not None else None
        except OSError as error:
            raise SandboxUnavailable(f"No user for a workspace: {error}.") from error

    def _allows(self, image: str) -> bool:
        """Another image than the operator's, that the operator lets repositories ask for."""
        if not image or image == self._settings.image:
            return False
        allowed = cli.is_allowed_image(image, self._settings.allowed)
        if not allowed:
            log.warning("container.image_refused", image=image, remedy="PULLWRIGHT_CONTAINER_IMAGES")
        return allowed

    async def _with_image(self, runner: ContainerRunner, image: str) -> ContainerRunner:
        async with self._pulling:
            if image not in runner.images:
                found = await asyncio.to_thread(cli.find_image, runner.engine, image, pull=True)
                runner.images[image] = found
        return runner

    def _prepare(self) -> Prepared[ContainerRunner]:
        settings = self._settings
        if not settings.image:
            raise SandboxUnavailable("No image is set for containers.", _NO_IMAGE)
        engine = cli.find_engine(settings.engine)
        image = cli.find_image(engine, settings.image, pull=True)
        folder = self.folder.ensure()
        seccomp = folder / "seccomp.json"
        seccomp.write_text(json.dumps(build_profile(platform.machine())))
        labels = {cli.STATE_LABEL: state_label(settings.state_dir), cli.WORKER_LABEL: folder.name}
        if self.owner_uid is not None:
            self._identities = Identities(settings.state_dir / "users", self.owner_uid, maps=False)
        identity = self._lease()  # the preflight's own
        runner = ContainerRunner(
            engine, {"": image}, identity.uid if identity else None, folder / "commands", labels, seccomp,
            egress.serve, settings.runtime, settings.bounds,
        )  # fmt: skip
        found = f"{engine.kind} {engine.version}, image {settings.image}"
        if runner.runtime:
            found += f", runtime {runner.runtime}"
        return Prepared(runner, folder, found, _enforced_by(runner))

    def _end_containers(self, workers: tuple[str, ...]) -> None:
        """What killed workers of this state directory left running."""
        if not workers:
            return
        engine = cli.find_engine(self._settings.engine)
        for worker in workers:
            filters = [f"label={cli.STATE_LABEL}={state_label(self._settings.state_dir)}"]
            filters.append(f"label={cli.WORKER_LABEL}={worker}")
            listed = cli.ask(
                engine, "ps", "--all", "--quiet", *(p for one in filters for p in ("--filter", one))
            )
            if ids := listed.split():
                log.warning("container.left_behind", worker=worker, containers=len(ids))
                cli.ask(engine, "rm", "--force", "--volumes", *ids)

    def _open(self, runner: ContainerRunner, template: Path, environment: Environment) -> SandboxWorkspace:
        held: tuple[int, ...] = ()
        try:
            held = hold_layers(environment)
            identity = self._lease()
            if identity is not None:
                held = (*held, identity.lock)
            runner = replace(runner, uid=identity.uid if identity else None)
            folder = self.folder.make()
            if self.owner_uid is not None and environment.env_layer is not None:
                trees.adopt(environment.env_layer, self.owner_uid)
            mounts = Mounts(
                (*environment.workspace_layers, template), make_upper(folder / "layer", runner.uid),
                env_lower=environment.env_layer, image=environment.image,
            )  # fmt: skip
            lay_out(mounts, runner.uid)
        except SandboxUnavailable:
            release(held)
            raise
        except OSError as error:
            release(held)
            raise SandboxUnavailable(f"No workspace can be made: {error}.") from error
        return SandboxWorkspace(runner, folder, mounts, environment, held)


def _enforced_by(runner: ContainerRunner) -> dict[str, str]:
    group = f"cgroup of {runner.engine.kind}"
    return {
        "user on the host": "the engine's or our own"
        if runner.uid is None
        else f"one for each workspace, from {runner.uid} on",
        "memory": group,
        "processes": f"{group} and rlimit",
        "processor time": group,
        "open files": "rlimit",
        "size of one file": "rlimit",
        "bytes and files on disk": "watchdog",
        "temporary and home directories": "size of the file system",
        "time": "worker",
        "output": "worker",
    }


def state_label(state_dir: Path) -> str:
    """Names a state directory on containers without telling its path."""
    return hashlib.sha256(os.fsencode(state_dir.resolve())).hexdigest()[:16]
