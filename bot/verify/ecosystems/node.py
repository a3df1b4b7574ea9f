"""jest, vitest, mocha and `node --test`: the runner's own program is called, with its report in a file.

A script of `package.json` is resolved when the command is detected: the script of the base, not of the change.
"""

import re
import shlex
from typing import Final

from bot.errors import ForModel
from bot.verify.command import (
    HARNESS,
    Adapter,
    CanaryFile,
    Rendered,
    TestCommand,
    add_arguments,
    call_pattern,
    file_of,
    program,
)
from bot.verify.report import parse_report
from bot.verify.reports.jest import parse_jest
from bot.verify.reports.mocha import parse_mocha

_JEST: Final = call_pattern(r"jest(?:\.js)?")
_VITEST: Final = call_pattern(r"vitest(?:\.mjs)?(?:\s+(?:run|watch|dev))?")
_MOCHA: Final = call_pattern(r"_?mocha(?:\.js)?")
_NODE: Final = re.compile(r"(?<![^\s/;&|(])node(?=\s)(?:\s+--?[\w-]+(?:=\S+)?)*?\s+--test(?=[\s;&|)]|$)")
_SCRIPT: Final = re.compile(r"\.[cm]?[jt]sx?$")
_REQUIRE: Final = re.compile(r"\brequire\s*\(")
_IMPORT: Final = re.compile(r"^\s*import\s", re.MULTILINE)
_REGEX: Final = re.compile(r"[\\^$.*+?()\[\]{}|/]")
_ENVIRONMENT: Final = {"NO_COLOR": "1", "npm_config_offline": "true"}

_FAIL: Final = "throw new Error('put in by the harness');"


# -- how they are called ------------------------------------------------------------------------------------


def _render_jest(test: TestCommand, report_path: str) -> Rendered:
    arguments = f"--ci --json --outputFile={shlex.quote(report_path)}"
    return Rendered(add_arguments(test.command, _JEST, arguments), {}, _ENVIRONMENT)


def _render_vitest(test: TestCommand, report_path: str) -> Rendered:
    command = _VITEST.sub(lambda call: re.sub(r"\s+(?:run|watch|dev)$", "", call[0]), test.command)
    path = shlex.quote(report_path)
    arguments = f"run --reporter=default --reporter=json --outputFile.json={path}"
    return Rendered(add_arguments(command, _VITEST, arguments), {}, _ENVIRONMENT)


def _render_mocha(test: TestCommand, report_path: str) -> Rendered:
    arguments = f"--reporter json --reporter-option output={shlex.quote(report_path)}"
    return Rendered(add_arguments(test.command, _MOCHA, "", arguments), {}, _ENVIRONMENT)


def _render_node(test: TestCommand, report_path: str) -> Rendered:
    reporter = f"{HARNESS}/node_report.mjs"
    arguments = (
        f"--test-reporter={reporter} --test-reporter-destination={shlex.quote(report_path)} "
        "--test-reporter=spec --test-reporter-destination=stdout"
    )
    programs = {reporter: program("node_report.mjs")}
    return Rendered(add_arguments(test.command, _NODE, arguments), programs, _ENVIRONMENT)


# -- selections ---------------------------------------------------------------------------------------------


