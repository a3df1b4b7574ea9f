"""Whole files: new ones end in a newline, replaced ones keep what stays."""

import pytest

from bot.domain.limits import WRITE_FILE_REPLACE_LINES
from bot.editing.write import plan_write
from bot.errors import ForModel


@pytest.mark.parametrize(
    ("content", "written"),
    [
        ("", b""),
        ("a", b"a\n"),
        ("a\n", b"a\n"),
        ("a\r\nb", b"a\r\nb\r\n"),
        ("\n", b"\n"),
        ("é", b"\xc3\xa9\n"),
    ],
)
def test_new_files(content: str, written: bytes) -> None:
    assert plan_write("f", None, content, was_read=False) == written


@pytest.mark.parametrize(
    ("old", "content", "written"),
    [
        (b"a\n", "b", b"b\n"),
        (b"a", "b", b"b"),
        (b"a", "b\n", b"b\n"),
        (b"", "b", b"b\n"),
        (b"a\r\n", "a\nb\n", b"a\r\nb\r\n"),
        (b"a\r\n", "", b""),
        (b"caf\xe9\n", "cafe\n\xe9", b"cafe\n\xe9\n"),
        (b"\xef\xbb\xbfa\n", "b", b"\xef\xbb\xbfb\n"),
    ],
)
def test_replacements(old: bytes, content: str, written: bytes) -> None:
    assert plan_write("f", old, content, was_read=False) == written


def test_the_bound_for_unread_files_is_exact() -> None:
    at_bound = b"x\n" * WRITE_FILE_REPLACE_LINES
    assert plan_write("f", at_bound, "y", was_read=False) == b"y\n"
    with pytest.raises(ForModel, match="read the file first"):
        plan_write("f", at_bound + b"x\n", "y", was_read=False)
    assert plan_write("f", at_bound + b"x\n", "y", was_read=True) == b"y\n"


def test_a_replacement_that_breaks_the_file_is_rolled_back() -> None:
    with pytest.raises(ForModel, match="rolled back"):
        plan_write("a.json", b"{}", "{", was_read=True)
