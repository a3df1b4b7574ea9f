"""The checks that ask whether a green run can be believed: test machinery put back, old tests put back, a canary.

Each makes its runs first and judges them afterwards, so that all can run beside one another. Judgements are pure:
each difference is a sentence, and each sentence costs tier A.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.evidence import TestStatus
from bot.verify.baseline import Baseline
from bot.verify.command import CanaryFile
from bot.verify.prove import compare_with_base, find_proofs
from bot.verify.report import TestReport


@dataclass(frozen=True)
class WithoutMachinery:
    """The change without what it does to the test machinery: its tests alone, and the whole."""

    names: tuple[str, ...]  # the paths that were put back
    before: TestReport
    after: TestReport


def judge_machinery(
    found: WithoutMachinery, baseline: Baseline, proofs: Sequence[str], *, partial: bool
) -> tuple[str, ...]:
    """`proofs`: ids that were proven with the machinery of the change."""
    names = ", ".join(f"`{name}`" for name in found.names)
    doubts = []
    kept = {proof.test_id for proof in find_proofs((found.before,), (found.after,))}
    if not set(proofs) <= kept:
        doubts.append(f"The proof does not hold when {names} stands as on the base.")
    compared = compare_with_base(baseline, (found.after,), partial=partial)
    if compared.suspects or compared.problem:
        doubts.append(f"Old tests fail when {names} stands as on the base.")
    return tuple(doubts)


def judge_old_tests(after: TestReport, partial: bool, baseline: Baseline) -> tuple[str, ...]:
    """What the changed test files said before must still hold. Of the files alone nothing is known to be missing, but
    a file that can't be loaded any more fails under a name of its own."""
    found = compare_with_base(baseline, (after,), partial=partial)
    failed = [*found.suspects, *found.missing, *(found.new_failures if partial else ())]
    if found.problem and not failed:
        return (f"With the old tests put back the run can't be trusted: {found.problem}.",)
    if failed:
        shown = ", ".join(f"`{name}`" for name in failed[:5])
        more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
        return (f"The change alters what old tests say; as they were before, these fail: {shown}{more}.",)
    return ()


def judge_canary(canary: CanaryFile | None, report: TestReport | None) -> tuple[str, ...]:
    """All of its tests are reported as failed; of a command that stops at the first failure only that one is asked."""
    if canary is None or report is None:
        return ("No place was found for a test that must fail, so the runner was not checked.",)
    mine = {name: one.status for name, one in report.results.items() if canary.mark in name.lower()}
    failed = sum(status is TestStatus.FAILED for status in mine.values())
    if failed == canary.count or (failed == len(mine) == 1):
        return ()
    return ("A test that must fail, put in by the harness, was not reported as failed.",)


def was_found(canary: CanaryFile, report: TestReport) -> bool:
    """Whether its file takes part in the run at all."""
    return any(canary.mark in name.lower() for name in report.results)


def leave_out(canary: CanaryFile, report: TestReport) -> TestReport | None:
    """What the canary's run says of all other tests; None: nothing that could be believed. Its exit code is red in any
    case, so it says nothing of theirs."""
    if report.problem:
        return None
    others = {name: one for name, one in report.results.items() if canary.mark not in name.lower()}
    return TestReport(others)


def says_as_much(report: TestReport, first: TestReport) -> bool:
    """Whether all that passed in `first` was run here too: the first failure may have ended the run."""
    ran = report.results.keys() - report.ids(TestStatus.SKIPPED)
    return first.ids(TestStatus.PASSED) <= ran
