"""TAP, the Test Anything Protocol, versions 12 to 14, with subtests. Pure.

A stream is complete when its plan (`1..N`) is there and N points were told.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from bot.domain.evidence import TestStatus
from bot.verify.report import Results, TestReport, judge

_POINT: Final = re.compile(r"^(?P<not>not )?ok\b(?: +(?P<number>\d+))?(?: +-)?(?P<rest>.*)$")
_PLAN: Final = re.compile(r"^1\.\.(\d{1,9})\b")
_DIRECTIVE: Final = re.compile(r"(?<!\\)#\s*(SKIP|TODO)\b.*$", re.IGNORECASE)
_SUBTEST: Final = re.compile(r"^# Subtest: (.+)$")
_INDENT: Final = 4
_DEPTH: Final = 50  # deeper nesting is made, not written
_MESSAGE_LINES: Final = 40


@dataclass
class _Level:
    title: str
    planned: int | None = None
    told: int = 0
    names: dict[str, int] = field(default_factory=dict)


def parse_tap(text: str, exit_code: int | None) -> TestReport:
    """Ids are descriptions, those of subtests behind their parents' with ` > ` between; a repeated one is numbered."""
    reader = _Reader()
    for line in text.splitlines():
        reader.read(line.rstrip())
        if reader.bailed:
            return judge(reader.results.found, exit_code, f"the test run bailed out: {reader.bailed}")
    reader.flush()
    top = reader.levels[0]
    if top.planned is None or top.told < top.planned:
        planned = "no plan" if top.planned is None else f"{top.planned} planned"
        why = f"the test run did not come to its own end ({planned}, {top.told} told)"
        return judge(reader.results.found, exit_code, why)
    return judge(reader.results.found, exit_code)


class _Reader:
    """One stream, line by line. A failed point waits for the lines that explain it."""

    def __init__(self) -> None:
        self.results = Results()
        self.levels = [_Level("")]
        self.bailed = ""
        self._failed = ""
        self._message: list[str] = []

    def read(self, raw: str) -> None:
        line = raw.lstrip(" ")
        depth = (len(raw) - len(line)) // _INDENT
        if line.startswith("Bail out!"):
            self.bailed = line[9:].strip()[:200] or "no reason given"
        elif subtest := _SUBTEST.match(line):
            self._open(depth, subtest[1])
        elif (plan := _PLAN.match(line)) and depth < len(self.levels):
            self.levels[depth].planned = int(plan[1])
        elif (point := _POINT.match(line)) and depth < len(self.levels):
            self._point(depth, point)
        elif self._failed and len(self._message) < _MESSAGE_LINES:
            self._message.append(line)

    def flush(self) -> None:
        if self._failed:
            self.results.add(self._failed, TestStatus.FAILED, 0.0, "\n".join(self._message))
        self._failed, self._message = "", []

    def _open(self, depth: int, title: str) -> None:
        """Tools put the comment at the parent's depth (node) or at the child's own (TAP 14)."""
        parent = min(depth, len(self.levels) - 1)
        if len(self.levels) < _DEPTH:
            del self.levels[parent + 1 :]
            self.levels.append(_Level(title))

    def _point(self, depth: int, point: re.Match[str]) -> None:
        self.flush()
        del self.levels[depth + 1 :]
        level = self.levels[depth]
        level.told += 1
        rest = point["rest"]
        directive = _DIRECTIVE.search(rest)
        title = (rest[: directive.start()] if directive else rest).strip() or f"point {level.told}"
        seen = level.names[title] = level.names.get(title, 0) + 1
        name = " > ".join(
            [*(one.title for one in self.levels[1 : depth + 1]), title if seen == 1 else f"{title} #{seen}"]
        )
        if directive:
            self.results.add(name, TestStatus.SKIPPED)
        elif point["not"]:
            self._failed = name
        else:
            self.results.add(name, TestStatus.PASSED)
