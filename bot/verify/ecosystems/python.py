"""pytest, unittest and Django's runner: the repository's command is kept, the harness's plugin comes in beside it."""

import re
import shlex
from typing import Final

from bot.verify.command import (
    HARNESS,
    Adapter,
    CanaryFile,
    Rendered,
    TestCommand,
    call_pattern,
    file_of,
    no_selection,
    program,
    split_call,
    words_of,
)
from bot.verify.report import parse_report

_PYTEST_CALL: Final = call_pattern(r"py\.?test")
_OPTIONS: Final = "-p pullwright_report --maxfail=0"
_MANAGE: Final = re.compile(
    r"(?:(?<!\S)python[\d.]*\s+)?(?<!\S)(?P<manage>[\w./-]*manage\.py)\s+test(?=[\s;&|)]|$)"
)
_SHELL: Final = re.compile(r"[;&|<>`$\n]")

_PYTEST_CANARY: Final = """

def test_NAME_raise():
    raise AssertionError("put in by the harness")


def test_NAME_assert():
    left, right = "put in", "by the harness"
    assert left == right


def test_NAME_raises():
    import pytest

    with pytest.raises(ZeroDivisionError):
        pass


def test_NAME_case():
    import unittest

    unittest.TestCase().assertEqual("put in", "by the harness")
"""
_UNITTEST_CANARY: Final = """

import unittest as _NAME


class MustFail_NAME(_NAME.TestCase):
    def test_fail(self):
        self.fail("put in by the harness")

    def test_assert(self):
        left, right = "put in", "by the harness"
        assert left == right

    def test_equal(self):
        self.assertEqual("put in", "by the harness")

    def test_true(self):
        self.assertTrue(False)

    def test_false(self):
        self.assertFalse(True)

    def test_in(self):
        self.assertIn("put in", [])

    def test_raises(self):
        with self.assertRaises(ZeroDivisionError):
            pass
"""


# -- pytest -------------------------------------------------------------------------------------------------


def _is_pytest(command: str) -> bool:
    return any(word in ("pytest", "py.test") for word in words_of(command))


def _select_pytest(command: str, selection: tuple[str, ...]) -> str:
    """The text of the command is kept (it may hold `cd x &&` or variables); only pytest's arguments are replaced,
    up to the next operator of the shell."""
    parts = split_call(command, _PYTEST_CALL)
    words = words_of(command)
    at = next((i for i, word in enumerate(words) if word in ("pytest", "py.test")), None)
    if parts is None and at is None:  # called somewhere inside of another command
        return no_selection(command, selection)
    if parts is None:  # quoted in an odd way
        return shlex.join([*words[: (at or 0) + 1], *selection])
    head, _, rest = parts
    return f"{head} {shlex.join(selection)} {rest}".rstrip()


def _render_pytest(test: TestCommand, report_path: str) -> Rendered:
    # All by the environment: the command may be a script that calls pytest deep inside. Every failure is reported,
    # even where the repository's own options stop at the first.
    # For each traceback pytest parses the whole file of the test anew: of a large one that is longer than its tests.
    options = f"{_OPTIONS} --tb=no" if test.brief else _OPTIONS
    script = (
        f"export PYTHONPATH={HARNESS}${{PYTHONPATH:+:$PYTHONPATH}}\n"
        f'export PYTEST_ADDOPTS="{options} ${{PYTEST_ADDOPTS:-}}"\n'
        f"{_keep_plugin(test.command, options)}"
    )
    programs = {f"{HARNESS}/pullwright_report.py": program("pullwright_report.py")}
    return Rendered(script, programs, _variables(report_path))


def _keep_plugin(command: str, options: str) -> str:
    """A command that sets these variables for itself would lose the plugin."""
    command = re.sub(r"(?<![\w$])PYTHONPATH=", f"PYTHONPATH={HARNESS}:", command)
    return re.sub(r"(?<![\w$])PYTEST_ADDOPTS=", f"PYTEST_ADDOPTS='{options} '", command)


def _variables(report_path: str) -> dict[str, str]:
    return {"PULLWRIGHT_REPORT": report_path, "PYTHONDONTWRITEBYTECODE": "1"}


def _pytest_neighbour(name: str, paths: frozenset[str]) -> str | None:
    path = file_of(name, paths)
    return path if path and path.endswith(".py") else None


