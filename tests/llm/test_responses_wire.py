"""Requests as items that only grow; replies from the events of Responses."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import RetryLater
from bot.llm.chat_wire import render_chat
from bot.llm.contract import (
    AssistantMessage,
    Carried,
    FinishReason,
    Message,
    ModelRequest,
    SystemMessage,
    ToolCall,
    ToolOutput,
    ToolSpec,
    Trouble,
    Usage,
    UserMessage,
)
from bot.llm.draft import Gathered, StreamFailed
from bot.llm.features import features_for
from bot.llm.freeform import freeform_argument
from bot.llm.responses_wire import ResponsesDraft, render_responses
from bot.llm.serialise import parse_message, render_message

SCHEMA = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
SHELL = ToolSpec("shell", "Run.", SCHEMA)
PATCH = ToolSpec(
    "apply_patch", "Change.", {"type": "object", "properties": {"patch": {}}, "required": ["patch"]}
)
START: tuple[Message, ...] = (SystemMessage("rules"), UserMessage("task"))
THOUGHT = {
    "type": "reasoning",
    "id": "rs_1",
    "status": "completed",
    "summary": [],
    "encrypted_content": "gAAA",
}
SAID = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Look.", "annotations": [], "logprobs": []}],
}
ASKED = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "c1",
    "name": "shell",
    "arguments": '{"command": "ls"}',
}
WROTE = {
    "type": "custom_tool_call",
    "id": "ctc_1",
    "call_id": "c2",
    "name": "apply_patch",
    "input": "*** Begin\n",
}


def body(*more: Message, model: str = "gpt-5", without: frozenset[str] = frozenset()) -> dict[str, Any]:
    request = ModelRequest((*START, *more), (SHELL, PATCH), "key")
    return render_responses(model, request, features_for(model), without)


def done(*items: dict[str, Any], status: str = "completed", **more: Any) -> ResponsesDraft:
    draft = ResponsesDraft(Gathered(set()), free={"apply_patch": "patch"})
    for index, item in enumerate(items):
        draft.add({"type": "response.output_item.done", "output_index": index, "item": item})
    draft.add({"type": f"response.{status}", "response": {"model": "m-1", "status": status, **more}})
    draft.end()
    return draft


def test_the_body_stores_nothing_and_asks_for_encrypted_reasoning() -> None:
    sent = body()
    assert sent["store"] is False
    assert sent["include"] == ["reasoning.encrypted_content"]
    assert sent["prompt_cache_key"] == "key"
    assert sent["reasoning"] == {"effort": "medium"}
    assert list(sent)[-1] == "input"
    assert sent["tools"][0]["strict"] is False
    assert sent["tools"][1]["type"] == "custom"
    assert "grammar" in sent["tools"][1]["format"]["type"]


def test_a_family_without_them_gets_neither_reasoning_nor_plain_text_tools() -> None:
    sent = body(model="gpt-4.1")
    assert not {"include", "reasoning"} & set(sent)
    assert {tool["type"] for tool in sent["tools"]} == {"function"}


def test_what_was_thought_goes_back_in_its_place_through_the_log() -> None:
    message = done(THOUGHT, SAID, ASKED).message()
    assert message.text == "Look."
    assert message.calls == (ToolCall("c1", "shell", '{"command": "ls"}'),)
    stored = parse_message(json.loads(json.dumps(render_message(message))))
    items = body(stored, ToolOutput("c1", "a.py"))["input"][2:]
    assert [item["type"] for item in items] == [
        "reasoning",
        "message",
        "function_call",
        "function_call_output",
    ]
    assert items[0] == {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}
    assert "id" not in items[1]
    assert body(stored, ToolOutput("c1", "a.py")) == body(message, ToolOutput("c1", "a.py"))


def test_reasoning_between_calls_stays_between_them() -> None:
    second = {**ASKED, "call_id": "c9"}
    message = done(THOUGHT, ASKED, {**THOUGHT, "encrypted_content": "gBBB"}, second).message()
    outputs = (ToolOutput("c1", "x"), ToolOutput("c9", "y"))
    items = [item["type"] for item in body(message, *outputs)["input"][2:]]
    assert items == [
        "reasoning",
        "function_call",
        "reasoning",
        "function_call",
        *["function_call_output"] * 2,
    ]


def test_reasoning_that_nothing_follows_is_not_sent_back() -> None:
    assert done(ASKED, THOUGHT).message().carried == ()


def test_a_phase_is_kept() -> None:
    items = body(done({**SAID, "phase": "commentary"}, ASKED).message(), ToolOutput("c1", "x"))["input"]
    assert items[2]["phase"] == "commentary"


def test_a_patch_is_written_as_plain_text_and_looks_like_any_call() -> None:
    message = done(WROTE).message()
    assert json.loads(message.calls[0].arguments) == {"patch": "*** Begin\n"}
    items = body(message, ToolOutput("c2", "done"))["input"][2:]
    assert items[0] == {
        "type": "custom_tool_call",
        "call_id": "c2",
        "name": "apply_patch",
        "input": "*** Begin\n",
    }
    assert items[1]["type"] == "custom_tool_call_output"


def test_one_history_is_valid_on_both_wires() -> None:
    history = (done(THOUGHT, SAID, ASKED).message(), ToolOutput("c1", "x"), done(WROTE).message())
    request = ModelRequest((*START, *history, ToolOutput("c2", "y")), (SHELL, PATCH), "key")
    chat = render_chat("gpt-5", request, features_for("gpt-5"), frozenset())["messages"]
    assert [message["role"] for message in chat[2:]] == ["assistant", "tool", "assistant", "tool"]
    assert "reasoning" not in json.dumps(chat)
    assert chat[2]["content"] == "Look."
    written_there = AssistantMessage(
        "", (ToolCall("c3", "apply_patch", '{"patch": "p"}'),), (Carried(0, '{"reasoning_content":"hm"}'),)
    )
    items = body(written_there, ToolOutput("c3", "z"))["input"][2:]
    assert [item["type"] for item in items] == ["custom_tool_call", "custom_tool_call_output"]
    as_json = AssistantMessage("", (ToolCall("c4", "apply_patch", '{"patch": "p", "x": 1}'),))
    assert body(as_json, ToolOutput("c4", "z"))["input"][2]["type"] == "function_call"


@pytest.mark.parametrize("without", ["carried", "custom", "strict", "developer", "include"])
def test_what_a_server_refused_is_left_out(without: str) -> None:
    history = (done(THOUGHT, SAID, WROTE).message(), ToolOutput("c2", "y"))
    sent = json.dumps(body(*history, without=frozenset({without})))
    words = {"carried": "gAAA", "custom": "custom", "strict": "strict", "developer": "developer"}
    assert words.get(without, "encrypted_content\\") not in sent
    assert "Look." in sent
    assert "include" not in sent or without != "include"


@pytest.mark.parametrize(
    ("status", "more", "finish"),
    [
        ("completed", {}, FinishReason.CALLS),
        ("incomplete", {"incomplete_details": {"reason": "max_output_tokens"}}, FinishReason.LENGTH),
        ("incomplete", {"incomplete_details": {"reason": "content_filter"}}, FinishReason.REFUSAL),
        ("incomplete", {}, FinishReason.LENGTH),
    ],
)
def test_ends_are_named(status: str, more: dict[str, Any], finish: FinishReason) -> None:
    assert done(ASKED, status=status, **more).finish_reason() is finish


def test_a_refusal_is_a_refusal_with_its_words() -> None:
    refused = done({**SAID, "content": [{"type": "refusal", "refusal": "I can't."}]})
    assert (refused.finish_reason(), refused.message().text) == (FinishReason.REFUSAL, "I can't.")


def test_an_unknown_end_and_an_unknown_item_are_counted() -> None:
    draft = done({"type": "web_search_call"}, status="incomplete", incomplete_details={"reason": "tired"})
    draft.message()
    assert draft.so_far.troubles == [Trouble.UNKNOWN_FINISH, Trouble.UNKNOWN_ITEM]


def test_items_may_come_only_at_the_end_or_only_in_pieces() -> None:
    assert done(output=[SAID, ASKED]).message() == done(SAID, ASKED).message()
    draft = ResponsesDraft(Gathered(set()))
    draft.add({"type": "response.output_text.delta", "output_index": 0, "delta": "Look."})
    draft.add({"type": "response.output_item.added", "output_index": 1, "item": {**ASKED, "arguments": ""}})
    for piece in ('{"comm', 'and": "ls"}'):
        delta = {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": piece}
        draft.add(delta)
    draft.add({"type": "response.completed", "response": {}})
    assert draft.message().calls == done(SAID, ASKED).message().calls
    assert draft.message().text == "Look."


def test_items_without_their_place_are_told_apart_by_their_ids() -> None:
    draft = ResponsesDraft(Gathered(set()))
    for item in (SAID, ASKED, {**ASKED, "id": "fc_2", "call_id": "c2"}):
        for kind in ("added", "done"):
            draft.add({"type": f"response.output_item.{kind}", "item": item})
    draft.add({"type": "response.completed", "response": {}})
    assert [call.id for call in draft.message().calls] == ["c1", "c2"]
    assert draft.message().text == "Look."


def test_tokens_are_read() -> None:
    usage = {"input_tokens": 100, "output_tokens": 7, "input_tokens_details": {"cached_tokens": 60}}
    assert done(SAID, usage=usage).so_far.usage == Usage(100, 60, 7)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "oops"}}},
        {"type": "error", "code": "server_error", "message": "oops"},
    ],
)
def test_a_failure_in_the_stream_is_raised(event: dict[str, Any]) -> None:
    with pytest.raises(StreamFailed, match="oops") as raised:
        ResponsesDraft(Gathered(set())).add(event)
    assert raised.value.code == "server_error"


def test_only_a_tool_with_one_argument_can_be_plain_text() -> None:
    assert freeform_argument(PATCH) == "patch"
    assert freeform_argument(SHELL) is None
    two = {"type": "object", "properties": {"patch": {}, "path": {}}, "required": ["patch", "path"]}
    assert freeform_argument(ToolSpec("apply_patch", "", two)) is None


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.sampled_from(["", "message", "function_call", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["type", "content", "text", "call_id", "arguments"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
KINDS = ("output_text.delta", "output_item.added", "output_item.done", "completed", "incomplete", "new_thing")
EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from([f"response.{kind}" for kind in KINDS])},
    optional=dict.fromkeys(("output_index", "item", "delta", "response", "usage", "output", "error"), VALUES),
)


@given(st.lists(EVENTS, max_size=4))
def test_no_event_breaks_the_gathering(events: list[object]) -> None:
    draft = ResponsesDraft(Gathered(set()))
    for event in events:
        draft.add(event)
    draft.end()
    message = draft.message()
    json.dumps(render_message(message), ensure_ascii=False).encode()
    assert len({call.id for call in message.calls}) == len(message.calls)
    draft.finish_reason()


def test_what_is_no_event_is_a_passing_fault() -> None:
    with pytest.raises(RetryLater):
        ResponsesDraft(Gathered(set())).add("text")
