"""Tests inside the files of the code: Rust's `#[cfg(test)]` modules are split from it, the rest is said. Pure.

What can't be split: documentation tests (they are part of the comment of what they test), and tests that stand
between functions without a module of their own. A change that has only such tests can't be proven, because the tests
alone can't be put on the base.
"""

import re
from dataclasses import dataclass
from typing import Final

_HEAD: Final = re.compile(
    r"^[ \t]*#\[cfg\((?:test|all\(\s*test\b[^\]]*)\)\]\s*(?:#\[[^\]]*\]\s*)*"
    r"(?:pub(?:\([^)]*\))?\s+)?mod\s+(?P<name>\w+)\s*\{",
    re.MULTILINE,
)
_TOKEN: Final = re.compile(
    r"//[^\n]*|/\*|b?r(?P<hashes>#*)\"|b?\"(?:\\.|[^\"\\])*\"|b?'(?:\\(?:u\{[^}]*\}|x..|.)|[^'\\\n])'|[{}]",
    re.DOTALL,
)
_DOC_CODE: Final = re.compile(r"^[ \t]*(?:///|//!)[ \t]*(?:```|assert|let ).*$", re.MULTILINE)
_LOOSE_TEST: Final = re.compile(r"^\s*#\[(?:\w+::)*test\b", re.MULTILINE)
_DOCTEST: Final = re.compile(r"^[ \t]*>>> .*(?:\n(?![ \t]*(?:$|>>>|\"\"\"|'''|```)).*)*", re.MULTILINE)
_ASSERTED: Final = re.compile(r"^.*\b(?:expect|assert)\w*.*$", re.MULTILINE)
_ALONE: Final = "they can't be put on the base alone."
_IN_SOURCE: Final = "import.meta.vitest"


@dataclass(frozen=True)
class _Module:
    name: str
    start: int
    end: int
    text: str


def with_tests_of(code: str, tests: str) -> str:
    """The Rust file `code` with the test modules of `tests` in place of its own, by their names; those that it lacks
    are put at its end, those that `tests` lacks are taken away."""
    theirs = {module.name: module.text for module in _modules(tests)}
    parts, at = [], 0
    for module in _modules(code):
        parts += [code[at : module.start], theirs.pop(module.name, "")]
        at = module.end
    text = "".join([*parts, code[at:]])
    for added in theirs.values():
        text = f"{text.rstrip()}\n\n{added.strip()}\n"
    return text


def has_tests(code: str) -> bool:
    return bool(_modules(code))


def unsplittable(path: str, before: str, after: str) -> str:
    """A sentence when the change touches tests that can't be put on the base without their code; else empty."""
    if path.endswith(".rs"):
        if _outside(_LOOSE_TEST, before) != _outside(_LOOSE_TEST, after):
            return f"`{path}` holds tests outside of a `#[cfg(test)]` module: {_ALONE}"
        if _lines(_DOC_CODE, before) != _lines(_DOC_CODE, after):
            return f"Documentation tests of `{path}` stand in the code that they test: {_ALONE}"
    if path.endswith(".py") and _lines(_DOCTEST, before) != _lines(_DOCTEST, after):
        return f"Doctests of `{path}` stand in the code that they test: {_ALONE}"
    if _IN_SOURCE in after and path.endswith((".ts", ".js", ".tsx", ".jsx", ".mts", ".mjs")):
        return f"Tests of `{path}` stand in the code that they test: {_ALONE}"
    return ""


def find_altered(path: str, before: str, after: str) -> str:
    """A sentence when such tests of the base are changed or gone: what they said can't be put back and asked."""
    kind = ""
    if path.endswith(".py") and set(_lines(_DOCTEST, before)) - set(_lines(_DOCTEST, after)):
        kind = "doctests"
    elif path.endswith(".rs") and set(_lines(_DOC_CODE, before)) - set(_lines(_DOC_CODE, after)):
        kind = "documentation tests"
    elif path.endswith(".rs") and _LOOSE_TEST.search(_bare(before)):
        kind = "tests" if set(_lines(_ASSERTED, _bare(before))) - set(_lines(_ASSERTED, _bare(after))) else ""
    elif _IN_SOURCE in before and set(_lines(_ASSERTED, before)) - set(_lines(_ASSERTED, after)):
        kind = "tests"
    return (
        f"`{path}` changes {kind} that stand in the code: what they said before was not run." if kind else ""
    )


def _outside(pattern: re.Pattern[str], code: str) -> list[str]:
    return pattern.findall(_bare(code))


def _bare(code: str) -> str:
    """Without its test modules."""
    at, kept = 0, []
    for module in _modules(code):
        kept.append(code[at : module.start])
        at = module.end
    return "".join([*kept, code[at:]])


def _lines(pattern: re.Pattern[str], text: str) -> list[str]:
    return [found[0] for found in pattern.finditer(text)]


def _modules(code: str) -> list[_Module]:
    """Top-level test modules with balanced braces; one that is cut is none."""
    found: list[_Module] = []
    at = 0
    while head := _HEAD.search(code, at):
        end = _closing(code, head.end())
        if end is None:
            break
        same = sum(
            module.name.partition("#")[0] == head["name"] for module in found
        )  # under different conditions
        found.append(_Module(f"{head['name']}#{same}", head.start(), end, code[head.start() : end]))
        at = end
    return found


def _closing(code: str, start: int) -> int | None:
    """Behind the brace that closes the one before `start`; strings, characters and comments are skipped."""
    depth, at = 1, start
    while token := _TOKEN.search(code, at):
        at = token.end()
        text = token[0]
        if text == "/*":
            at = _comment_end(code, at)
        elif token["hashes"] is not None:
            close = code.find('"' + token["hashes"], at)
            if close < 0:
                return None
            at = close + 1 + len(token["hashes"])
        elif text in "{}":
            depth += 1 if text == "{" else -1
            if depth == 0:
                return at
    return None


def _comment_end(code: str, at: int) -> int:
    """Block comments nest in Rust."""
    depth = 1
    for mark in re.finditer(r"/\*|\*/", code[at:]):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return at + mark.end()
    return len(code)
