"""Schedules, their turns, and the repositories that have some.

Races, and how each is closed:
- Two workers find the same turn due: beginning it (or passing it over) changes the schedule's row from what was seen,
  in the transaction that makes the task; the second one changes nothing. The turn is also the run's primary key.
- A turn comes while the one before still works: the run that has no end keeps the schedule from being due.
- Death between a task's end and the run's: the run stays open and is settled by whoever looks next.
- A person ticks a box while the file is read: reading touches neither `pause` nor `wanted_by`.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from bot.domain import limits
from bot.domain.allowance import Allowances, CostBefore, decide_allowance
from bot.domain.ids import InstallationId, RepositoryId
from bot.domain.repo_sections import ScheduleConfig
from bot.domain.schedules import Means, Pause, ScheduleResult
from bot.domain.tasks import RepositoryRef, TaskRequest, TaskStatus
from bot.store.database import Database, storable
from bot.store.schema import dashboard, schedule, schedule_run, spending, task
from bot.store.spending import fetch_cost_before
from bot.store.tasks import insert_task

_DAY_S = 86_400.0
NO_ISSUE: Final = -1
"""In place of a dashboard's number: the repository has its issues switched off."""


@dataclass(frozen=True)
class Bounds:
    """What all schedules of a repository may use, as its file says. `usd_per_week` 0: no bound."""

    open_pulls: int = limits.SCHEDULE_PULLS_OPEN
    pulls_per_day: int = limits.SCHEDULE_PULLS_A_DAY
    usd_per_week: float = 0.0


@dataclass(frozen=True)
class Place:
    """A repository that has schedules. `fault`: why its file can't be used; then none of them is due."""

    installation: InstallationId
    repository: RepositoryRef
    bounds: Bounds = Bounds()
    fault: str = ""
    previewed: bool = False
    issue: int = 0  # the dashboard
    version: int = 0


@dataclass(frozen=True)
class Run:
    """One turn. `result` empty: it is under way."""

    name: str
    slot: int
    task: str
    begun_at: float
    ended_at: float | None
    result: str
    detail: str = ""
    pull: int = 0
    pushed: str = ""
    base: str = ""
    title: str = ""
    report: str = ""  # the address of the comment that says what it found


@dataclass(frozen=True)
class StoredSchedule:
    """`runs`: its last turns, newest first."""

    place: Place
    name: str
    spec: ScheduleConfig
    next_at: float
    wanted_by: str
    pause: str
    woken_at: float
    runs: tuple[Run, ...] = ()


@dataclass(frozen=True)
class RunEnd:
    """How a turn ended."""

    result: ScheduleResult
    detail: str = ""
    pull: int = 0
    pushed: str = ""
    base: str = ""
    title: str = ""
    report: str = ""  # the address of the comment that says what it found


