"""The table of runners: how a command is recognised, run so that it leaves a report, and how the report is read. Pure.

The repository's own command is kept as it is; what the harness needs comes in beside it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from bot.domain import limits
from bot.sandbox.contract import Command
from bot.verify.command import NO_TESTS, Adapter, CanaryFile, Runner, TestCommand
from bot.verify.ecosystems.compiled import CARGO, GO
from bot.verify.ecosystems.generic import EXIT_CODE, JUNIT, TAP, TAP_REPORT, default_report
from bot.verify.ecosystems.node import JEST, MOCHA, NODE_TEST, VITEST
from bot.verify.ecosystems.python import DJANGO, PYTEST, UNITTEST
from bot.verify.report import TestReport

__all__ = [
    "NO_TESTS",
    "Runner",
    "TestCommand",
    "find_neighbour",
    "make_canary",
    "parse_run",
    "recognise",
    "render_command",
    "select",
]

ADAPTERS: Final[Mapping[Runner, Adapter]] = {
    Runner.PYTEST: PYTEST,
    Runner.UNITTEST: UNITTEST,
    Runner.DJANGO: DJANGO,
    Runner.JEST: JEST,
    Runner.VITEST: VITEST,
    Runner.MOCHA: MOCHA,
    Runner.NODE_TEST: NODE_TEST,
    Runner.GO: GO,
    Runner.CARGO: CARGO,
    Runner.JUNIT: JUNIT,
    Runner.TAP: TAP,
    Runner.EXIT_CODE: EXIT_CODE,
    Runner.NONE: EXIT_CODE,
}
"""In the order in which a command is tried: the first that says it is its own."""

_NPM: Final = re.compile(
    r"^(?P<env>(?:\w+=\S+\s+)*)(?:npm|yarn|pnpm)\s+(?:run\s+)?(?:-s\s+|--silent\s+)?(?P<script>test[\w:.-]*|t)$"
)
_SWALLOWED: Final = re.compile(r"\s*(?:\|\||;)\s*(?:true|:|exit 0)\s*$")  # what hides a red end
_MAKE: Final = re.compile(r"^make\s+(?P<target>[\w.-]+)$")
_BARE_TOOL: Final = re.compile(
    r"^(?P<env>(?:cross-env\s+)?(?:\w+=\S+\s+)*)(?P<tool>jest|vitest|mocha)(?=\s|$)"
)


def recognise(
    command: str, source: str, report: str = "", texts: Mapping[str, str] | None = None
) -> TestCommand:
    """A command that somebody named: which runner is behind it. One that can't be told is judged by its exit
    code alone. `report`: what the repository says of its report (`tap`, or a pattern of JUnit XML files). `texts`:
    files of the base, in which scripts of `package.json` and targets of a Makefile are looked up."""
    if report:
        runner = Runner.TAP if report == TAP_REPORT else Runner.JUNIT
        return TestCommand(runner, command, source, "" if runner is Runner.TAP else report)
    resolved = _resolve_script(command.strip(), texts or {})
    runner = next(runner for runner, adapter in ADAPTERS.items() if adapter.is_call(resolved))
    if runner is Runner.EXIT_CODE and _makes_pytest(command.strip(), texts or {}):
        return TestCommand(Runner.PYTEST, command, source)
    if runner is Runner.EXIT_CODE:
        return TestCommand(runner, command, source)
    return TestCommand(
        runner, resolved, source, default_report(resolved) or "" if runner is Runner.JUNIT else ""
    )


def select(test: TestCommand, selection: tuple[str, ...]) -> TestCommand:
    """The command for these tests only. Raises ForModel when its runner can't select."""
    if not selection:
        return test
    command = ADAPTERS[test.runner].select(test.command, selection)
    return replace(test, command=command)


def render_command(test: TestCommand, report_path: str, timeout_s: float = limits.SUITE_TIMEOUT_S) -> Command:
    """The command for the sandbox; the report comes to `report_path`."""
    rendered = ADAPTERS[test.runner].render(test, report_path)
    variables = {"CI": "true", **rendered.variables}
    return Command(rendered.script, timeout_s=timeout_s, env=variables, files=rendered.programs)


def parse_run(test: TestCommand, report: str, exit_code: int | None) -> TestReport:
    """What a run reported. `report`: the text at the report's path; of a run by exit code its output."""
    return ADAPTERS[test.runner].parse(report, exit_code)


def find_neighbour(runner: Runner, ids: tuple[str, ...], paths: frozenset[str]) -> str | None:
    """A file that known tests lie in, for a canary beside it; None when no id says where tests are found."""
    adapter = ADAPTERS[runner]
    return next((found for name in ids if (found := adapter.neighbour(name, paths)) is not None), None)


def make_canary(runner: Runner, neighbour: str, text: str, token: str) -> CanaryFile | None:
    """A test that must fail: if the run is green in spite of it, the runner is not to be believed. `token`:
    letters and digits that nobody can know before, so that no code can spare or forge just this test."""
    return ADAPTERS[runner].canary(neighbour, text, token)


def _resolve_script(command: str, texts: Mapping[str, str]) -> str:
    """`npm test` as what it calls, where that is one of the runners: so a script that swallows its exit code or is
    changed by the patch has no say."""
    npm = _NPM.match(command)
    if npm is None:
        return command
    name = "test" if npm["script"] == "t" else npm["script"]
    script = _SWALLOWED.sub("", _scripts(texts.get("package.json", "")).get(name, ""))
    tool = _BARE_TOOL.match(script)
    if tool is not None:
        variables = (npm["env"] + tool["env"].removeprefix("cross-env ")).strip()
        resolved = f"node_modules/.bin/{script[tool.start('tool') :]}"
        return f"{variables} {resolved}" if variables else resolved
    return f"{npm['env']}{script}" if NODE_TEST.is_call(script) else command


def _scripts(package: str) -> dict[str, str]:
    try:
        body: Any = json.loads(package)
    except (ValueError, RecursionError):
        return {}
    scripts = body.get("scripts") if isinstance(body, dict) else None
    if not isinstance(scripts, dict):
        return {}
    return {str(name): value.strip() for name, value in scripts.items() if isinstance(value, str)}


def _makes_pytest(command: str, texts: Mapping[str, str]) -> bool:
    """A target whose recipe calls pytest: the plugin comes in by the environment, however deep."""
    make = _MAKE.match(command)
    if make is None:
        return False
    recipe: list[str] = []
    inside = False
    for line in texts.get("Makefile", "").splitlines():
        if inside and not line.startswith("\t"):
            break
        if inside:
            recipe.append(line)
        inside = inside or re.match(rf"{re.escape(make['target'])}\s*:(?!=)", line) is not None
    return any(PYTEST.is_call(line.strip().lstrip("@-")) for line in recipe)
