"""A test command: which runner is behind it, as a person would type it, and where it leaves its report. Plain data.

The runners of each language are in `ecosystems/`, the parsers of their reports in `reports/`, the table that joins
both in `runners.py`.
"""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.resources import files
from typing import Final

from bot.errors import ForModel
from bot.verify.report import TestReport

HARNESS: Final = "/pullwright/harness"
"""Where the harness's own programs lie inside the sandbox, read-only."""

_OPERATOR: Final = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.|(?P<operator>[;&|<>)\n])""", re.DOTALL)
"""The next operator of the shell; what is quoted is passed over."""


class Runner(StrEnum):
    PYTEST = "pytest"
    UNITTEST = "unittest"
    DJANGO = "django"
    JEST = "jest"
    VITEST = "vitest"
    MOCHA = "mocha"
    NODE_TEST = "node_test"
    GO = "go"
    CARGO = "cargo"
    JUNIT = "junit"  # any command that leaves JUnit XML
    TAP = "tap"  # any command that prints TAP
    EXIT_CODE = "exit_code"
    NONE = "none"  # nothing to run


@dataclass(frozen=True)
class TestCommand:
    """`command` is for bash, as a person would type it. `source`: where it was found. `report`: for JUNIT the files
    that the command writes, a pattern below the repository's root; empty where the harness names the file. `brief`:
    nobody asks why a test fails, so the runner need not find out."""

    runner: Runner
    command: str = ""
    source: str = ""
    report: str = ""
    brief: bool = False


NO_TESTS: Final = TestCommand(Runner.NONE)


@dataclass(frozen=True)
class Rendered:
    """A command as it is really run: a script for bash, programs of the harness, variables."""

    script: str
    programs: Mapping[str, bytes] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CanaryFile:
    """A test file with tests at its end that must fail: in the same process and scope as the tests before them. `mark`:
    a part of their ids, in lower case. `count`: how many there are, one for each way to assert: code can neuter one
    way and leave the others."""

    path: str
    content: bytes
    mark: str
    count: int = 1


@dataclass(frozen=True)
class Adapter:
    """One runner: pure functions.

    `is_call`: whether a command calls this runner. `select`: the command for some tests only; raises ForModel.
    `render`: the command so that its report comes to a path. `parse`: that report and the exit code. `neighbour`:
    the file that a known test id lies in, of all paths. `canary`: such a file, whose text is given, with failing tests
    at its end, named by letters and digits that nobody can know before.
    """

    is_call: Callable[[str], bool]
    select: Callable[[str, tuple[str, ...]], str]
    render: Callable[[TestCommand, str], Rendered]
    parse: Callable[[str, int | None], TestReport]
    neighbour: Callable[[str, frozenset[str]], str | None]
    canary: Callable[[str, str, str], CanaryFile | None]


def words_of(command: str) -> list[str]:
    """The words of a command line; quoting that the shell would refuse is taken as it stands."""
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def call_pattern(name: str) -> re.Pattern[str]:
    """Finds `name` where a command line calls it: as a word of its own, or at the end of a path."""
    return re.compile(rf"(?<![^\s/;&|(]){name}(?=[\s;&|)]|$)")


def split_call(command: str, pattern: re.Pattern[str]) -> tuple[str, str, str] | None:
    """The text up to the end of the last call, its arguments, and the rest from the shell's next operator on. The
    last one is the call: one before may be named for installing."""
    calls = list(pattern.finditer(command))
    if not calls:
        return None
    end = calls[-1].end()
    found = (part.start() for part in _OPERATOR.finditer(command, end) if part["operator"])
    stop = next(found, len(command))
    return command[:end], command[end:stop].strip(), command[stop:]


def add_arguments(command: str, pattern: re.Pattern[str], first: str = "", last: str = "") -> str:
    """The command with arguments put right behind the call, and at the end of its own ones."""
    parts = split_call(command, pattern)
    if parts is None:
        return command
    head, arguments, rest = parts
    return " ".join(part for part in (head, first, arguments, last, rest.strip()) if part)


def no_selection(_command: str, _selection: tuple[str, ...]) -> str:
    """For runners that can't select. Raises ForModel."""
    raise ForModel("The test command of this repository can't run a selection. Send an empty list.")


def no_neighbour(_name: str, _paths: frozenset[str]) -> str | None:
    """For runners whose tests can't be found in files."""
    return None


def no_canary(_neighbour: str, _text: str, _token: str) -> CanaryFile | None:
    """For runners whose language is not known."""
    return None


def program(name: str) -> bytes:
    """One of the programs that run inside the sandbox."""
    return files("bot.verify.harness").joinpath(name).read_bytes()


def file_of(name: str, paths: frozenset[str]) -> str | None:
    """For ids of the form `path::test`."""
    path = name.split("::")[0]
    return path if path in paths else None
