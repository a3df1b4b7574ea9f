"""Runs a test command on one tree, in a workspace of its own that is thrown away afterwards.

Nothing is carried from one run to the next: no files, no /tmp, no home. At most two run at once: the host has to
serve the agent's commands meanwhile. What is before and after (the files of a tree, the report) is done beside them.

Race: a tree's files may be removed while its run waits for its turn; they are asked for again when it is there.
"""

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.domain import limits
from bot.domain.evidence import RunPurpose, RunRecord, TestStatus
from bot.domain.ids import TreeSha
from bot.repos.contract import RepoKey, Repos
from bot.sandbox.contract import CommandResult, EndedBy, Environment, FileKind, Sandbox, Workspace
from bot.verify.report import TestReport
from bot.verify.runners import Runner, TestCommand, parse_run, render_command

_AT_ONCE = 2
Told = Callable[[str, bool, float], None]
"""(label, ok, seconds): progress for people."""

_LABELS = {
    RunPurpose.BASELINE: "tests on the untouched base",
    RunPurpose.BEFORE_MERGE: "the branch before the merge",
    RunPurpose.BEGAN: "where the branch had begun",
    RunPurpose.TESTS_ONLY: "base with only the new tests",
    RunPurpose.WHOLE_PATCH: "the whole change",
    RunPurpose.INTEGRITY_TESTS_ONLY: "only the new tests, test set-up restored",
    RunPurpose.INTEGRITY_WHOLE: "the whole change, old tests or test set-up restored",
    RunPurpose.CANARY: "the whole change with a test that must fail",
    RunPurpose.PROOF_ALONE: "the proven tests alone",
    RunPurpose.FLAKE_BASE: "a new failure alone, on the base",
    RunPurpose.FLAKE_PATCH: "a new failure alone, with the change",
    RunPurpose.OTHERS_TESTS: "the change with another attempt's tests",
    RunPurpose.LINT_BASE: "lint on the untouched base",
    RunPurpose.LINT_PATCH: "lint with the change",
}


@dataclass(frozen=True)
class Ran:
    """One run: what it reported, and its row in the evidence."""

    report: TestReport
    record: RunRecord
    output: str  # the tail, for people


@dataclass
class TestBench:
    """Where the runs of one verification happen. `told` hears of each run that ended."""

    repos: Repos
    sandbox: Sandbox
    key: RepoKey
    told: Told | None = None
    timeout_s: float = limits.SUITE_TIMEOUT_S
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE), init=False)

    async def run(
        self, purpose: RunPurpose, tree: TreeSha, environment: Environment, test: TestCommand
    ) -> Ran:
        """At most `timeout_s` long; what was reported until then is kept. A run that fails is a result. Raises
        what the sandbox and the repository raise."""
        # While others run; it may be gone again when it is our turn.
        await self.repos.materialise(self.key, tree)
        name = f".pullwright-{secrets.token_hex(8)}"  # nobody inside can know it before the run
        async with contextlib.AsyncExitStack() as open_until_read:
            async with self._gate:
                template = await self.repos.materialise(self.key, tree)
                workspace = await self.sandbox.open_workspace(template, environment)
                open_until_read.push_async_callback(workspace.close)
                result = await workspace.run(render_command(test, f"/workspace/{name}", self.timeout_s))
            report = await _read_report(workspace, name, test, result)
        record = _record(purpose, tree, test, (result, report))
        if self.told is not None:
            said = f"{record.passed} passed, {record.failed + record.errors} failed"
            self.told(f"{_LABELS[purpose]}: {said}", not report.problem, result.seconds)
        return Ran(report, record, result.output[-4_000:].decode("utf-8", "replace"))

    async def repeat(
        self, times: int, purpose: RunPurpose, tree: TreeSha, environment: Environment, test: TestCommand
    ) -> tuple[Ran, ...]:
        """The same run, each in a workspace of its own."""
        runs = (self.run(purpose, tree, environment, test) for _ in range(times))
        return tuple(await asyncio.gather(*runs))


async def _read_report(
    workspace: Workspace, name: str, test: TestCommand, result: CommandResult
) -> TestReport:
    if test.runner is Runner.EXIT_CODE:
        return parse_run(test, result.output.decode("utf-8", "replace"), result.exit_code)
    read = await workspace.read_file(name, limits.REPORT_BYTES)
    content = read.content if read.kind is FileKind.FILE else None
    if content is None:
        return TestReport(problem=_no_report(result), complete=False)
    report = parse_run(test, content.decode("utf-8", "replace"), result.exit_code)
    if result.ended_by is EndedBy.EXIT:
        return report
    return TestReport(report.results, _no_report(result), complete=False)


def _no_report(result: CommandResult) -> str:
    if result.ended_by is not EndedBy.EXIT:
        return f"the test command was ended by {result.ended_by.value} {result.detail}".rstrip()
    return f"the test command ended with exit code {result.exit_code} and left no report"


def _record(
    purpose: RunPurpose, tree: TreeSha, test: TestCommand, ran: tuple[CommandResult, TestReport]
) -> RunRecord:
    result, report = ran
    return RunRecord(
        purpose=purpose,
        tree=tree,
        command=test.command,
        exit_code=result.exit_code,
        ended_by=result.ended_by.value,
        seconds=round(result.seconds, 3),
        passed=report.count(TestStatus.PASSED),
        failed=report.count(TestStatus.FAILED),
        errors=report.count(TestStatus.ERROR),
        skipped=report.count(TestStatus.SKIPPED),
        output_sha256=hashlib.sha256(result.output).hexdigest(),
    )
