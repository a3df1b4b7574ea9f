"""No acceptance case is without a test, and no test that covers one is gone."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.stories.acceptance import CASES

ROOT = Path(__file__).parents[2]
WHOLE = ("tests/stories/", "tests/crash/", "tests/hostile/")
"""Suites that run the whole application, or the whole sandbox."""


@cache
def functions(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(one.name for one in tree.body if isinstance(one, kinds))


@pytest.mark.parametrize("case", CASES)
def test_each_case_has_a_test_that_exists(case: str) -> None:
    tests = CASES[case]
    assert tests, "nobody covers it"
    for one in tests:
        path, _, name = one.partition("::")
        assert name in functions(path), one
    assert any(one.startswith(WHOLE) for one in tests), "no story tells it"
