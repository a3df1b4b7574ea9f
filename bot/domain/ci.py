"""What the checks of a commit say: whether they are over, what is red because of the pull request, what follows. Pure.

A check is a check run, a commit status, or a check suite that failed without any run (a workflow file that can't be
read). Of several runs of one check on one commit the newest counts; the ones before it tell whether it is flaky.

Must never: count a check run of our own, or take for red what nobody calls red (cancelled, skipped, neutral).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from bot.domain import limits
from bot.domain.payloads import whole_text

Json = Mapping[str, Any]


class CheckKind(StrEnum):
    RUN = "run"
    STATUS = "status"
    SUITE = "suite"


class State(StrEnum):
    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"
    OTHER = "other"  # cancelled, skipped, neutral, stale, waits for a person: neither red nor green


FAILED_WORDS: Final = frozenset({"failure", "timed_out", "startup_failure", "error"})
"""GitHub's words for red: of check runs and suites, and of commit statuses (`error`)."""


@dataclass(frozen=True)
class Check:
    """One check of one commit as it is now. Everything in it was written by others."""

    kind: CheckKind
    app: str  # slug of the App that made it; empty for commit statuses
    name: str
    state: State
    word: str = ""  # GitHub's own
    id: int = 0
    url: str = ""
    ended_at: float = 0.0  # seconds since the epoch; 0.0: not ended, or GitHub does not say
    title: str = ""
    summary: str = ""
    earlier: tuple[State, ...] = ()  # of its runs before this one on the same commit, oldest first

    @property
    def key(self) -> tuple[str, str]:
        """What it is called on another commit."""
        return self.app, self.name

    @property
    def is_flaky(self) -> bool:
        """It passed on this very commit and is red on it now."""
        return self.state is State.FAILED and State.PASSED in self.earlier

    @property
    def passed_again(self) -> bool:
        """It failed on this very commit and has passed since."""
        return self.state is State.PASSED and State.FAILED in self.earlier

    @property
    def job(self) -> int:
        """The job of GitHub Actions whose log tells of it; 0: none. A job and its check run share their number."""
        return self.id if self.kind is CheckKind.RUN and self.app == ACTIONS_APP else 0


ACTIONS_APP: Final = "github-actions"


@dataclass(frozen=True)
class CheckSet:
    """All checks of a commit but ours. `open_suites`: Apps whose suite goes on although its runs so far are over:
    a job that needs another one has no run before it begins."""

    checks: tuple[Check, ...] = ()
    open_suites: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[Check, ...]:
        return tuple(one for one in self.checks if one.state is State.FAILED)

    @property
    def unfinished(self) -> tuple[str, ...]:
        pending = (one.name for one in self.checks if one.state is State.PENDING)
        return tuple(dict.fromkeys((*pending, *self.open_suites)))


def parse_checks(
    runs: Iterable[Json], suites: Iterable[Json], statuses: Iterable[Json], own_app: int
) -> CheckSet:
    """From GitHub's lists for one commit (check runs with `filter=all`). Never raises for decoded JSON; what has no
    name or number is left out."""
    told_runs = [one for one in runs if not _is_ours(one, own_app)]
    told_suites = [one for one in suites if not _is_ours(one, own_app)]
    checks = _newest_runs(told_runs)
    by_suite: dict[int, list[State]] = defaultdict(list)
    for run in told_runs:
        by_suite[_number(_part(run, "check_suite"))].append(_run_state(run))
    lone = [one for suite in told_suites if (one := _lone_suite(suite, by_suite)) is not None]
    return CheckSet((*checks, *lone, *_newest_statuses(statuses)), _open_suites(told_suites, by_suite))


