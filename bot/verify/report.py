"""What one test run reported: results by test id. Pure parsers of the harness's own report lines.

An exit code alone proves nothing: most runners return 0 when nothing ran. A report without its last line is
incomplete, whatever the exit code says: somebody ended the process early.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bot.domain.evidence import TestStatus

EXIT_CODE_ID: Final = "exit code"
"""The one pseudo test of a command that has no report."""

_SECONDS_MAX: Final = 1e9  # anything above is forged, and may not even be a float
_RANK: Final = {TestStatus.PASSED: 0, TestStatus.SKIPPED: 1, TestStatus.FAILED: 2, TestStatus.ERROR: 3}


@dataclass(frozen=True)
class TestResult:
    """`status` FAILED: in the call phase. `message`: first the exception, then its text."""

    status: TestStatus
    seconds: float = 0.0
    message: str = ""


@dataclass(frozen=True)
class TestReport:
    """`problem`: why the report can't be trusted as a whole; empty: complete, and agrees with the exit code."""

    results: Mapping[str, TestResult] = field(default_factory=dict)
    problem: str = ""

    def ids(self, *statuses: TestStatus) -> frozenset[str]:
        return frozenset(name for name, result in self.results.items() if result.status in statuses)

    def count(self, status: TestStatus) -> int:
        return sum(result.status is status for result in self.results.values())

    @property
    def broken(self) -> frozenset[str]:
        return self.ids(TestStatus.FAILED, TestStatus.ERROR)


def parse_report(text: str, exit_code: int | None) -> TestReport:
    """The harness's lines of JSON. Malformed lines make the report incomplete; they are never guessed at."""
    results: dict[str, TestResult] = {}
    ended: int | None = None
    malformed = 0
    for line in text.splitlines():
        entry = _entry(line)
        if entry is None:
            malformed += 1
        elif "end" in entry:
            ended = int(entry["end"])
        else:
            name, result = _plain(entry["id"]), _result(entry)
            known = results.get(name)
            if known is None or _RANK[result.status] > _RANK[known.status]:
                results[name] = result
    return TestReport(results, _problem(results, ended, malformed, exit_code))


def report_of_exit_code(exit_code: int | None, output: str) -> TestReport:
    """For a command without a report: one pseudo test."""
    status = TestStatus.PASSED if exit_code == 0 else TestStatus.FAILED
    return TestReport({EXIT_CODE_ID: TestResult(status, message=output[-2_000:])})


def _problem(results: dict[str, TestResult], ended: int | None, malformed: int, exit_code: int | None) -> str:
    if ended is None:
        last = next(reversed(results), "")
        where = f" (the last test that ended: {last})" if last else ""
        return f"the test run did not come to its own end{where}"
    if malformed:
        return "the report holds lines that are none of ours"
    if not results:
        return "no test ran"
    red = any(result.status in (TestStatus.FAILED, TestStatus.ERROR) for result in results.values())
    if exit_code is None or (exit_code == 0) == red:
        return f"the exit code {exit_code} and the report do not agree"
    return ""


def _entry(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or not ("end" in entry or {"id", "when", "outcome"} <= entry.keys()):
        return None
    if "end" in entry and not isinstance(entry["end"], int):
        return None
    return entry


def _result(entry: dict[str, Any]) -> TestResult:
    seconds = entry.get("seconds")
    sane = isinstance(seconds, int | float) and 0 <= seconds < _SECONDS_MAX
    return TestResult(
        _status(str(entry["when"]), str(entry["outcome"]), bool(entry.get("xfail"))),
        float(seconds) if sane and seconds is not None else 0.0,
        _plain(entry.get("message") or ""),
    )


def _plain(value: object) -> str:
    """Text that has a UTF-8 form: tests of encodings fail with lone surrogates in their messages."""
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def _status(when: str, outcome: str, xfail: bool) -> TestStatus:
    if outcome == "skipped":
        return TestStatus.SKIPPED
    if outcome == "passed":
        return TestStatus.SKIPPED if xfail else TestStatus.PASSED
    return TestStatus.FAILED if when == "call" else TestStatus.ERROR
