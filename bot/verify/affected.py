"""Which test files a change concerns, for a quick answer while the model works. Pure.

Named by their own change, by their name, or by a word of the changed module in their text. A guess in one direction
only: what it leaves out is run by the verification, which never relies on it.
"""

import re
from collections.abc import Mapping
from typing import Final

from bot.verify.split import is_test_path

_MOST: Final = 30  # more than this is the suite
_PLAIN: Final = frozenset(
    {"__init__", "index", "main", "mod", "lib", "core", "utils", "types", "app", "base"}
)
"""File names that say nothing; their folder is taken for them."""


def affected_tests(changed: tuple[str, ...], tests: Mapping[str, str]) -> tuple[str, ...]:
    """`tests`: every test file with its text. Empty: nothing is concerned, or too much to choose."""
    words = {_word(path) for path in changed if not is_test_path(path)} - {""}
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(words)))})\b") if words else None
    chosen = [
        path
        for path, text in sorted(tests.items())
        if path in changed or (pattern is not None and (pattern.search(text) or pattern.search(_bare(path))))
    ]
    return tuple(chosen) if len(chosen) <= _MOST else ()


def _word(path: str) -> str:
    *folders, name = path.split("/")
    stem = name.split(".")[0]
    if stem not in _PLAIN:
        return stem
    return folders[-1] if folders and folders[-1] not in ("src", "lib") else stem


def _bare(path: str) -> str:
    """`tests/test_app.py` and `app.test.ts` are named after `app`."""
    stem = path.rsplit("/", 1)[-1].split(".")[0]
    return re.sub(r"^test_|_test$|_spec$", "", stem)
