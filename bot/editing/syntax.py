"""Does an edit break a file that could be parsed before? Only then is there something to say.

A file that did not parse before (Python 2, templates, comments in JSON) is never judged. Python is read as
the interpreter that runs the harness reads it. Parsing is bounded by size and must never execute or construct
anything: `ast` compiles nothing, YAML is composed to nodes, so that custom tags are no fault.
"""

import ast
import json
import tomllib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import yaml

from bot.domain.limits import KIB
from bot.editing.explain import CONTEXT_LINES, number_lines
from bot.editing.text import body_of, split_raw


@dataclass(frozen=True)
class _Fault:
    line: int | None  # from 1
    reason: str


@dataclass(frozen=True)
class _Language:
    name: str
    max_bytes: int  # about half a second each on a slow core
    parse: Callable[[bytes], _Fault | None]


def check_syntax(path: str, before: bytes | None, after: bytes) -> str | None:
    """Why `after` is broken where `before` was not: line, reason, the region as it would read; else None."""
    language = _LANGUAGES.get(path.rpartition(".")[2].lower()) if "." in path else None
    if language is None or before is None or max(len(before), len(after)) > language.max_bytes:
        return None
    try:
        fault = language.parse(after)
        if fault is None or language.parse(before) is not None:
            return None
    except (RecursionError, MemoryError):  # nested beyond what the parser takes: no judgement
        return None
    bodies = [body_of(line) for line in split_raw(after.decode("utf-8", "replace"))]
    where = f"line {fault.line}: " if fault.line is not None else ""
    at = (fault.line or 1) - 1
    region = number_lines(bodies, at - CONTEXT_LINES, at + CONTEXT_LINES + 1)
    return f"{where}{fault.reason} ({language.name}). The file would read:\n{region}"


def _parse_python(content: bytes) -> _Fault | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(content)
    except SyntaxError as error:
        return _Fault(error.lineno, error.msg)
    except ValueError as error:
        return _Fault(None, str(error))
    return None


def _parse_json(content: bytes) -> _Fault | None:
    try:
        json.loads(content.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        return _Fault(error.lineno, error.msg)
    except ValueError as error:
        return _Fault(None, str(error))
    return None


def _parse_toml(content: bytes) -> _Fault | None:
    try:
        tomllib.loads(content.decode("utf-8"))
    except ValueError as error:
        words = str(error).split()
        line = words[words.index("line") + 1].rstrip(",)") if "line" in words[:-1] else ""
        return _Fault(int(line) if line.isdigit() else None, str(error))
    return None


def _parse_yaml(content: bytes) -> _Fault | None:
    try:
        for _ in yaml.compose_all(content.decode("utf-8-sig"), Loader=yaml.SafeLoader):
            pass
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        return _Fault(mark.line + 1 if mark else None, error.problem or "not valid")
    except (yaml.YAMLError, ValueError) as error:
        return _Fault(None, str(error).splitlines()[0])
    return None


_PYTHON: Final = _Language("Python", 512 * KIB, _parse_python)
_JSON: Final = _Language("JSON", 2048 * KIB, _parse_json)
_TOML: Final = _Language("TOML", 256 * KIB, _parse_toml)
_YAML: Final = _Language("YAML", 32 * KIB, _parse_yaml)
_LANGUAGES: Final = {
    "py": _PYTHON,
    "pyi": _PYTHON,
    "json": _JSON,
    "ipynb": _JSON,
    "toml": _TOML,
    "yml": _YAML,
    "yaml": _YAML,
}
