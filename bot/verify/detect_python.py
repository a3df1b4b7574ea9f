"""Finds the test command of a Python project and what pip installs for it, in its own files. Pure.

`manifest_paths` says which files to read; the rest decides on their texts. What is found is a guess: a test command
counts when it yields a test on the base tree, a set-up that fails is left out and said so (`setups.py`).
"""

import configparser
import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.verify.command import NO_TESTS, Runner, TestCommand
from bot.verify.split import is_test_path

_MANIFESTS: Final = (
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "tox.ini",
    "pytest.ini",
    ".pytest.ini",
    "requirements.txt",
)
_TEST_REQUIREMENTS: Final = (
    "requirements-dev.txt",
    "requirements-test.txt",
    "requirements-tests.txt",
    "dev-requirements.txt",
    "test-requirements.txt",
    "requirements_dev.txt",
    "requirements_test.txt",
    "requirements/dev.txt",
    "requirements/test.txt",
    "requirements/tests.txt",
    "requirements/testing.txt",
)
_GROUPS: Final = ("test", "tests", "testing", "dev")
_GROUPS_MAX: Final = 50  # dependency groups of one project: real ones have under ten
_TEST_FILES_READ: Final = 20  # enough to tell pytest from unittest
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\[\],<>=!~; '\"-]*")


@dataclass(frozen=True)
class DetectedSetup:
    """A script for bash that fills /env."""

    script: str
    source: str


def manifest_paths(paths: tuple[str, ...]) -> tuple[str, ...]:
    """The files whose texts the detection wants, of all the paths of a tree."""
    known = set(paths)
    wanted = [path for path in (*_MANIFESTS, *_TEST_REQUIREMENTS) if path in known]
    tests = [path for path in paths if path.endswith(".py") and is_test_path(path)]
    return (*wanted, *tests[:_TEST_FILES_READ])


def detect_test_command(paths: tuple[str, ...], texts: Mapping[str, str]) -> TestCommand:
    """pytest when anything speaks for it, unittest when its tests are unittest's, else nothing."""
    source = _pytest_source(paths, texts)
    if source:
        return TestCommand(Runner.PYTEST, "python3 -m pytest", source)
    found = [path for path in paths if is_test_path(path) and path.endswith(".py")]
    cases = [path for path in found if re.search(r"\bTestCase\b", texts.get(path, ""))]
    if cases:
        return TestCommand(Runner.UNITTEST, _unittest_command(paths, cases), cases[0])
    functions = [path for path in found if re.search(r"^(async )?def test_", texts.get(path, ""), re.M)]
    if functions:
        return TestCommand(Runner.PYTEST, "python3 -m pytest", functions[0])
    return NO_TESTS


def detect_pip_setup(
    paths: tuple[str, ...], texts: Mapping[str, str], test: TestCommand
) -> DetectedSetup | None:
    """For projects without a lock file. None: the tests need nothing that has to be installed."""
    project = _toml(texts.get("pyproject.toml", ""))
    wanted: list[str] = []
    source = ""
    needed = test.runner is Runner.PYTEST or _has_dependencies(texts, project)
    if needed and _installable(paths, project):
        source = "pyproject.toml" if project else "setup.py"
        wanted += ["-e", _with_extras(project)]
    for path in ("requirements.txt", *_TEST_REQUIREMENTS):
        if path in paths:
            source = source or path
            wanted += ["-r", path]
    wanted += _group_requirements(project)
    if test.runner is Runner.PYTEST:
        wanted.append("pytest")
        source = source or test.source
    if not wanted:
        return None
    return DetectedSetup(f"python3 -m venv /env\n/env/bin/pip install {shlex.join(wanted)}", source)


def _pytest_source(paths: tuple[str, ...], texts: Mapping[str, str]) -> str:
    for path in ("pytest.ini", ".pytest.ini"):
        if path in paths:
            return path
    conftest = next((path for path in paths if path.rsplit("/", 1)[-1] == "conftest.py"), "")
    if conftest:
        return conftest
    project = _toml(texts.get("pyproject.toml", ""))
    tool = project.get("tool")
    if isinstance(tool, dict) and "pytest" in tool:
        return "pyproject.toml"
    for path, section in (("setup.cfg", "tool:pytest"), ("tox.ini", "pytest")):
        if _has_section(texts.get(path, ""), section):
            return path
    for path in (
        "pyproject.toml",
        "setup.py",
        "setup.cfg",
        "tox.ini",
        "requirements.txt",
        *_TEST_REQUIREMENTS,
    ):
        if re.search(r"\bpytest\b", texts.get(path, "")):
            return path
    for path, text in texts.items():
        if is_test_path(path) and re.search(r"^\s*(import pytest|from pytest\b)", text, re.M):
            return path
    return ""


def _unittest_command(paths: tuple[str, ...], cases: list[str]) -> str:
    """Discovery from the root needs packages; without `__init__.py` the folder has to be named."""
    folder = cases[0].rsplit("/", 1)[0] if "/" in cases[0] else ""
    if not folder or f"{folder}/__init__.py" in paths:
        return "python3 -m unittest"
    return f"python3 -m unittest discover -s {shlex.quote(folder)}"


def _installable(paths: tuple[str, ...], project: dict[str, Any]) -> bool:
    return "setup.py" in paths or "build-system" in project or "project" in project


def _has_dependencies(texts: Mapping[str, str], project: dict[str, Any]) -> bool:
    section = project.get("project", {})
    if isinstance(section, dict):
        dynamic = section.get("dynamic")
        if section.get("dependencies") or (isinstance(dynamic, list) and "dependencies" in dynamic):
            return True
    return "install_requires" in texts.get("setup.py", "") + texts.get("setup.cfg", "")


def _with_extras(project: dict[str, Any]) -> str:
    section = project.get("project", {})
    offered = section.get("optional-dependencies", {}) if isinstance(section, dict) else {}
    chosen = [name for name in _GROUPS if name in offered] if isinstance(offered, dict) else []
    return f".[{','.join(chosen)}]" if chosen else "."


def _group_requirements(project: dict[str, Any]) -> list[str]:
    """Plain requirements of the first dependency group for tests; older pips can't read groups themselves."""
    groups = project.get("dependency-groups", {})
    if not isinstance(groups, dict):
        return []
    name = next((name for name in _GROUPS if isinstance(groups.get(name), list)), None)
    return _plain_requirements(groups, name, set()) if name else []


def _plain_requirements(groups: dict[str, Any], name: str, seen: set[str]) -> list[str]:
    """Each group once: groups may include one another in circles, and many times."""
    found: list[str] = []
    entries = groups.get(name)
    seen.add(name)
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, str) and _PLAIN.fullmatch(entry):
            found.append(entry)
            continue
        included = entry.get("include-group") if isinstance(entry, dict) else None
        if isinstance(included, str) and included not in seen and len(seen) < _GROUPS_MAX:
            found += _plain_requirements(groups, included, seen)
    return found


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _has_section(text: str, section: str) -> bool:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return False
    return parser.has_section(section)
