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
    r"\b(?:hasattr|getattr|vars|dir|Object\.\w+)\(\s*(?P<module>[\w.]+)"
    r"|\binspect\.\w+\(\s*(?P<of_inspected>[\w.]+)"
    r"|\b(?P<of_dunder>[\w.]+)\.__(?:dict|globals|doc|file|annotations|defaults|all)__"
    r"|\b(?P<of_text>[\w.]+)\.toString\(\)|\btypeof\s+(?P<typed>[\w.]+)\.\w+"
    r"|\b(?:find_spec|get_source)\(\s*[\"'](?P<quoted>[\w.]+)"
)
_PEEKS: Final = re.compile(
    r"\.__(?:globals|code|closure)__\b|\bco_(?:code|consts|names)\b|\binspect\.getsource"
)
_READ: Final = re.compile(
    r"\b(?:open|Path|readFile\w*|read_text|ReadFile|include_str!|getsize|stat\w*|linecache|tokenize|filecmp)\b"
    r"|\bast\.parse|[\"'](?:git|grep|rg|awk|sed|cat|wc|diff|cmp|head|sha\w*sum)\b"
)
_SWALLOWS: Final = re.compile(
    r"\b(?:except\b[^:\n]*|suppress\([^)\n]*)\b(?:ImportError|ModuleNotFoundError|AttributeError|NameError)\b"
)
_GUARDED: Final = 3  # lines that are looked at before an `except`, or in a `with suppress`
_MOCKED: Final = re.compile(
    r"\b(?:jest|vi)\.(?:do|unstable_)?[mM]ock(?:Module)?\(\s*[\"'`](?P<module>[^\"'`\n]+)"
    r"|\b(?:mock\.module|proxyquire|rewire)\(\s*[\"'`](?P<other>[^\"'`\n]+)"
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
        replaced = _naming(_ASSIGNED, edit, modules) or _mocking(edit, modules)
        if replaced:
            flags.append(
                f"`{edit.path}` puts something of its own in the place of what it tests (`{shorten(replaced)}`)."
            )
        asked = _naming(_ASKED, edit, modules) or _reading(edit, code) or _trying(edit, modules)
        if asked:
            flags.append(
                f"`{edit.path}` asks what the code is, not what it does (`{shorten(asked)}`): that may be all it shows."
            )
        reached = next((line.strip() for line in edit.added if _RUNNER.search(line)), "")
        if reached:
            flags.append(f"`{edit.path}` reaches into the test runner (`{shorten(reached)}`).")
    return tuple(flags)


def _naming(pattern: re.Pattern[str], edit: Edit, modules: set[str]) -> str:
    """The first line that does so to a module that the change touches; of some groups, to what is in it."""
    for line in edit.added:
        for found in pattern.finditer(line):
            kind, name = next((kind, name) for kind, name in found.groupdict().items() if name)
            parts = name.split(".")
            if modules & set(parts if kind.startswith("of_") else parts[-1:]):
                return line.strip()
    return ""


def _mocking(edit: Edit, modules: set[str]) -> str:
    """The first line that replaces a whole module of JavaScript that the change touches."""
    for line in edit.added:
        for found in _MOCKED.finditer(line):
            path = found["module"] or found["other"]
            if path.rsplit("/", 1)[-1].split(".")[0] in modules:
                return line.strip()
    return ""


def _reading(edit: Edit, code: tuple[str, ...]) -> str:
    """The first line that opens a file of the code by its name, or asks for the source of anything."""
    names = {path.rsplit("/", 1)[-1] for path in code}
    for line in edit.added:
        if _PEEKS.search(line) or (_READ.search(line) and any(name in line for name in names)):
            return line.strip()
    return ""


def _trying(edit: Edit, modules: set[str]) -> str:
    """The first line that goes on where a name of such a module is not there: that may be all that is asked."""
    for at, line in enumerate(edit.added):
        if not _SWALLOWS.search(line):
            continue
        start = at + 1 if "suppress(" in line else max(0, at - _GUARDED)
        guarded = edit.added[start : start + _GUARDED]
        if modules & {word for one in guarded for word in re.findall(r"\w+", one)}:
            return line.strip()
    return ""
