"""Requests as bytes that only grow; replies from whatever a compatible server streams."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import limits
from bot.errors import RetryLater
from bot.llm.chat_wire import ChatDraft, render_chat
from bot.llm.contract import (
    AssistantMessage,
    FinishReason,
    Message,
    ModelRequest,
    SystemMessage,
    ToolCall,
    ToolOutput,
    ToolSpec,
    Usage,
    UserMessage,
)
from bot.llm.draft import Gathered, parse_usage
from bot.llm.features import features_for
from tests.llm.streams import call_chunk, chunk, end, text_chunk, usage_chunk

TOOL = ToolSpec("shell", "Run.", {"type": "object", "properties": {}, "additionalProperties": False})
START: tuple[Message, ...] = (SystemMessage("rules"), UserMessage("task"))


def request(*more: Message) -> ModelRequest:
    return ModelRequest((*START, *more), (TOOL,), "key")


def body(*more: Message, model: str = "gpt-5", without: frozenset[str] = frozenset()) -> dict[str, object]:
    return render_chat(model, request(*more), features_for(model), without)


def gather(*chunks: object, taken: set[str] | None = None) -> ChatDraft:
    draft = ChatDraft(Gathered(taken or set()))
    for one in chunks:
        draft.add(one)
    return draft


def test_a_later_request_extends_the_earlier_one() -> None:
    call = AssistantMessage("", (ToolCall("c1", "shell", "{}"),))
    before, after = body(), body(call, ToolOutput("c1", "done"))
    assert after["messages"][:2] == before["messages"]  # type: ignore[index]
    assert {**after, "messages": 0} == {**before, "messages": 0}


def test_a_known_family_gets_its_own_words_and_others_the_plain_ones() -> None:
    assert body()["messages"][0]["role"] == "developer"  # type: ignore[index]
    assert body()["prompt_cache_key"] == "key"
    plain = body(model="local-model")
    assert plain["messages"][0]["role"] == "system"  # type: ignore[index]
    assert "prompt_cache_key" not in plain


def test_what_a_server_refused_is_left_out() -> None:
    refused = frozenset({"stream_options", "parallel_tool_calls", "prompt_cache_key", "developer"})
    assert not refused & set(body(without=refused))
    assert body(without=refused)["messages"][0]["role"] == "system"  # type: ignore[index]


def test_malformed_arguments_of_earlier_calls_are_sent_as_json() -> None:
    sent = body(AssistantMessage("", (ToolCall("c1", "shell", "{oops"),)), ToolOutput("c1", "malformed"))
    arguments = sent["messages"][2]["tool_calls"][0]["function"]["arguments"]  # type: ignore[index]
    assert json.loads(arguments) == {"malformed": "{oops"}


def test_text_and_calls_are_gathered() -> None:
    draft = gather(
        text_chunk("Look "),
        text_chunk("first."),
        call_chunk(0, '{"command": ', "c1", "shell"),
        call_chunk(0, '"ls"}'),
        call_chunk(1, "{}", "c2", "shell"),
        end("tool_calls"),
        usage_chunk(100, 60, 7),
    )
    calls = (ToolCall("c1", "shell", '{"command": "ls"}'), ToolCall("c2", "shell", "{}"))
    assert draft.message() == AssistantMessage("Look first.", calls)
    assert draft.finish_reason() is FinishReason.CALLS
    assert draft.so_far.usage == Usage(100, 60, 7)


def test_calls_that_all_have_index_zero_are_told_apart() -> None:
    draft = gather(call_chunk(0, "{}", "a", "shell"), call_chunk(0, "{}", "b", "shell"), end("tool_calls"))
    assert [call.id for call in draft.message().calls] == ["a", "b"]


def test_calls_without_index_and_id_are_told_apart_and_pieces_are_not_torn() -> None:
    whole = gather(call_chunk(None, '{"a": 1}', "", "shell"), call_chunk(None, '{"b": 2}', "", "shell"))
    assert [call.arguments for call in whole.message().calls] == ['{"a": 1}', '{"b": 2}']
    named_again = gather(call_chunk(0, '{"a"', "", "shell"), call_chunk(0, ": 1}", "", "shell"))
    assert [call.arguments for call in named_again.message().calls] == ['{"a": 1}']


def test_missing_and_repeated_ids_are_replaced() -> None:
    draft = gather(call_chunk(0, "{}", "", "shell"), call_chunk(1, "{}", "used", "shell"), taken={"used"})
    ids = [call.id for call in draft.message().calls]
    assert len(set(ids)) == 2
    assert "used" not in ids
    assert all(ids)


def test_refusals_and_cuts_are_named() -> None:
    refused = gather(chunk({"refusal": "I can't"}), end())
    assert (refused.finish_reason(), refused.message().text) == (FinishReason.REFUSAL, "I can't")
    assert gather(text_chunk("x"), end("length")).finish_reason() is FinishReason.LENGTH
    assert gather(text_chunk("x"), end()).finish_reason() is FinishReason.STOP
    long = gather(text_chunk("x" * (limits.MODEL_REPLY_BYTES + 1)))
    assert long.so_far.overlong
    assert long.finish_reason() is FinishReason.LENGTH


def test_what_is_no_chunk_is_a_passing_fault() -> None:
    with pytest.raises(RetryLater):
        gather("text")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "delta", "tool_calls", "function", "usage", "id", "index", "content"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.sampled_from(["choices", "usage", "model"]), JSON), max_size=4))
def test_no_chunk_breaks_the_gathering(chunks: list[object]) -> None:
    draft = gather(*chunks)
    json.dumps([draft.message().text, [call.arguments for call in draft.message().calls]]).encode()
    draft.finish_reason()


@given(
    st.dictionaries(
        st.sampled_from(["prompt_tokens", "input_tokens", "completion_tokens", "output_tokens"]), JSON
    )
)
def test_usage_is_a_count_or_unknown(usage: dict[str, object]) -> None:
    read = parse_usage(usage)
    assert read is None or min(read.input_tokens, read.cached_tokens, read.output_tokens) >= 0
    assert parse_usage({"prompt_tokens": -3, "completion_tokens": True}) is None


def test_tokens_from_the_cache_are_part_of_the_input_wherever_they_are_counted() -> None:
    within = {"prompt_tokens": 100, "prompt_tokens_details": {"cached_tokens": 60}}
    beside = {"input_tokens": 40, "input_tokens_details": {"cached_tokens": 60}}
    assert parse_usage(within) == parse_usage(beside) == Usage(100, 60, 0)


def test_what_a_family_thought_is_kept_only_where_it_is_wanted_back() -> None:
    pieces = [
        chunk({"reasoning_content": "hm, "}),
        chunk({"reasoning_content": "yes"}),
        call_chunk(0, "{}", "c1", "shell"),
    ]
    kept = ChatDraft(Gathered(set()), keeps_reasoning=True)
    for piece in pieces:
        kept.add(piece)
    message = kept.message()
    sent = body(message, ToolOutput("c1", "x"), model="kimi-k2-thinking")["messages"][2]  # type: ignore[index]
    assert sent["reasoning_content"] == "hm, yes"
    plain = body(message, ToolOutput("c1", "x"), model="my-own-model")["messages"][2]  # type: ignore[index]
    assert "reasoning_content" not in plain
    assert gather(*pieces).message().carried == ()


def test_reasoning_in_entries_is_kept_as_entries() -> None:
    kept = ChatDraft(Gathered(set()), keeps_reasoning=True)
    for number in (1, 2):
        kept.add(chunk({"reasoning_details": [{"id": number}]}))
    assert json.loads(kept.message().carried[0].item) == {"reasoning_details": [{"id": 1}, {"id": 2}]}
