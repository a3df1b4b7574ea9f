"""The operator's prices go before ours; a fault in them is named."""

import pytest

from bot.llm.client import Server
from bot.llm.features import Wire, features_for
from bot.llm.prices import EXAMPLE, Price, parse_prices, price_for

LIST = parse_prices(
    '{"qwen3-coder*": {"input": 0.2, "cached": 0.02, "output": 0.8}, "GPT-5": {"input": 1, "output": 2}}'
)


def test_the_example_that_people_are_shown_is_valid() -> None:
    assert parse_prices(EXAMPLE) == (("qwen3-coder*", Price(0.2, 0.02, 0.8)),)


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("qwen/qwen3-coder-480b", Price(0.2, 0.02, 0.8)),
        ("gpt-5", Price(1.0, 1.0, 2.0)),
        ("gpt-5-mini", Price(0.25, 0.025, 2.0)),
        ("my-own-model", None),
    ],
)
def test_the_first_pattern_that_fits_counts(model: str, price: Price | None) -> None:
    assert price_for(model, LIST, features_for(model).price) == price


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON"),
        ("[]", "not of the form"),
        ('{"m": {"input": 1}}', "m.output"),
        ('{"m": {"input": -1, "output": 1}}', "m.input"),
        ('{"m": {"input": 1, "output": 1, "price": 3}}', "m.price"),
        ('{"m": {"input": 1, "output": 1e999}}', "m.output"),
    ],
)
def test_a_fault_is_named_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_prices(text)


def test_what_the_operator_says_goes_before_the_table() -> None:
    server = Server("gpt-5", "", wire=Wire.CHAT, effort="low", prices=LIST)
    assert (server.features.wire, server.features.effort) == (Wire.CHAT, "low")
    assert server.features.price == Price(1.0, 1.0, 2.0)
    assert Server("gpt-5", "").features == features_for("gpt-5")
