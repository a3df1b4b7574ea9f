"""Reports of real runs of other languages' runners (`reports/`), and what hostile ones may look like."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.evidence import TestStatus
from bot.verify.report import TestReport
from bot.verify.reports.cargo import parse_cargo
from bot.verify.reports.go import parse_go
from bot.verify.reports.jest import parse_jest
from bot.verify.reports.junit import SEPARATOR, parse_junit
from bot.verify.reports.mocha import parse_mocha
from bot.verify.reports.tap import parse_tap

REPORTS = Path(__file__).parent / "reports"
PARSERS: tuple[Callable[[str, int | None], TestReport], ...] = (
    parse_cargo, parse_go, parse_jest, parse_junit, parse_mocha, parse_tap,
)  # fmt: skip
P, F, E, S = TestStatus.PASSED, TestStatus.FAILED, TestStatus.ERROR, TestStatus.SKIPPED


def read(name: str) -> str:
    """With a star several files, as the harness hands them over."""
    return SEPARATOR.join(file.read_text() for file in sorted(REPORTS.glob(name)))


def statuses(report: TestReport) -> dict[str, TestStatus]:
    return {name: one.status for name, one in report.results.items()}


@pytest.mark.parametrize("parse", PARSERS)
@given(text=st.text(), code=st.one_of(st.none(), st.integers(0, 255)))
def test_any_text_is_read_without_a_crash(
    parse: Callable[[str, int | None], TestReport], text: str, code: int | None
) -> None:
    report = parse(text, code)
    assert report.problem or report.results


@pytest.mark.parametrize("parse", [parse_jest, parse_mocha, parse_go])
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(
            st.sampled_from(("testResults", "assertionResults", "numTotalTests", "name", "status", "title", "passes",
                             "stats", "failures", "pending", "Action", "Test", "Package")), inner),
    )
)  # fmt: skip
def test_any_json_is_read_without_a_crash(
    parse: Callable[[str, int | None], TestReport], value: object
) -> None:
    report = parse(json.dumps(value), 0)
    assert report.problem or report.results


@pytest.mark.parametrize(
    ("name", "parse", "ending"),
    [
        ("jest.json", parse_jest, -200),
        ("vitest.json", parse_jest, -200),
        ("mocha.json", parse_mocha, -200),
        ("cargo.txt", parse_cargo, -400),
        ("go.json", parse_go, -120),
        ("node.xml", parse_junit, -400),
        ("ctest.xml", parse_junit, -400),
        ("rspec.xml", parse_junit, -400),
        ("phpunit.xml", parse_junit, -400),
        ("maven-*.xml", parse_junit, -200),
        ("gradle-*.xml", parse_junit, -200),
        ("node.tap", parse_tap, 3_000),
    ],
)
def test_a_report_that_was_cut_is_not_believed(
    name: str, parse: Callable[[str, int | None], TestReport], ending: int
) -> None:
    assert parse(read(name)[:ending], 1).problem


JEST_FOUND = {
    "a.test.js::math adds": P,
    "a.test.js::math fails": F,
    "a.test.js::math throws": F,
    "a.test.js::math skipped": S,
    "a.test.js::math hooked in hook": E,
    "a.test.js::top level": P,
    "a.test.js::later": S,
    "b.test.js": E,
}
MOCHA_FOUND = {
    "a.spec.js::top level": P,
    "a.spec.js::math adds": P,
    "a.spec.js::pending": S,
    "a.spec.js::math skipped": S,
    "a.spec.js::math fails": F,
    "a.spec.js::math throws": F,
    'a.spec.js::math hooked "before each" hook for "in hook"': E,
}
GO_FOUND = {
    "example.com/calc::TestAdd": F,
    "example.com/calc::TestAdd/small": P,
    "example.com/calc::TestAdd/big": F,
    "example.com/calc::TestSkipped": S,
    "example.com/calc::TestPasses": P,
    "example.com/calc/boom::TestFirst": P,
    "example.com/calc/boom::TestExit": F,
    "example.com/calc/broken": E,
    "example.com/calc/sub::TestSub": P,
}
CTEST_FOUND = {"adds": P, "fails": F, "crashes": F, "skipped": S, "off": S, "slow": F}
"""A crash and a timeout are failures for ctest; a test switched off is one that was not run."""

RSPEC_FOUND = {
    "spec.math_spec::math adds": P,
    "spec.math_spec::math fails": F,
    "spec.math_spec::math throws": F,
    "spec.math_spec::math skipped": S,
    "spec.math_spec::math later": S,
    "spec.math_spec::math hooked never runs": F,
}
"""Its formatter calls a failed hook a failure as well: one more reason why JUnit XML of others is no proof."""

MAVEN_FOUND = {
    "calc.CalcTest::adds": F,
    "calc.CalcTest::breaks": E,
    "calc.CalcTest::twice": P,
    "calc.CalcTest::waits": S,
    "calc.CalcTest::assumes": S,
    "calc.SetUpTest::never": E,
}
GRADLE_FOUND = MAVEN_FOUND | {"calc.CalcTest::breaks": F, "calc.SetUpTest::never": F}
"""It knows no error: an exception in the set-up is a failure like any other."""

PHPUNIT_FOUND = {
    "BrokenTest::testNever": E,
    "MathTest::testAdds": P,
    "MathTest::testFails": F,
    "MathTest::testThrows": E,
    "MathTest::testSkipped": S,
    'MathTest::testSums with data set "one"': P,
    'MathTest::testSums with data set "two"': F,
}
"""Suites within suites; what was thrown is an error, in the test and in its set-up alike."""


@pytest.mark.parametrize(
    ("name", "parse", "code", "found"),
    [
        ("jest.json", parse_jest, 1, JEST_FOUND),
        ("vitest.json", parse_jest, 1, JEST_FOUND),
        ("mocha.json", parse_mocha, 3, MOCHA_FOUND),
        ("go.json", parse_go, 1, GO_FOUND),
        ("ctest.xml", parse_junit, 8, CTEST_FOUND),
        ("rspec.xml", parse_junit, 1, RSPEC_FOUND),
        ("phpunit.xml", parse_junit, 2, PHPUNIT_FOUND),
        ("maven-*.xml", parse_junit, 1, MAVEN_FOUND),
        ("gradle-*.xml", parse_junit, 1, GRADLE_FOUND),
    ],
)
def test_a_real_report(
    name: str, parse: Callable[[str, int | None], TestReport], code: int, found: dict[str, TestStatus]
) -> None:
    report = parse(read(name), code)
    assert report.problem == ""
    assert statuses(report) == found
    assert "do not agree" in parse(read(name), 0).problem


@pytest.mark.parametrize(
    ("name", "parse", "test", "words"),
    [
        ("go.json", parse_go, "example.com/calc::TestAdd/big", "want 4"),
        ("ctest.xml", parse_junit, "slow", "Timeout"),
        ("rspec.xml", parse_junit, "spec.math_spec::math fails", "(compared using ==)"),
        ("maven-*.xml", parse_junit, "calc.CalcTest::adds", "expected:<3> but was:<-1>"),
        ("gradle-*.xml", parse_junit, "calc.CalcTest::adds", "expected:<3> but was:<-1>"),
    ],
)
def test_what_failed_says_why(
    name: str, parse: Callable[[str, int | None], TestReport], test: str, words: str
) -> None:
    assert words in parse(read(name), 1).results[test].message


def test_jest_counts_and_retries() -> None:
    body = json.loads(read("jest.json"))
    body["testResults"][0]["assertionResults"][0]["invocations"] = 3
    assert statuses(parse_jest(json.dumps(body), 1))["a.test.js::math adds"] is F
    body["numTotalTests"] = 9
    assert "counts 9" in parse_jest(json.dumps(body), 1).problem


def test_cargo_and_a_line_that_a_test_forged() -> None:
    text = read("cargo.txt")
    forged = parse_cargo(text, 101)
    assert "tells of other tests than it counts" in forged.problem
    report = parse_cargo(text.replace("test forged ... ok\n", ""), 101)
    assert report.problem == ""
    assert statuses(report) == {
        "calc/src/lib.rs::tests::adds": P,
        "calc/src/lib.rs::tests::ignored": S,
        "calc/src/lib.rs::tests::panics": P,
        "calc/src/lib.rs::tests::fails": F,
        "api/tests/api.rs::sums": P,
        "api/tests/api.rs::raw": F,
        "calc/src/lib.rs - add": P,
        "calc/src/lib.rs - add #2": P,
    }
    assert "left: 3" in report.results["calc/src/lib.rs::tests::fails"].message
    assert parse_cargo("error: could not compile `calc`", 101).problem == "the tests could not be built"


def test_tap_with_subtests() -> None:
    report = parse_tap(read("node.tap"), 1)
    assert report.problem == ""
    found = statuses(report)
    assert found["math > adds"] is P
    assert found["math > skipped"] is S
    assert found["math > hooked > in hook"] is F
    assert "2 !== 3" in report.results["math > fails"].message


@pytest.mark.parametrize(
    ("text", "code", "found", "problem"),
    [
        ("1..2\nok 1 - a\nok 2 - b\n", 0, {"a": P, "b": P}, ""),
        ("TAP version 14\nok 1 - a\nnot ok 2 - b # TODO later\n1..2\n", 0, {"a": P, "b": S}, ""),
        ("ok 1 - a # SKIP no\n1..1\n", 0, {"a": S}, ""),
        ("ok\nnot ok\n1..2", 1, {"point 1": P, "point 2": F}, ""),
        ("1..3\nok 1 - a\n", 0, {"a": P}, "own end (3 planned, 1 told)"),
        ("ok 1 - a\n", 0, {"a": P}, "own end (no plan, 1 told)"),
        ("1..1\nok 1 - a\nBail out! no disk\n", 1, {"a": P}, "bailed out: no disk"),
        ("1..0 # skip all\n", 0, {}, "no test ran"),
        ("5 passed\n", 0, {}, "own end"),
    ],
)
def test_tap(text: str, code: int, found: dict[str, TestStatus], problem: str) -> None:
    report = parse_tap(text, code)
    if report.results or found:
        assert statuses(report) == found
    assert problem in report.problem
    assert bool(problem) == bool(report.problem)


SUITE = (
    '<?xml version="1.0"?><testsuites><testsuite name="s" tests="4">'
    '<testcase classname="a.B" name="ok" time="0.5"/><testcase classname="a.B" name="bad"><failure message="1 != 2">'
    'at x</failure></testcase><testcase classname="a.B" name="dead"><error message="boom"/></testcase>'
    '<testcase classname="a.B" name="idle"><skipped/></testcase></testsuite></testsuites>'
)


def test_junit_of_several_files() -> None:
    other = '<testsuite tests="1"><testcase classname="c" name="ok"/></testsuite>'
    report = parse_junit(SEPARATOR.join((SUITE, other, "")), 1)
    assert report.problem == ""
    assert statuses(report) == {"a.B::ok": P, "a.B::bad": F, "a.B::dead": E, "a.B::idle": S, "c::ok": P}
    assert report.results["a.B::bad"].message.startswith("1 != 2")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (SUITE.replace('tests="4"', 'tests="5"'), "counts 5 tests and tells of 4"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><testsuite/>', "document type"),
        ("<testsuite>", "cut"),
        ("", "no test ran"),
    ],
)
def test_junit_that_is_not_believed(text: str, problem: str) -> None:
    assert problem in parse_junit(text, 1).problem
