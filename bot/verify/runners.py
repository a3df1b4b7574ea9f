"""Test commands: how each kind is run so that it leaves a report, and how a selection is put to it. Pure.

The repository's own command is kept as it is; the harness's plugin comes in beside it.
"""

import re
import shlex
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Final, assert_never

from bot.domain import limits
from bot.errors import ForModel
from bot.sandbox.contract import Command

_FOLDER: Final = "/pullwright/harness"
_PYTEST_WORD: Final = re.compile(r"(?<![^\s/;&|(])py\.?test(?=[\s;&|)]|$)")
_OPERATOR: Final = re.compile(r"[;&|<>)\n]")


class Runner(StrEnum):
    PYTEST = "pytest"
    UNITTEST = "unittest"
    EXIT_CODE = "exit_code"
    NONE = "none"  # nothing to run


@dataclass(frozen=True)
class TestCommand:
    """`command` is for bash, as a person would type it. `source`: where it was found."""

    runner: Runner
    command: str = ""
    source: str = ""


NO_TESTS: Final = TestCommand(Runner.NONE)


def recognise(command: str, source: str) -> TestCommand:
    """A command that somebody named: which runner is behind it. One that can't be told is judged by its exit
    code alone."""
    words = _words(command)
    if "pytest" in words or "py.test" in words:
        return TestCommand(Runner.PYTEST, command, source)
    if _unittest_at(words) is not None and not re.search(r"[;&|<>`$\n]", command):
        return TestCommand(Runner.UNITTEST, command, source)
    return TestCommand(Runner.EXIT_CODE, command, source)


def select(test: TestCommand, selection: tuple[str, ...]) -> TestCommand:
    """The command for these tests only. Raises ForModel when its runner can't select."""
    if not selection:
        return test
    words = _words(test.command)
    match test.runner:
        case Runner.PYTEST:
            return TestCommand(test.runner, _select_pytest(test.command, selection), test.source)
        case Runner.UNITTEST:
            at = _unittest_at(words) or 0
            chosen = [*words[: at + 1], *(_dotted(one) for one in selection)]
        case Runner.EXIT_CODE | Runner.NONE:
            raise ForModel("The test command of this repository can't run a selection. Send an empty list.")
        case _:
            assert_never(test.runner)
    return TestCommand(test.runner, shlex.join(chosen), test.source)


def _select_pytest(command: str, selection: tuple[str, ...]) -> str:
    """The text of the command is kept (it may hold `cd x &&` or variables); only pytest's arguments are replaced,
    up to the next operator of the shell. The last pytest is the call: one before may be named for installing."""
    calls = list(_PYTEST_WORD.finditer(command))
    if not calls:  # quoted in an odd way
        words = _words(command)
        at = next(i for i, word in enumerate(words) if word in ("pytest", "py.test"))
        return shlex.join([*words[: at + 1], *selection])
    end = calls[-1].end()
    operator = _OPERATOR.search(command, end)
    rest = command[operator.start() :] if operator else ""
    return f"{command[:end]} {shlex.join(selection)} {rest}".rstrip()


def render_command(test: TestCommand, report_path: str, timeout_s: float = limits.SUITE_TIMEOUT_S) -> Command:
    """The command for the sandbox; the report comes to `report_path`."""
    match test.runner:
        case Runner.PYTEST:
            program = {f"{_FOLDER}/pullwright_report.py": _program("pullwright_report.py")}
            # Both by the environment: the command may be a script that calls pytest deep inside.
            script = (
                f"export PYTHONPATH={_FOLDER}${{PYTHONPATH:+:$PYTHONPATH}}\n"
                f'export PYTEST_ADDOPTS="-p pullwright_report ${{PYTEST_ADDOPTS:-}}"\n{_keep_plugin_path(test.command)}'
            )
        case Runner.UNITTEST:
            program = {f"{_FOLDER}/run_unittest.py": _program("run_unittest.py")}
            words = _words(test.command)
            at = _unittest_at(words) or 0
            script = shlex.join([*words[: at - 1], f"{_FOLDER}/run_unittest.py", *words[at + 1 :]])
        case Runner.EXIT_CODE | Runner.NONE:
            program, script = {}, test.command
        case _:
            assert_never(test.runner)
    variables = {"PULLWRIGHT_REPORT": report_path, "PYTHONDONTWRITEBYTECODE": "1", "CI": "true"}
    return Command(script, timeout_s=timeout_s, env=variables, files=program)


def _keep_plugin_path(command: str) -> str:
    """A command that sets PYTHONPATH for itself would lose the plugin's folder."""
    return re.sub(r"(?<![\w$])PYTHONPATH=", f"PYTHONPATH={_FOLDER}:", command)


def _program(name: str) -> bytes:
    return files("bot.verify.harness").joinpath(name).read_bytes()


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def _unittest_at(words: list[str]) -> int | None:
    """Where `unittest` stands in `python -m unittest ...`."""
    for at, word in enumerate(words):
        if word == "unittest" and at and words[at - 1] == "-m":
            return at
    return None


def _dotted(one: str) -> str:
    """Files as models name them, to what unittest takes."""
    path, _, rest = one.partition("::")
    name = (
        path.removesuffix(".py").strip("/").replace("/", ".") if "/" in path or path.endswith(".py") else path
    )
    return ".".join([name, *rest.replace("::", ".").split(".")]) if rest else name
