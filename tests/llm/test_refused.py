"""Only what a refusal names is left out, and only what can be missed."""

import pytest

from bot.llm.contract import ModelRequest, SystemMessage, ToolSpec, UserMessage
from bot.llm.faults import Failure
from bot.llm.features import Wire, features_for
from bot.llm.refused import decide_left_out, decide_other_wire
from bot.llm.responses_wire import render_responses

PATCH = ToolSpec("apply_patch", "", {"type": "object", "properties": {"patch": {}}, "required": ["patch"]})
SHELL = ToolSpec("shell", "", {"type": "object", "properties": {}})
REQUEST = ModelRequest((SystemMessage("rules"), UserMessage("task")), (SHELL, PATCH), "key")
BODY = render_responses("gpt-5", REQUEST, features_for("gpt-5"), frozenset())


def left_out(message: str, status: int = 400, code: str = "", param: str = "") -> str | None:
    return decide_left_out(Failure(status, code, message, 0.0, param), BODY)


@pytest.mark.parametrize(
    ("message", "param", "expected"),
    [
        ("Unknown parameter.", "prompt_cache_key", "prompt_cache_key"),
        ("Invalid value.", "reasoning.effort", "reasoning"),
        ("Unsupported.", "include[0]", "include"),
        ("Encrypted content is not supported with this model.", "", "include"),
        ("Unrecognized request argument supplied: store", "", "store"),
        ("extra fields not permitted: 'parallel_tool_calls'", "", "parallel_tool_calls"),
        ("unexpected role `developer`", "", "developer"),
        ("strict mode is not available", "", "strict"),
        ("tools of type custom are not supported", "", "custom"),
        ("the grammar could not be compiled", "", "custom"),
    ],
)
def test_what_is_named_is_left_out(message: str, param: str, expected: str) -> None:
    assert left_out(message, param=param) == expected


@pytest.mark.parametrize(
    "message",
    [
        "The request must include a user.",
        "Items in store are not found.",
        "Something about the model is wrong.",
        "stream_options is unknown.",  # was not sent on this wire
        "This model's maximum context length is 4096 tokens; leave out parallel_tool_calls.",
    ],
)
def test_words_of_english_and_other_faults_leave_nothing_out(message: str) -> None:
    assert left_out(message) is None


def test_only_refusals_are_read_so() -> None:
    assert left_out("Unknown parameter: store", status=500) is None
    assert left_out("Unknown parameter: store", status=401) is None
    found = "[{'type': 'literal_error', 'loc': ('body', 'messages', 0, 'role'), 'input': 'developer'}]"
    assert left_out(found, status=500) == "developer"
    assert left_out("could not be decrypted", code="invalid_encrypted_content") is None  # nothing was carried


@pytest.mark.parametrize(
    ("failure", "wire", "wanted", "other"),
    [
        (Failure(404, "", "Not Found"), Wire.RESPONSES, Wire.AUTO, True),
        (Failure(405, "", "Method Not Allowed"), Wire.RESPONSES, Wire.AUTO, True),
        (Failure(404, "", "Not Found"), Wire.RESPONSES, Wire.RESPONSES, False),
        (Failure(404, "", "Not Found"), Wire.CHAT, Wire.AUTO, False),
        (Failure(404, "model_not_found", "no"), Wire.RESPONSES, Wire.AUTO, False),
        (Failure(404, "", "The model `x` does not exist"), Wire.RESPONSES, Wire.AUTO, False),
        (Failure(400, "", "Not Found"), Wire.RESPONSES, Wire.AUTO, False),
    ],
)
def test_another_wire_is_for_servers_without_this_one(
    failure: Failure, wire: Wire, wanted: Wire, other: bool
) -> None:
    assert decide_other_wire(failure, wire, wanted) is other
