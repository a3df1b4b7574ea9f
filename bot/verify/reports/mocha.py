"""The JSON report of mocha (`--reporter json`). Pure. Written at the end only."""

import json
from typing import Any, Final

from bot.domain.evidence import TestStatus
from bot.verify.report import Results, TestReport, judge, unreadable

_ROOT: Final = "/workspace/"
_HOOKS: Final = ('"before each" hook', '"before all" hook', '"after each" hook', '"after all" hook')


def parse_mocha(text: str, exit_code: int | None) -> TestReport:
    """Ids are `path::full title`. A failing hook is an error under its own title, as mocha tells it."""
    try:
        body = json.loads(text)
        results = Results()
        for status, name in (
            (TestStatus.PASSED, "passes"),
            (TestStatus.SKIPPED, "pending"),
            (TestStatus.FAILED, "failures"),
        ):
            for test in body[name]:
                _read_test(test, status, results)
        stats = body["stats"]
        counted = int(stats["passes"]) + int(stats["pending"]) + int(stats["failures"])
        told = sum(len(body[name]) for name in ("passes", "pending", "failures"))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        return unreadable(f"{type(error).__name__} in the JSON report")
    if counted != told:
        return judge(results.found, exit_code, f"the report counts {counted} tests and tells of {told}")
    return judge(results.found, exit_code)


def _read_test(test: dict[str, Any], status: TestStatus, results: Results) -> None:
    if status is TestStatus.FAILED and str(test["title"]).startswith(_HOOKS):
        status = TestStatus.ERROR
    if status is TestStatus.PASSED and test.get("currentRetry"):
        status = TestStatus.FAILED  # passed at a later try only
    path = str(test.get("file") or "").removeprefix(_ROOT)
    error = test.get("err") or {}
    message = str(error.get("stack") or error.get("message") or "")
    milliseconds = test.get("duration")
    seconds = milliseconds / 1000 if isinstance(milliseconds, int | float) else 0.0
    results.add(f"{path}::{test['fullTitle']}", status, seconds, message)
