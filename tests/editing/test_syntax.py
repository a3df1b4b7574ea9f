"""An edit is judged only if the file parsed before."""

import warnings

import pytest

from bot.editing.syntax import check_syntax

BREAKS = [
    ("a.py", b"x = 1\n", b"x = (\n", "line 1"),
    ("a.pyi", b"def f(): ...\n", b"def f(: ...\n", "line 1"),
    ("a.json", b'{"a": 1}', b'{"a": }', "line 1"),
    ("a.toml", b"a = 1\n", b"a = 1\na = 2\n", "Cannot overwrite"),
    ("a.yaml", b"a: 1\n---\nb: !x 2\n", b"a: 1\n b: [\n", "line 2"),
    ("A.JSON", b"\xef\xbb\xbf[]", b"\xef\xbb\xbf[", "JSON"),
]


@pytest.mark.parametrize(("path", "before", "after", "phrase"), BREAKS)
def test_a_break_is_reported_with_its_region(path: str, before: bytes, after: bytes, phrase: str) -> None:
    reason = check_syntax(path, before, after)
    assert reason is not None
    assert phrase in reason
    assert "The file would read:\n     1| " in reason


@pytest.mark.parametrize(("path", "before", "after", "_phrase"), BREAKS)
def test_what_was_broken_or_new_or_is_mended_is_not_judged(
    path: str, before: bytes, after: bytes, _phrase: str
) -> None:
    assert check_syntax(path, after, after) is None
    assert check_syntax(path, None, after) is None
    assert check_syntax(path, after, before) is None
    assert check_syntax(path, before, before) is None
    assert check_syntax("a.txt", before, after) is None
    assert check_syntax("Makefile", before, after) is None


def test_python_warnings_stay_silent() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_syntax("a.py", b"x = 1\n", b"x = '\\d' is 1\n") is None


def test_hostile_sizes_and_depths_are_not_judged() -> None:
    assert check_syntax("a.json", b"[]", b"[" * 100_000) is None
    assert check_syntax("a.py", b"x = 1\n", b"x = " + b"-" * 50_000 + b"1\n") is None
    assert check_syntax("a.yml", b"a: 1\n" * 10_000, b"a: [\n" * 10_000) is None
