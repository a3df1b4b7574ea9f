"""Which checks are over, whose fault a red one is, what follows."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import limits
from bot.domain.ci import (
    Blame,
    Check,
    CheckKind,
    CheckSet,
    Earlier,
    NotYet,
    Settled,
    State,
    Step,
    Suspicion,
    Waits,
    count_repairs,
    decide_blame,
    decide_next,
    decide_settled,
    decide_suspicions,
    parse_checks,
)
from bot.domain.ci_log import find_excerpt, focus_log

OWN, ACTIONS = 7, {"id": 15368, "slug": "github-actions", "name": "GitHub Actions"}
WAITS = Waits(quiet_s=30, most_s=3600, look_most_s=120)


def run(number: int, name: str = "test", conclusion: str | None = "success", **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "name": name,
        "status": "completed" if conclusion else "in_progress",
        "conclusion": conclusion,
        "completed_at": "2026-11-26T10:00:00Z" if conclusion else None,
        "html_url": f"https://github.com/o/r/actions/runs/1/job/{number}",
        "check_suite": {"id": 1},
        "app": ACTIONS,
        "output": {"title": None, "summary": None},
        **more,
    }


def suite(number: int, status: str, conclusion: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": number, "status": status, "conclusion": conclusion, "app": ACTIONS, **more}


def status(number: int, context: str, state: str) -> dict[str, Any]:
    return {"id": number, "context": context, "state": state, "updated_at": "2026-11-26T10:00:00Z"}


def check(name: str, state: State = State.FAILED, *earlier: State, app: str = "github-actions") -> Check:
    return Check(CheckKind.RUN, app, name, state, id=1, ended_at=100.0, earlier=earlier)


# -- parsing -------------------------------------------------------------------------------------------------------


def test_of_several_runs_of_one_check_the_newest_counts_and_the_others_are_remembered() -> None:
    (found,) = parse_checks(
        [run(3, conclusion="failure"), run(1), run(2, conclusion="failure")], [], [], OWN
    ).checks
    assert (found.state, found.id, found.earlier) == (State.FAILED, 3, (State.PASSED, State.FAILED))
    assert found.is_flaky
    assert found.job == 3


def test_jobs_of_one_name_in_two_workflows_are_two_checks() -> None:
    other = run(2, conclusion="failure", check_suite={"id": 2})
    assert [one.state for one in parse_checks([run(1), other], [], [], OWN).checks] == [
        State.PASSED,
        State.FAILED,
    ]


def test_our_own_check_runs_and_suites_are_none() -> None:
    ours = {"id": OWN, "slug": "pullwright", "name": "Pullwright"}
    found = parse_checks(
        [run(1, conclusion="failure", app=ours)], [suite(1, "completed", "failure", app=ours)], [], OWN
    )
    assert found == CheckSet()


@pytest.mark.parametrize("word", ["cancelled", "skipped", "neutral", "stale", "action_required"])
def test_what_nobody_calls_red_is_not_red(word: str) -> None:
    found = parse_checks([run(1, conclusion=word)], [suite(1, "completed", word)], [], OWN)
    assert found.failed == ()
    assert found.unfinished == ()


def test_a_workflow_that_could_not_begin_is_red_without_a_run() -> None:
    (failed,) = parse_checks([], [suite(4, "completed", "startup_failure")], [], OWN).failed
    assert (failed.kind, failed.name) == (CheckKind.SUITE, "GitHub Actions: startup failure")
    assert failed.job == 0


def test_a_suite_whose_next_job_has_no_run_yet_is_not_over_and_one_that_is_never_used_is() -> None:
    used, unused = (
        suite(1, "in_progress"),
        suite(2, "queued", app={"id": 9, "slug": "other", "name": "Other"}),
    )
    assert parse_checks([run(1)], [used, unused], [], OWN).unfinished == ("GitHub Actions",)


def test_of_each_commit_status_the_newest_counts() -> None:
    told = [status(2, "ci/x", "failure"), status(1, "ci/x", "pending"), status(3, "ci/y", "error")]
    found = parse_checks([], [], told, OWN)
    assert [(one.name, one.state) for one in found.checks] == [("ci/x", State.FAILED), ("ci/y", State.FAILED)]
    assert found.checks[0].app == ""


_KEYS = st.sampled_from(
    [
        "id",
        "name",
        "status",
        "conclusion",
        "app",
        "slug",
        "check_suite",
        "output",
        "context",
        "state",
        "title",
    ]
)
_PLAIN = (
    st.none() | st.booleans() | st.integers(-1, 3) | st.sampled_from(["", "failure", "completed", "\ud800\0"])
)
_PART = st.dictionaries(st.sampled_from(["id", "slug", "title"]), _PLAIN, max_size=3)
_ITEMS = st.lists(
    st.dictionaries(_KEYS, _PLAIN | _PART | st.lists(_PLAIN, max_size=2), max_size=8), max_size=3
)


@given(_ITEMS, _ITEMS, _ITEMS)
def test_whatever_json_comes_it_is_read_and_can_be_stored(runs: Any, suites: Any, statuses: Any) -> None:
    found = parse_checks(runs, suites, statuses, OWN)
    assert len(found.checks) <= len(runs) + len(suites) + len(statuses)
    json.dumps([one.name for one in found.checks]).encode()


# -- waiting -------------------------------------------------------------------------------------------------------

_STATES = st.sampled_from(State)
_SETS = st.builds(
    CheckSet,
    st.lists(
        st.builds(
            Check,
            st.just(CheckKind.RUN),
            st.just("a"),
            st.sampled_from("xyz"),
            _STATES,
            ended_at=st.floats(0, 10_000),
        ),
        max_size=4,
    ).map(tuple),
)


def test_a_check_that_runs_is_waited_for_and_one_that_has_just_ended_too() -> None:
    runs = CheckSet((check("a"), check("b", State.PENDING)))
    assert isinstance(decide_settled(runs, 100, 1000, WAITS), NotYet)
    ended = CheckSet((check("a"),))
    assert isinstance(decide_settled(ended, 100, 129, WAITS), NotYet)
    assert decide_settled(ended, 100, 130, WAITS) == Settled()


def test_patience_ends_and_says_what_still_ran() -> None:
    runs = CheckSet((check("a"), check("slow", State.PENDING)), ("Other",))
    assert decide_settled(runs, 100, 100 + 3600, WAITS) == Settled(("slow", "Other"))


@given(_SETS, st.floats(0, 10_000))
def test_looking_again_and_again_comes_to_an_end_within_the_maximum(found: CheckSet, began: float) -> None:
    now, looks = began, 0
    while isinstance(answer := decide_settled(found, began, now, WAITS), NotYet):
        assert now < answer.until <= began + WAITS.most_s
        now, looks = answer.until, looks + 1
    assert now <= began + WAITS.most_s
    assert looks <= limits.TASK_DEFERRALS // 2


# -- blame ---------------------------------------------------------------------------------------------------------


def test_what_is_red_on_the_base_too_is_not_ours() -> None:
    head = CheckSet((check("lint"), check("test"), check("docs", State.PASSED)))
    base = CheckSet((check("lint"), check("test", State.PASSED)))
    blame = decide_blame(head, [CheckSet(), base])
    assert [one.name for one in blame.ours] == ["test"]
    assert [one.name for one in blame.on_base] == ["lint"]


def test_a_name_that_is_red_and_green_on_the_base_excuses_nothing() -> None:
    base = CheckSet((check("test"), check("test", State.PASSED)))
    assert decide_blame(CheckSet((check("test"),)), [base]).on_base == ()


def test_the_same_name_of_another_app_excuses_nothing() -> None:
    assert decide_blame(CheckSet((check("test"),)), [CheckSet((check("test", app="other"),))]).on_base == ()


@given(_SETS, st.lists(_SETS, max_size=2))
def test_every_red_check_is_blamed_once(head: CheckSet, bases: list[CheckSet]) -> None:
    blame = decide_blame(head, bases)
    assert len(blame.ours) + len(blame.on_base) == len(head.failed)


# -- what follows --------------------------------------------------------------------------------------------------

OURS = Blame((check("test"),))
FLAKY = Blame((check("test", State.FAILED, State.PASSED),))


@pytest.mark.parametrize(
    ("blame", "repairs", "asked", "step"),
    [
        (Blame(), 0, False, Step.NOTHING_RED),
        (Blame((), OURS.ours), 0, True, Step.RED_ON_BASE),
        (OURS, 2, False, Step.REPAIR),
        (OURS, 3, False, Step.HAND_OVER),
        (OURS, 3, True, Step.REPAIR),
        (FLAKY, 0, False, Step.FLAKY),
        (FLAKY, 0, True, Step.REPAIR),
        (Blame((*FLAKY.ours, *OURS.ours)), 0, False, Step.REPAIR),
    ],
)
def test_what_follows(blame: Blame, repairs: int, asked: bool, step: Step) -> None:
    assert decide_next(blame, repairs, 3, asked=asked) is step


def test_repairs_are_counted_since_a_person_last_asked() -> None:
    repair, looked, person = Earlier(False, True), Earlier(False, False), Earlier(True, True)
    assert count_repairs([]) == 0
    assert count_repairs([repair, looked, repair]) == 2
    assert count_repairs([repair, person, repair, repair]) == 1


def test_suspicions_are_told_apart() -> None:
    plain = check("test")
    changed = ("app.py", "tests/test_app.py")
    assert decide_suspicions(plain, ["tests/test_app.py"], changed, verified=True) == ()
    assert decide_suspicions(plain, [], changed, verified=True) == (), "a log that names no file says nothing"
    found = decide_suspicions(FLAKY.ours[0], ["tests/test_net.py"], changed, verified=True)
    assert found == (Suspicion.SAME_COMMIT, Suspicion.ELSEWHERE, Suspicion.VERIFIED)
    assert decide_suspicions(plain, ["tests/test_net.py"], changed, verified=False) == (Suspicion.ELSEWHERE,)


# -- logs ----------------------------------------------------------------------------------------------------------

TIME = "2026-11-26T10:00:00.1234567Z "
LOG = "\n".join(
    [
        f"\ufeff{TIME}##[group]Run pytest",
        *(f"{TIME}tests/test_{n}.py ." for n in range(50)),
        f"{TIME}FAILED tests/test_app.py::test_sum - assert -1 == 3",
        f"{TIME}##[error]Process completed with exit code 1.",
        *(f"{TIME}Post job clean-up {n}" for n in range(40)),
        "",
    ]
)


def test_times_and_clean_up_are_taken_from_a_log() -> None:
    focused = focus_log(LOG)
    assert TIME[:10] not in focused
    assert focused.startswith("##[group]Run pytest\n")
    assert "Post job clean-up 39" not in focused
    assert focused.endswith("[… 38 lines of clean-up left out …]")


def test_an_excerpt_ends_with_the_error() -> None:
    assert find_excerpt(focus_log(LOG), 2).split("\n") == [
        "FAILED tests/test_app.py::test_sum - assert -1 == 3",
        "##[error]Process completed with exit code 1.",
    ]
    assert find_excerpt("a\nb\nc\n", 2) == "b\nc"


@given(st.text(max_size=400), st.integers(1, 5))
def test_any_text_can_be_a_log(text: str, count: int) -> None:
    focused = focus_log(text)
    assert focused.count("\n") <= text.count("\n")
    assert find_excerpt(focused, count).count("\n") < count
