"""The ticker: reads which schedules there are, begins their turns, and writes down how they ended.

Three passes, each harmless when repeated; only the leading worker makes them:
- `read`: every repository's own file on its default branch, every SCHEDULE_READ_S.
- `settle`: turns whose task is over get their result; a schedule that fails or is neglected is paused.
- `begin`: what is due becomes a task row, which waits behind everything that people ask for.

Must never: decide anything about a branch or a pull request. The task itself looks at GitHub when it begins.

Races, and how each is closed:
- Two leaders for one pass: a turn begins once (`store/schedules.py`), results are written once.
- Nobody was there when a turn was due: it comes once, if the next one is not near (`domain/due.py`).
- The file changes between reading and beginning: the task reads it again, at the commit that it works on.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import structlog

from bot.domain import limits
from bot.domain.due import is_caught_up, next_due, parse_when, parse_zone
from bot.domain.ids import InstallationId, RepositoryId, TaskId
from bot.domain.outcomes import Outcome, parse_outcome
from bot.domain.repo_config import REPO_CONFIG_PATH, ConfigFault, parse_repo_config
from bot.domain.repo_sections import ScheduleConfig, SchedulesConfig
from bot.domain.schedules import (
    MaintenanceRef,
    Means,
    ScheduleResult,
    decide_means,
    decide_pause,
    decide_result,
)
from bot.domain.tasks import RepositoryRef, TaskKind, TaskRequest, WayIn, render_active_key
from bot.errors import GitHubFault
from bot.forge.deliveries import Files
from bot.forge.forge import Forge
from bot.store.received import Received
from bot.store.schedules import NO_ISSUE, Bounds, Place, Run, RunEnd, Schedules, StoredSchedule
from bot.store.tasks import Tasks
from bot.tasks.change.facts import ChangeFacts, parse_facts

_MARK = "schedules"
JsonObject = dict[str, Any]

log = structlog.get_logger()


@dataclass(frozen=True)
class Ticker:
    """One for the worker's process. Blocking. `now`: seconds since the epoch."""

    forge: Forge
    store: Schedules
    tasks: Tasks
    received: Received
    now: Callable[[], float]

    # -- which schedules there are --------------------------------------------------------------------------
    def read(self) -> int:
        """Look at every repository's file, unless somebody did within SCHEDULE_READ_S; how many were read. Raises
        RetryLater, GitHubFault."""
        now = self.now()
        last = self.received.mark(_MARK)
        if last is not None and now - last < limits.SCHEDULE_READ_S:
            return 0
        installations = self.forge.deliveries().fetch_installations()
        whole: set[int] = set()
        seen: set[int] = set()
        for installation in installations:
            try:
                seen |= self._read_installation(installation)
                whole.add(installation)
            except GitHubFault as fault:  # suspended or removed in between: the others are read
                log.warning("schedules were not read", installation=installation, why=str(fault))
        if len(whole) == len(installations):
            self.store.forget_others(whole, seen)
        self.received.set_mark(_MARK, now)
        return len(seen)

    def _read_installation(self, installation: InstallationId) -> set[int]:
        seen = set()
        with closing(self.forge.files(installation)) as files:
            for number, item in enumerate(files.fetch_repositories()):
                if number >= limits.SCAN_REPOSITORIES:
                    log.warning("too many repositories to read all schedules", installation=installation)
                    break
                seen.add(int(item["id"]))
                try:
                    self._read_one(files, installation, item)
                except GitHubFault as fault:  # blocked, for example: the others are read
                    log.warning("schedules were not read", repository=item["id"], why=str(fault))
        return seen

    def _read_one(self, files: Files, installation: InstallationId, item: JsonObject) -> None:
        repository = RepositoryRef(
            RepositoryId(int(item["id"])), str(item["full_name"]), str(item["default_branch"])
        )
        place = Place(installation, repository)
        text = files.find_text(repository.full_name, REPO_CONFIG_PATH, repository.default_branch)
        try:
            config = parse_repo_config(text or "").schedules
        except ConfigFault as fault:
            self.store.keep_fault(place, str(fault))
            return
        bounds = Bounds(config.open_pulls, config.pulls_per_day, config.usd_per_week or 0.0)
        self.store.keep(replace(place, bounds=bounds), list_specs(config, repository.id, self.now()))

    # -- how turns ended --------------------------------------------------------------------------------
    def settle(self) -> int:
        """Results of turns whose task is over, and what follows from them; how many. Raises RetryLater."""
        count = 0
        for repository, run, outcome in self.store.ended_tasks():
            view = self.tasks.find(TaskId(run.task))
            if view is None:
                continue
            end = describe_end(parse_outcome(outcome), view.detail, parse_facts(view.facts))
            if self.store.end(repository, run, end, self.now()):
                count += 1
                log.info("schedule ended", task=run.task, result=end.result)
                self._pause_if_due(repository, run.name)
        return count

    def _pause_if_due(self, repository: RepositoryId, name: str) -> None:
        found = self.store.find(repository, name)
        if found is None or found.pause:
            return
        since = [ScheduleResult(run.result) for run in found.runs if run.result and _counts(run, found)]
        why = decide_pause(tuple(since))
        if why is not None:
            self.store.pause(repository, name, why)
            log.info("schedule paused", schedule=name, why=why)

    # -- turns ------------------------------------------------------------------------------------------
    def begin(self) -> int:
        """Begin what is due; how many tasks came of it. Raises RetryLater."""
        return sum(self._begin_one(due) for due in self.store.due(self.now()))

    def _begin_one(self, due: StoredSchedule) -> bool:
        now = self.now()
        if due.place.issue == 0:  # the dashboard is on its way: a preview needs a place
            return False
        following = find_next(due, now)
        slot = int(now if due.wanted_by else due.next_at)
        next_at = due.next_at if due.wanted_by and due.next_at > now else following
        request = make_request(due, slot, now, self._find_repairs(due))
        means = self.store.means(due, request, now)
        ended = self._find_objection(due, means, following)
        if ended is not None:
            passed = self.store.pass_over(due, ended, (slot, next_at), now)
            log.info("schedule passed over", schedule=due.name, result=ended.result, done=passed)
            return False
        begun = self.store.begin(due, with_means(request, means), next_at, now)
        if begun:
            log.info("schedule begins", task=request.task_id)
        return begun

    def _find_repairs(self, due: StoredSchedule) -> tuple[tuple[str, str], ...]:
        """(before, after) of commits that nobody asked for and that we put on top of the schedule's own: red CI."""
        pull = next((run.pull for run in due.runs if run.pull), 0)
        if not pull:
            return ()
        found = self.tasks.list_finished(render_active_key(due.place.repository.id, pull))
        facts = (parse_facts(view.facts) for view, asked in found if asked.is_event)
        return tuple((str(one.base_commit), str(one.commit)) for one in facts if one.commit)

    def _find_objection(self, due: StoredSchedule, means: Means, following: float) -> RunEnd | None:
        """Why this turn is passed over; what a person asked for is not, but for want of money."""
        asked = bool(due.wanted_by)
        if due.place.fault:
            return RunEnd(ScheduleResult.CONFIG_INVALID, due.place.fault)
        if not asked and not is_caught_up(due.next_at, following, self.now()):
            return RunEnd(ScheduleResult.NOT_DUE)
        refused = decide_means(means, asked=asked)
        return RunEnd(refused) if refused else None