class Schedules:
    """Blocking. Times are seconds since the epoch."""

    def __init__(self, database: Database, allowances: Allowances | None = None) -> None:
        self.database = database
        self._allowances = allowances or Allowances()

    # -- what the file says -----------------------------------------------------------------------------
    def keep(self, place: Place, specs: Mapping[str, tuple[ScheduleConfig, float]]) -> None:
        """The schedules that the file names now, each with the time from which it counts when it is new or moved.
        Others are gone. A repository that never had any leaves no row."""
        with self.database.write() as connection:
            key = place.repository.id
            known = {row.name: row for row in connection.execute(_of(schedule, key))}
            if not specs and not known and connection.execute(_of(dashboard, key)).first() is None:
                return
            _keep_place(connection, place, {"bounds": json.dumps(vars_of(place.bounds)), "fault": ""})
            if {name: row.spec for name, row in known.items()} != {
                name: spec.model_dump_json() for name, (spec, _) in specs.items()
            }:
                _touch(connection, key)
            for name in known.keys() - specs.keys():
                connection.execute(schedule.delete().where(*_is(key, name)))
            for name, (spec, next_at) in specs.items():
                text = spec.model_dump_json()
                if name not in known:
                    values = {"repository": key, "name": name, "spec": text, "next_at": next_at}
                    connection.execute(schedule.insert().values(**values))
                elif known[name].spec != text:
                    moved = _parse_spec(known[name].spec)
                    same = (moved.when, moved.zone) == (spec.when, spec.zone)
                    values = {"spec": text} if same else {"spec": text, "next_at": next_at}
                    connection.execute(schedule.update().where(*_is(key, name)).values(**values))

    def keep_fault(self, place: Place, fault: str) -> None:
        """The file can't be used, so nothing is due where something was. A repository without schedules is none of
        ours."""
        with self.database.write() as connection:
            if connection.execute(_of(dashboard, place.repository.id)).first() is not None:
                _keep_place(connection, place, {"fault": storable(fault)[:1000]})

    def forget_others(self, installations: Collection[int], repositories: Collection[int]) -> None:
        """Schedules of repositories that the App can't see any more; `installations`: those that were listed whole, and
        all that there are."""
        gone = sa.select(dashboard.c.repository).where(
            sa.or_(
                dashboard.c.repository.not_in(list(repositories))
                & dashboard.c.installation.in_(list(installations)),
                dashboard.c.installation.not_in(list(installations)),
            )
        )
        with self.database.write() as connection:
            names = list(connection.execute(gone).scalars())
            for table in (schedule, dashboard):
                connection.execute(table.delete().where(table.c.repository.in_(names)))

    # -- turns ------------------------------------------------------------------------------------------
    def due(self, now: float) -> tuple[StoredSchedule, ...]:
        """Those whose turn it is, or that somebody wants to run, and none of whose turns is under way."""
        under_way = sa.exists().where(
            schedule_run.c.repository == schedule.c.repository,
            schedule_run.c.name == schedule.c.name,
            schedule_run.c.ended_at.is_(None),
        )
        wanted = schedule.c.wanted_by != ""
        return self._load((wanted | ((schedule.c.next_at <= now) & (schedule.c.pause == ""))) & ~under_way)

    def begin(self, due: StoredSchedule, request: TaskRequest, next_at: float, now: float) -> bool:
        """The task of this turn, and the next time, in one transaction. False: somebody else was faster, or the same
        turn was had before."""
        if request.maintenance is None:
            return False
        try:
            with self.database.write() as connection:
                if not _advance(connection, due, next_at):
                    return False
                insert_task(connection, request, now)
                _insert_run(
                    connection, due, request.maintenance.slot, {"task": request.task_id, "begun_at": now}
                )
                return True
        except IntegrityError:
            return False

    def pass_over(self, due: StoredSchedule, end: RunEnd, times: tuple[int, float], now: float) -> bool:
        """Nothing is begun in this turn, with the reason. `times`: the slot, and the next time."""
        ended = {"begun_at": now, "ended_at": now, "result": end.result.value, "detail": end.detail}
        try:
            with self.database.write() as connection:
                if not _advance(connection, due, times[1]):
                    return False
                _insert_run(connection, due, times[0], ended)
                return True
        except IntegrityError:
            return False

    def ended_tasks(self) -> tuple[tuple[RepositoryId, Run, str], ...]:
        """Turns without an end whose task is over, with the task's outcome."""
        query = (
            sa.select(schedule_run, task.c.outcome)
            .join(task, task.c.id == schedule_run.c.task)
            .where(schedule_run.c.ended_at.is_(None), task.c.status == TaskStatus.FINISHED.value)
        )
        with self.database.read() as connection:
            return tuple(
                (RepositoryId(row.repository), _run(row), str(row.outcome))
                for row in connection.execute(query)
            )

    def end(self, repository: RepositoryId, run: Run, end: RunEnd, now: float) -> bool:
        """Write down how a turn ended; False when that was done before."""
        values = {
            "ended_at": now,
            "result": end.result.value,
            "detail": storable(end.detail)[:1000],
            "pull": end.pull,
            "pushed": end.pushed,
            "base": end.base,
            "title": storable(end.title)[:300],
            "report": end.report,
        }
        mine = (*_is(repository, run.name, schedule_run), schedule_run.c.slot == run.slot)
        with self.database.write() as connection:
            changed = connection.execute(
                schedule_run.update().where(*mine, schedule_run.c.ended_at.is_(None)).values(**values)
            )
            _touch(connection, repository)
            if end.result in (ScheduleResult.PREVIEWED, ScheduleResult.NOTHING_TO_DO):
                connection.execute(
                    dashboard.update()
                    .where(dashboard.c.repository == repository, dashboard.c.previewed_at.is_(None))
                    .values(previewed_at=now)
                )
            return changed.rowcount == 1

    def means(self, due: StoredSchedule, request: TaskRequest, now: float) -> Means:
        """What schedules here have used, and what the operator still allows."""
        key, bounds = due.place.repository.id, due.place.bounds
        opened = sa.select(sa.func.count()).where(
            schedule_run.c.repository == key,
            schedule_run.c.result == ScheduleResult.OPENED.value,
            schedule_run.c.ended_at > now - _DAY_S,
        )
        week = (
            sa.select(sa.func.coalesce(sa.func.sum(spending.c.money_usd), 0.0))
            .join(schedule_run, schedule_run.c.task == spending.c.task)
            .where(schedule_run.c.repository == key, schedule_run.c.begun_at > now - 7 * _DAY_S)
        )
        with self.database.read() as connection:
            before = fetch_cost_before(connection, request, now)
            shared = CostBefore(repository=before.repository, everybody=before.everybody)
            return Means(
                int(connection.execute(opened).scalar_one()),
                bounds.pulls_per_day,
                float(connection.execute(week).scalar_one()),
                bounds.usd_per_week,
                decide_allowance(shared, self._allowances) is not None,
            )

    # -- what people say --------------------------------------------------------------------------------
    def want(self, repository: RepositoryId, name: str, login: str) -> bool:
        """Somebody with write access wants a turn now. False: there is no such schedule."""
        return self._change(repository, name, wanted_by=login)

    def pause(self, repository: RepositoryId, name: str, why: Pause) -> bool:
        return self._change(repository, name, pause=why.value)

    def wake(self, repository: RepositoryId, name: str, next_at: float, now: float) -> bool:
        """Its turns count again from now on, and what went wrong before does not."""
        return self._change(repository, name, pause="", next_at=next_at, woken_at=now)

    # -- reading ----------------------------------------------------------------------------------------
    def list(self, repository: RepositoryId) -> tuple[StoredSchedule, ...]:
        """The schedules of a repository, by name."""
        return self._load(schedule.c.repository == repository)

    def find(self, repository: RepositoryId, name: str) -> StoredSchedule | None:
        return next(iter(self._load(sa.and_(*_is(repository, name)))), None)

    def places(self) -> tuple[Place, ...]:
        """Every repository that has schedules, or had."""
        with self.database.read() as connection:
            return tuple(_place(row) for row in connection.execute(sa.select(dashboard)))

    # -- the dashboard ----------------------------------------------------------------------------------
    def unwritten(self, count: int) -> tuple[Place, ...]:
        """The first `count` repositories whose dashboard does not tell what holds now."""
        query = sa.select(dashboard).where(dashboard.c.written < dashboard.c.version, dashboard.c.issue >= 0)
        with self.database.read() as connection:
            return tuple(_place(row) for row in connection.execute(query.limit(count)))

    def note_written(self, place: Place, issue: int) -> None:
        """The issue tells what held when `place` was read. NO_ISSUE: there can be none."""
        mine = dashboard.c.repository == place.repository.id
        values = {"issue": issue, "written": place.version}
        with self.database.write() as connection:
            connection.execute(dashboard.update().where(mine).values(**values))

    def ask_to_write(self, repository: RepositoryId) -> None:
        """Somebody changed what stands there."""
        with self.database.write() as connection:
            _touch(connection, repository)

    def is_dashboard(self, repository: RepositoryId, issue: int) -> bool:
        query = _of(dashboard, repository).where(dashboard.c.issue == issue)
        with self.database.read() as connection:
            return connection.execute(query).first() is not None

    def _change(self, repository: RepositoryId, name: str, **values: Any) -> bool:
        with self.database.write() as connection:
            changed = connection.execute(schedule.update().where(*_is(repository, name)).values(**values))
            _touch(connection, repository)
            return changed.rowcount == 1

    def _load(self, condition: sa.ColumnElement[bool]) -> tuple[StoredSchedule, ...]:
        query = (
            sa.select(schedule, *(column for column in dashboard.c if column.name != "repository"))
            .join(dashboard, dashboard.c.repository == schedule.c.repository)
            .where(condition)
            .order_by(schedule.c.next_at, schedule.c.repository, schedule.c.name)
        )
        with self.database.read() as connection:
            rows = connection.execute(query).all()
            return tuple(_stored(row, _last_runs(connection, row.repository, row.name)) for row in rows)


