"""Findings are anchored where the diff shows their lines, said once, and no more than a person reads."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.findings import Finding, Priority, Side, anchor, arrange_findings, fingerprint
from bot.domain.unified_diff import FileDiff, parse_diff

DIFF = parse_diff(
    """diff --git a/app.py b/app.py
--- a/app.py
+++ b/app.py
@@ -1,4 +1,5 @@
 import os
-def mean(rows):
+def mean(rows):  # of numbers
+    assert rows
     return sum(rows) / len(rows)
 # end
@@ -20,3 +21,3 @@ def report():
 a
-b
+B
 c
diff --git a/gone.py b/gone.py
deleted file mode 100644
--- a/gone.py
+++ /dev/null
@@ -1,2 +0,0 @@
-x = 1
-y = 2
"""
)
FINDING = Finding("app.py", 2, 3, Priority.P1, "Empty list divides by zero", "mean([]) raises.")


def test_lines_that_a_hunk_shows_are_an_anchor() -> None:
    found = anchor(replace(FINDING, suggestion="def mean(rows):"), DIFF)
    assert found is not None
    assert (found.side, found.finding.start, found.finding.end) == (Side.RIGHT, 2, 3)
    assert found.finding.suggestion == "def mean(rows):"


def test_a_range_is_cut_to_its_hunk_and_its_suggestion_becomes_text() -> None:
    found = anchor(replace(FINDING, start=4, end=9, suggestion="x\n```\ny"), DIFF)
    assert found is not None
    assert (found.finding.start, found.finding.end, found.finding.suggestion) == (4, 5, "")
    assert "    x\n    ```\n    y" in found.finding.body


def test_a_range_over_two_hunks_takes_the_larger_part() -> None:
    found = anchor(replace(FINDING, start=5, end=23), DIFF)
    assert found is not None
    assert (found.finding.start, found.finding.end) == (21, 23)


def test_lines_of_a_deleted_file_stand_on_the_left() -> None:
    found = anchor(replace(FINDING, path="gone.py", start=1, end=2, suggestion="z"), DIFF)
    assert found is not None
    assert (found.side, found.finding.suggestion) == (Side.LEFT, "")


def test_what_the_diff_does_not_show_goes_into_the_text() -> None:
    far, other = replace(FINDING, start=50, end=50), replace(FINDING, path="other.py")
    arranged = arrange_findings((far, other), DIFF)
    assert (arranged.anchored, arranged.loose) == ((), (far, other))


def test_lines_that_do_not_hold_the_snippet_are_no_anchor() -> None:
    held = replace(FINDING, snippet="assert  rows")
    assert anchor(held, DIFF) is not None
    assert anchor(replace(held, start=21, end=21), DIFF) is None
    assert anchor(replace(held, start=3, end=9), DIFF) is not None, "a part of the lines can't tell"
    assert anchor(replace(FINDING, path="gone.py", start=1, end=1, snippet="y = 2"), DIFF) is None


def test_the_same_said_twice_is_one_finding_of_the_higher_priority() -> None:
    again = replace(FINDING, start=3, end=4, priority=Priority.P0, title="Divides by zero: empty list")
    elsewhere = replace(FINDING, start=21, end=21)
    arranged = arrange_findings((FINDING, again, elsewhere), DIFF)
    assert [one.finding.priority for one in arranged.anchored] == [Priority.P0, Priority.P1]
    assert arranged.repeated == 1


def test_what_people_were_told_before_is_not_said_again() -> None:
    moved = replace(FINDING, start=21, end=22)
    arranged = arrange_findings((moved,), DIFF, frozenset({fingerprint(FINDING)}))
    assert arranged.anchored == ()
    assert arranged.repeated == 1


def test_the_most_urgent_are_shown_and_the_rest_is_counted() -> None:
    findings = tuple(
        Finding("app.py", 2, 2, priority, f"{word} {priority}", "b")
        for priority in (Priority.P3, Priority.P0)
        for word in ("alpha", "beta", "gamma")
    )
    arranged = arrange_findings(findings, DIFF, most=4)
    assert [one.finding.priority.value for one in arranged.anchored] == ["P0", "P0", "P0", "P3"]
    assert arranged.over == 2


FINDINGS = st.builds(
    Finding,
    path=st.sampled_from(["app.py", "gone.py", "other.py"]),
    start=st.integers(1, 30),
    end=st.integers(1, 30),
    priority=st.sampled_from(Priority),
    title=st.sampled_from(["a b c", "a b d", "x", "y z", ""]),
    body=st.just("b"),
    suggestion=st.sampled_from(["", "s"]),
)


@given(st.lists(FINDINGS, max_size=30).map(tuple))
def test_every_anchor_is_one_that_github_takes_and_nothing_is_lost_uncounted(
    findings: tuple[Finding, ...],
) -> None:
    arranged = arrange_findings(findings, DIFF)
    shown = len(arranged.anchored) + len(arranged.loose)
    assert shown + arranged.repeated + arranged.over == len(findings)
    for one in arranged.anchored:
        assert _shown_in_one_hunk(one.finding, one.side, DIFF)


def _shown_in_one_hunk(finding: Finding, side: Side, diff: tuple[FileDiff, ...]) -> bool:
    (file,) = (file for file in diff if file.path == finding.path)
    return any(
        {finding.start, finding.end} <= {line.new if side is Side.RIGHT else line.old for line in hunk.lines}
        for hunk in file.hunks
    )
