"""Places in the queue: told soon, told seldom, told to those near the front."""

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.ids import TaskId
from bot.domain.limits import COMMENT_EDIT_SPACING_S, QUEUE_NOTICES, QUEUE_QUIET_S, QUEUE_SHOWN
from bot.domain.queue_notices import Notice, Told, decide_notices

A, B, C = TaskId("a"), TaskId("b"), TaskId("c")
LONG = QUEUE_QUIET_S + 1


def test_a_wait_of_seconds_is_not_worth_a_word() -> None:
    assert decide_notices((A,), {A: 100.0}, {}, 100.0 + QUEUE_QUIET_S / 2) == ()
    assert decide_notices((A,), {A: 100.0}, {}, 100.0 + LONG) == (Notice(A, 0, True),)


def test_a_place_that_changed_is_told_after_a_while_and_after_those_who_know_nothing() -> None:
    since = {A: 0.0, B: 0.0, C: 0.0}
    told = {A: Told(1, 100.0), B: Told(1, 100.0)}
    soon, later = 101.0, 100.0 + COMMENT_EDIT_SPACING_S
    assert decide_notices((A, B, C), since, told, soon) == (Notice(C, 2, True),)
    assert decide_notices((A, B, C), since, told, later) == (Notice(C, 2, True), Notice(A, 0, False))


@given(st.integers(0, 60), st.integers(0, 200))
def test_far_behind_nothing_changes_when_the_queue_moves(moved: int, seconds: int) -> None:
    queue = tuple(TaskId(str(n)) for n in range(100))
    since = dict.fromkeys(queue, 0.0)
    told = {task: Told(min(n, QUEUE_SHOWN), 0.0) for n, task in enumerate(queue)}
    notices = decide_notices(queue[moved:], since, told, float(seconds))
    assert len(notices) <= QUEUE_NOTICES
    assert all(one.before < QUEUE_SHOWN for one in notices)
    if seconds < COMMENT_EDIT_SPACING_S or not moved:
        assert notices == ()