def _files_and_names(selection: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The files, and one regular expression for the full names; empty when a whole file is among them."""
    parts = [one.partition("::") for one in selection]
    files = tuple(dict.fromkeys(path for path, _, _ in parts))
    names = [name for _, _, name in parts]
    if not all(names):
        return files, ""
    return files, f"^(?:{'|'.join(_REGEX.sub(lambda found: chr(92) + found[0], name) for name in names)})$"


def _select_jest(command: str, selection: tuple[str, ...]) -> str:
    files, names = _files_and_names(selection)
    arguments = shlex.join(["--runTestsByPath", *files, *(["-t", names] if names else [])])
    return add_arguments(command, _JEST, "", arguments)


def _select_vitest(command: str, selection: tuple[str, ...]) -> str:
    files, names = _files_and_names(selection)
    return add_arguments(
        command, _VITEST, "", shlex.join([*files, *([f"--testNamePattern={names}"] if names else [])])
    )


def _select_mocha(command: str, selection: tuple[str, ...]) -> str:
    """Files that the configuration names are run as well: the names narrow it."""
    files, names = _files_and_names(selection)
    return add_arguments(command, _MOCHA, "", shlex.join([*files, *(["--grep", names] if names else [])]))


def _select_node(command: str, selection: tuple[str, ...]) -> str:
    """Whole files: a name's pattern is matched against each level of its titles."""
    files, _ = _files_and_names(selection)
    if "" in files:
        raise ForModel("Select test files by their paths.")
    return add_arguments(command, _NODE, "", shlex.join(files))


# -- canaries -----------------------------------------------------------------------------------------------


def _with_tests(
    neighbour: str, text: str, token: str, parts: tuple[str, str, tuple[str, ...]]
) -> CanaryFile | None:
    """`parts`: what is imported, what declares a test, and the bodies that must fail. Each runs in a process or module
    of its own, so they stand in the neighbour's own file, and use its own `assert` and `expect`."""
    if not _SCRIPT.search(neighbour) or not text:
        return None
    head, declare, bodies = parts
    tests = [f"{declare}('{token} {at}', () => {{ {body} }});" for at, body in enumerate(bodies)]
    content = "\n".join([text.rstrip("\n"), "", *([head] if head else []), *tests, ""])
    return CanaryFile(neighbour, content.encode(), token, len(bodies))


_EXPECTS: Final = (
    _FAIL,
    "expect('put in').toBe('by the harness');",
    "expect({ a: 1 }).toEqual({ a: 2 });",
    "expect(() => {}).toThrow();",
    "expect(false).toBeTruthy();",
)
_ASSERTS: Final = (
    _FAIL,
    "if (typeof assert === 'undefined' || !assert.equal) { throw new Error('none'); } assert.equal(1, 2);",
    "if (typeof assert === 'undefined' || !assert.strictEqual) { throw new Error('none'); } assert.strictEqual(1, 2);",
    "if (typeof assert === 'undefined' || !assert.deepEqual) { throw new Error('none'); } assert.deepEqual([1], [2]);",
    "if (typeof assert === 'undefined' || !assert.ok) { throw new Error('none'); } assert.ok(false);",
    "if (typeof assert === 'undefined' || !assert.throws) { throw new Error('none'); } assert.throws(() => {});",
    "if (typeof expect === 'undefined') { throw new Error('none'); } expect(1).to.equal(2);",
)
"""Of a library that the neighbour does not use nothing is asked: then the test fails by itself."""


def _jest_canary(neighbour: str, text: str, token: str) -> CanaryFile | None:
    return _with_tests(neighbour, text, token, ("", "test", _EXPECTS))


def _vitest_canary(neighbour: str, text: str, token: str) -> CanaryFile | None:
    head = f"import {{ expect as {token}e, test as {token} }} from 'vitest';"
    bodies = tuple(body.replace("expect(", f"{token}e(") for body in _EXPECTS)
    return _with_tests(neighbour, text, token, (head, token, bodies))


def _mocha_canary(neighbour: str, text: str, token: str) -> CanaryFile | None:
    return _with_tests(neighbour, text, token, ("", "(typeof it === 'function' ? it : test)", _ASSERTS))


def _node_canary(neighbour: str, text: str, token: str) -> CanaryFile | None:
    """As the neighbour imports: the folder's `package.json` decides, and the neighbour works."""
    common = bool(_REQUIRE.search(text)) and not _IMPORT.search(text)
    head = f"const {token} = require('node:test');" if common else f"import {token} from 'node:test';"
    return _with_tests(neighbour, text, token, (head, token, _ASSERTS))


JEST: Final = Adapter(
    is_call=lambda command: _JEST.search(command) is not None,
    select=_select_jest,
    render=_render_jest,
    parse=parse_jest,
    neighbour=file_of,
    canary=_jest_canary,
)
VITEST: Final = Adapter(
    is_call=lambda command: _VITEST.search(command) is not None,
    select=_select_vitest,
    render=_render_vitest,
    parse=parse_jest,
    neighbour=file_of,
    canary=_vitest_canary,
)
MOCHA: Final = Adapter(
    is_call=lambda command: _MOCHA.search(command) is not None,
    select=_select_mocha,
    render=_render_mocha,
    parse=parse_mocha,
    neighbour=file_of,
    canary=_mocha_canary,
)
NODE_TEST: Final = Adapter(
    is_call=lambda command: _NODE.search(command) is not None,
    select=_select_node,
    render=_render_node,
    parse=parse_report,
    neighbour=file_of,
    canary=_node_canary,
)
