"""What becomes of a schedule's turn: whether it runs, what it may touch, how it ended. Pure.

The closed set of results is what people read in the dashboard, the log and the metrics (law 8).

Must never: let a run touch a branch that holds anything but the commits of its own earlier runs, or propose again
what a person has closed.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from bot.domain import limits
from bot.domain.outcomes import Outcome


class ScheduleResult(StrEnum):
    """How one turn of a schedule ended. Exactly one for each."""

    OPENED = "opened"  # a pull request
    UPDATED = "updated"  # its open one
    PREVIEWED = "previewed"  # the first run in a repository: shown and not proposed
    NOTHING_TO_DO = "nothing_to_do"
    OPEN_PULL_EXISTS = "open_pull_exists"  # and nothing was merged since it was made
    CLOSED_BY_PERSON = "closed_by_person"  # its pull request was closed unmerged: that was an answer
    EDITED_BY_PERSON = "edited_by_person"  # its branch holds commits that are not its own
    LIMIT_OPEN = "limit_open"  # enough of its kind are open here
    LIMIT_DAY = "limit_day"  # enough were opened within a day
    LIMIT_MONEY = "limit_money"
    NOT_DUE = "not_due"  # missed while nobody was there, and the next turn comes soon
    PAUSED = "paused"  # its pull request is open for a month, and so it rests from now on
    REMOVED = "removed"  # the file does not name it any more
    CONFIG_INVALID = "config_invalid"
    TESTS_RED_AT_BASE = "tests_red_at_base"  # no test passes there, so nothing could be proven
    GAVE_UP = "gave_up"
    STOPPED = "stopped"  # by a person
    ERROR = "error"


FAILURES: Final = frozenset((ScheduleResult.GAVE_UP, ScheduleResult.ERROR, ScheduleResult.TESTS_RED_AT_BASE))
"""So many of them in a row pause a schedule (SCHEDULE_FAILURES)."""
WORKED: Final = FAILURES | {
    ScheduleResult.OPENED,
    ScheduleResult.UPDATED,
    ScheduleResult.PREVIEWED,
    ScheduleResult.NOTHING_TO_DO,
}
"""Results of runs that did work: the others say that nothing was begun."""


class Pause(StrEnum):
    """Why a schedule rests until somebody wakes it."""

    PERSON = "person"
    FAILURES = "failures"
    NEGLECT = "neglect"  # nobody looked at its pull request for a month


@dataclass(frozen=True)
class MaintenanceRef:
    """Which turn of which schedule a task is. `pushed`: the commits of its earlier runs; `before`: the base of the last
    of them; `asked`: somebody ticked "run now", which goes before a closed pull request and the limits."""

    schedule: str
    slot: int  # seconds since the epoch
    preview: bool = False
    asked: bool = False
    pushed: tuple[str, ...] = ()
    before: str = ""
    title: str = ""  # of its pull request, as the last run gave it
    dashboard: int = 0  # the issue where a preview is shown
    full_day: bool = False  # enough pull requests were opened within a day: an open one may still be updated


@dataclass(frozen=True)
class OwnPull:
    """A pull request of the schedule's branch that we opened."""

    number: int
    open: bool
    merged: bool
    head: str
    days: float = 0.0  # since it was opened


@dataclass(frozen=True)
class Standing:
    """What stands on GitHub when a turn begins. `branch`: the head of the schedule's branch, empty: there is none;
    `pulls`: of that branch, oldest first; `open_pulls`: of all schedules here; `base`: the commit to start from."""

    branch: str
    pulls: tuple[OwnPull, ...]
    open_pulls: int
    base: str


@dataclass(frozen=True)
class Begin:
    """The turn may work. `pull`: the open pull request that is brought up to date, 0: a new one; `over`: the commit
    that the branch is moved from, empty: it is made."""

    pull: int
    over: str


