"""What can't be decided mechanically, but must be shown: code that looks at whether it is tested, values that stand
in the test. Pure; each flag is a sentence and costs tier A. False alarms are possible: a person decides.
"""

import ast
import re
from dataclasses import dataclass
from typing import Final

_WATCHES: Final = re.compile(
    r"""(?:environ|getenv|process\.env|env::var|os\.Getenv|ENV\[|getenv\()[^\n]{0,40}?\b(?:CI|PYTEST_\w+|NODE_ENV|JEST_\w+|VITEST\w*|"""
    r"""TEST\w*|PULLWRIGHT\w*|GITHUB_ACTIONS)\b"""
    r"""|["'](?:pytest|unittest|_pytest|nose)["']\s+(?:not\s+)?in\s+sys\.modules|sys\.modules\s*\[\s*["'](?:pytest|unittest)"""
    r"""|\bcfg!\(\s*test\b|\btesting\.Testing\(\)|\btypeof\s+(?:jest|vi|describe|it)\b|\bimport\s+(?:pytest|_pytest|unittest)\b"""
    r"""|\bfrom\s+(?:pytest|_pytest|unittest)\b|\binspect\.(?:stack|currentframe)\(|\bsys\._getframe\("""
)
_LITERAL: Final = re.compile(
    r"""(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'"""
)
_CONDITION: Final = re.compile(r"^\s*(?:\}?\s*(?:else\s+)?(?:if|elif|case|when|match)\b|.*\?\s*.*:)")
_RETURN: Final = re.compile(
    r"^\s*(?:return\b\s*(?P<value>.+?)|(?P<tail>-?\d+(?:\.\d+)?|\"[^\"]*\"))\s*;?\s*\}?$"
)
_EQUAL_TO_ALL: Final = re.compile(r"\b__eq__\b[^\n]*:\s*return True\b|\bmock\.ANY\b")
_ASSIGNED: Final = re.compile(
    r"^\s*(?P<module>[\w.]+)\.(?P<name>\w+)\s*=(?!=)|^\s*setattr\(\s*(?P<other>[\w.]+)\s*,"
)
_NAMELESS: Final = frozenset(
    {"__init__", "index", "mod", "lib"}
)  # files that are imported by their folder's name
_TRIVIAL: Final = frozenset({"0", "1", "-1", "2", '""', "''", "0.0", "1.0"})


@dataclass(frozen=True)
class Edit:
    """Lines of one file that the change adds and removes, in order."""

    path: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


def edit_of(path: str, before: str, after: str) -> Edit:
    """By whole lines: one that stands in both is neither added nor removed, wherever it moved."""
    old, new = before.splitlines(), after.splitlines()
    known, kept = set(old), set(new)
    return Edit(
        path,
        tuple(line for line in new if line not in known),
        tuple(line for line in old if line not in kept),
    )


def find_flags(code: tuple[Edit, ...], tests: tuple[Edit, ...]) -> tuple[str, ...]:
    """Sentences about the code part of a change, in the order of its files."""
    told = {literal for edit in tests for line in edit.added for literal in _literals(line)}
    flags: list[str] = []
    for edit in code:
        watching = next((line.strip() for line in edit.added if _WATCHES.search(line)), "")
        if watching:
            flags.append(
                f"`{edit.path}` looks at whether it is being tested (`{_short(watching)}`): what is proven may hold "
                "for tests only."
            )
        hard = _hard_coded(edit, told)
        if hard:
            flags.append(
                f"`{edit.path}` holds values of the new test (`{_short(hard)}`): check that it is a rule and not "
                "this one case."
            )
        if _EQUAL_TO_ALL.search("\n".join(edit.added)):
            flags.append(
                f"`{edit.path}` defines what is equal to everything: a comparison with it says nothing."
            )
    return (*flags, *_replaced(code, tests))


def _replaced(code: tuple[Edit, ...], tests: tuple[Edit, ...]) -> list[str]:
    """Tests that put something of their own in the place of what they test."""
    modules = {edit.path.rsplit("/", 1)[-1].rsplit(".", 1)[0] for edit in code} - _NAMELESS
    flags = []
    for edit in tests:
        for line in edit.added:
            found = _ASSIGNED.match(line)
            if found and (found["module"] or found["other"]).rsplit(".", 1)[-1] in modules:
                flags.append(
                    f"`{edit.path}` puts something of its own in the place of what it tests (`{_short(line.strip())}`)."
                )
                break
    return flags


def _hard_coded(edit: Edit, told: set[str]) -> str:
    """A condition on a value of the test that answers with a value of the test; or a computed answer that became a
    value of the test."""
    computed = any(_returned(line) and not _only_literal(_returned(line)) for line in edit.removed)
    for at, line in enumerate(edit.added):
        answer = _returned(line)
        known = [literal for literal in _literals(answer) if literal in told]
        if not known:
            continue
        near = edit.added[max(0, at - 2) : at + 1]
        condition = next((one for one in near if _CONDITION.search(one)), "")
        asked = [literal for literal in _literals(condition) if literal in told]
        if condition and asked and not set(asked) | set(known) <= _TRIVIAL:
            return f"{condition.strip()} {line.strip()}" if condition != line else line.strip()
        if computed and _only_literal(answer) and not set(known) <= _TRIVIAL:
            return line.strip()
    return ""


def _returned(line: str) -> str:
    inline = re.search(r"\breturn\b\s*(.+?)\s*;?\s*\}?$", line)
    if inline:
        return inline[1]
    found = _RETURN.match(line)
    return (found["value"] or found["tail"] or "") if found else ""


def _only_literal(text: str) -> bool:
    return bool(text) and not re.sub(r"[\[\](){},:\s]", "", _LITERAL.sub("", text))


def _literals(text: str) -> list[str]:
    """Quotes are made the same, so that `'a'` and `"a"` are one value."""
    return [_plain(found[0]) for found in _LITERAL.finditer(text)]


def _plain(literal: str) -> str:
    if literal[0] not in "\"'":
        return literal
    try:
        return repr(ast.literal_eval(literal))
    except (ValueError, SyntaxError):
        return literal


def _short(text: str) -> str:
    return text.replace("`", "'")[:80]
