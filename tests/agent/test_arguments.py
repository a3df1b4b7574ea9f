"""From the raw text of a call to checked arguments."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.agent.contract import Mode
from bot.agent.tools.arguments import CallFault, Prepared, Refused, prepare_call, render_spec
from bot.agent.tools.json_repair import parse_arguments
from bot.agent.tools.registry import ALL_TOOLS, EDIT_TOOLS, PATCH_TOOLS, tools_for
from bot.agent.tools.report_finding import REPORT_FINDING
from bot.agent.tools.submit import SUBMIT
from bot.llm.chat_wire import render_chat
from bot.llm.contract import ModelRequest, SystemMessage, ToolCall, UserMessage
from bot.llm.features import features_for
from bot.llm.responses_wire import render_responses


def prepare(name: str, arguments: str, cut: bool = False) -> Prepared | Refused:
    return prepare_call(ToolCall("c1", name, arguments), ALL_TOOLS, cut)


def prepared(name: str, **arguments: Any) -> Prepared:
    made = prepare(name, json.dumps(arguments))
    assert isinstance(made, Prepared), made
    return made


@pytest.mark.parametrize("tool", ALL_TOOLS, ids=lambda tool: tool.name)
def test_every_example_is_valid_and_every_schema_flat(tool: Any) -> None:
    assert isinstance(prepare(tool.name, tool.example), Prepared)
    text = json.dumps(render_spec(tool).parameters)
    assert "$ref" not in text
    assert "anyOf" not in text


def test_one_editing_style_never_both() -> None:
    names = [{tool.name for tool in tools} for tools in (PATCH_TOOLS, EDIT_TOOLS)]
    assert "apply_patch" in names[0] - names[1]
    assert {"edit", "write_file"} <= names[1] - names[0]


def test_names_of_other_harnesses_are_understood_and_noted() -> None:
    made = prepared("bash", cmd="ls")
    assert made.tool.name == "shell"
    assert made.arguments.command == "ls"  # type: ignore[attr-defined]
    assert made.repairs == ("tool bash -> shell", "cmd -> command")


@pytest.mark.parametrize(
    ("sent", "command"),
    [
        (["bash", "-lc", "ls | wc"], "ls | wc"),
        (["grep", "a b", "x"], "grep 'a b' x"),
        ("ls", "ls"),
    ],
)
def test_commands_as_lists(sent: Any, command: str) -> None:
    assert prepared("shell", command=sent).arguments.command == command  # type: ignore[attr-defined]


def test_harmless_slips_in_json_are_mended() -> None:
    raw_newline = prepare("shell", '{"command": "a\nb"}')
    doubly = prepare("shell", json.dumps(json.dumps({"command": "ls"})))
    null = prepare("shell", '{"command": "ls", "workdir": null}')
    listed = prepare("run_tests", json.dumps({"selection": '["a", "b"]'}))
    assert all(isinstance(made, Prepared) for made in (raw_newline, doubly, null, listed))
    assert listed.arguments.selection == ["a", "b"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "arguments", "fault", "says"),
    [
        ("teleport", "{}", CallFault.UNKNOWN_TOOL, "Tools: shell"),
        ("shell", "{", CallFault.MALFORMED, "Example"),
        ("shell", "", CallFault.BAD_ARGUMENT, "`command` is missing"),
        ("shell", '{"command": "ls", "sudo": true}', CallFault.BAD_ARGUMENT, "no argument `sudo`"),
        ("shell", '{"command": ""}', CallFault.BAD_ARGUMENT, "`command`"),
    ],
)
def test_a_refusal_says_what_is_wrong(name: str, arguments: str, fault: CallFault, says: str) -> None:
    refused = prepare(name, arguments)
    assert isinstance(refused, Refused)
    assert refused.fault is fault
    assert refused.text.startswith("Nothing ran.")
    assert says in refused.text


def test_a_cut_call_is_named_as_such() -> None:
    refused = prepare("shell", '{"command": "l', cut=True)
    assert isinstance(refused, Refused)
    assert refused.fault is CallFault.CUT


@given(st.sampled_from([tool.name for tool in ALL_TOOLS]) | st.text(max_size=20), st.text(max_size=60))
def test_no_call_breaks_it(name: str, arguments: str) -> None:
    assert isinstance(prepare(name, arguments), Prepared | Refused)


@pytest.mark.parametrize(
    ("raw", "command", "repair"),
    [
        ('{"command": "grep \\d+ x"}', "grep \\d+ x", "escapes in strings"),
        ('{"command": "echo \\\'a\\\'"}', "echo 'a'", "escapes in strings"),
        ('```json\n{"command": "ls"}\n```', "ls", "code fence"),
        ('{"command": "echo ,}",}', "echo ,}", "trailing comma"),
        ('{"command": "a\tb"}', "a\tb", "control characters in strings"),
    ],
)
def test_a_mend_means_one_thing_and_has_a_name(raw: str, command: str, repair: str) -> None:
    made = prepare("shell", raw)
    assert isinstance(made, Prepared)
    assert made.arguments.command == command  # type: ignore[attr-defined]
    assert made.repairs == (repair,)


@pytest.mark.parametrize(
    "raw", ['{"command": "ls"', '{"command": "ls"} {"command": "rm"}', "{'command': 'ls'}", "ls"]
)
def test_what_could_mean_two_things_is_not_mended(raw: str) -> None:
    assert isinstance(prepare("shell", raw), Refused)


@pytest.mark.parametrize("raw", ["[" * 5_000, '{"command": "\\ud800"}', '{"command": "a\\u0000b"}'])
def test_what_no_command_line_takes_is_refused(raw: str) -> None:
    assert isinstance(prepare("shell", raw), Refused)
    assert isinstance(prepare("run_tests", json.dumps({"selection": "[" * 5_000})), Prepared | Refused)


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers() | st.none(), max_size=5))
def test_what_is_json_is_never_touched(body: dict[str, Any]) -> None:
    if "\\u0000" in json.dumps(body):
        return
    assert parse_arguments(json.dumps(body)) == (body, ())


def test_one_question_is_a_list_of_one() -> None:
    made = prepared("ask_person", question="Which?")
    assert made.arguments.questions == ["Which?"]  # type: ignore[attr-defined]
    assert made.repairs == ("question -> questions", "questions: str -> list")


@pytest.mark.parametrize("model", ["gpt-5", "llama-3"])
@pytest.mark.parametrize("mode", list(Mode))
def test_the_schemas_of_a_run_are_short_on_both_wires(model: str, mode: Mode) -> None:
    """At four bytes a token. A tokeniser counts up to an eighth more: 1,000 in all."""
    features = features_for(model)
    specs = tuple(render_spec(tool) for tool in tools_for(features.edit_style, mode))
    request = ModelRequest((SystemMessage("rules"), UserMessage("task")), specs, "key")
    for render in (render_chat, render_responses):
        tools = json.dumps(render(model, request, features, frozenset())["tools"])
        assert len(tools.encode()) // 4 <= 910


def test_a_schema_says_the_fields_words_and_not_our_docstrings() -> None:
    properties = render_spec(REPORT_FINDING).parameters["properties"]
    assert properties["priority"]["description"].startswith("P0 must not be merged")
    assert properties["priority"]["enum"] == ["P0", "P1", "P2", "P3"]
    assert "description" not in render_spec(SUBMIT).parameters["properties"]["outcome"]
