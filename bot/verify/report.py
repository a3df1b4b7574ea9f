"""What one test run reported: results by test id. Here the harness's own lines; other formats in `reports/`. Pure.

An exit code alone proves nothing: most runners return 0 when nothing ran. A report without its end is incomplete,
whatever the exit code says: somebody ended the process early.
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
_MESSAGE: Final = 5_000  # characters kept of one failure


@dataclass(frozen=True)
class TestResult:
    """`status` FAILED: in the call phase. `message`: first the exception, then its text."""

    status: TestStatus
    seconds: float = 0.0
    message: str = ""


@dataclass(frozen=True)
class TestReport:
    """`problem`: why the report can't be trusted as a whole; empty: complete, and agrees with the exit code.
    `complete`: the run came to its own end. `only_exit_code`: the one problem is that the command ended red although
    no test failed."""

    results: Mapping[str, TestResult] = field(default_factory=dict)
    problem: str = ""
    complete: bool = True
    only_exit_code: bool = False

    def ids(self, *statuses: TestStatus) -> frozenset[str]:
        return frozenset(name for name, result in self.results.items() if result.status in statuses)

    def count(self, status: TestStatus) -> int:
        return sum(result.status is status for result in self.results.values())

    @property
    def broken(self) -> frozenset[str]:
        return self.ids(TestStatus.FAILED, TestStatus.ERROR)


@dataclass
class Results:
    """Collects results while a report is read: of several for one id the worst counts."""

    found: dict[str, TestResult] = field(default_factory=dict)

    def add(self, name: object, status: TestStatus, seconds: object = 0.0, message: object = "") -> None:
        """Untrusted values are made plain: text that has a UTF-8 form, seconds that are a number."""
        text = plain(name)
        known = self.found.get(text)
        if known is None or _RANK[status] > _RANK[known.status]:
            self.found[text] = TestResult(status, _sane(seconds), plain(message)[:_MESSAGE])


def judge(results: Mapping[str, TestResult], exit_code: int | None, unfinished: str = "") -> TestReport:
    """A report from its results: whether it is complete, and whether it agrees with the exit code. `unfinished`:
    how the reader knows that the run ended early."""
    if unfinished:
        return TestReport(results, unfinished, complete=False)
    problem = _problem(results, exit_code)
    only = bool(problem and results and exit_code) and not TestReport(results).broken
    return TestReport(results, problem, only_exit_code=only)


def unreadable(why: str) -> TestReport:
    """For a report that is not in its format: the run is not to be believed."""
    return TestReport(problem=f"the report can't be read: {why}", complete=False)


def parse_report(text: str, exit_code: int | None) -> TestReport:
    """The harness's lines of JSON. Malformed lines make the report incomplete; they are never guessed at."""
    results = Results()
    ended = False
    malformed = 0
    for line in text.splitlines():
        entry = _entry(line)
        if entry is None:
            malformed += 1
        elif "end" in entry:
            ended = True
        else:
            status = _status(str(entry["when"]), str(entry["outcome"]), bool(entry.get("xfail")))
            results.add(entry["id"], status, entry.get("seconds"), entry.get("message") or "")
    if not ended:
        last = next(reversed(results.found), "")
        where = f" (the last test that ended: {last})" if last else ""
        return judge(results.found, exit_code, f"the test run did not come to its own end{where}")
    if malformed:
        return TestReport(results.found, "the report holds lines that are none of ours")
    return judge(results.found, exit_code)


def report_of_exit_code(exit_code: int | None, output: str) -> TestReport:
    """For a command without a report: one pseudo test."""
    status = TestStatus.PASSED if exit_code == 0 else TestStatus.FAILED
    return TestReport({EXIT_CODE_ID: TestResult(status, message=output[-2_000:])})


def plain(value: object) -> str:
    """Text that has a UTF-8 form: tests of encodings fail with lone surrogates in their messages."""
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def _problem(results: Mapping[str, TestResult], exit_code: int | None) -> str:
    if not results:
        return "no test ran"
    red = any(result.status in (TestStatus.FAILED, TestStatus.ERROR) for result in results.values())
    if exit_code is None or (exit_code == 0) == red:
        return f"the exit code {exit_code} and the report do not agree"
    return ""


def _sane(seconds: object) -> float:
    if isinstance(seconds, int | float) and 0 <= seconds < _SECONDS_MAX:
        return float(seconds)
    return 0.0


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


def _status(when: str, outcome: str, xfail: bool) -> TestStatus:
    if outcome == "skipped":
        return TestStatus.SKIPPED
    if outcome == "passed":
        return TestStatus.SKIPPED if xfail else TestStatus.PASSED
    return TestStatus.FAILED if when == "call" else TestStatus.ERROR
