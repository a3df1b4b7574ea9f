"""A merge of texts loses nothing: what one side did is there, and where both did something it is marked."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.editing.merge import Labels, merge_texts

LABELS = Labels("feature", "main")
LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n", b"\n", b"}\r\n"]), max_size=12)
TEXTS = st.builds(lambda lines, end: b"".join(lines) + end, LINES, st.sampled_from([b"", b"end"]))
BASE = b"one\ntwo\nthree\nfour\nfive\n"


def test_what_each_side_did_in_its_own_place_is_taken() -> None:
    merged = merge_texts(BASE, BASE.replace(b"one", b"ONE"), BASE.replace(b"five\n", b"five\nsix\n"), LABELS)
    assert merged.content == b"ONE\ntwo\nthree\nfour\nfive\nsix\n"
    assert merged.conflicts == 0


def test_what_both_did_otherwise_stands_between_markers_with_what_was_before() -> None:
    merged = merge_texts(BASE, BASE.replace(b"two", b"2"), BASE.replace(b"two", b"zwei"), LABELS)
    assert merged.conflicts == 1
    assert merged.content == (
        b"one\n<<<<<<< feature\n2\n||||||| before both\ntwo\n=======\nzwei\n>>>>>>> main\nthree\nfour\nfive\n"
    )


def test_neighbouring_lines_are_a_conflict() -> None:
    merged = merge_texts(BASE, BASE.replace(b"two", b"2"), BASE.replace(b"three", b"3"), LABELS)
    assert merged.conflicts == 1


def test_a_marker_begins_a_line_even_behind_a_text_without_an_end() -> None:
    merged = merge_texts(b"x", b"y", b"z", LABELS)
    assert merged.content == b"<<<<<<< feature\ny\n||||||| before both\nx\n=======\nz\n>>>>>>> main\n"


def test_markers_end_as_the_files_own_lines_do() -> None:
    merged = merge_texts(b"x\r\n", b"y\r\n", b"z\r\n", LABELS)
    assert merged.content.count(b"\r\n") == merged.content.count(b"\n")


def test_a_long_text_with_many_equal_lines_takes_no_time() -> None:
    base = b"".join(b"}\n" if at % 2 else b"line %d\n" % at for at in range(16_000))
    merged = merge_texts(base, b"first\n" + base, base.replace(b"line 9000\n", b"changed\n"), LABELS)
    assert merged.conflicts == 0
    assert merged.content == b"first\n" + base.replace(b"line 9000\n", b"changed\n")


@given(TEXTS, TEXTS)
def test_a_side_that_did_nothing_has_no_say(base: bytes, side: bytes) -> None:
    for merged in (merge_texts(base, side, base, LABELS), merge_texts(base, base, side, LABELS)):
        assert (merged.content, merged.conflicts) == (side, 0)
    assert merge_texts(base, side, side, LABELS).content == side


@given(TEXTS, TEXTS, TEXTS)
def test_the_sides_are_equals_and_no_line_of_either_gets_lost(
    base: bytes, ours: bytes, theirs: bytes
) -> None:
    merged, turned = merge_texts(base, ours, theirs, LABELS), merge_texts(base, theirs, ours, LABELS)
    assert merged.conflicts == turned.conflicts
    if not merged.conflicts:
        assert merged.content == turned.content
    for side in (ours, theirs):
        new = {line for line in side.splitlines() if line not in base.splitlines()}
        assert new <= set(merged.content.splitlines())


@pytest.mark.skipif(shutil.which("git") is None, reason="git itself is the judge")
@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["keep", "ours", "theirs"]), min_size=4, max_size=30))
def test_where_changes_are_far_apart_git_says_the_same(
    tmp_path_factory: pytest.TempPathFactory, what: list[str]
) -> None:
    """Every line is another one, and an untouched line parts what the sides did."""
    texts = {"base": b"", "ours": b"", "theirs": b""}
    for number, who in enumerate(what):
        for side in texts:
            changed = b"changed by %s " % side.encode() if side == who else b""
            texts[side] += b"%sline %d\nbetween %d\n" % (changed, number, number)
    folder = tmp_path_factory.mktemp("merge")
    assert merge_texts(texts["base"], texts["ours"], texts["theirs"], LABELS).content == by_git(folder, texts)


def by_git(folder: Path, texts: dict[str, bytes]) -> bytes:
    for side, text in texts.items():
        (folder / side).write_bytes(text)
    command = ["git", "merge-file", "-p", "ours", "base", "theirs"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout
