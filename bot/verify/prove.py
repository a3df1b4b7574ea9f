"""What the runs of a verification mean: proofs, regressions, missing tests. Pure.

A proof is a test that failed in its call phase in every run without the code of the change, and passed in every
run with it. An error in collection, import or set-up before the change proves nothing: any new test has that. Nor does
a failure in the call phase that only says that something new was not there yet.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.domain.evidence import TestProof, TestStatus
from bot.verify.baseline import Baseline
from bot.verify.report import TestReport
from bot.verify.split import is_test_path

_MESSAGE_LINES = 12
_NOT_THERE: Final = re.compile(
    r"\A\W*(?:E\s+)?(?:[\w.]*(?:ImportError|ModuleNotFoundError)\b"
    r"|AttributeError: (?:partially initialized )?(?:module '[^']*'|<module [^>]*>)"
    r" (?:has no|does not have the) attribute"
    r"|Error: Cannot find module|TypeError: \(0 ?, ?[\w$.]+\) is not a function)"
)
_OF_BUILT_IN: Final = (
    "NoneType|str|bytes|int|float|bool|list|tuple|dict|set|frozenset|function|generator|coroutine"
)
_METHODS: Final = (
    "map|filter|reduce|forEach|find|some|every|push|slice|splice|concat|join|flat|flatMap|sort|then|catch|trim|split"
    "|replace|includes|startsWith|endsWith|match|toString|json|get|set|has|keys|values|entries|next|on|emit|call|apply"
)
_NOT_THERE_IN_TEST: Final = re.compile(
    rf"\A\W*(?:E\s+)?(?:AttributeError: (?:type object )?'(?!(?:{_OF_BUILT_IN})')\w+' (?:object )?has no attribute"
    rf"|TypeError: (?:\w+\.(?!(?:{_METHODS}) )|\b)\w+ is not a (?:function|constructor))"
)
"""Says so only where the test itself asked: elsewhere it is the very bug. What is built in was there before."""

_PLACES: Final = (
    (re.compile(r"^(\S+\.py):\d+: \w", re.MULTILINE), -1),  # pytest: the innermost is the last one
    (re.compile(r'File "([^"\n]+)", line \d+'), -1),
    (re.compile(r"\bat (?:[^\n(]*\()?(?:file://)?(/[^\n():]+):\d+:\d+"), 0),  # JavaScript: the first one
)


def _was_not_there(message: str) -> bool:
    """Whether a failure only says that something of the change's own was missing."""
    if _NOT_THERE.match(message):
        return True
    return _NOT_THERE_IN_TEST.match(message) is not None and is_test_path(_raised_at(message))


def _raised_at(message: str) -> str:
    """The file whose line failed; empty: it is not told."""
    found = ((pattern.findall(message), which) for pattern, which in _PLACES)
    return next((places[which] for places, which in found if places), "")


def find_proofs(before: Sequence[TestReport], after: Sequence[TestReport]) -> tuple[TestProof, ...]:
    """`before`: base and only the tests of the change; `after`: base and all of it."""
    return tuple(
        TestProof(
            name,
            len(before),
            len(before),
            len(after),
            len(after),
            "\n".join(before[0].results[name].message.strip().splitlines()[:_MESSAGE_LINES]),
        )
        for name in fail_to_pass(before, after)
        if not _was_not_there(before[0].results[name].message)
    )


def find_untellable(before: Sequence[TestReport], after: Sequence[TestReport]) -> tuple[str, ...]:
    """A sentence for each test that failed before only because something new was not there."""
    return tuple(
        f"`{name}` failed before only because what the change adds was not there: that proves nothing."
        for name in fail_to_pass(before, after)
        if _was_not_there(before[0].results[name].message)
    )


def fail_to_pass(before: Sequence[TestReport], after: Sequence[TestReport]) -> list[str]:
    """Ids that failed in their call phase in all of `before` and passed in all of `after`."""
    if not before or not after:
        return []
    failed = frozenset.intersection(*(report.ids(TestStatus.FAILED) for report in before))
    passed = frozenset.intersection(*(report.ids(TestStatus.PASSED) for report in after))
    return sorted(failed & passed)


@dataclass(frozen=True)
class Comparison:
    """The whole change against the baseline. `suspects` failed or were skipped at least once and passed before;
    whether the change is to blame is found out by running them alone."""

    suspects: tuple[str, ...]
    skipped: tuple[str, ...]
    missing: tuple[str, ...]
    new_failures: tuple[str, ...]  # tests that the base does not have, and that fail with the change
    problem: str = ""
    steady: frozenset[str] = frozenset()  # suspects that failed in each of at least two runs: no luck in it


def compare_with_base(baseline: Baseline, after: Sequence[TestReport], *, partial: bool) -> Comparison:
    """`partial`: only a selection ran, nothing is missing then."""
    problem = next((report.problem for report in after if is_doubtful(report, baseline)), "")
    broken = frozenset[str]().union(*(report.broken for report in after))
    skipped = frozenset[str]().union(*(report.ids(TestStatus.SKIPPED) for report in after))
    seen = frozenset.intersection(*(frozenset(report.results) for report in after)) if after else frozenset()
    known = baseline.passing | baseline.failing | baseline.skipped | baseline.flaky
    missing = frozenset[str]() if partial else baseline.passing - seen
    return Comparison(
        tuple(sorted(broken & baseline.passing)),
        tuple(sorted(skipped & baseline.passing)),
        tuple(sorted(missing)),
        tuple(sorted(broken - known)),
        problem,
        _steady(baseline, after),
    )


def is_doubtful(report: TestReport, baseline: Baseline) -> bool:
    """Whether a run is not to be believed. A command that ends red without a failing test (a coverage gate) did so on
    the untouched base as well."""
    return bool(report.problem) and not (report.only_exit_code and baseline.only_exit_code)


def _steady(baseline: Baseline, after: Sequence[TestReport]) -> frozenset[str]:
    """A test may pass alone and fail in the suite, because the change disturbs the tests before it."""
    if len(after) < 2:
        return frozenset()
    return frozenset.intersection(*(report.broken for report in after)) & baseline.passing


def decide_blame(base: Sequence[TestReport], patch: Sequence[TestReport], name: str) -> bool:
    """A new failure, run alone on both trees: flaky when it passes only sometimes without the change, or each time
    with it. One that never passes alone on the base (it needs another test before it, or could not be selected)
    tells nothing alone: it passed in every run of the baseline, so the change is to blame."""
    passes_before = [_passed(report, name) for report in base]
    if any(passes_before) and not all(passes_before):
        return False
    return not any(passes_before) or any(not _passed(report, name) for report in patch)


def _passed(report: TestReport, name: str) -> bool:
    result = report.results.get(name)
    return result is not None and result.status is TestStatus.PASSED
