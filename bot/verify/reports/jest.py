"""The JSON report of jest (`--json`) and of vitest (`--reporter=json`), which writes the same form. Pure.

Written at the end only: a process that is ended early leaves none. Whether a test failed in its own body or in a
hook before it is told by the frames of the runner in the failure's stack, where the runner leaves them.
"""

import json
import re
from typing import Any, Final

from bot.domain.evidence import TestStatus
from bot.verify.report import Results, TestReport, judge, unreadable

_ROOT: Final = "/workspace/"
_ANSI: Final = re.compile(r"\x1b\[[0-9;]*m")
_HOOK: Final = re.compile(r"\b(?:_callCircusHook|runHook|callSuiteHook)\b")
_STATUS: Final = {
    "passed": TestStatus.PASSED,
    "failed": TestStatus.FAILED,
    "pending": TestStatus.SKIPPED,
    "skipped": TestStatus.SKIPPED,
    "todo": TestStatus.SKIPPED,
    "disabled": TestStatus.SKIPPED,
}


def parse_jest(text: str, exit_code: int | None) -> TestReport:
    """Ids are `path::full name of the test`; a file that could not be loaded is an error under its path."""
    try:
        body = json.loads(text)
        suites = body["testResults"]
        results = Results()
        for suite in suites:
            _read_suite(suite, results)
        total = int(body["numTotalTests"])
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        return unreadable(f"{type(error).__name__} in the JSON report")
    told = sum(len(suite["assertionResults"]) for suite in suites)
    if told != total:
        return judge(results.found, exit_code, f"the report counts {total} tests and tells of {told}")
    return judge(results.found, exit_code)


def _read_suite(suite: dict[str, Any], results: Results) -> None:
    path = str(suite["name"]).removeprefix(_ROOT)
    tests = suite["assertionResults"]
    for test in tests:
        message = _ANSI.sub("", "\n".join(str(one) for one in test.get("failureMessages") or ()))
        status = _STATUS.get(str(test["status"]))
        if status is None:
            continue  # filtered out by a name: did not take part
        if status is TestStatus.FAILED and _HOOK.search(message):
            status = TestStatus.ERROR
        tries = test.get("invocations")
        if status is TestStatus.PASSED and isinstance(tries, int) and tries > 1:
            status, message = TestStatus.FAILED, f"passed at try {tries} only"
        milliseconds = test.get("duration")
        seconds = milliseconds / 1000 if isinstance(milliseconds, int | float) else 0.0
        results.add(f"{path}::{_full_name(test)}", status, seconds, message)
    if suite.get("status") == "failed" and not any(test["status"] == "failed" for test in tests):
        results.add(path, TestStatus.ERROR, 0.0, _ANSI.sub("", str(suite.get("message") or "")))


def _full_name(test: dict[str, Any]) -> str:
    return " ".join([*(str(title) for title in test.get("ancestorTitles") or ()), str(test["title"])]).strip()
