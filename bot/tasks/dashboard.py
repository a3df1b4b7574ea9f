"""Keeps the dashboard issues: made once, rewritten between their marks when something is to be told.

Not in the ledger: a dashboard belongs to no task. It is looked for by its mark before it is made, only the leading
worker makes one, and of two that were made at once the younger is closed.

Races, and how each is closed:
- Something changes while a text is written: versions are counted, so it is written once more.
- A person ticks a box while it is rewritten: the tick came as an event with the text before and after; the rewriting
  only shows what became of it.
"""

from dataclasses import dataclass
from http import HTTPStatus

import structlog

from bot.domain.boxes import BEGIN
from bot.domain.limits import DASHBOARD_WRITES
from bot.domain.schedules import Pause, ScheduleResult
from bot.errors import GitHubFault
from bot.forge.forge import Forge
from bot.forge.threads import Threads
from bot.store.schedules import NO_ISSUE, Place, Schedules, StoredSchedule
from bot.texts.addresses import render_config_address
from bot.texts.dashboard import (
    DASHBOARD_TITLE,
    Dashboard,
    DashboardRow,
    render_dashboard,
    replace_dashboard,
)
from bot.texts.redact import redact

log = structlog.get_logger()

_OFF = (HTTPStatus.GONE, HTTPStatus.NOT_FOUND)


@dataclass(frozen=True)
class Dashboards:
    """One for the worker's process. Blocking. `secrets`: literal values that no text may hold. `web_url`:
    GitHub's pages, without a slash at the end."""

    forge: Forge
    store: Schedules
    web_url: str
    secrets: tuple[str, ...] = ()

    def write(self) -> int:
        """One pass; how many were written. Raises RetryLater."""
        written = 0
        for place in self.store.unwritten(DASHBOARD_WRITES):
            try:
                self._write_one(place)
                written += 1
            except GitHubFault as fault:  # suspended, archived: it may be had again when something changes
                log.warning("a dashboard was not written", repository=place.repository.id, why=str(fault))
                self.store.note_written(place, place.issue)
        return written

    def _write_one(self, place: Place) -> None:
        repository = place.repository
        file = render_config_address(self.web_url, repository.full_name, repository.default_branch)
        told = describe(place, self.store.list(repository.id), file)
        ours = redact(render_dashboard(told), self.secrets)
        with self.forge.repository(place.installation, repository.full_name, repository.id) as github:
            issue = place.issue or _find_or_create(github.threads, ours)
            if issue != NO_ISSUE and not _rewrite(github.threads, issue, ours):
                issue = 0  # deleted: made again in the next pass
        self.store.note_written(place, issue)
        if issue == 0:
            self.store.ask_to_write(repository.id)


def describe(place: Place, schedules: tuple[StoredSchedule, ...], file: str) -> Dashboard:
    """What it says. `file`: the page of the repository's own file. Pure."""
    rows = tuple(_describe_one(one) for one in sorted(schedules, key=lambda one: one.name))
    return Dashboard(rows, place.previewed, file, place.fault)


def _describe_one(stored: StoredSchedule) -> DashboardRow:
    ended = next((run for run in stored.runs if run.result), None)
    spec = stored.spec
    first_line = next((line.strip() for line in spec.prompt.splitlines() if line.strip()), "")
    return DashboardRow(
        name=stored.name,
        when=spec.when,
        zone=spec.zone or "UTC",
        what=spec.uses.value if spec.uses else first_line,
        next_at=stored.next_at,
        result=ScheduleResult(ended.result) if ended else None,
        detail=ended.detail if ended else "",
        pull=ended.pull if ended else 0,
        ended_at=(ended.ended_at or 0.0) if ended else 0.0,
        report=ended.report if ended else "",
        running=any(not run.result for run in stored.runs),
        wanted=bool(stored.wanted_by),
        pause=Pause(stored.pause) if stored.pause else None,
    )


def _find_or_create(threads: Threads, ours: str) -> int:
    found = threads.find_own_issues(BEGIN)
    if found:
        return found[0].id
    try:
        made = threads.create_issue(DASHBOARD_TITLE, f"{ours}\n")
    except GitHubFault as fault:
        if fault.status in _OFF:
            log.warning("no dashboard: issues are switched off", why=str(fault))
            return NO_ISSUE
        raise
    # Two workers that both believe they lead: each sees the oldest one now, and the younger goes.
    oldest = next(iter(threads.find_own_issues(BEGIN)), None)
    if oldest is None or oldest.id == made:
        return made
    threads.edit_issue(made, state="closed")
    return oldest.id


def _rewrite(threads: Threads, issue: int, ours: str) -> bool:
    """False: it is gone."""
    body = threads.find_text(issue, 0)
    if body is None:
        return False
    changed = replace_dashboard(body, ours)
    if changed.strip() != body.strip():
        threads.edit_issue(issue, body=changed)
    return True
