"""What people do not see does not reach the model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.agent.hidden_text import strip_hidden


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
    ],
)
def test_hidden_parts_go_and_visible_ones_stay(text: str, seen: str) -> None:
    assert strip_hidden(text) == seen


def test_code_keeps_what_looks_like_a_comment_of_a_browser() -> None:
    code = "```php\n<?php echo 1; ?>\n```"
    assert strip_hidden(code) == code


def test_a_comment_put_together_by_removal_goes_too() -> None:
    assert "evil" not in strip_hidden("<!<!-- x -->-- evil -->")


@given(st.text(alphabet=st.sampled_from("<!->ab \n`\u200b?/"), max_size=40))
def test_nothing_hidden_is_left_and_twice_is_as_once(text: str) -> None:
    once = strip_hidden(text)
    assert strip_hidden(once) == once
    assert "\u200b" not in once
