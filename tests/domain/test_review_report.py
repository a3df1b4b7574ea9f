"""What a review says, leaves unsaid, and how it ends."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.findings import Finding, Priority, fingerprint
from bot.domain.outcomes import Outcome
from bot.domain.review_memory import Standing
from bot.domain.review_report import Before, Found, Head, Report, Taste, Told, decide_report
from bot.domain.unified_diff import parse_diff

DIFF = parse_diff(
    "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,3 @@\n x = 1\n+y = 1 / x\n z = 2\n"
)
NEW = Finding("a.py", 2, 2, Priority.P1, "Divides by zero", "When x is 0.")
TOLD = Told("T1", "a.py", 3, Priority.P1, "The sum is wrong", "0" * 16, "http://hub/1", Standing.OPEN)
OF_NEW = replace(TOLD, title=NEW.title, fingerprint=fingerprint(NEW))
STAYS = Head()


def report(
    *findings: Finding,
    told: tuple[Told, ...] = (),
    loose: frozenset[str] = frozenset(),
    mended: dict[str, str] | None = None,
    head: Head = STAYS,
    worked: Outcome = Outcome.CLEAN,
    taste: Taste | None = None,
) -> Report:
    found = Found(worked, findings, mended)
    return decide_report(found, DIFF, Before(told, loose, first=not told), head, taste or Taste())


def test_nothing_found_and_nothing_left_is_clean() -> None:
    assert report().outcome is Outcome.CLEAN


def test_a_new_finding_is_said_and_counts() -> None:
    made = report(NEW)
    assert (made.outcome, made.worst) == (Outcome.FINDINGS, Priority.P1)
    assert [one.finding for one in made.arranged.anchored] == [NEW]


@pytest.mark.parametrize(
    ("standing", "outcome", "said"),
    [
        (Standing.OPEN, Outcome.FINDINGS, 0),
        (Standing.WAVED_OFF, Outcome.FINDINGS, 0),
        (Standing.DISMISSED, Outcome.CLEAN, 0),
        (Standing.GONE, Outcome.FINDINGS, 1),
    ],
)
def test_what_people_know_is_not_said_again_and_counts_by_what_they_did(
    standing: Standing, outcome: Outcome, said: int
) -> None:
    """A dismissed one is neither said nor counted; one that we had resolved and that is back is said."""
    made = report(NEW, told=(replace(OF_NEW, standing=standing),))
    assert (made.outcome, len(made.arranged.anchored)) == (outcome, said)


def test_other_words_about_the_same_are_the_same() -> None:
    dismissed = replace(OF_NEW, fingerprint="1" * 16, title="It divides by zero", standing=Standing.DISMISSED)
    assert report(NEW, told=(dismissed,)).outcome is Outcome.CLEAN
    assert report(replace(NEW, path="b.py"), told=(dismissed,)).outcome is Outcome.FINDINGS


def test_what_is_told_and_not_mended_keeps_a_review_from_being_clean() -> None:
    made = report(told=(TOLD,))
    assert (made.outcome, made.open, made.told_before, made.worst) == (
        Outcome.FINDINGS,
        (TOLD,),
        1,
        Priority.P1,
    )
    assert not made.has_news


def test_what_is_mended_is_resolved_with_its_reason() -> None:
    made = report(told=(TOLD,), mended={"T1": "It adds."})
    assert (made.outcome, made.fixed, made.reasons, made.open) == (Outcome.CLEAN, (TOLD,), ("It adds.",), ())
    assert made.has_news


@pytest.mark.parametrize(
    ("findings", "head", "worked"),
    [
        ((), Head(moved=True), Outcome.CLEAN),
        ((), Head(unchanged=True), Outcome.CLEAN),
        ((), STAYS, Outcome.OUT_OF_MONEY),
        ((NEW,), STAYS, Outcome.CLEAN),
    ],
    ids=["the head moved", "nothing was pushed", "not finished", "found once more"],
)
def test_a_word_alone_mends_nothing(findings: tuple[Finding, ...], head: Head, worked: Outcome) -> None:
    made = report(*findings, told=(OF_NEW,), mended={"T1": "Trust me."}, head=head, worked=worked)
    assert made.fixed == ()
    assert made.open == (OF_NEW,)
    assert made.outcome is not Outcome.CLEAN


def test_a_dismissed_thread_is_left_alone() -> None:
    made = report(told=(replace(TOLD, standing=Standing.DISMISSED),), mended={"T1": "It adds."})
    assert (made.outcome, made.fixed) == (Outcome.CLEAN, ())


def test_below_the_floor_nothing_is_said_and_nothing_counts() -> None:
    low, told = replace(NEW, priority=Priority.P3), replace(TOLD, priority=Priority.P2)
    assert report(low, told=(told,), taste=Taste(Priority.P1)).outcome is Outcome.CLEAN


def test_what_stands_in_the_text_of_a_review_is_counted_when_it_is_found_again() -> None:
    made = report(NEW, loose=frozenset({fingerprint(NEW)}))
    assert (made.outcome, made.repeated, made.arranged.anchored) == (Outcome.FINDINGS, (NEW,), ())


def test_a_head_that_moved_is_stale_and_anchors_nothing() -> None:
    made = report(NEW, head=Head(moved=True))
    assert (made.outcome, made.arranged.loose) == (Outcome.STALE, (NEW,))


FINDINGS = st.builds(
    Finding,
    path=st.sampled_from(["a.py", "b.py"]),
    start=st.just(2),
    end=st.just(2),
    priority=st.sampled_from(Priority),
    title=st.sampled_from(["one two three", "one two four", "x"]),
    body=st.just("b"),
)
THREADS = st.builds(
    Told,
    thread=st.sampled_from(["T1", "T2"]),
    path=st.sampled_from(["a.py", "b.py"]),
    line=st.just(2),
    priority=st.sampled_from(Priority),
    title=st.sampled_from(["one two three", "x"]),
    fingerprint=st.just("0" * 16),
    url=st.just(""),
    standing=st.sampled_from(Standing),
)


@given(
    st.lists(FINDINGS, max_size=5).map(tuple),
    st.lists(THREADS, max_size=4, unique_by=lambda one: one.thread).map(tuple),
    st.sets(st.sampled_from(["T1", "T2"])),
)
def test_green_means_that_nothing_is_left(
    findings: tuple[Finding, ...], told: tuple[Told, ...], mended: set[str]
) -> None:
    made = report(*findings, told=told, mended=dict.fromkeys(mended, "why"))
    left = [one for one in told if one.counts and one.thread not in {fixed.thread for fixed in made.fixed}]
    assert (made.outcome is Outcome.CLEAN) == (
        not made.arranged.anchored and not made.arranged.loose and not left
    )
    assert {one.thread for one in made.fixed} <= mended
