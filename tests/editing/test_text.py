"""Lines end at a line feed and nowhere else."""

import pytest

from bot.domain import limits
from bot.editing.text import decode_text, dominant_ending, encode_text, split_raw, split_sent
from bot.errors import ForModel


def test_only_line_feeds_end_a_line() -> None:
    assert split_raw("a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g\rh\r\ni\n\nj") == [
        "a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g\rh\r\n",
        "i\n",
        "\n",
        "j",
    ]
    assert split_raw("") == []
    assert split_sent("a\r\nb\n") == ["a", "b", ""]


@pytest.mark.parametrize(
    ("raw", "ending"), [(["a"], ""), (["a\n", "b\r\n"], "\n"), (["a\r\n", "b\r\n", "c\n"], "\r\n"), ([], "")]
)
def test_the_commonest_ending(raw: list[str], ending: str) -> None:
    assert dominant_ending(raw) == ending


@pytest.mark.parametrize(
    ("content", "codec", "bom"),
    [
        (b"\xef\xbb\xbfa", "utf-8", True),
        (b"\xc3\xa9", "utf-8", False),
        (b"\xe9\n", "latin-1", False),
        (b"", "utf-8", False),
    ],
)
def test_encodings(content: bytes, codec: str, bom: bool) -> None:
    text = decode_text(content, "f")
    assert (text.codec, text.bom) == (codec, bom)
    assert encode_text(text.raw, text, "f") == content


def test_what_can_not_be_edited_is_refused_with_the_way_out() -> None:
    utf8 = decode_text(b"", "f")
    for act, phrase in (
        (lambda: decode_text("hé".encode("utf-16"), "f"), "binary"),
        (lambda: decode_text(b"x" * (limits.EDIT_FILE_BYTES + 1), "f"), "in the shell"),
        (lambda: encode_text(["\0"], utf8, "f"), "NUL"),
        (lambda: encode_text(["\ud800"], utf8, "f"), "can't hold"),
        (lambda: encode_text(["x" * (limits.EDIT_FILE_BYTES + 1)], utf8, "f"), "would grow"),
    ):
        with pytest.raises(ForModel, match=phrase):
            act()
