"""The agent's protocols, joined to the work tree (`tasks/worktree.py`) and to the verifier. Knows neither GitHub nor a
database: the local command needs it as well, and should not load either.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from bot.agent.contract import Submission, SubmitOutcome
from bot.domain import limits
from bot.domain.findings import Shown
from bot.domain.ids import TreeSha
from bot.domain.outcomes import Outcome
from bot.sandbox.contract import CommandResult, EndedBy
from bot.tasks.worktree import WorkTree
from bot.verify.verifier import Verifier

OUTCOME_OF = {
    SubmitOutcome.NO_CHANGE_NEEDED: Outcome.NO_CHANGE_NEEDED,
    SubmitOutcome.NEEDS_CLARIFICATION: Outcome.NEEDS_CLARIFICATION,
    SubmitOutcome.BLOCKED: Outcome.BLOCKED,
}


@dataclass(frozen=True)
class TreeTests:
    """The agent's `TestRunner`: the tree as it is now, against the baseline."""

    work: WorkTree
    verifier: Verifier

    async def run(self, selection: tuple[str, ...]) -> str:
        return await self.verifier.run_tests(await self.work.take(), selection)

    async def reproduce(self, script: str) -> Shown:
        """See the agent's `TestRunner`."""
        head = await self.work.try_out(self.work.base, script)
        base = await self.work.try_out(self.verifier.subject.base_tree, script)
        return Shown(name_end(head), name_end(base), tail_of(head))


@dataclass(frozen=True)
class TreeGate:
    """The agent's `Gate`."""

    verifier: Verifier

    async def check(self, _submission: Submission, tree: TreeSha) -> tuple[str, ...]:
        return await self.verifier.check_gate(tree)


def name_end(result: CommandResult) -> str:
    """In a word or two."""
    return f"exit {result.exit_code}" if result.ended_by is EndedBy.EXIT else result.ended_by.value


def tail_of(result: CommandResult) -> str:
    """The end of what it printed, in whole lines where there is more than one."""
    text = result.output.decode("utf-8", "replace").strip()
    cut = text[-limits.REPRODUCTION_OUTPUT :]
    return cut if cut == text else cut.partition("\n")[2] or cut


@contextlib.asynccontextmanager
async def baseline_beside(verifier: Verifier) -> AsyncIterator[None]:
    """The baseline is measured from the beginning of the work on; whoever needs it first waits for it."""
    baseline = asyncio.create_task(verifier.expected())
    try:
        yield
    finally:
        baseline.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):  # whoever needed it has seen its fault
            await baseline
