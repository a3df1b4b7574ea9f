"""Commands that leave JUnit XML or print TAP, whatever their language; and those known by their exit code alone."""

import re
import shlex
from typing import Final

from bot.verify.command import (
    Adapter,
    Rendered,
    TestCommand,
    add_arguments,
    call_pattern,
    no_canary,
    no_neighbour,
    no_selection,
)
from bot.verify.report import TestReport, report_of_exit_code
from bot.verify.reports.junit import parse_junit
from bot.verify.reports.tap import parse_tap

TAP_REPORT: Final = "tap"
"""The value of `report:` that says: the command prints TAP."""

_PHPUNIT: Final = call_pattern(r"(?:phpunit|pest)")
_CTEST: Final = call_pattern(r"ctest")
_MAVEN: Final = call_pattern(r"mvnw?")
_GRADLE: Final = call_pattern(r"gradlew?")
_TAP_FLAG: Final = re.compile(r"(?:^|\s)(?:--tap|--formatter[= ]tap|--reporter[= ]tap|-Rtap)(?=\s|$)")

_FILES_OF: Final = (
    (_MAVEN, "**/target/surefire-reports/TEST-*.xml"),
    (_GRADLE, "**/build/test-results/**/TEST-*.xml"),
)
"""Where tools leave JUnit XML without being told."""

_ARGUMENTS_OF: Final = ((_PHPUNIT, "--log-junit {}"), (_CTEST, "--no-tests=error --output-junit {}"))
"""How tools are told where to leave it."""


def default_report(command: str) -> str | None:
    """The report pattern of a command whose tool is known; empty: the tool is told the harness's file."""
    for pattern, report in _FILES_OF:
        if pattern.search(command):
            return report
    return "" if any(pattern.search(command) for pattern, _ in _ARGUMENTS_OF) else None


def _render_junit(test: TestCommand, report_path: str) -> Rendered:
    path = shlex.quote(report_path)
    if not test.report:
        for pattern, arguments in _ARGUMENTS_OF:
            if pattern.search(test.command):
                return Rendered(add_arguments(test.command, pattern, "", arguments.format(path)))
    files = test.report  # checked where it is read: nothing in it means anything else to the shell
    # Reports of an older run, or planted ones, are taken away before.
    collect = '[ -f "$file" ] && [ ! -L "$file" ] && { cat -- "$file"; printf "\\036"; }'
    script = (
        f"shopt -s globstar nullglob dotglob\nrm -rf -- {files}\n( {test.command}\n)\ncode=$?\n"
        f"for file in {files}; do {collect}; done > {path}\nexit $code\n"
    )
    return Rendered(script)


def _render_tap(test: TestCommand, report_path: str) -> Rendered:
    path = shlex.quote(report_path)
    return Rendered(f"( {test.command}\n) > {path}\ncode=$?\ntail -c 20000 -- {path}\nexit $code\n")


def _render_plain(test: TestCommand, _report_path: str) -> Rendered:
    return Rendered(test.command)


def _parse_nothing(text: str, exit_code: int | None) -> TestReport:
    return report_of_exit_code(exit_code, text)


JUNIT: Final = Adapter(
    is_call=lambda command: default_report(command) is not None,
    select=no_selection,
    render=_render_junit,
    parse=parse_junit,
    neighbour=no_neighbour,
    canary=no_canary,
)
TAP: Final = Adapter(
    is_call=lambda command: _TAP_FLAG.search(command) is not None,
    select=no_selection,
    render=_render_tap,
    parse=parse_tap,
    neighbour=no_neighbour,
    canary=no_canary,
)
EXIT_CODE: Final = Adapter(
    is_call=lambda _command: True,
    select=no_selection,
    render=_render_plain,
    parse=_parse_nothing,
    neighbour=no_neighbour,
    canary=no_canary,
)
