"""Unified diffs as data: what stands where, whatever the lines look like."""

import difflib

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.unified_diff import parse_diff, render_stat

LINE = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=8) | st.sampled_from(
    ["--- a/x", "+++ b/x", "@@ -1 +1 @@", "diff --git a/y b/y", "\\ No newline at end of file", "-", "+", ""]
)
TEXT = st.lists(LINE, max_size=12)


@given(TEXT, TEXT)
def test_numbers_name_the_lines_of_both_files(old: list[str], new: list[str]) -> None:
    body = "\n".join(difflib.unified_diff(old, new, "a/f", "b/f", lineterm=""))
    if not body:
        return
    (file,) = parse_diff(f"diff --git a/f b/f\n{body}\n")
    for hunk in file.hunks:
        for line in hunk.lines:
            assert line.old is None or old[line.old - 1] == line.text
            assert line.new is None or new[line.new - 1] == line.text
    assert len(new) - len(old) == file.added - file.removed


def test_added_deleted_renamed_binary_and_mode_changes() -> None:
    files = parse_diff(
        "diff --git a/new.py b/new.py\nnew file mode 100644\n--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@\n+x\n"
        "\\ No newline at end of file\n"
        "diff --git a/empty b/empty\nnew file mode 100644\n"
        "diff --git a/gone b/gone\ndeleted file mode 100644\nBinary files a/gone and /dev/null differ\n"
        "diff --git a/run b/run\nold mode 100644\nnew mode 100755\n"
    )
    assert [(file.old, file.new) for file in files] == [
        ("", "new.py"), ("", "empty"), ("gone", ""), ("run", "run")
    ]  # fmt: skip
    assert render_stat(files, 2) == (
        "new.py +1 -0 (new)\nempty +0 -0 (new)\n[2 files more]\n4 files in all, +1 -0"
    )


@given(st.text(max_size=300))
def test_no_text_breaks_it(text: str) -> None:
    parse_diff(text)