def list_specs(
    config: SchedulesConfig, repository: RepositoryId, now: float
) -> dict[str, tuple[ScheduleConfig, float]]:
    """Each schedule with its zone filled in, and its next time from now on. Pure."""
    found = {}
    for name, one in config.tasks.items():
        spec = one.model_copy(update={"zone": one.zone or config.zone})
        at = next_due(parse_when(spec.when), parse_zone(spec.zone), f"{repository}/{name}", now)
        found[name] = (spec, at)
    return found


def find_next(due: StoredSchedule, now: float) -> float:
    """The next time after now. Pure."""
    scattered = f"{due.place.repository.id}/{due.name}"
    return next_due(parse_when(due.spec.when), parse_zone(due.spec.zone), scattered, now)


def make_request(
    due: StoredSchedule, slot: int, now: float, repairs: tuple[tuple[str, str], ...] = ()
) -> TaskRequest:
    """The task of a turn, on the authority of the file. `repairs`: commits of ours on top of what stands first in each
    pair; on top of somebody else's they are no more ours. Pure."""
    place = due.place
    pushed = [run.pushed for run in due.runs if run.pushed]
    for before, after in repairs:  # in the order in which they were made
        if before in pushed:
            pushed.append(after)
    last = next((run for run in due.runs if run.base), None)
    return TaskRequest(
        installation=place.installation,
        repository=place.repository,
        issue=0,
        issue_title="",
        issue_body="",
        comment_id=0,
        instruction="",
        requested_by=due.wanted_by or f"the schedule {due.name}",
        requested_by_id=0,
        requested_at=datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
        kind=TaskKind.MAINTENANCE,
        cause=f"s{place.repository.id}-{due.name}-{slot}",
        budget_usd=due.spec.usd or 0.0,
        way=WayIn.SCHEDULE,
        maintenance=MaintenanceRef(
            due.name,
            slot,
            asked=bool(due.wanted_by),
            pushed=tuple(pushed),
            before=last.base if last else "",
            title=last.title if last else "",
            preview=not place.previewed and place.issue != NO_ISSUE,
            dashboard=place.issue,
        ),
    )


def with_means(request: TaskRequest, means: Means) -> TaskRequest:
    """The turn knows whether it may open a pull request more. Pure."""
    ref = request.maintenance
    if ref is None or means.opened_today < means.most_a_day:
        return request
    return replace(request, maintenance=replace(ref, full_day=True))


def describe_end(outcome: Outcome, detail: str, facts: ChangeFacts) -> RunEnd:
    """What is kept of a turn. Pure."""
    turn = facts.turn
    updated = turn is not None and turn.pull > 0
    result = decide_result(outcome, turn.result if turn else "", updated=updated)
    made = result in (ScheduleResult.OPENED, ScheduleResult.UPDATED)
    title = facts.submission.title if facts.submission else ""
    report = turn.report if turn is not None else ""
    return RunEnd(
        result,
        detail or (title if made or report else ""),
        facts.pull,
        facts.commit,  # it may be there even if the turn did not live to see it
        facts.base_commit if facts.branch else "",
        title if made else "",
        report,
    )


def _counts(run: Run, found: StoredSchedule) -> bool:
    return run.begun_at >= found.woken_at
