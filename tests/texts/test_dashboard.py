"""The dashboard as people read it."""

from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from syrupy.assertion import SnapshotAssertion

from bot.domain import limits
from bot.domain.boxes import BEGIN, END, Box, find_ticks, render_box
from bot.domain.schedules import Pause, ScheduleResult
from bot.texts.commit_message import render_schedule_message
from bot.texts.dashboard import (
    PAUSES,
    RESULTS,
    Dashboard,
    DashboardRow,
    Preview,
    TurnReport,
    render_dashboard,
    render_preview,
    render_report,
)
from bot.texts.pull_request import render_pull_body, render_schedule_title
from tests.texts.examples import PROVEN, PULL

FILE = "https://hub/o/r/blob/main/.github/pullwright.yml"
NEW = DashboardRow("updates", "weekly mon", "Europe/Berlin", "dependencies", 1_796_000_000.0)
RAN = replace(
    NEW,
    name="sums",
    when="0 3 * * 1-5",
    what="Look whether @everybody's sums are right.",
    result=ScheduleResult.OPENED,
    detail="Add, not subtract",
    pull=7,
    ended_at=1_795_900_000.0,
)
PAUSED = replace(RAN, name="docs", result=ScheduleResult.GAVE_UP, detail="I can't.", pause=Pause.FAILURES)


def test_a_dashboard(snapshot: SnapshotAssertion) -> None:
    wanted = replace(RAN, name="now", wanted=True, running=True)
    assert render_dashboard(Dashboard((NEW, RAN, PAUSED, wanted), previewed=True, file=FILE)) == snapshot


def test_a_dashboard_before_the_preview_and_with_a_fault(snapshot: SnapshotAssertion) -> None:
    assert (
        render_dashboard(Dashboard((NEW,), previewed=False, file=FILE, fault="line 3: no such zone."))
        == snapshot
    )


def test_a_dashboard_without_schedules() -> None:
    assert "names no schedule" in render_dashboard(Dashboard((), previewed=True, file=FILE))


@pytest.mark.parametrize("result", ScheduleResult)
def test_every_result_has_its_words_and_its_name(result: ScheduleResult) -> None:
    assert result in RESULTS
    text = render_dashboard(Dashboard((replace(RAN, result=result),), previewed=True, file=FILE))
    assert f"(`{result.value}`)" in text
    assert "{" not in text.replace(BEGIN, "")


def test_every_pause_has_its_words() -> None:
    assert set(PAUSES) == set(Pause)


def test_the_boxes_are_found_again_and_nobody_is_called() -> None:
    text = render_dashboard(Dashboard((RAN, PAUSED), previewed=True, file=FILE))
    ticked = text.replace(render_box(Box.RUN, "sums", on=False), render_box(Box.RUN, "sums", on=True))
    assert [(tick.box, tick.schedule, tick.on) for tick in find_ticks(text, ticked)] == [
        (Box.RUN, "sums", True)
    ]
    assert "@everybody" not in text
    assert "<script" not in MarkdownIt("commonmark").render(text)


def test_a_long_dashboard_fits_and_keeps_its_end() -> None:
    rows = tuple(
        replace(RAN, name=f"n{n}" * 10, detail="<a" * 5_000, what="<a" * 5_000)
        for n in range(limits.SCHEDULES)
    )
    text = render_dashboard(Dashboard(rows, previewed=True, file=FILE))
    assert len(text) <= limits.BODY_CHARACTERS
    assert text.endswith(END)


def test_a_preview(snapshot: SnapshotAssertion) -> None:
    patch = "--- a/app.py\n+++ b/app.py\n@@ -1 +1 @@\n-a\n+b\n"
    preview = Preview(
        "sums", "Add, not subtract", "Why. All tests pass.", PROVEN, patch, "3 turns.", "<!-- m -->"
    )
    assert render_preview(preview) == snapshot
    assert "All tests pass" not in render_preview(preview)


def test_a_report_is_linked_from_its_row(snapshot: SnapshotAssertion) -> None:
    said = TurnReport(
        "stale",
        "Two wait for an answer",
        "#12 waits for @ada since May. Fixes #13. All tests pass.\n\n<!-- pullwright:run:sums -->",
        "c" * 40,
        "3 turns.",
        "<!-- m -->",
    )
    assert render_report(said) == snapshot
    row = replace(
        RAN, result=ScheduleResult.NOTHING_TO_DO, detail=said.title, report="https://hub/o/r/issues/1#c2"
    )
    text = render_dashboard(Dashboard((row,), previewed=True, file=FILE))
    assert "nothing to do (Two wait for an answer), [its report](https://hub/o/r/issues/1#c2)" in text


def test_a_pull_request_and_a_commit_of_a_schedule_name_it_and_close_nothing(
    snapshot: SnapshotAssertion,
) -> None:
    body = render_pull_body(replace(PULL, schedule="sums"))
    assert "Fixes #" not in body
    assert body == snapshot
    assert render_schedule_message("Add", "Why.", "sums") == "Add\n\nWhy.\n\nFor the schedule `sums`.\n"
    assert (render_schedule_title("", "sums"), render_schedule_title("T", "sums")) == (
        "Maintenance: sums",
        "T",
    )
