"""The ticker, the dashboard and its boxes, against a real hub and a real database. No task runs: how one ended is
written down here in its place."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bot.domain import limits
from bot.domain.admission import AdmissionLimits
from bot.domain.allowance import Cost
from bot.domain.boxes import Box, Tick, Ticked
from bot.domain.decisions import FailedCheck
from bot.domain.due import next_due, parse_when, parse_zone
from bot.domain.ids import InstallationId, RepositoryId, TaskId
from bot.domain.outcomes import Outcome
from bot.domain.repo_config import parse_repo_config
from bot.domain.schedules import MaintenanceRef, Pause, ScheduleResult
from bot.domain.tasks import RepositoryRef
from bot.forge.forge import Forge, ForgeSettings
from bot.localhub.seed_ground import NewApp
from bot.localhub.server import HubServer
from bot.store.database import Database
from bot.store.received import Received
from bot.store.schedules import NO_ISSUE, Place, Run, Schedules, StoredSchedule
from bot.store.schema import dashboard, schedule
from bot.store.tasks import Tasks, parse_request
from bot.tasks.change.facts import ChangeFacts, SubmissionFacts, TurnFacts, render_facts
from bot.tasks.control import request_repair
from bot.tasks.dashboard import Dashboards
from bot.tasks.schedules import Ticker, describe_end, list_specs, make_request
from bot.tasks.ticks import Ticks
from tests.official.judge import judged_hub
from tests.stories.schedules import FILE, weekly
from tests.stories.world import NAME, make_key

WIDE = AdmissionLimits(10, 10, 10)
DAY = 86_400.0


@dataclass
class Room:
    """Time goes on by `ahead`, for the hub and for us."""

    hub: HubServer
    database: Database
    ticker: Ticker
    dashboards: Dashboards
    installation: InstallationId
    ahead: float = 0.0

    def now(self) -> float:
        return time.time() + self.ahead

    @property
    def store(self) -> Schedules:
        return self.ticker.store

    @property
    def key(self) -> RepositoryId:
        record = self.hub.hub.repository(NAME)
        assert record is not None
        return RepositoryId(record.id)

    def configure(self, text: str) -> None:
        self.hub.seed.commit(NAME, {FILE: text.encode()}, "Configure", "main")
        self.ahead += limits.SCHEDULE_READ_S
        assert self.ticker.read() == 1

    def schedule(self, name: str = "sums") -> StoredSchedule:
        found = self.store.find(self.key, name)
        assert found is not None
        return found

    def begin_next(self, name: str = "sums", late_s: float = 1.0) -> Run:
        """Wait for its time, and what becomes of it. A time that has come by now is not gone back to."""
        self.ahead += max(0.0, self.schedule(name).next_at - self.now() + late_s)
        self.ticker.begin()
        return self.schedule(name).runs[0]

    def finish(self, run: Run, outcome: Outcome, facts: ChangeFacts | None = None) -> Run:
        """As the task would."""
        tasks = Tasks(self.database)
        tasks.admit(WIDE, self.now())
        taken = tasks.take(TaskId(run.task), "w")
        tasks.save_facts(taken, render_facts(facts or ChangeFacts()))
        tasks.finish(taken, outcome, "", self.now())
        assert self.ticker.settle() == 1
        return self.schedule(run.name).runs[0]

    def body(self) -> str:
        """Of the dashboard as it is now."""
        self.dashboards.write()
        return str(self.hub.seed.thread(NAME, self.schedule().place.issue)["issue"]["body"])

    def issues(self) -> list[dict[str, Any]]:
        return [one for one in self.hub.seed.threads(NAME) if not one["is_pull"]]


@pytest.fixture
def room(tmp_path: Path, database: Database) -> Iterator[Room]:
    private, public = make_key()
    made: Room | None = None
    with judged_hub(tmp_path / "hub", lambda: made.now() if made else time.time()) as hub:
        hub.seed.add_person("ada")
        app = hub.seed.add_app(NewApp("pullwright", "octo", public))
        hub.seed.add_repository(NAME, {"app.py": b"x = 1\n"})
        hub.seed.set_role(NAME, "ada", "write")
        forge = Forge(ForgeSettings(hub.api_url, app["app_id"], private, 0), now=lambda: now())
        store = Schedules(database)
        ticker = Ticker(forge, store, Tasks(database), Received(database), lambda: now())
        made = Room(
            hub, database, ticker, Dashboards(forge, store, hub.url), InstallationId(app["installation_id"])
        )
        now = made.now
        yield made
        forge.close()


def ref_of(room: Room, run: Run) -> MaintenanceRef:
    """What the task of a turn was told."""
    asked = Tasks(room.database).find_request(TaskId(run.task))
    assert asked is not None
    assert asked.maintenance is not None
    return asked.maintenance


@pytest.fixture
def told(room: Room) -> Room:
    """One schedule, its dashboard, and no preview any more."""
    room.configure(weekly())
    room.dashboards.write()
    with room.database.write() as connection:
        connection.execute(dashboard.update().values(previewed_at=1.0))
    return room


# -- reading -------------------------------------------------------------------------------------------------


def test_files_are_read_every_quarter_of_an_hour_and_the_default_branch_counts(room: Room) -> None:
    assert room.ticker.read() == 1
    assert room.store.places() == (), "no schedules: no dashboard"
    room.hub.seed.commit(NAME, {FILE: weekly("other").encode()}, "Not merged", "proposal")
    room.hub.seed.commit(NAME, {FILE: weekly().encode()}, "Merged", "main")
    assert room.ticker.read() == 0, "a moment ago"
    room.ahead += limits.SCHEDULE_READ_S
    assert room.ticker.read() == 1
    assert [one.name for one in room.store.list(room.key)] == ["sums"]
    assert room.now() < room.schedule().next_at < room.now() + 8 * DAY


def test_a_file_that_can_not_be_used_keeps_what_was_there_and_begins_nothing(told: Room) -> None:
    told.configure(weekly().replace("schedules:\n", "schedules:\n  zone: Mars/Base\n"))
    assert "line 2" in told.schedule().place.fault
    assert "> [!WARNING]" in told.body()
    assert told.begin_next().result == ScheduleResult.CONFIG_INVALID
    told.configure(weekly())
    assert told.schedule().place.fault == ""
    assert "> [!WARNING]" not in told.body()


def test_an_uninstalled_repository_is_forgotten_and_one_that_could_not_be_asked_is_not(told: Room) -> None:
    told.hub.seed.order_fault(method="GET", path="/installation/repositories", status=404)
    told.ahead += limits.SCHEDULE_READ_S
    assert told.ticker.read() == 0
    assert told.store.places() != ()
    told.store.forget_others({told.installation}, set())
    assert told.store.places() == ()


def test_a_repository_that_can_not_be_read_does_not_hold_up_the_others(room: Room) -> None:
    room.hub.seed.add_repository("octo/blocked", {"a": b"a"})
    room.hub.seed.order_fault(method="GET", path="/repos/octo/blocked/contents/", status=451)
    room.hub.seed.commit(NAME, {FILE: weekly().encode()}, "Merged", "main")
    assert room.ticker.read() == 2
    assert [one.name for one in room.store.list(room.key)] == ["sums"]


# -- turns ---------------------------------------------------------------------------------------------------


def test_nothing_begins_before_its_time_and_then_once_whoever_looks(told: Room) -> None:
    assert told.ticker.begin() == 0
    first = told.begin_next()
    assert (first.result, first.task) == ("", f"t-s{told.key}-sums-{first.slot}")
    assert told.ticker.begin() == 0
    told.ahead += 30 * DAY
    assert told.ticker.begin() == 0, "one is under way"
    assert len(told.schedule().runs) == 1


def test_a_preview_waits_for_its_dashboard_and_comes_once(room: Room) -> None:
    room.configure(weekly())
    room.ahead += 8 * DAY
    assert room.ticker.begin() == 0, "the dashboard is not there yet"
    room.dashboards.write()
    assert room.ticker.begin() == 1
    (run,) = room.schedule().runs
    ref = ref_of(room, run)
    assert (ref.preview, ref.dashboard) == (True, room.schedule().place.issue)
    shown = room.finish(run, Outcome.PROVEN, ChangeFacts(turn=TurnFacts(result="previewed")))
    assert shown.result == ScheduleResult.PREVIEWED
    again = room.begin_next()
    ref = ref_of(room, again)
    assert not ref.preview


def test_a_turn_knows_what_the_turns_before_left(told: Room) -> None:
    said = SubmissionFacts("fixed", "Add", "Why.")
    left = ChangeFacts(
        base_commit="b" * 40, commit="c" * 40, branch="agent/schedule-sums", pull=4, submission=said
    )  # type: ignore[arg-type]
    ended = told.finish(told.begin_next(), Outcome.PROVEN, replace(left, turn=TurnFacts()))
    assert (ended.result, ended.pull, ended.detail) == (ScheduleResult.OPENED, 4, "Add")
    ref = ref_of(told, told.begin_next())
    assert (ref.pushed, ref.before, ref.title) == (
        ("c" * 40,),
        "b" * 40,
        "Add",
    )


def test_downtime_is_made_up_once_and_not_when_the_next_turn_is_near(told: Room) -> None:
    first = told.begin_next(late_s=15 * DAY)
    assert first.task
    assert told.schedule().next_at > told.now()
    told.finish(first, Outcome.NO_CHANGE_NEEDED)
    passed = told.begin_next(late_s=7 * DAY - 600.0)
    assert (passed.result, passed.task) == (ScheduleResult.NOT_DUE, "")
    assert told.ticker.begin() == 0


def test_a_turn_is_told_when_enough_was_opened_today(told: Room) -> None:
    told.configure("schedules:\n  pulls_per_day: 1\n" + weekly("sums", "docs").removeprefix("schedules:\n"))
    first = told.begin_next("sums")
    assert ref_of(told, first).full_day is False
    told.finish(first, Outcome.PROVEN, ChangeFacts(turn=TurnFacts(), pull=4))
    told.store.want(told.key, "docs", "ada")
    assert told.ticker.begin() == 1
    assert ref_of(told, told.schedule("docs").runs[0]).full_day is True


def test_the_money_of_a_week_passes_over_what_nobody_asked_for(told: Room) -> None:
    told.configure("schedules:\n  usd_per_week: 1\n" + weekly().removeprefix("schedules:\n"))
    run = told.begin_next()
    tasks = Tasks(told.database)
    tasks.admit(WIDE, told.now())
    taken = tasks.take(TaskId(run.task), "w")
    tasks.charge(taken, Cost(1_000, 1.5), told.now())
    tasks.finish(taken, Outcome.NO_CHANGE_NEEDED, "", told.now())
    told.ticker.settle()
    with told.database.write() as connection:
        connection.execute(schedule.update().values(next_at=told.now() + 60.0))
    assert told.begin_next().result == ScheduleResult.LIMIT_MONEY
    told.store.want(told.key, "sums", "ada")
    assert told.ticker.begin() == 1, "a person asks"


def test_three_failures_in_a_row_pause_and_waking_forgets_them(told: Room) -> None:
    for number in range(3):
        assert told.schedule().pause == ""
        told.finish(told.begin_next(), Outcome.BLOCKED if number else Outcome.CRASHED)
    assert told.schedule().pause == Pause.FAILURES
    told.ahead += 30 * DAY
    assert told.ticker.begin() == 0
    told.store.wake(told.key, "sums", told.now() + 60, told.now())
    told.finish(told.begin_next(), Outcome.BLOCKED)
    assert told.schedule().pause == "", "the failures before do not count"


def test_a_neglected_pull_request_pauses_its_schedule(told: Room) -> None:
    told.finish(told.begin_next(), Outcome.NOT_RUN, ChangeFacts(turn=TurnFacts(result="paused")))
    assert told.schedule().pause == Pause.NEGLECT


def test_our_own_repair_of_red_ci_is_ours_and_one_on_top_of_a_persons_commit_is_not(told: Room) -> None:
    left = ChangeFacts(base_commit="b" * 40, commit="c" * 40, branch="x", pull=4, turn=TurnFacts())  # type: ignore[arg-type]
    told.finish(told.begin_next(), Outcome.PROVEN, left)
    repairs = (("c" * 40, "d" * 40), ("d" * 40, "e" * 40), ("9" * 40, "f" * 40))
    asked = make_request(told.schedule(), 1, told.now(), repairs)
    assert asked.maintenance is not None
    assert asked.maintenance.pushed == ("c" * 40, "d" * 40, "e" * 40)


def test_a_repair_of_red_ci_stands_on_the_schedules_authority_and_is_a_task_of_the_pull_request(
    told: Room,
) -> None:
    asked = make_request(told.schedule(), 1, told.now())
    failed = FailedCheck(told.installation, asked.repository, "c" * 40, "2026-03-01T00:00:00Z")
    repair = request_repair(failed, asked, ChangeFacts(pull=4))
    assert repair.maintenance == asked.maintenance
    assert (repair.active_key, asked.active_key) == (f"{told.key}#4", f"{told.key}#schedule:sums")
    assert parse_request(json.dumps(asdict(repair))) == repair


def test_every_end_is_described() -> None:
    turn = TurnFacts(pull=4)
    submission = SubmissionFacts("fixed", "Add", "Why.")
    facts = ChangeFacts(turn=turn, pull=4, commit="c" * 40, submission=submission)  # type: ignore[arg-type]
    updated = describe_end(Outcome.CHECKED, "", facts)
    assert (updated.result, updated.detail, updated.pushed, updated.base) == (
        ScheduleResult.UPDATED,
        "Add",
        "c" * 40,
        "",
    )
    said = SubmissionFacts("no_change_needed", "Two wait", "#1 and #2.")
    told = ChangeFacts(turn=TurnFacts(reads=("issues",), report="https://hub/c1"), submission=said)
    report = describe_end(Outcome.NO_CHANGE_NEEDED, "", told)
    assert (report.result, report.detail, report.title) == (ScheduleResult.NOTHING_TO_DO, "Two wait", "")
    assert report.report == "https://hub/c1"
    assert describe_end(Outcome.BLOCKED, "why", ChangeFacts()).result == ScheduleResult.GAVE_UP


def test_a_schedules_own_zone_goes_before_the_common_one() -> None:
    text = (
        "schedules:\n  zone: Europe/Berlin\n  tasks:\n"
        "    a: {when: '0 3 * * *', prompt: x}\n    b: {when: '0 3 * * *', prompt: x, zone: Asia/Tokyo}\n"
    )
    now = time.time()
    specs = list_specs(parse_repo_config(text).schedules, RepositoryId(7), now)
    assert [spec.zone for spec, _ in specs.values()] == ["Europe/Berlin", "Asia/Tokyo"]
    assert specs["b"][1] == next_due(parse_when("0 3 * * *"), parse_zone("Asia/Tokyo"), "7/b", now)


# -- the dashboard -------------------------------------------------------------------------------------------


def test_the_dashboard_is_made_once_and_rewritten_between_its_marks(told: Room) -> None:
    (issue,) = told.issues()
    body = told.body()
    told.hub.seed.edit_body(NAME, issue["number"], "ada", f"Hands off.\n\n{body}\n\nThanks")
    told.begin_next()
    written = told.body()
    assert written.startswith("Hands off.\n\n")
    assert written.endswith("\n\nThanks")
    assert "working on it" in written
    writes = len(told.hub.seed.requests())
    assert told.dashboards.write() == 0
    assert len(told.hub.seed.requests()) == writes, "nothing new: nothing asked"
    assert len(told.issues()) == 1


def test_a_dashboard_that_is_known_to_github_only_is_found_and_not_made_again(told: Room) -> None:
    with told.database.write() as connection:
        connection.execute(dashboard.update().values(issue=0, written=0))
    told.dashboards.write()
    assert len(told.issues()) == 1
    assert told.schedule().place.issue == told.issues()[0]["number"]


def test_of_two_dashboards_that_were_made_at_once_the_younger_is_closed(told: Room) -> None:
    before, body = told.schedule().place.issue, told.body()
    github = told.ticker.forge.repository(told.installation, NAME, told.key)
    with github:
        younger = github.threads.create_issue("Scheduled maintenance", body)
        assert [one.id for one in github.threads.find_own_issues("pullwright:dashboard")] == [before, younger]
    told.hub.seed.open_issue(NAME, "ada", "A copy", body)
    with told.database.write() as connection:
        connection.execute(dashboard.update().values(issue=0, written=0))
    told.dashboards.write()
    assert told.schedule().place.issue == before


def test_a_repository_with_issues_switched_off_has_no_dashboard_and_no_preview(room: Room) -> None:
    room.configure(weekly())
    room.hub.seed.order_fault(method="POST", path="/issues$", status=410)
    room.dashboards.write()
    assert room.schedule().place.issue == NO_ISSUE
    ref = ref_of(room, room.begin_next())
    assert not ref.preview


# -- boxes ---------------------------------------------------------------------------------------------------


def ticked(room: Room, *ticks: Tick) -> Ticked:
    place: Place = room.schedule().place
    repository = RepositoryRef(room.key, NAME, "main")
    return Ticked(room.installation, repository, place.issue, "ada", 7, ticks)


def test_run_now_begins_a_turn_and_leaves_the_ordinary_time_alone(told: Room) -> None:
    ticks, ordinary = Ticks(told.store, told.now), told.schedule().next_at
    assert ticks.is_ours(ticked(told))
    assert ticks.carry_out(ticked(told, Tick(Box.RUN, "sums", True), Tick(Box.RUN, "none", True))) == ()
    assert "- [x] <!-- pullwright:run:sums -->" in told.body()
    assert told.ticker.begin() == 1
    ref = ref_of(told, told.schedule().runs[0])
    assert ref.asked
    assert told.schedule().next_at == ordinary
    assert "- [ ] <!-- pullwright:run:sums -->" in told.body(), "the box is free again"


def test_run_now_can_be_taken_back_before_it_began(told: Room) -> None:
    ticks = Ticks(told.store, told.now)
    ticks.carry_out(ticked(told, Tick(Box.RUN, "sums", True)))
    ticks.carry_out(ticked(told, Tick(Box.RUN, "sums", False)))
    assert told.ticker.begin() == 0


def test_pausing_names_what_is_to_end_and_waking_waits_for_the_next_time(told: Room) -> None:
    ticks = Ticks(told.store, told.now)
    assert ticks.carry_out(ticked(told, Tick(Box.PAUSE, "sums", True))) == ("sums",)
    assert told.schedule().pause == Pause.PERSON
    told.ahead += 30 * DAY
    assert told.ticker.begin() == 0
    assert ticks.carry_out(ticked(told, Tick(Box.PAUSE, "sums", False))) == ()
    assert told.ticker.begin() == 0, "what was missed while it was paused is not made up"
    assert told.schedule().next_at > told.now()


def test_another_issue_is_not_the_dashboard(told: Room) -> None:
    other = replace(ticked(told), issue=told.schedule().place.issue + 1)
    assert not Ticks(told.store, told.now).is_ours(other)
