"""No text that is cut is without an address of what has the rest: over all texts, with as much as each can be given."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

import bot.texts
from bot.domain import limits
from bot.domain.effective import Effective
from bot.domain.evidence import Evidence, RunPurpose, TestProof, Tier
from bot.domain.findings import Arranged, Finding, Priority
from bot.domain.follow_up import PointAnswer
from bot.domain.ids import CommitSha
from bot.domain.outcomes import Outcome
from bot.domain.review_report import Report, Standing, Told
from bot.domain.schedules import ScheduleResult
from bot.texts.answers import Answer, render_answer
from bot.texts.checks import render_check
from bot.texts.dashboard import (
    Dashboard,
    DashboardRow,
    Preview,
    TurnReport,
    render_dashboard,
    render_preview,
    render_report,
)
from bot.texts.endings import Ending, render_ending, render_patch
from bot.texts.follow_ups import PointText, Pushed, render_point_reply, render_points_table, render_pushed
from bot.texts.markers import review_marker, seen_marker, tracking_marker
from bot.texts.pull_request import Push, render_pull_body
from bot.texts.red_checks import ChecksText, RedCheck, Tried, render_checks, render_checks_end
from bot.texts.replies import render_config
from bot.texts.reviews import ReviewText, render_finding, render_review, render_review_check
from bot.texts.size import count_units, measure_words, render_page, split_pages
from tests.texts.examples import PROVEN, PULL, TASK, ran

MARK = tracking_marker(TASK)
HUB = "https://hub/o/r"
FILE = f"{HUB}/blob/main/.github/pullwright.yml"
_CUT = re.compile(
    r"\[… |… and \d|\band \d[\d,]* more|the rest was cut|\d earlier ones|Not all of it|Not in this patch"
)


def words(characters: int) -> str:
    """A model's text, as long as it may be where it comes in."""
    one = "<a word of mine "
    text = one * (characters // (measure_words(f"{one}x") - 1))
    assert characters - 30 < measure_words(text) <= characters
    return text


IDS = tuple(f"tests/test_{n}.py::test_" + "x" * 150 for n in range(5_000))
HUGE: Evidence = replace(
    PROVEN,
    runs=tuple(replace(ran(RunPurpose.FLAKE_PATCH, 1, n, 1), command=f"c{n}") for n in range(500)),
    proofs=tuple(TestProof(one, 2, 2, 3, 3, "assert " * 2_000) for one in IDS[:1_000]),
    notes=tuple(f"note {n} " + "<a" * 300 for n in range(500)),
    regressions=IDS, missing=IDS, failing_before=IDS, flaky=IDS,
)  # fmt: skip
BROKEN = replace(HUGE, tier=Tier.D, reason="<a" * 400, proofs=())
PATCH = "".join(
    f"diff --git a/f{n} b/f{n}\n--- a/f{n}\n+++ b/f{n}\n@@ -0,0 +1,2000 @@\n" + "+a line of it\n" * 2_000
    for n in range(60)
)
RED = ChecksText(
    "a" * 40, "main",
    tuple(RedCheck(f"test {n}", f"{HUB}/runs/{n}", "failure", ("it is old",), "E assert\n" * 3_000) for n in range(20)),
    tuple(f"lint {n}" for n in range(50)),
)  # fmt: skip
POINTS = tuple(
    PointText(n, "a.py:1", PointAnswer.DONE, words(1_000), f"{HUB}/pull/1#discussion_r{n}") for n in range(30)
)
FOUND = Finding(
    "src/" + "d/" * 100 + "a.py", 1, 2, Priority.P1, "T" * 120, words(limits.FINDING_CHARACTERS),
    "s" * 4_000, "r" * 2_000, "x",
)  # fmt: skip
TOLD = Told("PRRT_1", "a.py", 3, Priority.P1, "T" * 120, "0" * 16, f"{HUB}/pull/1#r1", Standing.OPEN)
REVIEW = ReviewText(
    Report(
        Outcome.FINDINGS, Arranged(loose=(FOUND,) * limits.FINDINGS), fixed=(TOLD,) * 60, reasons=("<a" * 150,) * 60,
        open=(TOLD,) * 60,
    ),
    "a" * 40, "b" * 40, "c" * 40, frozenset(), words(limits.SUMMARY_CHARACTERS), ("<a" * 400,) * 10, "", "3 turns.",
    (seen_marker(CommitSha("a" * 40), CommitSha("b" * 40)), review_marker(TASK)),
)  # fmt: skip
ROW = DashboardRow(
    "n" * 40,
    "0 3 * * 1-5",
    "Europe/Berlin",
    "<a" * 500,
    1_796_000_000.0,
    ScheduleResult.GAVE_UP,
    "<a" * 5_000,
    7,
    1.0,
)
PREVIEW = Preview("sums", "T" * 500, words(limits.SUMMARY_CHARACTERS), HUGE, PATCH, "3 turns.", MARK)
PUSHES = tuple(Push("c" * 40, "<a" * 500, "ada", "A") for _ in range(200))


def pushed(*, patch: str = "", page: str = f"{HUB}/commit/c/checks") -> str:
    about = "\n\n".join((render_checks(RED), render_points_table(POINTS)))
    text = Pushed(
        Outcome.PROVEN,
        "c" * 40,
        "b" * 40,
        "T" * 500,
        words(6_000),
        HUGE,
        "",
        MARK,
        patch,
        about=about,
        page=page,
    )
    return render_pushed(text)


def paged(body: str) -> list[str]:
    """As comments, with the addresses that they get."""
    pages = split_pages(body, MARK)
    addresses = tuple(f"{HUB}/issues/1#issuecomment-{n}" for n in range(len(pages)))
    return [render_page(pages, n, addresses, MARK) for n in range(len(pages))]


ENDING = Ending(
    Outcome.UNVERIFIED, "the log\n" * 3_000, "agent", words(30_000), ("<a" * 250,) * 3, evidence=BROKEN, patch=PATCH,
    marker=MARK, about=render_checks(RED),
)  # fmt: skip

LONG: dict[str, Callable[[], list[str]]] = {
    "render_answer": lambda: paged(render_answer(Answer(words(30_000), "ada", "c" * 40, "", MARK))),
    "render_ending": lambda: paged(render_ending(replace(ENDING, outcome=Outcome.OUT_OF_TURNS, evidence=None))),
    "render_ending, not verified": lambda: paged(render_ending(ENDING)),
    "render_ending, measured": lambda: paged(render_ending(replace(ENDING, pull_url=f"{HUB}/pull/8", pull_number=8))),
    "render_pushed": lambda: paged(pushed()),
    "render_pushed, shown": lambda: paged(pushed(patch=PATCH)),
    "render_checks_end": lambda: paged(
        render_checks_end(Outcome.HANDED_OVER, RED, (Tried("c" * 40, "T" * 400, "w " * 400),) * 3, "agent", MARK)
    ),
    "render_preview": lambda: paged(render_preview(PREVIEW)),
    "render_report": lambda: paged(render_report(TurnReport("sums", "T" * 500, words(30_000), "c" * 40, "", MARK))),
    "render_pull_body": lambda: [
        render_pull_body(
            replace(
                PULL, summary=words(6_000), root_cause=words(6_000), risks=words(6_000), evidence=HUGE, pushes=PUSHES,
                commits_url=f"{HUB}/pull/1/commits", advice=("<a" * 500,) * 5,
            )
        )
    ],
    "render_review": lambda: [render_review(REVIEW)],
    "render_review_check": lambda: [render_review_check(REVIEW, f"{HUB}/pull/1#review").summary],
    "render_dashboard": lambda: [render_dashboard(Dashboard((ROW,) * limits.SCHEDULES, False, FILE, "<a" * 500))],
    "render_config": lambda: [render_config((Effective("k", "v" * 5_000, "the file", ""),) * 60, ("m",), FILE)],
    "render_finding": lambda: [render_finding(FOUND)],
    "render_point_reply": lambda: [render_point_reply(PointAnswer.DONE, words(1_000), "c" * 40, "<!-- m -->")],
}  # fmt: skip
"""The longest that each text can become. What is a comment of a task goes on in pages."""

PARTS = {
    "render_box", "render_checks", "render_dropped", "render_merged", "render_page", "render_patch", "render_place",
    "render_plan", "render_points_table", "render_posted", "render_proofs", "render_remarks", "render_reproduce",
    "render_runs", "render_spent", "render_surroundings", "render_unheard", "render_verdict", "render_whole",
}  # fmt: skip
"""Parts of the texts above, which are asked about them."""
SHORT = {
    "render_branch", "render_call", "render_commit_message", "render_config_address", "render_config_fault",
    "render_conflict", "render_help", "render_mending", "render_merge_instruction", "render_merge_summary",
    "render_merge_title", "render_pull_title", "render_questions", "render_refusal", "render_schedule_message",
    "render_schedule_title", "render_second_branch", "render_status", "render_thread_address", "render_tracking",
    "render_undo_message", "render_undone", "render_waiting",
}  # fmt: skip
"""Bounded by what they are made of: a few lines each, or no body on GitHub."""


def find_cut_without_address(texts: list[str]) -> list[str]:
    """Signs of a cut in comments of which none leads anywhere."""
    return [] if any(HUB in text for text in texts) else [cut for text in texts for cut in _CUT.findall(text)]


@pytest.mark.parametrize("name", LONG)
def test_no_text_that_is_cut_is_without_an_address_of_the_rest(name: str) -> None:
    texts = LONG[name]()
    assert max(map(count_units, texts)) <= limits.BODY_CHARACTERS
    assert len(texts) <= 12
    assert find_cut_without_address(texts) == []


def test_the_check_would_see_one() -> None:
    assert find_cut_without_address(["x and 12 more"])
    assert find_cut_without_address([LONG["render_pull_body"]()[0].replace(HUB, "")])


def list_texts() -> Iterator[str]:
    for module in pkgutil.iter_modules(bot.texts.__path__):
        for name, _ in inspect.getmembers(
            importlib.import_module(f"bot.texts.{module.name}"), inspect.isfunction
        ):
            if name.startswith("render_"):
                yield name


def test_every_text_is_one_of_them() -> None:
    known = {name.partition(",")[0] for name in LONG} | PARTS | SHORT | {"render_check"}
    assert set(list_texts()) - known == set()


def test_the_models_words_are_never_cut() -> None:
    numbered = " ".join(f"w{n}" for n in range(4_500))
    assert measure_words(numbered) < limits.ANSWER_CHARACTERS
    for body in (
        render_answer(Answer(numbered, "ada", "c" * 40, "", MARK)),
        render_ending(replace(ENDING, summary=numbered)),
    ):
        said = "\n".join(paged(body))
        assert all(f"w{n}" in said for n in range(4_500))


def test_what_no_page_has_stands_below_the_lists(snapshot: SnapshotAssertion) -> None:
    some = replace(
        PROVEN, tier=Tier.D, proofs=(), regressions=IDS[:22], notes=tuple(f"note {n}" for n in range(21))
    )
    text = render_ending(Ending(Outcome.UNVERIFIED, "", "agent", evidence=some, marker=MARK))
    assert text[text.index("<details><summary>What is not listed") :] == snapshot
    assert all(one in text for one in IDS[:22])
    assert "What is not listed" not in render_ending(Ending(Outcome.UNVERIFIED, "", "agent", evidence=PROVEN))


def test_of_a_patch_whole_files_are_shown_and_the_others_named(snapshot: SnapshotAssertion) -> None:
    one = "diff --git a/{0} b/{0}\n--- a/{0}\n+++ b/{0}\n@@ -1 +1 @@\n-a\n+b\n"
    data = (
        "diff --git a/data.json b/data.json\n--- a/data.json\n+++ b/data.json\n@@ -0,0 +1 @@\n+"
        + "x" * 30_000
        + "\n"
    )
    assert render_patch(one.format("a.py") + data + one.format("b.py")) == snapshot


def test_the_check_run_has_all_that_others_are_cut_of() -> None:
    check = render_check(BROKEN, "{}", "0" * 64)
    assert "the rest was cut" not in check.summary
    assert count_units(check.summary) <= limits.CHECK_TEXT_CHARACTERS
    assert check.text == "```json\n{}\n```"


def test_what_was_measured_is_cut_before_the_models_words(snapshot: SnapshotAssertion) -> None:
    body = LONG["render_pull_body"]()[0]
    assert "### Look twice" in body
    assert "### A second reader asks" in body
    tail = body[body.index("Not all of it is shown here") :]
    assert re.sub(r"(&lt;a( word of mine )?|<a)+", "…", tail) == snapshot
