"""What people said too late, in the last comment."""

from bot.texts.late_words import render_unheard


def test_words_that_were_not_heard_are_named_with_what_to_do() -> None:
    assert render_unheard((), "agent") == ""
    text = render_unheard((("ada", "and @eve's case\n# too"), ("bob", "x" * 999)), "agent")
    assert text.startswith("**Not considered**")
    assert "> ada: and @\u200beve's case # too" in text
    assert len(text) < 800
    assert text.endswith("mention `@\u200bagent` with it once more.")


def test_of_many_words_the_first_are_shown_and_the_rest_is_counted() -> None:
    text = render_unheard(tuple(("ada", f"word {n}.") for n in range(9)), "agent")
    assert "word 4." in text
    assert "word 5." not in text
    assert "> and 4 more" in text
