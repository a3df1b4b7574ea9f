"""Runs beside one another."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from bot.domain.evidence import RunPurpose
from bot.sandbox.contract import NO_SETUP, Command, CommandResult, Environment, FileRead
from bot.verify.execute import TestBench
from tests.verify.conftest import BASE, PYTEST
from tests.verify.fakes import KEY, FolderSandbox, FolderWorkspace, MemoryRepos


@dataclass
class Busy:
    """How many commands run, the most at once, and how many have ended."""

    now: int = 0
    most: int = 0
    ended: int = 0
    all_ended: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class CountedWorkspace(FolderWorkspace):
    busy: Busy = field(default_factory=Busy)

    async def run(self, command: Command) -> CommandResult:
        self.busy.now += 1
        self.busy.most = max(self.busy.most, self.busy.now)
        try:
            return await super().run(command)
        finally:
            self.busy.now -= 1
            self.busy.ended += 1
            if self.busy.ended == 3:
                self.busy.all_ended.set()

    async def read_file(self, path: str, max_bytes: int = 1 << 20) -> FileRead:
        await self.busy.all_ended.wait()
        return await super().read_file(path, max_bytes)


@dataclass
class CountedSandbox(FolderSandbox):
    busy: Busy = field(default_factory=Busy)

    async def open_workspace(self, template: Path, environment: Environment = NO_SETUP) -> CountedWorkspace:
        made = await super().open_workspace(template, environment)
        return CountedWorkspace(made.folder, made.variables, self.busy)


async def test_a_report_is_read_while_the_next_one_runs(tmp_path: Path) -> None:
    """Here none is read before the third run has ended: it does not wait for that."""
    repos, sandbox = MemoryRepos(tmp_path), CountedSandbox(tmp_path / "sandbox")
    sandbox.root.mkdir()
    tree = repos.add_tree(BASE)
    ran = await TestBench(repos, sandbox, KEY).repeat(3, RunPurpose.BASELINE, tree, NO_SETUP, PYTEST)
    assert [one.record.passed for one in ran] == [1, 1, 1]
    assert sandbox.busy.most <= 2
    assert list(sandbox.root.iterdir()) == []
