"""The signature, on raw bytes."""

from hypothesis import given
from hypothesis import strategies as st

from bot.webhook.signature import is_signed, sign

# GitHub's own example, from its documentation on validating deliveries.
SECRET = b"It's a Secret to Everybody"
BODY = b"Hello, World!"
SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_githubs_example() -> None:
    assert sign(BODY, SECRET) == SIGNATURE
    assert is_signed(BODY, SIGNATURE, (SECRET,))


def test_either_secret_serves_while_one_is_rotated() -> None:
    assert is_signed(BODY, SIGNATURE, (b"the new secret", SECRET))
    assert not is_signed(BODY, SIGNATURE, (b"the new secret",))


def test_without_a_secret_nothing_is_signed() -> None:
    assert not is_signed(BODY, SIGNATURE, ())
    assert not is_signed(BODY, sign(BODY, b""), (b"",))


@given(st.text(st.characters(exclude_categories=())))  # halves of characters too
def test_no_header_raises_or_passes(header: str) -> None:
    assert not is_signed(BODY, header, (b"some other secret",))


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_only_these_bytes_are_signed(body: bytes, other: bytes) -> None:
    assert is_signed(body, sign(body, SECRET), (SECRET,))
    assert is_signed(other, sign(body, SECRET), (SECRET,)) == (other == body)