def vars_of(bounds: Bounds) -> dict[str, Any]:
    """As it is stored."""
    return {
        "open_pulls": bounds.open_pulls,
        "pulls_per_day": bounds.pulls_per_day,
        "usd_per_week": bounds.usd_per_week,
    }


def _of(table: sa.Table, repository: RepositoryId) -> sa.Select[Any]:
    return sa.select(table).where(table.c.repository == repository)


def _is(repository: int, name: str, table: sa.Table = schedule) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.repository == repository, table.c.name == name


def _keep_place(connection: Connection, place: Place, changes: dict[str, str]) -> None:
    """The row as GitHub and the file have it now; when it says something else, the dashboard does too, and one that
    could not be made is tried again."""
    values = {
        "installation": place.installation,
        "full_name": place.repository.full_name,
        "default_branch": place.repository.default_branch,
        **changes,
    }
    key = place.repository.id
    found = connection.execute(_of(dashboard, key)).mappings().first()
    if found is None:
        connection.execute(dashboard.insert().values(repository=key, **values))
    elif found["issue"] == 0 or any(found[name] != value for name, value in values.items()):
        connection.execute(dashboard.update().where(dashboard.c.repository == key).values(**values))
        _touch(connection, key)


def _touch(connection: Connection, repository: int) -> None:
    """The dashboard has something to tell."""
    mine = dashboard.c.repository == repository
    connection.execute(dashboard.update().where(mine).values(version=dashboard.c.version + 1))