def decide_beginning(ref: MaintenanceRef, found: Standing, most_open: int) -> Begin | ScheduleResult:
    """Whether this turn works, or why not. Only what earlier runs left is ever replaced."""
    last = found.pulls[-1] if found.pulls else None
    merged = {pull.head for pull in found.pulls if pull.merged}
    if found.branch and found.branch not in {*ref.pushed, *merged}:
        return ScheduleResult.EDITED_BY_PERSON
    if last is not None and last.open:
        if last.days * 86_400 > limits.SCHEDULE_NEGLECT_S and not ref.asked:
            return ScheduleResult.PAUSED
        if found.base == ref.before and not ref.asked:
            return ScheduleResult.OPEN_PULL_EXISTS
        return Begin(last.number, found.branch)
    if last is not None and not last.merged and not ref.asked:
        return ScheduleResult.CLOSED_BY_PERSON
    if ref.asked or ref.preview:
        return Begin(0, found.branch)
    if found.open_pulls >= most_open:
        return ScheduleResult.LIMIT_OPEN
    return ScheduleResult.LIMIT_DAY if ref.full_day else Begin(0, found.branch)


def decide_result(outcome: Outcome, said: str, *, updated: bool) -> ScheduleResult:
    """The result of a turn from the end of its task. `said`: the result that the task named itself, if it did."""
    match outcome:
        case Outcome.PROVEN | Outcome.CHECKED | Outcome.UNTESTED:
            made = ScheduleResult.UPDATED if updated else ScheduleResult.OPENED
            return ScheduleResult(said) if said else made
        case Outcome.NOT_RUN:
            return ScheduleResult(said) if said else ScheduleResult.ERROR
        case Outcome.NO_CHANGE_NEEDED:
            return ScheduleResult.NOTHING_TO_DO
        case Outcome.STOPPED | Outcome.CLOSED:
            return ScheduleResult.STOPPED
        case Outcome.BRANCH_TAKEN | Outcome.STALE:
            return ScheduleResult.EDITED_BY_PERSON
        case Outcome.UNVERIFIED | Outcome.NEEDS_CLARIFICATION | Outcome.BLOCKED | Outcome.DECLINED:
            return ScheduleResult.GAVE_UP
        case Outcome.OUT_OF_TURNS | Outcome.OUT_OF_TOKENS | Outcome.OUT_OF_MONEY | Outcome.OUT_OF_TIME:
            return ScheduleResult.GAVE_UP
        case Outcome.MODEL_MISBEHAVED:
            return ScheduleResult.GAVE_UP
        case Outcome.MODEL_UNAVAILABLE | Outcome.NO_SANDBOX | Outcome.SETUP_FAILED | Outcome.CRASHED:
            return ScheduleResult.ERROR
        case Outcome.REPOSITORY_UNUSABLE | Outcome.ACCESS_LOST | Outcome.ACCESS_WITHDRAWN:
            return ScheduleResult.ERROR
        case (
            Outcome.ANSWERED
            | Outcome.CLEAN
            | Outcome.FINDINGS
            | Outcome.FLAKY
            | Outcome.HANDED_OVER
            | Outcome.UNDONE
        ):
            return ScheduleResult.ERROR  # not of a change
        case _:
            assert_never(outcome)


@dataclass(frozen=True)
class Means:
    """What schedules of a repository have used, and may: pull requests opened within a day, dollars within a week
    (`most_usd` 0: no bound of its own). `spent_out`: the operator's allowance for the day is used up."""

    opened_today: int = 0
    most_a_day: int = limits.SCHEDULE_PULLS_A_DAY
    usd_this_week: float = 0.0
    most_usd: float = 0.0
    spent_out: bool = False


def decide_means(means: Means, *, asked: bool) -> ScheduleResult | None:
    """Why there is no money for this turn; None: there is. What a person asks for goes before the repository's own
    limits, never before the operator's. Whether a pull request more may be opened is decided when it would be one."""
    if means.spent_out:
        return ScheduleResult.LIMIT_MONEY
    used_up = means.most_usd and means.usd_this_week >= means.most_usd
    return ScheduleResult.LIMIT_MONEY if used_up and not asked else None


def decide_pause(results: tuple[ScheduleResult, ...]) -> Pause | None:
    """`results`: of the runs since it was last woken, newest first. Turns in which nothing was begun do not count."""
    if results and results[0] is ScheduleResult.PAUSED:
        return Pause.NEGLECT
    worked = [result for result in results if result in WORKED][: limits.SCHEDULE_FAILURES]
    if len(worked) == limits.SCHEDULE_FAILURES and all(result in FAILURES for result in worked):
        return Pause.FAILURES
    return None


def schedule_branch(name: str) -> str:
    """The one branch of a schedule; those of issues begin with a number."""
    return f"agent/schedule-{name}"
