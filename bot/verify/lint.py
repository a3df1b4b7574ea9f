"""The repository's own lint command, on the base and on the change, each in a fresh workspace.

Only what the change brings is anybody's fault: where the base fails as well, nothing is asked of the model. Lint proves
nothing about behaviour, so it moves no tier; what was run and how it ended stands in the evidence.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Final

from bot.domain import limits
from bot.domain.evidence import Evidence, RunPurpose
from bot.domain.ids import TreeSha
from bot.domain.repo_config import REPO_CONFIG_PATH
from bot.sandbox.contract import Environment
from bot.verify.command import Runner, TestCommand
from bot.verify.execute import Ran, TestBench

_TAIL: Final = 3_000  # characters of its output that the model is shown


@dataclass(frozen=True)
class Linted:
    """Both runs. `passed` is exit code 0 and nothing else."""

    base: Ran
    patch: Ran

    @property
    def passed_before(self) -> bool:
        return self.base.record.exit_code == 0

    @property
    def passes(self) -> bool:
        return self.patch.record.exit_code == 0


Side = tuple[TreeSha, Environment]


async def run_lint(bench: TestBench, script: str, base: Side, patch: Side) -> Linted:
    """Raises what the sandbox and the repository raise."""
    command = TestCommand(Runner.EXIT_CODE, script, REPO_CONFIG_PATH, "")
    runs = await asyncio.gather(
        bench.run(RunPurpose.LINT_BASE, *base, command), bench.run(RunPurpose.LINT_PATCH, *patch, command)
    )
    return Linted(*runs)


def find_lint_fault(linted: Linted) -> str | None:
    """A sentence for the model when the change brings it; None: nothing to mend."""
    if linted.passes or not linted.passed_before:
        return None
    said = linted.patch.output[-_TAIL:].strip() or "(it said nothing)"
    command = linted.patch.record.command
    return f"`{command}`, this repository's lint, passes on the base and fails with your change:\n{said}"


def with_lint(evidence: Evidence, linted: Linted) -> Evidence:
    """The two runs as rows, and one sentence."""
    runs = (*evidence.runs, linted.base.record, linted.patch.record)
    return replace(evidence, runs=runs, notes=(*evidence.notes, _sentence(linted)))


def _sentence(linted: Linted) -> str:
    command = f"Lint (`{linted.patch.record.command[: limits.TITLE_CHARACTERS]}`)"
    if linted.passes:
        return f"{command} passes with the change{'' if linted.passed_before else ', and failed before'}."
    before = "and passed on the base" if linted.passed_before else "as it did on the base"
    return f"{command} fails with the change, {before}."
