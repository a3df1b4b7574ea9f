"""What can't be decided mechanically, but must be shown: code that looks at whether it is tested, values that stand
in the test, tests that look past what the code does. Pure; each flag is a sentence and costs tier A. False alarms are
possible: a person decides.
"""

import ast
import re
from typing import Final

from bot.verify.edits import Edit, shorten
from bot.verify.flags_of_tests import find_flags_of_tests
from bot.verify.watching import find_reaching, find_watching

_MOMENT: Final = re.compile(
    r"(?:time\.time\(\)|Date\.now\(\)|time\.Now\(\)|datetime\.\w{0,3}now\(|date\.today\()"
    r"[^\n]{0,60}[<>]=?[^\n]{0,60}(?:\b\d{9,}|\b20\d\d\b)"
)
_LITERAL: Final = re.compile(
    r"""(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'"""
)
_CONDITION: Final = re.compile(r"^\s*(?:\}?\s*(?:else\s+)?(?:if|elif|case|when|match)\b|.*\?\s*.*:)")
_RETURN: Final = re.compile(
    r"^\s*(?:return\b\s*(?P<value>.+?)|(?P<tail>-?\d+(?:\.\d+)?|\"[^\"]*\"))\s*;?\s*\}?$"
)
_ARROW: Final = re.compile(r"=>\s*(?!\{)(?P<value>.+?)\s*[;,]?$")
_LAMBDA: Final = re.compile(r"\blambda\b[^:\n]*:\s*(?P<value>.+)$")
_TAILS: Final = (".rs", ".rb", ".ex", ".exs", ".scala", ".kt", ".swift")
"""Languages in which a function answers with its last line."""

_SCRIPTS: Final = (".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts")
_EQUAL_TO_ALL: Final = re.compile(
    r"\bmock\.ANY\b|\basymmetricMatch\b|\b__(?:eq|contains|instancecheck)__\s*=\s*lambda\b"
    r"|\bdef __(?:eq|contains|instancecheck)__\(\s*(?P<self>\w+)\b[^\n]*:\s*"
    r"(?:(?P<quote>\"\"\"|''').*?(?P=quote)\s*)?return (?!NotImplemented|False|super\()(?![^\n]*\b(?P=self)\b)",
    re.DOTALL,
)
"""What compares itself with anything without a look at itself."""
_TRIVIAL: Final = frozenset({"0", "1", "-1", "2", '""', "''", "0.0", "1.0"})


def find_flags(code: tuple[Edit, ...], tests: tuple[Edit, ...]) -> tuple[str, ...]:
    """Sentences about both parts of a change, in the order of their files."""
    told = {literal for edit in tests for line in edit.added for literal in _literals(line)}
    flags = [sentence for edit in code for sentence in _flags_of_code(edit, told)]
    return (*flags, *find_flags_of_tests(tests, tuple(edit.path for edit in code)))


def _flags_of_code(edit: Edit, told: set[str]) -> list[str]:
    flags = []
    watching = find_watching(edit)
    if watching:
        flags.append(
            f"`{edit.path}` looks at whether it is being tested (`{shorten(watching)}`): what is proven may hold "
            "for tests only."
        )
    reaching = find_reaching(edit)
    if reaching:
        flags.append(
            f"`{edit.path}` changes what loads or runs code (`{shorten(reaching)}`), the tests' own included."
        )
    moment = _first(_MOMENT, edit)
    if moment:
        flags.append(f"`{edit.path}` does something else from some day on (`{shorten(moment)}`).")
    hard = _hard_coded(edit, told)
    if hard:
        flags.append(
            f"`{edit.path}` holds values of the new test (`{shorten(hard)}`): check that it is a rule and not "
            "this one case."
        )
    if _EQUAL_TO_ALL.search("\n".join(edit.added)):
        flags.append(f"`{edit.path}` defines what is equal to everything: a comparison with it says nothing.")
    return flags


def _first(pattern: re.Pattern[str], edit: Edit) -> str:
    return next((line.strip() for line in edit.added if pattern.search(line)), "")


def _hard_coded(edit: Edit, told: set[str]) -> str:
    """A condition on a value of the test that answers with a value of the test; or a computed answer that became a
    value of the test."""
    table = next((line.strip() for line in edit.added if _is_entry(line, told)), "")
    if table:
        return table
    answers = [_returned(line, edit.path) for line in edit.removed]
    computed = any(answer and not _only_literal(answer) for answer in answers)
    for at, line in enumerate(edit.added):
        answer = _returned(line, edit.path)
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


def _is_entry(line: str, told: set[str]) -> bool:
    """Keys and values of a table that are all values of the test: `{(1, 2): 3}`, `"pdf": "paper",`."""
    key, colon, value = line.replace("=>", ":").partition(":")
    if not (colon and _only_literal(value) and _only_literal(key.rpartition("=")[2])):
        return False
    values = _literals(line)
    return len(values) > 1 and set(values) <= told and not set(values) <= _TRIVIAL


def _returned(line: str, path: str) -> str:
    """The answer of a function that ends in this line. An arrow of other languages than JavaScript is a case."""
    inline = re.search(r"\breturn\b\s*(?P<value>.+?)\s*;?\s*\}?$", line)
    inline = inline or (_ARROW.search(line) if path.endswith(_SCRIPTS) else _LAMBDA.search(line))
    if inline:
        return inline["value"]
    found = _RETURN.match(line)
    if found is None:
        return ""
    return found["value"] or (found["tail"] if path.endswith(_TAILS) else "") or ""


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
