"""The event stream of `go test -json`. Pure.

Every package that began must say how it ended. A package that could not be built is an error under its import path.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

from bot.domain.evidence import TestStatus
from bot.verify.report import Results, TestReport, judge

_ENDS: Final = {"pass": TestStatus.PASSED, "fail": TestStatus.FAILED, "skip": TestStatus.SKIPPED}
_BROKEN: Final = (TestStatus.FAILED, TestStatus.ERROR)
_BUILD_FAILED: Final = re.compile(r"^FAIL\t(\S+) \[(?:build|setup) failed\]$")
_MESSAGE: Final = 5_000


def parse_go(text: str, exit_code: int | None) -> TestReport:
    """Ids are `import path::TestName/subtest`."""
    stream = _Stream()
    for line in text.splitlines():
        event = _event(line)
        if event is not None:
            stream.read(event)
        elif failed := _BUILD_FAILED.match(line):  # before Go 1.24 in words only
            stream.end(failed[1], "fail", None)
    return judge(stream.results.found, exit_code, stream.unfinished())


@dataclass
class _Stream:
    results: Results = field(default_factory=Results)
    output: dict[str, str] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    begun: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)

    def read(self, event: dict[str, Any]) -> None:
        package = str(event.get("Package") or event.get("ImportPath") or "").split(" ")[0]
        action, test = str(event.get("Action")), str(event.get("Test") or "")
        name = f"{package}::{test}" if test else package
        if action in ("output", "build-output"):
            self.output[name] = (self.output.get(name, "") + str(event.get("Output") or ""))[-_MESSAGE:]
            return
        self.begun.add(package)
        if test and action == "run":
            self.running.add(name)
        elif test and action in _ENDS:
            self.running.discard(name)
            message = self.output.get(name, "") if action == "fail" else ""
            self.results.add(name, _ENDS[action], event.get("Elapsed"), message)
        elif not test and action in _ENDS:
            self.end(package, action, event.get("Elapsed"))

    def end(self, package: str, action: str, seconds: object) -> None:
        """A package that fails without a failing test could not be built, or ended in the middle of some."""
        self.begun.add(package)
        self.ended.add(package)
        if action != "fail":
            return
        mine = f"{package}::"
        for name in [name for name in self.running if name.startswith(mine)]:
            self.running.discard(name)
            self.results.add(name, TestStatus.ERROR, seconds, self.output.get(name, ""))
        known = self.results.found.items()
        if not any(name.startswith(mine) and one.status in _BROKEN for name, one in known):
            self.results.add(package, TestStatus.ERROR, seconds, self.output.get(package, ""))

    def unfinished(self) -> str:
        left = sorted((self.begun - self.ended) | self.running)
        return f"the test run did not come to its own end ({left[0]})" if left else ""


def _event(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and "Action" in event else None
