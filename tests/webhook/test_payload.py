"""Headers become a delivery, or nothing."""

from hypothesis import given
from hypothesis import strategies as st

from bot.webhook.payload import read_delivery

ID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
ANY_TEXT = st.text(st.characters(exclude_categories=()))


def test_what_github_sends_becomes_a_delivery() -> None:
    delivery = read_delivery({"x-github-delivery": ID, "x-github-event": "issue_comment"}, b"\xff", 7.5)
    assert delivery is not None
    assert (delivery.id, delivery.event, delivery.body, delivery.received_at) == (
        ID,
        "issue_comment",
        b"\xff",
        7.5,
    )


@given(ANY_TEXT, ANY_TEXT)
def test_whatever_the_headers_say_a_delivery_has_plain_names_or_there_is_none(name: str, event: str) -> None:
    delivery = read_delivery({"x-github-delivery": name, "x-github-event": event}, b"", 0.0)
    if delivery is not None:
        assert delivery.id.replace("-", "a").isalnum()
        assert delivery.id.isascii()
        assert delivery.event.isascii()
        assert len(delivery.id) <= 100 >= len(delivery.event)


def test_a_line_end_is_no_part_of_a_name() -> None:
    assert read_delivery({"x-github-delivery": ID + "\n", "x-github-event": "push"}, b"", 0.0) is None
    assert read_delivery({"x-github-delivery": ID}, b"", 0.0) is None
