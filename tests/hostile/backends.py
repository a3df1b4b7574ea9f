"""Makes a sandbox of a given kind with bounds that are quickly reached: also for a worker in a process of its own."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bot.errors import SandboxUnavailable
from bot.sandbox import egress
from bot.sandbox.backend import BubblewrapSandbox, SandboxSettings
from bot.sandbox.container_backend import ContainerSandbox, ContainerSettings
from bot.sandbox.container_cli import find_engine
from bot.sandbox.contract import Command, EgressPolicy, Sandbox
from bot.sandbox.egress import EgressLog, Outside
from tests.hostile.cage import Backend
from tests.hostile.image import NAME, build_image
from tests.sandbox.conftest import SMALL, UID

BACKENDS = ("bubblewrap", "podman", "docker")


def make_sandbox(name: str, state: Path, runtime: str | None = None) -> Sandbox:
    """A sandbox of that kind; its preflight says whether this machine can start it. `runtime`: of containers; None:
    the engine's own, or `runc` where that one is refused by this machine's cgroups."""
    if name == "bubblewrap":
        return BubblewrapSandbox(SandboxSettings(state, UID, bounds=SMALL))
    runtime = _runtime(name) if runtime is None else runtime
    return ContainerSandbox(ContainerSettings(state, UID, NAME, engine=name, runtime=runtime, bounds=SMALL))


def _runtime(engine: str) -> str:
    """Old versions of crun, which Podman likes, refuse a mixed hierarchy of cgroups."""
    return (
        "runc"
        if engine == "podman"
        and shutil.which("runc")
        and not Path("/sys/fs/cgroup/cgroup.controllers").exists()
        else ""
    )


def make_backend(name: str, state: Path) -> tuple[Backend | None, str]:
    """The back end, or None and why this machine can't start it."""
    if name != "bubblewrap":
        try:
            build_image(find_engine(name).kind)
        except (SandboxUnavailable, OSError, subprocess.SubprocessError) as error:
            return None, f"{name} can't be started here ({error})"
    sandbox = make_sandbox(name, state)
    found = asyncio.run(sandbox.preflight())
    if not found.ok:
        failed = "; ".join(f"{check.name}: {check.detail}" for check in found.checks if not check.ok)
        return None, f"{name} can't be started here ({failed})"
    return Backend(
        name, sandbox, os.path.realpath(sys.executable) if name == "bubblewrap" else "/usr/bin/python3"
    ), ""


@dataclass(frozen=True)
class Prober:
    """Runs a program with the proxy planted, whose outside is ours."""

    backend: Backend
    outside: Outside

    async def run(
        self, program: str, policy: EgressPolicy, files: Mapping[str, bytes]
    ) -> tuple[str, EgressLog]:
        logs = [EgressLog()]

        @asynccontextmanager
        async def serve(listener: socket.socket, served: EgressPolicy) -> AsyncIterator[EgressLog]:
            async with egress.serve(listener, served, self.outside) as log:
                logs.append(log)
                yield log

        template = self.backend.sandbox._settings.state_dir / "proxy-template"
        template.mkdir(exist_ok=True)
        workspace = await self.backend.sandbox.open_workspace(template)
        try:
            runner = replace(workspace.runner, serve=serve)
            command = Command(
                f"{self.backend.python} -I -S - 2>&1", stdin=program.encode(), files=files, timeout_s=60
            )
            result = await runner.run(workspace.mounts, command, policy)
        finally:
            await workspace.close()
        assert result.ok, result
        return result.output.decode(), logs[-1]
