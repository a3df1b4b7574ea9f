"""What is said of a merge."""

from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

from bot.domain import limits
from bot.domain.outcomes import Outcome
from bot.repos.contract import ConflictKind
from bot.texts.commit_message import render_commit_message
from bot.texts.follow_ups import Pushed, render_pushed
from bot.texts.merges import (
    MergeText,
    cut_side,
    render_conflict,
    render_merge_instruction,
    render_merge_summary,
    render_merge_title,
    render_merged,
)
from tests.texts.examples import PROVEN

MERGE = MergeText("main", "c" * 40, "d" * 40)
DIFF = "diff --git a/{0} b/{0}\n--- a/{0}\n+++ b/{0}\n@@ -1 +1 @@\n-old\n+{1}\n"


@pytest.mark.parametrize("conflicts", [(), ("app.py", "a|`b`.py")], ids=["by itself", "settled"])
def test_people_read_what_was_merged_and_where_to_look(
    conflicts: tuple[str, ...], snapshot: SnapshotAssertion
) -> None:
    about = render_merged(replace(MERGE, conflicts=conflicts))
    pushed = Pushed(
        Outcome.PROVEN, "e" * 40, "d" * 40, render_merge_title("main", "agent/1-x"), "Both are kept.", PROVEN,
        "3 turns.", "<!-- m -->", about=about, untouched="the tip of `main`, cccccccccc",
    )  # fmt: skip
    assert render_pushed(pushed) == snapshot


def test_the_commit_names_what_was_in_conflict(snapshot: SnapshotAssertion) -> None:
    summary = render_merge_summary("Both are kept.", tuple(f"file{number}.py" for number in range(22)))
    assert render_commit_message(render_merge_title("main", "agent/1-x"), summary, 3, "ada", 7) == snapshot
    assert render_merge_summary("By itself.", ()) == "By itself."


def test_the_model_reads_what_lies_where(snapshot: SnapshotAssertion) -> None:
    assert [render_conflict("a.py", kind.value, "feature", "main") for kind in ConflictKind] == snapshot


def test_what_stands_behind_the_word_is_part_of_the_instruction() -> None:
    told = render_merge_instruction("main", "feature", "Keep our names.", conflicts=True)
    assert told.endswith("what both sides wanted is kept.\n\nKeep our names.")
    assert "without a conflict" in render_merge_instruction("main", "feature", "", conflicts=False)


def test_of_a_long_side_the_files_in_conflict_come_first() -> None:
    long = DIFF.format("long.py", "x" * limits.MERGE_SIDE_CHARACTERS)
    diff = long + DIFF.format("a.py", "new")
    cut = cut_side(diff, ("a.py",))
    assert cut.startswith("diff --git a/a.py b/a.py\n")
    assert cut.endswith("[… cut]")
    assert cut_side(DIFF.format("a.py", "new"), ()) == DIFF.format("a.py", "new")
    assert cut_side("", ("a.py",)) == ""
