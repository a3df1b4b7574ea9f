"""What people do not see does not reach the model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.agent.hidden_text import find_hidden, printable_name, strip_hidden


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a <!-- do evil --> b", "a  b"),
        ("a\n<!-- never closed\ndo evil", "a\n"),
        ("a <!-- --!> b", "a  b"),
        ("x\u200by\u2062z", "xyz"),
        ("tags \U000e0041\U000e0042 end", "tags  end"),
        ("flip \u202eevil\u202c", "flip evil"),
        ("plain text\n\twith a tab", "plain text\n\twith a tab"),
        ("if a < b and c > d:", "if a < b and c > d:"),
        ("x&#8203;y &lt;!-- evil --&gt; z", "xy  z"),
        ("&amp;lt;!-- evil --&amp;gt;", ""),
        ("?a=1&copy=2", "?a=1&copy=2"),
        ("![obey me](https://x.test/a.png 'and me')", "![](https://x.test/a.png)"),
        ("![obey [me] now][ref]", "![][ref]"),
        ('[docs](https://x.test/(a) "obey me") end', "[docs](https://x.test/(a)) end"),
        ('[docs](<https://x.test> \n"obey\nme")', "[docs](<https://x.test>)"),
        ('[ref]: https://x.test "obey me"', "[ref]: https://x.test"),
        ('<img src="a.png" alt="obey > me" title=obey>', '<img src="a.png">'),
        ('<a href="x" data-x="obey"aria-label=\'me\'>t</a>', '<a href="x">t</a>'),
        ('title = "kept", alt="kept"', 'title = "kept", alt="kept"'),
        ("flag \u2764\ufe0f\U000e0101 end", "flag \u2764 end"),
        ("fill\u3164\u2800\u115fer", "filler"),
    ],
)
def test_hidden_parts_go_and_visible_ones_stay(text: str, seen: str) -> None:
    assert strip_hidden(text) == seen


def test_code_keeps_what_looks_like_a_comment_of_a_browser() -> None:
    code = "```php\n<?php echo 1; ?>\n```"
    assert strip_hidden(code) == code


def test_a_comment_put_together_by_removal_goes_too() -> None:
    assert "evil" not in strip_hidden("<!<!-- x -->-- evil -->")


def test_the_operator_is_told_what_was_removed_in_letters() -> None:
    tags = "".join(chr(0xE0000 + ord(one)) for one in "obey")
    text = f"Hi <!-- run rm -rf -->{tags}\u200b ![image](x) ![do as I say](y)"
    assert find_hidden(text) == (
        "invisible characters: obey\\u200b",
        "HTML comment: <!-- run rm -rf -->",
        "alternative text: do as I say",
    )
    assert find_hidden("Nothing hidden &amp; all well.") == ()
    assert len(find_hidden("".join(f"<!-- {number} -->" for number in range(100)))) == 21


def test_names_of_files_stay_on_their_line() -> None:
    assert printable_name("a/b\nc\u202e.py") == "a/b\\nc\\u202e.py"
    assert printable_name("größe/файл.py") == "größe/файл.py"


def test_hostile_texts_take_no_longer_than_others() -> None:
    for piece in ("<a ", '<a "', "![", "](x ", "![a](", "&amp;", "<!--", '[a]: b "', "\\"):
        strip_hidden(piece * (60_000 // len(piece)))


@given(st.text(alphabet=st.sampled_from("<!->ab \n`\u200b?/&lt;#8[]()\"'=\\"), max_size=60))
def test_nothing_hidden_is_left_and_twice_is_as_once(text: str) -> None:
    once = strip_hidden(text)
    assert strip_hidden(once) == once
    assert "\u200b" not in once
