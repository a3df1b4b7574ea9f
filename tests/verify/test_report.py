"""Reports as hostile code may write them: never a crash, never believed without an end."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.evidence import TestStatus
from bot.verify.report import parse_report

END = json.dumps({"end": 0})


def line(name: str = "t", when: str = "call", outcome: str = "passed", **more: object) -> str:
    return json.dumps({"id": name, "when": when, "outcome": outcome, **more})


@given(st.text(), st.one_of(st.none(), st.integers(0, 255)))
def test_any_text_is_read_without_a_crash(text: str, code: int | None) -> None:
    report = parse_report(text, code)
    assert report.problem or report.results


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_value_in_any_place_is_read_without_a_crash(value: object) -> None:
    for name in ("id", "when", "outcome", "seconds", "message", "xfail"):
        entry = {"id": "t", "when": "call", "outcome": "passed", name: value}
        report = parse_report(json.dumps(entry) + "\n" + END, 0)
        for found, result in report.results.items():
            (found + result.message).encode()


def test_what_crashed_a_parser_before() -> None:
    huge = '{"id": "t", "when": "call", "outcome": "passed", "seconds": 1' + "0" * 400 + "}"
    assert parse_report(f"{huge}\n{END}", 0).problem == ""
    assert "none of ours" in parse_report("[" * 200_000 + f"\n{END}", 0).problem
    failed = line(outcome="failed", message="bad \udc80")
    parse_report(f"{failed}\n{END}", 1).results["t"].message.encode()


@pytest.mark.parametrize(
    ("text", "code", "problem"),
    [
        (line(), 0, "its own end (the last test that ended: "),
        (f"{line()}\nrubbish\n{END}", 0, "none of ours"),
        (END, 0, "no test ran"),
        (f"{line(outcome='failed')}\n{END}", 0, "do not agree"),
        (f"{line()}\n{END}", 1, "do not agree"),
        (f"{line()}\n{END}", None, "do not agree"),
    ],
)
def test_a_report_that_is_not_to_be_believed(text: str, code: int | None, problem: str) -> None:
    assert problem in parse_report(text, code).problem


def test_the_worst_result_of_a_test_counts() -> None:
    text = "\n".join((line(), line(when="teardown", outcome="failed"), line(), END))
    assert parse_report(text, 1).results["t"].status is TestStatus.ERROR


def test_an_expected_failure_is_no_pass() -> None:
    report = parse_report(f"{line(xfail=True)}\n{END}", 0)
    assert report.results["t"].status is TestStatus.SKIPPED
