"""Stored messages come back; masks hide only what varies; the table of families."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Bug
from bot.llm.contract import (
    AssistantMessage,
    Carried,
    FinishReason,
    ModelReply,
    SystemMessage,
    ToolCall,
    ToolOutput,
    Trouble,
    Usage,
    UserMessage,
)
from bot.llm.features import EditStyle, features_for
from bot.llm.prices import Price, cost_of
from bot.llm.sanitise import clean_text
from bot.llm.serialise import parse_message, parse_reply, render_message, render_reply
from bot.llm.volatile import mask_volatile

TEXT = st.text()
CALLS = st.lists(st.builds(ToolCall, TEXT, TEXT, TEXT), max_size=3).map(tuple)
CARRIED = st.lists(st.builds(Carried, st.integers(0, 3), TEXT), max_size=2).map(tuple)
ASSISTANT = st.builds(AssistantMessage, TEXT, CALLS, CARRIED)
TROUBLES = st.lists(st.sampled_from(Trouble), max_size=3).map(tuple)
MESSAGES = (
    st.builds(SystemMessage, TEXT)
    | st.builds(UserMessage, TEXT)
    | ASSISTANT
    | st.builds(ToolOutput, TEXT, TEXT)
)


@given(MESSAGES)
def test_messages_survive_storage(message: object) -> None:
    assert parse_message(json.loads(json.dumps(render_message(message)))) == message  # type: ignore[arg-type]


@given(
    st.builds(
        ModelReply, ASSISTANT, st.sampled_from(FinishReason), st.builds(Usage), TEXT, st.integers(), TROUBLES
    )
)
def test_replies_survive_storage(reply: ModelReply) -> None:
    assert parse_reply(json.loads(json.dumps(render_reply(reply)))) == reply


@pytest.mark.parametrize("body", [{}, {"role": "king"}, {"role": "user"}, {"role": "assistant", "text": ""}])
def test_unknown_shapes_are_bugs(body: dict[str, str]) -> None:
    with pytest.raises(Bug):
        parse_message(body)


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=50))
def test_clean_text_can_be_stored_and_sent(text: str) -> None:
    cleaned = clean_text(text)
    assert b"\0" not in cleaned.encode()
    assert clean_text(cleaned) == cleaned


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3 passed in 0.01s", "3 passed in 12.34s"),
        ("<object at 0x7f0000001234>", "<object at 0x7fffab001234>"),
        ("/usr/lib/python3.11/unittest/case.py", "/opt/py/lib/python3.13/unittest/case.py"),
        ("/tmp/abc/x.txt", "/var/tmp/def-1/y.txt"),
        ("== 3 passed in 0.1s ==".replace("==", "====="), "== 3 passed in 10.1s ==".replace("==", "====")),
    ],
)
def test_what_varies_is_masked(one: str, other: str) -> None:
    assert mask_volatile(one) == mask_volatile(other)


@pytest.mark.parametrize("text", ["assert 3 == 4", "line 12", "FAILED tests/test_a.py::test_b", "7:30 hours"])
def test_what_matters_is_not_masked(text: str) -> None:
    assert mask_volatile(text) == text


@pytest.mark.parametrize(
    ("model", "family", "style"),
    [
        ("gpt-5", "gpt-5", EditStyle.PATCH),
        ("openai/gpt-5.4-2026-03-05", "gpt-5.4", EditStyle.PATCH),
        ("gpt-5-mini", "gpt-5-mini", EditStyle.PATCH),
        ("claude-sonnet-4-5", "claude", EditStyle.EDIT),
        ("qwen3-coder", "qwen", EditStyle.EDIT),
        ("openrouter/anthropic/claude-haiku-9", "claude", EditStyle.EDIT),
        ("my-own-model", "unknown", EditStyle.EDIT),
    ],
)
def test_a_name_finds_its_family(model: str, family: str, style: EditStyle) -> None:
    features = features_for(model)
    assert (features.family, features.edit_style) == (family, style)


def test_an_unknown_price_is_unknown_not_zero() -> None:
    assert cost_of(None, Usage(1_000_000, 0, 0)) is None
    assert cost_of(Price(2.0, 0.5, 8.0), Usage(1_000_000, 400_000, 100_000)) == pytest.approx(1.2 + 0.2 + 0.8)
