"""What the tests do on the untouched base: twice, so that stable can be told from flaky. The decision is pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.evidence import RunRecord, TestStatus
from bot.verify.report import TestReport


@dataclass(frozen=True)
class Baseline:
    """`passing`, `failing`, `skipped`: the same in every run. `flaky`: not. `problem`: why the tests can't serve
    as a measure at all; then the sets are empty."""

    passing: frozenset[str] = frozenset()
    failing: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    flaky: frozenset[str] = frozenset()
    seconds: float = 0.0  # of the slower run
    runs: tuple[RunRecord, ...] = ()
    problem: str = ""
    messages: Mapping[str, str] | None = None  # what the failing ones say
    only_exit_code: bool = False  # the command ends red each time although no test fails: a coverage gate


def decide_baseline(reports: tuple[TestReport, ...], runs: tuple[RunRecord, ...]) -> Baseline:
    """A report whose only fault is that it says more than the exit code does is still a measure; one that did
    not come to its end is none."""
    seconds = max(run.seconds for run in runs)
    fatal = next((report.problem for report in reports if not report.results), "")
    if fatal:
        return Baseline(seconds=seconds, runs=runs, problem=fatal)
    unfinished = next((report.problem for report in reports if not report.complete), "")
    if unfinished:
        return Baseline(seconds=seconds, runs=runs, problem=unfinished)
    everywhere = frozenset.intersection(*(frozenset(report.results) for report in reports))
    anywhere = frozenset.union(*(frozenset(report.results) for report in reports))

    def stable(*statuses: TestStatus) -> frozenset[str]:
        return frozenset.intersection(*(report.ids(*statuses) for report in reports))

    passing = stable(TestStatus.PASSED)
    failing = stable(TestStatus.FAILED, TestStatus.ERROR)
    skipped = stable(TestStatus.SKIPPED)
    return Baseline(
        passing,
        failing,
        skipped,
        anywhere - (passing | failing | skipped) | (anywhere - everywhere),
        seconds,
        runs,
        messages={name: reports[0].results[name].message for name in failing},
        only_exit_code=all(report.only_exit_code for report in reports),
    )
