import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.commands import AVAILABLE, CommandWord, find_mentions, parse_command

FIX = CommandWord.FIX


@pytest.mark.parametrize(
    "text",
    [
        "@agent",
        "@agent fix",
        "@agent fix this",
        "@Agent please fix this issue. Thanks!",
        "**@agent** fix this",
        "_@agent_, fix it",
        "@agent\n\nfix this",
        "@agent: implement this",
        "\n@agent fix\r\n",
    ],
)
def test_fix_this_leaves_the_issue_as_the_instruction(text):
    command = parse_command(text, "agent")
    assert command is not None
    assert command.available
    assert command.instruction == ""


@pytest.mark.parametrize(
    ("text", "word", "instruction"),
    [
        ("@agent fix the loop in `a.py`", FIX, "fix the loop in `a.py`"),
        ("@agent implement --version", CommandWord.IMPLEMENT, "implement --version"),
        ("@agent: add a flag", FIX, "add a flag"),
        ("@agent - add a flag", FIX, "add a flag"),
        ("It crashes on ü. @agent fix this", FIX, "It crashes on ü. fix this"),
        ("Over to you @agent", FIX, "Over to you"),
        ("- @agent fix the loop", FIX, "- fix the loop"),
        ("(@agent) add a flag", FIX, "() add a flag"),
        ("@agent fixed point iteration is wrong", FIX, "fixed point iteration is wrong"),
        ("@agent fix-up the parser", FIX, "fix-up the parser"),
        ("@agent ändere das", FIX, "ändere das"),
        ("@agent review", CommandWord.REVIEW, "review"),
        ("@agent STOP now", CommandWord.STOP, "STOP now"),
        ("@agent retry on 502", CommandWord.RETRY, "retry on 502"),
    ],
)
def test_the_first_word_is_the_command_and_free_text_is_a_change(text, word, instruction):
    command = parse_command(text, "agent")
    assert command is not None
    assert (command.word, command.instruction) == (word, instruction)
    assert command.available == (word in AVAILABLE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "agent fix this",
        "`@agent` fix",
        "``x ` @agent`` fix",
        "```\n@agent fix\n```",
        "~~~text\n@agent fix",
        "    @agent fix",
        "- a\n\n      @agent fix",
        "> @agent fix",
        "> a\n@agent fix",  # a lazy continuation still belongs to the quote
        "- > @agent fix",
        "<!-- @agent fix -->",
        "<!--\n\n@agent fix\n\n-->",
        "<!-- never closed\n@agent fix",
        "a <!-- @agent --> b",
        "<div>\n@agent fix\n</div>",
        "<blockquote>\n\n@agent fix\n\n</blockquote>",
        "<pre>\n\n@agent fix</pre>",
        "a <code>@agent</code> b",
        '<a title="@agent">x</a>',
        "mail me@agent.org",
        "mail me+@agent now",
        "<me@agent.org>",
        "first.@agent",
        "@agents fix",
        "@agent-two fix",
        "@agent_two fix",
        "@agent/team fix",
        "@agent.org fix",
        "@agent@example.org",
        "@@agent fix",
        "@agent[bot] wrote this",
        "@agent's last change",
        "@agentö fix",
        "x/@agent",
        "\\@agent fix",
        "[text](https://x.org/@agent)",
        "[@agent](https://x.org)",
        "[x]: https://x.org/@agent\n",
        "[x](/url '@agent')",
        "![@agent](x.png)",
        "<https://x.org/(@agent>",
        "https://x.org/(@agent fix",
        "www.x.org/,@agent",
        "~~@agent fix~~",
        "&#64;agent fix",
        "@ag\u200bent fix",
    ],
)
def test_a_name_that_is_no_mention_starts_nothing(text):
    assert parse_command(text, "agent") is None


@pytest.mark.parametrize(
    ("text", "instruction"),
    [
        ("`@agent` and @agent add a flag", "`@agent` and add a flag"),
        ("> @agent fix\n\n@agent add a flag", "> @agent fix\n\nadd a flag"),
        ("<!-- @agent -->\n\n@agent add a flag", "<!-- @agent -->\n\nadd a flag"),
        (
            "```\n@agent\n```\n@agent add a flag\n```\n@agent\n```",
            "```\n@agent\n```\nadd a flag\n```\n@agent\n```",
        ),
        ("@agent add @agent to the list", "add @agent to the list"),
        ("<b>x</b> <code>@agent</code> @agent add a flag", "<b>x</b> <code>@agent</code> add a flag"),
        ("\U00100000@agent\U00100000 `@agent` @agent go", "\U00100000@agent\U00100000 `@agent` go"),
    ],
)
def test_the_instruction_is_cut_at_the_mention_that_counted(text, instruction):
    command = parse_command(text, "agent")
    assert command is not None
    assert command.instruction == instruction


@given(
    st.text(alphabet="@agent`>*_<!->[]()\n\t x.-/~#|\\&;é", max_size=80), st.sampled_from(["agent", "a-g"])
)
def test_any_text_is_read_and_each_mention_stands_in_the_source(text, handle):
    places = find_mentions(text, handle)
    assert list(places) == sorted(set(places))
    assert all(text[start:end].lower() == f"@{handle}" for start, end in places)
    assert (parse_command(text, handle) is None) == (not places)


@given(st.text(max_size=60).filter(lambda text: "`" not in text), st.text(alphabet="ab \n", max_size=20))
def test_nothing_inside_a_fence_is_a_mention(inside, after):
    assert parse_command(f"````\n{inside} @agent fix\n````\n{after}", "agent") is None


@given(st.text(alphabet="abc é.,:!?@\n", max_size=60))
def test_a_mention_at_the_very_beginning_always_counts(rest):
    assert find_mentions(f"@agent {rest}", "agent")[0] == (0, 6)


@pytest.mark.parametrize(
    "text",
    [
        "@agent " * 9_000,
        "[" * 65_000 + "@agent",
        "*a" * 32_000 + " @agent",
        ">" * 60_000 + " @agent",
        "<a " * 20_000 + "@agent",
        "<div>\n" + "<a " * 20_000 + "@agent",
        "a." * 32_000 + " @agent",
        "www.x/@agent " * 5_000,
        "@agent " + " " * 65_000 + "é",
        "@agent " + "fix this " * 7_000 + "é",
        "a <!-- " * 9_000 + "@agent",
    ],
)
@pytest.mark.timeout(20)
def test_no_text_of_the_greatest_length_takes_long(text):
    parse_command(text, "agent")