def _advance(connection: Connection, due: StoredSchedule, next_at: float) -> bool:
    as_seen = (schedule.c.next_at == due.next_at, schedule.c.wanted_by == due.wanted_by)
    mine = _is(due.place.repository.id, due.name)
    changed = connection.execute(
        schedule.update().where(*mine, *as_seen).values(next_at=next_at, wanted_by="")
    )
    _touch(connection, due.place.repository.id)
    return changed.rowcount == 1


def _insert_run(connection: Connection, due: StoredSchedule, slot: int, values: dict[str, Any]) -> None:
    key = {"repository": due.place.repository.id, "name": due.name, "slot": slot}
    connection.execute(schedule_run.insert().values(**key, **values))


def _last_runs(connection: Connection, repository: int, name: str) -> tuple[Run, ...]:
    query = (
        sa.select(schedule_run)
        .where(*_is(repository, name, schedule_run))
        .order_by(schedule_run.c.begun_at.desc(), schedule_run.c.slot.desc())
        .limit(limits.SCHEDULE_RUNS_KEPT)
    )
    return tuple(_run(row) for row in connection.execute(query))


def _run(row: Row[Any]) -> Run:
    return Run(
        row.name,
        row.slot,
        row.task,
        row.begun_at,
        row.ended_at,
        row.result,
        row.detail,
        row.pull,
        row.pushed,
        row.base,
        row.title,
        row.report,
    )


def _place(row: Row[Any]) -> Place:
    repository = RepositoryRef(RepositoryId(row.repository), row.full_name, row.default_branch)
    return Place(
        InstallationId(row.installation),
        repository,
        Bounds(**json.loads(row.bounds)),
        row.fault,
        row.previewed_at is not None,
        row.issue,
        row.version,
    )


def _parse_spec(text: str) -> ScheduleConfig:
    return ScheduleConfig.model_validate_json(text)


def _stored(row: Row[Any], runs: tuple[Run, ...]) -> StoredSchedule:
    return StoredSchedule(
        _place(row),
        row.name,
        _parse_spec(row.spec),
        row.next_at,
        row.wanted_by,
        row.pause,
        row.woken_at,
        runs,
    )
