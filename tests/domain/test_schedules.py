"""Whether a schedule's turn works, and what its end is called."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.limits import SCHEDULE_FAILURES
from bot.domain.outcomes import Outcome
from bot.domain.schedules import (
    FAILURES,
    WORKED,
    Begin,
    MaintenanceRef,
    Means,
    OwnPull,
    Pause,
    ScheduleResult,
    Standing,
    decide_beginning,
    decide_means,
    decide_pause,
    decide_result,
)

OURS, THEIRS, BASE, NEWER = "a" * 40, "b" * 40, "c" * 40, "d" * 40
REF = MaintenanceRef("sums", 1, pushed=(OURS,), before=BASE)
ASKED = MaintenanceRef("sums", 1, pushed=(OURS,), before=BASE, asked=True)
FULL_DAY = MaintenanceRef("sums", 1, pushed=(OURS,), before=BASE, full_day=True)
OPEN = OwnPull(5, open=True, merged=False, head=OURS)
CLOSED = OwnPull(5, open=False, merged=False, head=OURS)
MERGED = OwnPull(5, open=False, merged=True, head=THEIRS)


def standing(branch: str = "", *pulls: OwnPull, open_pulls: int = 0, base: str = NEWER) -> Standing:
    return Standing(branch, pulls, open_pulls, base)


@pytest.mark.parametrize(
    ("found", "ref", "expected"),
    [
        (standing(), REF, Begin(0, "")),
        (standing(OURS, OPEN, open_pulls=1), REF, Begin(5, OURS)),
        (standing(OURS, OPEN, base=BASE), REF, ScheduleResult.OPEN_PULL_EXISTS),
        (standing(OURS, OPEN, base=BASE), ASKED, Begin(5, OURS)),
        (standing(THEIRS, OPEN), REF, ScheduleResult.EDITED_BY_PERSON),
        (standing(THEIRS, OPEN), ASKED, ScheduleResult.EDITED_BY_PERSON),
        (standing(THEIRS), REF, ScheduleResult.EDITED_BY_PERSON),
        (standing(OURS, CLOSED), REF, ScheduleResult.CLOSED_BY_PERSON),
        (standing("", CLOSED), REF, ScheduleResult.CLOSED_BY_PERSON),
        (standing(OURS, CLOSED), ASKED, Begin(0, OURS)),
        (standing(THEIRS, MERGED), REF, Begin(0, THEIRS)),
        (standing("", MERGED), REF, Begin(0, "")),
        (standing("", CLOSED, MERGED), REF, Begin(0, "")),
        (standing("", open_pulls=3), REF, ScheduleResult.LIMIT_OPEN),
        (standing("", open_pulls=3), ASKED, Begin(0, "")),
        (standing(OURS, OPEN, open_pulls=9), REF, Begin(5, OURS)),
        (standing(), FULL_DAY, ScheduleResult.LIMIT_DAY),
        (standing(), replace(FULL_DAY, asked=True), Begin(0, "")),
        (standing(), replace(FULL_DAY, preview=True), Begin(0, "")),
        (standing(OURS, OPEN), FULL_DAY, Begin(5, OURS)),
        (standing(OURS, replace(OPEN, days=31.0)), REF, ScheduleResult.PAUSED),
        (standing(OURS, replace(OPEN, days=31.0)), ASKED, Begin(5, OURS)),
        (standing(OURS, replace(OPEN, days=29.0)), REF, Begin(5, OURS)),
    ],
)
def test_a_turn_begins_or_says_why_not(
    found: Standing, ref: MaintenanceRef, expected: Begin | ScheduleResult
) -> None:
    assert decide_beginning(ref, found, most_open=3) == expected


_SHAS = st.sampled_from((OURS, THEIRS, BASE, NEWER))
_PULLS = st.builds(OwnPull, st.integers(1, 9), open=st.booleans(), merged=st.booleans(), head=_SHAS)


@given(st.booleans(), st.one_of(st.just(""), _SHAS), st.lists(_PULLS, max_size=3), st.integers(0, 5))
def test_nothing_but_what_earlier_turns_left_is_ever_replaced(
    asked: bool, branch: str, pulls: list[OwnPull], others: int
) -> None:
    ref = ASKED if asked else REF
    decided = decide_beginning(ref, Standing(branch, tuple(pulls), others, NEWER), 3)
    if isinstance(decided, Begin):
        merged = {pull.head for pull in pulls if pull.merged}
        assert decided.over == branch
        assert branch in {"", OURS, *merged}
        assert decided.pull in {0, *(pull.number for pull in pulls if pull.open)}


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("updated", [True, False])
def test_every_end_of_a_task_is_a_result(outcome: Outcome, updated: bool) -> None:
    assert decide_result(outcome, "", updated=updated) in ScheduleResult


def test_what_the_turn_named_itself_is_its_result() -> None:
    assert decide_result(Outcome.NOT_RUN, "closed_by_person", updated=True) is ScheduleResult.CLOSED_BY_PERSON
    assert decide_result(Outcome.PROVEN, "previewed", updated=False) is ScheduleResult.PREVIEWED
    assert decide_result(Outcome.PROVEN, "", updated=True) is ScheduleResult.UPDATED
    assert decide_result(Outcome.CHECKED, "", updated=False) is ScheduleResult.OPENED
    assert decide_result(Outcome.CRASHED, "previewed", updated=False) is ScheduleResult.ERROR


def test_limits_hold_and_a_person_goes_before_the_repositorys_own() -> None:
    assert decide_means(Means(), asked=False) is None
    assert decide_means(Means(opened_today=2, most_a_day=2), asked=False) is None, "it may be an update"
    assert decide_means(Means(usd_this_week=5, most_usd=5), asked=False) is ScheduleResult.LIMIT_MONEY
    assert decide_means(Means(usd_this_week=5), asked=False) is None, "no bound of its own"
    used_up = Means(opened_today=9, most_a_day=2, usd_this_week=5, most_usd=5)
    assert decide_means(used_up, asked=True) is None
    assert decide_means(Means(spent_out=True), asked=True) is ScheduleResult.LIMIT_MONEY


def test_so_many_failures_in_a_row_pause_and_turns_that_did_nothing_do_not_count() -> None:
    failed = (ScheduleResult.GAVE_UP, ScheduleResult.ERROR, ScheduleResult.TESTS_RED_AT_BASE)
    assert decide_pause(failed) is Pause.FAILURES
    assert (
        decide_pause((ScheduleResult.LIMIT_DAY, failed[0], ScheduleResult.NOT_DUE, *failed[1:]))
        is Pause.FAILURES
    )
    assert decide_pause(failed[:-1]) is None
    assert decide_pause((ScheduleResult.UPDATED, *failed)) is None
    assert decide_pause((*failed[:2], ScheduleResult.NOTHING_TO_DO, failed[2])) is None
    assert decide_pause((ScheduleResult.PAUSED,)) is Pause.NEGLECT
    assert decide_pause((ScheduleResult.UPDATED, ScheduleResult.PAUSED)) is None


@given(st.lists(st.sampled_from(tuple(ScheduleResult))))
def test_a_pause_has_its_failures(results: list[ScheduleResult]) -> None:
    worked = [one for one in results if one in WORKED]
    failing = len(worked) >= SCHEDULE_FAILURES and set(worked[:SCHEDULE_FAILURES]) <= FAILURES
    neglected = results[:1] == [ScheduleResult.PAUSED]
    assert (decide_pause(tuple(results)) is Pause.FAILURES) == (failing and not neglected)
