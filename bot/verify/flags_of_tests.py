"""Tests that look past what the code does: they replace it, ask for its names, read its text, reach into the runner.

Pure. Test set-up (conftest and the like) is left out: for it there is a run without it.
"""

import re
from typing import Final

from bot.verify.edits import Edit, shorten
from bot.verify.split import is_infrastructure

_ASSIGNED: Final = re.compile(
    r"^\s*(?P<module>[\w.]+)\.(?P<name>\w+)\s*=(?!=)|^\s*setattr\(\s*(?P<other>[\w.]+)\s*,"
)
_ASKED: Final = re.compile(
    r"\b(?:hasattr|getattr|vars|dir|getmembers)\(\s*(?P<module>[\w.]+)|\b(?P<other>[\w.]+)\.__dict__\b"
)
_READ: Final = re.compile(
    r"\binspect\.getsource|\b(?:open|Path|readFile\w*|read_text|ReadFile|include_str!)\b"
)
_RUNNER: Final = re.compile(
    r"\bpluginmanager\b|\bhookimpl\b|\bpytest_plugins\b|\b_pytest\b|\bdef pytest_\w+\("
    r"|\b(?:TestCase|TestResult|TextTestResult)\.\w+\s*=(?!=)"
    r"|\bassert\.\w+\s*=(?!=)|\bglobal(?:This)?\.(?:expect|test|it)\s*=(?!=)|\bos\.Exit\(0\)"
)
_NAMELESS: Final = frozenset({"__init__", "index", "mod", "lib"})
"""Files that are imported by their folder's name."""


def find_flags_of_tests(tests: tuple[Edit, ...], code: tuple[str, ...]) -> tuple[str, ...]:
    """`code`: paths of the code that the change touches. At most one sentence of a kind for each file."""
    modules = {path.rsplit("/", 1)[-1].rsplit(".", 1)[0] for path in code} - _NAMELESS
    flags = []
    for edit in tests:
        if is_infrastructure(edit.path):
            continue
        replaced = _naming(_ASSIGNED, edit, modules)
        if replaced:
            flags.append(
                f"`{edit.path}` puts something of its own in the place of what it tests (`{shorten(replaced)}`)."
            )
        asked = _naming(_ASKED, edit, modules) or _reading(edit, code)
        if asked:
            flags.append(
                f"`{edit.path}` asks what the code is, not what it does (`{shorten(asked)}`): that may be all it shows."
            )
        reached = next((line.strip() for line in edit.added if _RUNNER.search(line)), "")
        if reached:
            flags.append(f"`{edit.path}` reaches into the test runner (`{shorten(reached)}`).")
    return tuple(flags)


def _naming(pattern: re.Pattern[str], edit: Edit, modules: set[str]) -> str:
    """The first line that does so to a module that the change touches."""
    for line in edit.added:
        for found in pattern.finditer(line):
            if (found["module"] or found["other"]).rsplit(".", 1)[-1] in modules:
                return line.strip()
    return ""


def _reading(edit: Edit, code: tuple[str, ...]) -> str:
    """The first line that opens a file of the code by its name, or asks for the source of anything."""
    names = {path.rsplit("/", 1)[-1] for path in code}
    for line in edit.added:
        if "inspect.getsource" in line or (_READ.search(line) and any(name in line for name in names)):
            return line.strip()
    return ""
