"""Text of models and strangers can do nothing in a comment of ours."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.domain import limits
from bot.texts.branch import render_branch, render_second_branch
from bot.texts.claims import drop_claims
from bot.texts.redact import STARS, redact
from bot.texts.sanitise import code, fenced, sanitise_block, sanitise_line
from bot.texts.size import fit

# Put together at run time, so that no scanner takes this file for a leak.
TOKENS = (
    "gh" + "p_" + "a1B2" * 9,
    "gh" + "s_123_" + "eyJhbGciOi.J9_x-y" * 3,
    "github" + "_pat_" + "11AAAAAAA0" * 4,
    "s" + "k-proj-" + "Abc123_-" * 6,
    "AK" + "IA" + "ABCDEFGHIJKLMNOP",
    "xox" + "b-1234567890-abcdef",
    "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE\nabc\n-----END RSA " + "PRIVATE KEY-----",
)


@pytest.mark.parametrize("token", TOKENS)
def test_known_tokens_are_removed(token: str) -> None:
    text = redact(f"before {token} after")
    assert token.split("\n")[0] not in text
    assert text.startswith("before ")
    assert text.endswith(" after")


def test_the_operators_values_are_removed_in_every_form() -> None:
    secret = "p@ss word/with:signs"
    text = redact(f"{secret} cEBzcyB3b3JkL3dpdGg6c2lnbnM= p%40ss%20word%2Fwith%3Asigns", (secret,))
    assert text == f"{STARS} {STARS} {STARS}"


def test_passwords_in_addresses_are_removed() -> None:
    assert redact("https://x:hunter2@example.org/a") == f"https://{STARS}@example.org/a"


@given(st.text(min_size=8, max_size=30), st.text(max_size=50), st.text(max_size=50))
def test_a_given_secret_never_comes_through(secret: str, before: str, after: str) -> None:
    if secret not in STARS:
        assert secret not in redact(before + secret + after, (secret,)).replace(STARS, "\x00")


ODD = st.text(alphabet=st.sampled_from("ab @#1`~<>!-[]()\n\\&;:/fixesclo \u202e\u200b"), max_size=80)


@given(ODD | st.text(max_size=80))
def test_nothing_has_an_effect(text: str) -> None:
    for safe in (sanitise_line(text), sanitise_block(text)):
        assert not re.search(r"@[A-Za-z0-9]", safe)
        assert not re.search(r"(?i)\b(close[sd]?|fix(e[sd])?|resolve[sd]?)\s*:?\s+#\d", safe)
        assert not re.search(r"<[a-zA-Z/!?]", safe)
        assert "\u202e" not in safe
    assert "\n" not in sanitise_line(text)


@given(ODD)
def test_a_block_leaves_no_fence_open(text: str) -> None:
    tokens = MarkdownIt().parse(sanitise_block(text) + "\n\nEND-OF-TEXT")
    assert any("END-OF-TEXT" in token.content for token in tokens if token.type == "inline")


@given(ODD)
def test_code_and_fences_hold_whatever_is_put_in(text: str) -> None:
    inline = MarkdownIt().parse(f"x {code(text)} END-OF-TEXT")[1].children or []
    assert [token.type for token in inline if token.type != "text"] == ["code_inline"]
    blocks = MarkdownIt().parse(f"{fenced(text)}\n\nEND-OF-TEXT")
    assert [token.type for token in blocks][:2] == ["fence", "paragraph_open"]


@pytest.mark.parametrize(
    "claim",
    [
        "All tests pass.",
        "I verified that the suite is green.",
        "The regression test now succeeds.",
        "CI is green with this change.",
        "Confirmed by running the tests.",
    ],
)
def test_claims_about_tests_are_left_out(claim: str) -> None:
    assert drop_claims(f"The end lies on the next day. {claim}") == ("The end lies on the next day.", 1)


def test_other_sentences_and_code_stay() -> None:
    text = "Adds a test for midnight.\n\n```\ntests pass\n```\n\nThe parser takes 24:00."
    assert drop_claims(text) == (text, 0)


@given(st.text(max_size=2_000), st.integers(1_000, 1_500))
def test_every_text_fits(text: str, characters: int) -> None:
    fitted = fit(text, "<!-- marker -->", "here", characters)
    assert len(fitted.encode("utf-16-le", "surrogatepass")) // 2 <= characters
    assert fitted.endswith("<!-- marker -->")


def test_a_cut_text_closes_what_it_opened() -> None:
    text = "<details><summary>x</summary>\n\n```\n" + "line\n" * 40_000
    fitted = fit(text, " END", "here")
    assert len(fitted) <= limits.BODY_CHARACTERS
    assert fitted.count("```") == 2
    assert fitted.count("</details>") == 1


@given(st.integers(1, 10**6), st.text(max_size=100))
def test_a_branch_is_always_a_valid_ref(issue: int, title: str) -> None:
    for branch in (render_branch(issue, title), render_second_branch(render_branch(issue, title), "t-9")):
        assert re.fullmatch(r"agent/\d+-[a-z0-9]+(-[a-z0-9]+)*", branch)
        assert len(branch) < 100


def test_a_branch_is_readable() -> None:
    assert (
        render_branch(7, "Zahlen über 1.000 werden falsch sortiert!")
        == "agent/7-zahlen-uber-1-000-werden-falsch-sortiert"
    )
