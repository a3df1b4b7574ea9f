"""Which back end serves this worker: the first of those that the operator named whose preflight passes.

It must never take one that was not named, nor go on without one. Chosen once; as long as none passes, whoever needs
one has them asked again.
"""

import asyncio
from pathlib import Path
from typing import Protocol

from bot.sandbox.contract import NO_SETUP, Check, Environment, Preflight, Sandbox, SetupSpec, Workspace
from bot.sandbox.folders import WorkerFolder
from bot.sandbox.remedies import refusal


class Backend(Sandbox, Protocol):
    """A sandbox whose workspaces lie in a folder of this worker."""

    folder: WorkerFolder


class ChosenSandbox:
    """See `contract.Sandbox`. `backends`: name and back end, in the operator's order."""

    def __init__(self, backends: tuple[tuple[str, Backend], ...]) -> None:
        self._backends = backends
        self._chosen: Sandbox | None = None
        self._found: Preflight | None = None
        self._asking = asyncio.Lock()

    async def preflight(self) -> Preflight:
        """See `contract.Sandbox.preflight`. `passed_over` holds what the earlier ones were refused for."""
        async with self._asking:
            if self._found is None or not self._found.ok:
                self._found = await self._choose()
            return self._found

    async def open_workspace(self, template: Path, environment: Environment = NO_SETUP) -> Workspace:
        """See `contract.Sandbox.open_workspace`."""
        return await (await self._ready()).open_workspace(template, environment)

    async def ensure_environment(self, spec: SetupSpec) -> Environment:
        """See `contract.Sandbox.ensure_environment`."""
        return await (await self._ready()).ensure_environment(spec)

    @property
    def folders(self) -> tuple[WorkerFolder, ...]:
        """Where each back end keeps its workspaces."""
        return tuple(backend.folder for _, backend in self._backends)

    def close(self) -> None:
        """Nothing runs any more: this worker's folders go. Raises OSError."""
        for folder in self.folders:
            folder.close()

    async def _ready(self) -> Sandbox:
        found = await self.preflight()
        if self._chosen is None:
            raise refusal(found)
        return self._chosen

    async def _choose(self) -> Preflight:
        refused: list[Check] = []
        for _, backend in self._backends:
            found = await backend.preflight()
            if found.ok:
                self._chosen = backend
                return Preflight(found.backend, found.checks, found.enforced_by, tuple(refused))
            refused += [check for check in found.checks if not check.ok]
        return Preflight("", tuple(refused))
