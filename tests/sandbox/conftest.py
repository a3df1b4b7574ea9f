"""A real sandbox, with bounds that are quickly reached."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.sandbox.backend import BubblewrapSandbox, SandboxSettings
from bot.sandbox.bounds import Bounds
from bot.sandbox.contract import Workspace

UID = 64738
MIB = 1 << 20
SMALL = Bounds(
    memory_bytes=192 * MIB, processes=60, disk_bytes=48 * MIB, disk_files=3000, disk_free_bytes=MIB
)


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> BubblewrapSandbox:
    state = tmp_path_factory.mktemp("state")
    made = BubblewrapSandbox(SandboxSettings(state, UID, bounds=SMALL))
    found = asyncio.run(made.preflight())
    assert found.ok, found
    return made


@pytest.fixture
def template(tmp_path: Path) -> Path:
    folder = tmp_path / "template"
    (folder / "pkg").mkdir(parents=True)
    (folder / "README").write_text("below\n")
    (folder / "pkg" / "run.sh").write_text("#!/bin/sh\necho hi\n")
    (folder / "pkg" / "run.sh").chmod(0o755)
    return folder


@pytest.fixture
async def workspace(sandbox: BubblewrapSandbox, template: Path) -> AsyncIterator[Workspace]:
    opened = await sandbox.open_workspace(template)
    yield opened
    await opened.close()