def _newest_runs(runs: list[Json]) -> list[Check]:
    """One for each name of a suite: two workflows may have jobs of one name."""
    grouped: dict[tuple[int, str], list[Json]] = defaultdict(list)
    for run in runs:
        if _number(run) and _text(run, "name"):
            grouped[_number(_part(run, "check_suite")), _text(run, "name")].append(run)
    found = []
    for (_, name), told in grouped.items():
        told.sort(key=_number)
        newest, output = told[-1], _part(told[-1], "output")
        found.append(
            Check(
                CheckKind.RUN,
                _text(_part(newest, "app"), "slug"),
                name,
                _run_state(newest),
                _text(newest, "conclusion") or _text(newest, "status"),
                _number(newest),
                _text(newest, "html_url") or _text(newest, "details_url"),
                read_time(newest.get("completed_at")),
                _text(output, "title"),
                _text(output, "summary"),
                tuple(_run_state(one) for one in told[:-1]),
            )
        )
    return found


def _newest_statuses(statuses: Iterable[Json]) -> list[Check]:
    newest: dict[str, Json] = {}
    for status in sorted((one for one in statuses if isinstance(one, Mapping)), key=_number):
        if _text(status, "context"):
            newest[_text(status, "context")] = status
    return [_status(context, told) for context, told in newest.items()]


def _status(context: str, told: Json) -> Check:
    word = _text(told, "state")
    states = {"pending": State.PENDING, "success": State.PASSED}
    state = State.FAILED if word in FAILED_WORDS else states.get(word, State.OTHER)
    ended = 0.0 if state is State.PENDING else read_time(told.get("updated_at"))
    about = _text(told, "description")
    return Check(
        CheckKind.STATUS, "", context, state, word, _number(told), _text(told, "target_url"), ended, about
    )


def _lone_suite(suite: Json, by_suite: Mapping[int, list[State]]) -> Check | None:
    """A suite that failed although none of its runs did: what went wrong has no run."""
    states, word = by_suite.get(_number(suite), []), _text(suite, "conclusion")
    if word not in FAILED_WORDS or State.FAILED in states:
        return None
    app = _part(suite, "app")
    slug = _text(app, "slug")
    name = f"{_text(app, 'name') or slug}: {word.replace('_', ' ')}"
    ended = read_time(suite.get("updated_at"))
    return Check(CheckKind.SUITE, slug, name, State.FAILED, word, _number(suite), "", ended)


def _open_suites(suites: Iterable[Json], by_suite: Mapping[int, list[State]]) -> tuple[str, ...]:
    """Suites without a run are left out: GitHub makes one for every installed App, and most are never used."""
    return tuple(
        _text(_part(suite, "app"), "name") or _text(_part(suite, "app"), "slug")
        for suite in suites
        if by_suite.get(_number(suite)) and _text(suite, "status") != "completed"
    )


def _run_state(run: Json) -> State:
    if _text(run, "status") != "completed":
        return State.PENDING
    word = _text(run, "conclusion")
    if word in FAILED_WORDS:
        return State.FAILED
    return State.PASSED if word == "success" else State.OTHER


def read_time(value: Any) -> float:
    """Seconds since the epoch; 0.0 when it is no time."""
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _is_ours(item: Json, own_app: int) -> bool:
    return not isinstance(item, Mapping) or _number(_part(item, "app")) == own_app


def _part(item: Json, name: str) -> Json:
    found = item.get(name)
    return found if isinstance(found, Mapping) else {}


def _number(item: Json) -> int:
    found = item.get("id")
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def _text(item: Json, name: str) -> str:
    found = item.get(name)
    return str(whole_text(found)) if isinstance(found, str) else ""


# -- are they over? -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Waits:
    """Seconds. `quiet_s`: nothing ends any more for so long; `most_s`: then what is known has to do."""

    quiet_s: float = limits.CI_QUIET_S
    most_s: float = limits.CI_WAIT_S
    look_most_s: float = limits.CI_LOOK_MOST_S


@dataclass(frozen=True)
class Settled:
    """`unfinished`: what still ran when patience ended."""

    unfinished: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotYet:
    until: float  # look again then


