import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.commands import CommandWord, Unknown, find_mentions, parse_command
from bot.domain.flags import WANTED, FlagFault, Flags

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
    assert command.instruction == ""


@pytest.mark.parametrize(
    ("text", "word", "instruction"),
    [
        ("@agent fix the loop in `a.py`", FIX, "fix the loop in `a.py`"),
        ("@agent implement a `--version` flag", CommandWord.IMPLEMENT, "implement a `--version` flag"),
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
        ("@agent rebase, keep ours", CommandWord.REBASE, "rebase, keep ours"),
        ("@agent STOP now", CommandWord.STOP, "STOP now"),
        ("@agent retry on 502", CommandWord.RETRY, "retry on 502"),
        ("@agent explain how it starts", CommandWord.EXPLAIN, "explain how it starts"),
        ("@agent help", CommandWord.HELP, "help"),
        ("@agent go ahead!", CommandWord.GO, "go ahead!"),
        ("@agent help me with the parser", FIX, "help me with the parser"),
        ("@agent status code 404 is lost", FIX, "status code 404 is lost"),
        ("@agent config files are read twice", FIX, "config files are read twice"),
        ("Nice. @agent help", FIX, "Nice. help"),
    ],
)
def test_the_first_word_is_the_command_and_free_text_is_a_change(text, word, instruction):
    command = parse_command(text, "agent")
    assert command is not None
    assert (command.word, command.instruction) == (word, instruction)


@pytest.mark.parametrize("text", ["@agent thanks!", "@agent, thank you so much 🎉", "**@agent** thx"])
def test_thanks_ask_for_nothing(text):
    assert parse_command(text, "agent") is None


@pytest.mark.parametrize(
    ("text", "flags", "instruction"),
    [
        ("@agent fix --model gpt-5 the loop", Flags(model="gpt-5"), "fix the loop"),
        ("@agent --base release/1.x fix this", Flags(base="release/1.x"), ""),
        ("@agent fix this --budget $2.50 --attempts=3", Flags(attempts=3, budget_usd=2.5), ""),
        (
            "@agent add a flag --base 'dev'\n\nMore --model x",
            Flags(base="dev"),
            "add a flag\n\nMore --model x",
        ),
        ("@agent fix —model gpt-5", Flags(model="gpt-5"), ""),
        ("@agent add --quiet to the tool", Flags(), "add --quiet to the tool"),
        ("@agent add `x --base y`", Flags(), "add `x --base y`"),
        ("@agent print `a --model b", Flags(), "print `a --model b"),
    ],
)
def test_flags_are_read_where_flags_stand(text, flags, instruction):
    command = parse_command(text, "agent")
    assert command is not None
    assert (command.flags, command.instruction, command.fault) == (flags, instruction, None)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("@agent implement --version", FlagFault("--version")),
        ("@agent fix --modle x this", FlagFault("--modle", "model")),
        ("@agent fix this --bugdet 3", FlagFault("--bugdet", "budget")),
        ("@agent --attempts 0 fix this", FlagFault("--attempts", "", WANTED["attempts"])),
        ("@agent --attempts ²", FlagFault("--attempts", "", WANTED["attempts"])),
        ("@agent fix --budget", FlagFault("--budget", "", WANTED["budget"])),
        ("@agent fix --budget 0", FlagFault("--budget", "", WANTED["budget"])),
        ("@agent fix --base --model x", FlagFault("--base", "", WANTED["base"])),
        ("@agent fix --base ../x", FlagFault("--base", "", WANTED["base"])),
    ],
)
def test_a_flag_that_can_not_be_honoured_is_no_text(text, fault):
    command = parse_command(text, "agent")
    assert command is not None
    assert command.fault == fault


@pytest.mark.parametrize(
    ("text", "word", "near"),
    [
        ("@agent halp", "halp", "help"),
        ("@agent reveiw the parser", "reveiw", "review"),
        ("@agent implment it all", "implment", "implement"),
        ("@agent sotp", "sotp", "stop"),
        ("@agent refactor", "refactor", ""),
    ],
)
def test_a_word_that_is_no_command_is_answered_with_the_nearest(text, word, near):
    command = parse_command(text, "agent")
    assert command is not None
    assert command.fault == Unknown(word, near)


@pytest.mark.parametrize(
    "text", ["step counters are wrong", "plain text is lost", "reviews are doubled", "asks twice for a name"]
)
def test_an_ordinary_sentence_is_no_slip(text):
    command = parse_command(f"@agent {text}", "agent")
    assert command is not None
    assert (command.word, command.fault) == (FIX, None)


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
        "@agent " + "--model x " * 6_000 + "é",
        "@agent fix a" + " --model x" * 6_000,
        "@agent fix" + " \t" * 30_000 + "x --model",
        "a <!-- " * 9_000 + "@agent",
    ],
)
@pytest.mark.timeout(20)
def test_no_text_of_the_greatest_length_takes_long(text):
    parse_command(text, "agent")
