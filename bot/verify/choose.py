"""Which of the detected test commands is taken: the first that yields a test on the untouched base.

Asked only where there are several: one alone is measured by the baseline anyway. What was tried and why it was left
is a sentence for people.
"""

from dataclasses import replace

from bot.domain.evidence import RunPurpose
from bot.domain.ids import TreeSha
from bot.sandbox.contract import Environment
from bot.verify.command import NO_TESTS, TestCommand
from bot.verify.execute import TestBench


async def choose_test_command(
    bench: TestBench, tree: TreeSha, environment: Environment, candidates: tuple[TestCommand, ...]
) -> tuple[TestCommand, tuple[str, ...]]:
    """The command, and a sentence for each that was passed over; the first when none yields a test (its baseline
    says why). Raises what the sandbox and the repository raise."""
    if len(candidates) < 2:
        return (candidates[0] if candidates else NO_TESTS), ()
    left: list[str] = []
    for candidate in candidates:
        ran = await bench.run(RunPurpose.BASELINE, tree, environment, candidate)
        if ran.report.results and ran.report.complete:
            return replace(candidate, source=f"{candidate.source}, tried on the base"), tuple(left)
        why = ran.report.problem or "no test ran"
        left.append(f"`{candidate.command}` ({candidate.source}) was passed over: {why}.")
    return candidates[0], tuple(left)
