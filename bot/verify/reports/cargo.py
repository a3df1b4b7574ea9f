"""The text of `cargo test`, stdout and stderr together: stable Rust has no machine report. Pure.

What a test prints past the capture looks like a result line. So every target's lines are held against its own
`running N tests` and `test result:` lines: a forged one makes the counts differ, and the run is not believed.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from bot.domain.evidence import TestStatus
from bot.verify.report import Results, TestReport, judge

_TARGET: Final = re.compile(
    r"^\s+Running (?:unittests )?(?P<source>\S+) \((?:.*[/\\])?(?P<crate>[\w.-]+?)-[0-9a-f]{16}(?:\.exe)?\)$"
)
_DOCTESTS: Final = re.compile(r"^\s+Doc-tests (?P<crate>\S+)$")
_RUNNING: Final = re.compile(r"^running (\d+) tests?$")
_TEST: Final = re.compile(
    r"^test (?P<name>.+?)(?: - should panic| - compile(?: fail)?)? \.\.\. (?P<end>ok|FAILED|ignored)(?:, .*)?$"
)
_SUMMARY: Final = re.compile(
    r"^test result: (?:ok|FAILED)\. (\d+) passed; (\d+) failed; (\d+) ignored; \d+ measured;"
)
_FAILURE: Final = re.compile(r"^---- (?P<name>.+?) (?:stdout|stderr) ----$")
_LINE_NUMBER: Final = re.compile(r" \(line \d+\)$")
_ENDS: Final = {"ok": TestStatus.PASSED, "FAILED": TestStatus.FAILED, "ignored": TestStatus.SKIPPED}
_MESSAGE: Final = 5_000


@dataclass
class _Target:
    """One test binary, or the documentation tests of one crate."""

    title: str
    announced: int = 0
    tests: list[tuple[str, TestStatus]] = field(default_factory=list)
    counts: tuple[int, int, int] | None = None
    open: bool = (
        False  # between `running` and `test result:`; documentation tests come in several such groups
    )
    names: dict[str, int] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    telling: str = ""  # the test whose failure is being told

    def fault(self) -> str:
        if self.counts is None or self.open:
            return f"the test run did not come to its own end ({self.title})"
        told = tuple(sum(end is status for _, end in self.tests) for status in _ENDS.values())
        if told != self.counts or sum(told) != self.announced:
            return f"{self.title} tells of other tests than it counts: {sum(told)} told, {self.announced} announced"
        return ""


def parse_cargo(text: str, exit_code: int | None) -> TestReport:
    """Ids are `crate/source::test`; documentation tests `crate/source - item`, without their line numbers."""
    targets: list[_Target] = []
    for line in text.splitlines():
        if target := _TARGET.match(line):
            targets.append(_Target(f"{target['crate']}/{target['source']}"))
        elif doctests := _DOCTESTS.match(line):
            targets.append(_Target(doctests["crate"]))
        elif targets:
            _read(targets[-1], line)
    results = Results()
    for one in targets:
        for name, status in one.tests:
            results.add(name, status, 0.0, one.messages.get(name, ""))
    fault = next((fault for one in targets if (fault := one.fault())), "")
    if fault:
        return judge(results.found, exit_code, fault)
    if not targets and exit_code != 0:
        return judge({}, exit_code, "the tests could not be built")
    return judge(results.found, exit_code)


def _read(target: _Target, line: str) -> None:
    if running := _RUNNING.match(line):
        target.announced += int(running[1])
        target.open = True
    elif not target.open:
        return  # cargo's own words between two targets
    elif summary := _SUMMARY.match(line):
        before = target.counts or (0, 0, 0)
        target.counts = (
            before[0] + int(summary[1]),
            before[1] + int(summary[2]),
            before[2] + int(summary[3]),
        )
        target.open, target.telling = False, ""
    elif failure := _FAILURE.match(line):
        target.telling = _name(target, failure["name"])
    elif target.telling:
        known = target.messages.get(target.telling, "")
        if len(known) < _MESSAGE:
            target.messages[target.telling] = f"{known}\n{line}".lstrip()
    elif test := _TEST.match(line):
        name = _name(target, test["name"])
        seen = target.names[name] = target.names.get(name, 0) + 1
        target.tests.append((name if seen == 1 else f"{name} #{seen}", _ENDS[test["end"]]))


def _name(target: _Target, name: str) -> str:
    if _LINE_NUMBER.search(name):
        return f"{target.title}/{_LINE_NUMBER.sub('', name)}"
    return f"{target.title}::{name}"