def decide_settled(found: CheckSet, began: float, now: float, waits: Waits) -> Settled | NotYet:
    """Whether the set of checks is whole: none runs, and none ended just now (what comes next may begin). `began`:
    when the first look was. Times are seconds since the epoch."""
    newest = min(now, max((one.ended_at for one in found.checks), default=began))
    if not found.unfinished and now - newest >= waits.quiet_s:
        return Settled()
    end = began + waits.most_s
    if now >= end:
        return Settled(found.unfinished)
    pause = min(waits.look_most_s, max(waits.quiet_s, (now - began) / 2))
    return NotYet(min(now + pause, end))


# -- whose fault is it? ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Blame:
    """What is red on the head: because of the pull request, as far as it can be told, and what is red without it."""

    ours: tuple[Check, ...] = ()
    on_base: tuple[Check, ...] = ()


def decide_blame(head: CheckSet, bases: Sequence[CheckSet]) -> Blame:
    """`bases`: the checks of the base branch's tip and of the commit that the work began from. Red there is red
    without us; where a name stands twice, all of them have to be red."""
    red = set().union(*(_red_keys(base) for base in bases))
    failed = head.failed
    return Blame(
        tuple(one for one in failed if one.key not in red), tuple(one for one in failed if one.key in red)
    )


def _red_keys(base: CheckSet) -> set[tuple[str, str]]:
    states: dict[tuple[str, str], set[State]] = defaultdict(set)
    for one in base.checks:
        states[one.key].add(one.state)
    return {key for key, told in states.items() if told == {State.FAILED}}


# -- what follows? -----------------------------------------------------------------------------------------------


class Step(StrEnum):
    NOTHING_RED = "nothing_red"
    RED_ON_BASE = "red_on_base"
    FLAKY = "flaky"
    HAND_OVER = "hand_over"
    REPAIR = "repair"


@dataclass(frozen=True)
class Earlier:
    """A finished task on the pull request. `repaired`: it was begun by red checks, not by a person, and the model
    worked on it."""

    by_person: bool
    repaired: bool


def count_repairs(newest_first: Iterable[Earlier]) -> int:
    """Repairs in a row since a person last asked for something on the pull request (at the latest: since it was
    opened): what the bot made of its own heads. A person's word begins the count again."""
    count = 0
    for one in newest_first:
        if one.by_person:
            break
        count += one.repaired
    return count


def decide_next(blame: Blame, repairs: int, most: int, *, asked: bool) -> Step:
    """`repairs`: made in a row so far; `most`: allowed. `asked`: a person wants it, so neither their number nor
    flakiness stops it: both are said."""
    if not blame.ours:
        return Step.RED_ON_BASE if blame.on_base else Step.NOTHING_RED
    if asked:
        return Step.REPAIR
    if all(one.is_flaky for one in blame.ours):
        return Step.FLAKY
    return Step.REPAIR if repairs < most else Step.HAND_OVER


class Suspicion(StrEnum):
    """Why a red check may not be the pull request's fault. Said to people and to the model, never a reason to hide
    the check."""

    SAME_COMMIT = "same_commit"  # it passed on this very commit before
    ELSEWHERE = "elsewhere"  # what it names is untouched by the pull request
    VERIFIED = "verified"  # the harness ran the tests of this very tree, and they passed


def decide_suspicions(
    check: Check, named: Iterable[str], changed: Iterable[str], *, verified: bool
) -> tuple[Suspicion, ...]:
    """`named`: files of the repository that its annotations and its log name; `changed`: those that the pull request
    changes. `verified`: of the commit, the harness's verification was green."""
    touched, told = set(changed), set(named)
    elsewhere = bool(told) and not told & touched
    found = (
        (Suspicion.SAME_COMMIT, check.is_flaky),
        (Suspicion.ELSEWHERE, elsewhere),
        (Suspicion.VERIFIED, verified and elsewhere),
    )
    return tuple(suspicion for suspicion, holds in found if holds)