def _pytest_canary(neighbour: str, text: str, token: str) -> CanaryFile:
    return _with_tests(neighbour, text, token, _PYTEST_CANARY)


def _unittest_canary(neighbour: str, text: str, token: str) -> CanaryFile:
    return _with_tests(neighbour, text, token, _UNITTEST_CANARY)


def _with_tests(neighbour: str, text: str, token: str, tests: str) -> CanaryFile:
    content = text.rstrip("\n") + "\n" + tests.replace("NAME", token)
    return CanaryFile(neighbour, content.encode(), token, tests.count("def test_"))


# -- unittest -----------------------------------------------------------------------------------------------


def _unittest_at(words: list[str]) -> int | None:
    """Where `unittest` stands in `python -m unittest ...`."""
    for at, word in enumerate(words):
        if word == "unittest" and at and words[at - 1] == "-m":
            return at
    return None


def _is_unittest(command: str) -> bool:
    return _unittest_at(words_of(command)) is not None and not _SHELL.search(command)


def _select_unittest(command: str, selection: tuple[str, ...]) -> str:
    """Discovery knows where modules are found and is kept; what it found is narrowed by patterns."""
    words = words_of(command)
    at = _unittest_at(words) or 0
    if words[at + 1 : at + 2] == ["discover"]:
        patterns = [part for one in selection for part in ("-k", _pattern(one))]
        return shlex.join([*words, *patterns])
    return shlex.join([*words[: at + 1], *(_dotted(one) for one in selection)])


def _pattern(one: str) -> str:
    path, _, rest = one.partition("::")
    if not path.endswith(".py"):
        return _dotted(one)
    module = path.rsplit("/", 1)[-1].removesuffix(".py")
    return f"*{module}.{rest.replace('::', '.') or '*'}"


def _render_unittest(test: TestCommand, report_path: str) -> Rendered:
    words = words_of(test.command)
    at = _unittest_at(words) or 0
    script = shlex.join([*words[: at - 1], f"{HARNESS}/run_unittest.py", *words[at + 1 :]])
    return Rendered(
        script, {f"{HARNESS}/run_unittest.py": program("run_unittest.py")}, _variables(report_path)
    )


def _dotted(one: str) -> str:
    """Files as models name them, to what unittest takes."""
    path, _, rest = one.partition("::")
    name = (
        path.removesuffix(".py").strip("/").replace("/", ".") if "/" in path or path.endswith(".py") else path
    )
    return ".".join([name, *rest.replace("::", ".").split(".")]) if rest else name


def _unittest_neighbour(name: str, paths: frozenset[str]) -> str | None:
    parts = re.sub(r"\s.*", "", name).split(".")[:-2]
    for start in range(len(parts)):
        tail = "/".join(parts[start:]) + ".py"
        found = next((path for path in sorted(paths) if path == tail or path.endswith(f"/{tail}")), None)
        if found is not None:
            return found
    return None


# -- Django -------------------------------------------------------------------------------------------------


def _is_django(command: str) -> bool:
    return _MANAGE.search(command) is not None


def _select_django(command: str, selection: tuple[str, ...]) -> str:
    parts = split_call(command, _MANAGE)
    head, _, rest = parts if parts else (command, "", "")
    return f"{head} {shlex.join(_dotted(one) for one in selection)} {rest}".rstrip()


def _render_django(test: TestCommand, report_path: str) -> Rendered:
    script = _MANAGE.sub(rf"python3 {HARNESS}/run_django.py \g<manage> test", test.command)
    names = ("run_django.py", "run_unittest.py")
    programs = {f"{HARNESS}/{name}": program(name) for name in names}
    return Rendered(script, programs, _variables(report_path))


PYTEST: Final = Adapter(
    is_call=_is_pytest,
    select=_select_pytest,
    render=_render_pytest,
    parse=parse_report,
    neighbour=_pytest_neighbour,
    canary=_pytest_canary,
)
UNITTEST: Final = Adapter(
    is_call=_is_unittest,
    select=_select_unittest,
    render=_render_unittest,
    parse=parse_report,
    neighbour=_unittest_neighbour,
    canary=_unittest_canary,
)
DJANGO: Final = Adapter(
    is_call=_is_django,
    select=_select_django,
    render=_render_django,
    parse=parse_report,
    neighbour=_unittest_neighbour,
    canary=_unittest_canary,
)
