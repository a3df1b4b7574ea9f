"""What the checks of integrity mean."""

import pytest

from bot.domain.evidence import TestStatus
from bot.verify.baseline import Baseline
from bot.verify.command import CanaryFile
from bot.verify.integrity import (
    WithoutMachinery,
    judge_canary,
    judge_machinery,
    judge_old_tests,
    leave_out,
    says_as_much,
    was_found,
)
from bot.verify.report import TestReport, TestResult

PASSED, FAILED = TestResult(TestStatus.PASSED), TestResult(TestStatus.FAILED, message="assert 1 == 2")
BASELINE = Baseline(passing=frozenset({"a.py::old", "b.py::other"}))
CANARY = CanaryFile("a.py", b"", "pw12", 2)


def report(**results: TestResult) -> TestReport:
    return TestReport({name.replace("__", ".py::"): one for name, one in results.items()})


def test_old_tests_that_hold() -> None:
    assert judge_old_tests(report(a__old=PASSED, b__other=PASSED), False, BASELINE) == ()
    assert judge_old_tests(report(a__old=PASSED), True, BASELINE) == ()


@pytest.mark.parametrize(
    ("found", "partial", "words"),
    [
        (report(a__old=FAILED, b__other=PASSED), False, "`a.py::old`"),
        (report(b__other=PASSED), False, "`a.py::old`"),
        (report(a__old=FAILED), True, "`a.py::old`"),
        (TestReport({"a.py": TestResult(TestStatus.ERROR)}), True, "`a.py`"),
        (TestReport(problem="no test ran"), True, "no test ran"),
    ],
)
def test_old_tests_that_do_not(found: TestReport, partial: bool, words: str) -> None:
    (doubt,) = judge_old_tests(found, partial, BASELINE)
    assert words in doubt


def test_machinery_that_the_proof_needs() -> None:
    before, after = report(new__t=FAILED), report(new__t=PASSED, a__old=PASSED, b__other=PASSED)
    good = WithoutMachinery(("conftest.py",), before, after)
    assert judge_machinery(good, BASELINE, ("new.py::t",), partial=False) == ()
    hidden = WithoutMachinery(("conftest.py",), before, report(new__t=FAILED, a__old=FAILED, b__other=PASSED))
    proof, old = judge_machinery(hidden, BASELINE, ("new.py::t",), partial=False)
    assert "does not hold when `conftest.py` stands as on the base" in proof
    assert old.startswith("Old tests fail")


@pytest.mark.parametrize(
    ("found", "believed"),
    [
        (report(a__pw12_one=FAILED, a__pw12_two=FAILED), True),
        (report(a__pw12_one=FAILED, a__pw12_two=PASSED), False),
        (report(a__pw12_one=FAILED), True),  # stopped at the first failure
        (report(a__old=FAILED), False),
        (report(a__pw12_one=TestResult(TestStatus.ERROR), a__pw12_two=FAILED), False),
    ],
)
def test_every_canary_must_fail(found: TestReport, believed: bool) -> None:
    assert (judge_canary(CANARY, found) == ()) is believed
    assert was_found(CANARY, found) is any("pw12" in name for name in found.results)


def test_no_canary_is_a_doubt() -> None:
    assert "was not checked" in judge_canary(None, None)[0]


def test_the_others_of_a_canarys_run() -> None:
    found = report(a__pw12_one=FAILED, a__old=PASSED, b__other=FAILED)
    assert leave_out(CANARY, found) == report(a__old=PASSED, b__other=FAILED)
    assert leave_out(CANARY, TestReport(found.results, "the exit code 0 and the report do not agree")) is None


@pytest.mark.parametrize(
    ("found", "enough"),
    [
        (report(a__old=PASSED, b__other=PASSED, b__new=PASSED), True),
        (report(a__old=PASSED, b__other=FAILED), True),  # and that counts
        (report(a__old=PASSED), False),
        (report(a__old=PASSED, b__other=TestResult(TestStatus.SKIPPED)), False),
    ],
)
def test_what_serves_as_a_second_run(found: TestReport, enough: bool) -> None:
    first = report(a__old=PASSED, b__other=PASSED, b__skipped=TestResult(TestStatus.SKIPPED))
    assert says_as_much(found, first) is enough
