"""What the runs of one verification mean together: proofs, regressions, doubts. Pure, all of it."""

from dataclasses import dataclass, field
from typing import Final

from bot.domain.evidence import TestProof, TestStatus
from bot.verify.baseline import Baseline
from bot.verify.integrity import WithoutMachinery, judge_canary, judge_machinery, judge_old_tests
from bot.verify.material import Material
from bot.verify.prove import Comparison, compare_with_base, find_proofs, find_untellable, is_doubtful
from bot.verify.runs import Canary, OldTests, Trial
from bot.verify.tiers import Findings

STEPS: Final = {
    "trial": "the tests of the change alone and the whole change",
    "machinery": "the change without its test set-up",
    "old_tests": "the old tests put back",
    "canary": "the test that must fail",
    "blame": "new failures alone",
}
"""The steps in words, for those that were not finished in time."""


@dataclass(frozen=True)
class Outcome:
    """What the steps found; None: not needed, or not finished."""

    trial: Trial | None = None
    machinery: WithoutMachinery | None = None
    old_tests: OldTests | None = None
    canary: Canary | None = None
    unfinished: tuple[str, ...] = ()

    @property
    def why_unfinished(self) -> str:
        return " and ".join(STEPS[name] for name in self.unfinished)


@dataclass(frozen=True)
class Verdict:
    """What the evidence says of a verification that was finished."""

    findings: Findings
    proofs: tuple[TestProof, ...] = ()
    regressions: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """What is judged: a change, its measure, its runs. `reports`: the runner names single tests."""

    material: Material
    baseline: Baseline
    outcome: Outcome
    reports: bool = True
    trial: Trial = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "trial", self.outcome.trial or Trial())


def judge(case: Case, comparison: Comparison, broken: tuple[str, ...]) -> Verdict:
    """`broken`: of the comparison's suspects those that the change is to blame for."""
    trial, material = case.trial, case.material
    proofs = _proofs(trial) if case.reports else ()
    doubts = find_doubts(case, tuple(proof.test_id for proof in proofs)) if case.reports else ()
    reasons = (*material.unsplit, *find_untellable(trial.before, trial.after))
    findings = Findings(
        runner_reports=case.reports,
        measured=True,
        proofs=len(proofs),
        regressions=len(broken),
        missing=len(comparison.missing),
        skipped=len(comparison.skipped),
        new_failures=len(comparison.new_failures) if case.reports else 0,
        problem=comparison.problem,
        doubts=doubts,
        no_tests_changed=not material.tests,
        why_no_proof=next(iter(reasons), ""),
    )
    notes = (*doubts, *(material.unsplit if not proofs else ()))
    regressions = (*broken, *comparison.skipped, *comparison.new_failures)
    return Verdict(findings, proofs, regressions, comparison.missing, notes)


def compare(baseline: Baseline, trial: Trial) -> Comparison:
    """The runs of the whole suite against the base; what was repeated in part can only add failures."""
    whole = compare_with_base(baseline, trial.whole, partial=False)
    some = compare_with_base(baseline, trial.alone, partial=True)
    return Comparison(
        tuple(sorted({*whole.suspects, *some.suspects})),
        tuple(sorted({*whole.skipped, *some.skipped})),
        whole.missing,
        whole.new_failures,
        whole.problem,
        whole.steady,
    )


def find_doubts(case: Case, proofs: tuple[str, ...]) -> tuple[str, ...]:
    """Every sentence that costs tier A; a proof is worth what the runs without the code are worth."""
    outcome, baseline = case.outcome, case.baseline
    doubts = [*_alone(case.trial)]
    problems = (report.problem for report in case.trial.before if is_doubtful(report, baseline))
    problem = next(problems, "")
    if problem:
        doubts.append(f"With only the tests of the change the run can't be trusted: {problem}.")
    if outcome.machinery is not None:
        doubts += judge_machinery(outcome.machinery, baseline, proofs, partial=False)
    if outcome.old_tests is not None:
        doubts += judge_old_tests(outcome.old_tests.report, outcome.old_tests.partial, baseline)
    if outcome.canary is not None:
        doubts += judge_canary(outcome.canary.file, outcome.canary.report)
    doubts += [f"Not finished in time, so not checked: {STEPS[name]}." for name in outcome.unfinished]
    return (*doubts, *case.material.flags)


def _proofs(trial: Trial) -> tuple[TestProof, ...]:
    """Only what was repeated without the other tests."""
    found = find_proofs(trial.before, trial.after)
    return tuple(proof for proof in found if proof.test_id in trial.names)


def _alone(trial: Trial) -> tuple[str, ...]:
    """A proof must not need what another test did before it."""
    if not trial.names:
        return ()
    if trial.not_found_by_name:
        return (f"`{trial.names[0]}` could not be run alone: it was not found by its name.",)
    passed = [report.ids(TestStatus.PASSED) for report in trial.alone]
    needy = [name for name in trial.names if any(name not in ids for ids in passed)]
    return (f"`{needy[0]}` does not pass alone: it needs what other tests do before it.",) if needy else ()
