"""Test files that a change concerns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.verify.affected import affected_tests

TESTS = {
    "tests/test_parser.py": "from shop import parser\n",
    "tests/test_basket.py": "from shop.basket import Basket\n",
    "tests/test_all.py": "import shop.parser, shop.basket\n",
    "web/price.test.ts": "import { price } from './price'\n",
}


@pytest.mark.parametrize(
    ("changed", "chosen"),
    [
        (("shop/parser.py",), ("tests/test_all.py", "tests/test_parser.py")),
        (("web/price.ts",), ("web/price.test.ts",)),
        (("tests/test_basket.py",), ("tests/test_basket.py",)),
        (("shop/__init__.py",), ("tests/test_all.py", "tests/test_basket.py", "tests/test_parser.py")),
        (("README.md",), ()),
        ((), ()),
    ],
)
def test_by_change_name_and_text(changed: tuple[str, ...], chosen: tuple[str, ...]) -> None:
    assert affected_tests(changed, TESTS) == chosen


def test_too_many_are_no_choice() -> None:
    assert (
        affected_tests(("shop/parser.py",), {f"tests/test_{at}.py": "import parser" for at in range(31)})
        == ()
    )


@given(st.lists(st.text()).map(tuple), st.dictionaries(st.text(), st.text()))
def test_any_names_are_read_without_a_crash(changed: tuple[str, ...], tests: dict[str, str]) -> None:
    assert set(affected_tests(changed, tests)) <= set(tests)
