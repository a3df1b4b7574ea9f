"""Task rows: admitted, taken, moved from phase to phase, finished. `task` is the truth about every task.

Races, and how each is closed:
- Two workers take one task: taking raises the epoch in one statement; the older holder's next write finds
  another epoch and raises Superseded.
- Two loops admit at once: admission is one transaction that holds the write lock (SQLite) or the rows
  (PostgreSQL: an advisory lock), so limits are counted once.
- Two requests for one issue: the partial unique index on `active_key`.
- A queued task's place is told while it is admitted: telling raises the epoch (`hold_queued`), so does taking, and
  whoever is older writes nothing more. A queued row's epoch is nobody's but the teller's.
- A run that is late finds its task over: finishing raises the epoch too. With the new one only whoever tells the end
  once more (`hold_ended`, `tasks/late.py`) writes to a task that is over.
- A write that is still on its way while its run waits or hands over, and the task is admitted again: waiting and
  releasing raise the epoch, so it is Superseded and not taken for a write of the next run.
"""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from bot.domain.admission import AdmissionLimits, Place, decide_admission, decide_priority
from bot.domain.allowance import Cost
from bot.domain.commands import CommandWord
from bot.domain.ids import InstallationId, RepositoryId, TaskId
from bot.domain.limits import QUEUE_LOOKED_AT
from bot.domain.outcomes import Outcome
from bot.domain.schedules import MaintenanceRef
from bot.domain.tasks import Phase, RepositoryRef, TaskKind, TaskRequest, TaskStatus, WayIn
from bot.errors import Bug, Superseded
from bot.store.database import Database, storable
from bot.store.fence import fence, look_behind
from bot.store.schema import task, task_event
from bot.store.spending import charge
from bot.store.work_trees import drop_work

JsonObject = dict[str, Any]

STEERING: Final = "steering"
"""Kind of the event rows that a person's words to a task become: {"id", "author", "text"}."""
ENDING: Final = "ending"
"""Kind of the event row by which a task is over whatever runs of it: {"outcome", "detail"}. People are told next."""
_ADMISSION_LOCK: Final = 0x61646D69
_RUNNING: Final = TaskStatus.RUNNING.value
# Built once: to build them takes the library twice as long as to run them (decision 113).
_CHANGE: Final = task.update().where(task.c.id == sa.bindparam("of_task"))  # the columns come with the values
_FIND: Final = sa.select(task).where(task.c.id == sa.bindparam("of_task"))
_TAKE: Final = (
    task.update()
    .where(task.c.id == sa.bindparam("of_task"), task.c.status == _RUNNING)
    .values(epoch=task.c.epoch + 1, attempts=task.c.attempts + 1, worker=sa.bindparam("by"))
)


@dataclass(frozen=True)
class Admitted:
    """A task that may run now. `segment` counts its admissions from 1: with the id it names one run."""

    task: TaskId
    segment: int


@dataclass(frozen=True)
class Queued:
    """A task that waits to be admitted, as it was seen."""

    id: TaskId
    epoch: int


@dataclass(frozen=True)
class Taken:
    """A task in the hands of one run. Every write carries the epoch."""

    id: TaskId
    epoch: int
    attempts: int
    request: TaskRequest
    phase: Phase
    facts: JsonObject


@dataclass(frozen=True)
class TaskView:
    """A task as a watcher sees it."""

    id: TaskId
    status: TaskStatus
    phase: Phase
    outcome: str
    detail: str
    segment: int
    attempts: int
    worker: str
    facts: JsonObject
    created_at: float
    finished_at: float | None


def insert_task(
    connection: Connection, request: TaskRequest, now: float, status: TaskStatus = TaskStatus.QUEUED
) -> None:
    """A new row. Raises IntegrityError when the task or its active key exists. One that is HELD is not active."""
    key = held_key(request.active_key) if status is TaskStatus.HELD else request.active_key
    connection.execute(
        task.insert().values(
            id=request.task_id,
            kind=request.kind.value,
            status=status.value,
            active_key=key,
            installation=request.installation,
            repository=request.repository.id,
            request=json.dumps(asdict(request)),
            priority=decide_priority(request),
            created_at=now,
            phase=Phase.ACCEPT.value,
        )
    )


def held_key(active_key: str) -> str:
    """What a held request has in place of its active key: one for each issue, and in nobody's way."""
    return f"held:{active_key}"


def parse_request(text: str) -> TaskRequest:
    """The inverse of what `insert_task` stores."""
    body = json.loads(text)
    ref = body["repository"]
    repository = RepositoryRef(RepositoryId(ref["id"]), ref["full_name"], ref["default_branch"])
    known = {one.name for one in fields(TaskRequest)}  # a newer version may have written more
    return TaskRequest(
        **{
            **{name: value for name, value in body.items() if name in known},
            "installation": InstallationId(body["installation"]),
            "repository": repository,
            "kind": TaskKind(body["kind"]),
            "word": CommandWord(body.get("word", CommandWord.FIX)),
            "way": WayIn(body.get("way", WayIn.MENTION)),
            "maintenance": _parse_maintenance(body.get("maintenance")),
        }
    )


def _parse_maintenance(body: JsonObject | None) -> MaintenanceRef | None:
    return MaintenanceRef(**{**body, "pushed": tuple(body["pushed"])}) if body else None


class Tasks:
    """Blocking; callers that are async use a thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def admit(self, limits: AdmissionLimits, now: float) -> tuple[Admitted, ...]:
        """Make waiting tasks RUNNING as far as the limits allow, most urgent and oldest first."""
        with self._database.write() as connection:
            _lock(connection)
            connection.execute(
                task.update()
                .where(task.c.status == TaskStatus.WAITING.value, task.c.next_at <= now)
                .values(status=TaskStatus.QUEUED.value, next_at=None)
            )
            places = sa.select(task.c.id, task.c.repository, task.c.installation, task.c.priority)
            running = connection.execute(places.where(task.c.status == _RUNNING))
            queued = connection.execute(
                places.where(task.c.status == TaskStatus.QUEUED.value).order_by(
                    task.c.priority, task.c.created_at, task.c.id
                )
            )
            chosen = decide_admission(
                [Place(*one[1:]) for one in running],
                [(one.id, Place(*one[1:])) for one in queued],
                limits,
            )
            if chosen:
                connection.execute(
                    task.update()
                    .where(task.c.id.in_(chosen))
                    .values(status=_RUNNING, worker="", segment=task.c.segment + 1)
                )
            rows = connection.execute(sa.select(task.c.id, task.c.segment).where(task.c.id.in_(chosen)))
            segments = {row.id: row.segment for row in rows}
            return tuple(Admitted(TaskId(name), segments[name]) for name in chosen)

    def take(self, task_id: TaskId, worker: str) -> Taken:
        """Make the task ours: the epoch and the attempts grow by one. Raises Superseded when it is not
        running (finished, waiting, or stopped meanwhile)."""
        with self._database.write() as connection:
            changed = connection.execute(_TAKE, {"of_task": task_id, "by": worker})
            if changed.rowcount != 1:
                raise Superseded(f"{task_id} is not running")
            return _taken(connection.execute(_FIND, {"of_task": task_id}).one())

    def move(self, taken: Taken, phase: Phase, facts: JsonObject) -> None:
        """The next phase and what is known, in one write. A phase that was left counts no attempts. Raises
        Superseded."""
        self._fenced(taken, phase=phase.value, facts=json.dumps(facts), attempts=1)

    def save_facts(self, taken: Taken, facts: JsonObject) -> None:
        """What is known so far, within a phase. Raises Superseded."""
        self._fenced(taken, facts=json.dumps(facts))

    def charge(self, taken: Taken, cost: Cost, now: float) -> None:
        """What the task has cost so far, for the allowances of later ones. Raises Superseded."""
        with self._database.write() as connection:
            fence(connection, taken.id, taken.epoch)
            charge(connection, taken.request, cost, now)

    def wait(self, taken: Taken, until: float | None) -> None:
        """Free the slot; the task stays active. `until` (seconds since the epoch): admitted again then; None:
        when a person has answered, which may have been during this run. Raises Superseded."""
        values = {"next_at": until, "worker": "", "attempts": 0, "epoch": task.c.epoch + 1}
        with self._database.write() as connection:
            fence(connection, taken.id, taken.epoch)
            answered = until is None and _has_row(connection, taken, STEERING)
            status = TaskStatus.QUEUED if answered else TaskStatus.WAITING
            connection.execute(
                task.update().where(task.c.id == taken.id).values(status=status.value, **values)
            )

    def finish(self, taken: Taken, outcome: Outcome, detail: str, now: float) -> None:
        """The end, with its name; nobody goes on with its work, which is kept only while something that was sent
        to GitHub is still to be looked for. Raises Superseded."""
        values = {
            "epoch": taken.epoch + 1,
            "status": TaskStatus.FINISHED.value,
            "outcome": outcome.value,
            "detail": storable(detail)[:2000],
            "finished_at": now,
            "worker": "",
        }
        with self._database.write() as connection:
            fence(connection, taken.id, taken.epoch)
            connection.execute(_CHANGE, {"of_task": taken.id, **values})
            drop_work(connection, taken.id)

    def hold_ended(self, task_id: TaskId) -> Taken:
        """A task that is over, to tell its end once more; whoever held it before writes no more. Raises Superseded
        when it is not over."""
        mine = (task.c.id == task_id, task.c.status == TaskStatus.FINISHED.value)
        with self._database.write() as connection:
            held = connection.execute(task.update().where(*mine).values(epoch=task.c.epoch + 1))
            if held.rowcount != 1:
                raise Superseded(f"{task_id} is not over")
            return _taken(connection.execute(_FIND, {"of_task": task_id}).one())

    def check_held(self, taken: Taken) -> None:
        """A look, before something is sent that no row speaks of. Raises Superseded when the epoch is not ours any
        more, RetryLater."""
        with self._database.read() as connection:
            look_behind(connection, taken.id, taken.epoch)

    def release(self, worker: str) -> tuple[TaskId, ...]:
        """Hand over what a worker holds (SIGTERM, or its death): admitted, held by nobody, its epoch raised
        so that the old run can write no more."""
        with self._database.write() as connection:
            released = connection.execute(
                task.update()
                .where(task.c.worker == worker, task.c.status == _RUNNING)
                .values(worker="", epoch=task.c.epoch + 1)
                .returning(task.c.id)
            ).scalars()
            return tuple(sorted(TaskId(name) for name in released))

    def queue(self, most: int) -> tuple[Queued, ...]:
        """The first `most` tasks that wait to be admitted, in the order in which they will be."""
        query = (
            sa.select(task.c.id, task.c.epoch)
            .where(task.c.status == TaskStatus.QUEUED.value)
            .order_by(task.c.priority, task.c.created_at, task.c.id)
            .limit(most)
        )
        with self._database.read() as connection:
            return tuple(Queued(TaskId(row.id), row.epoch) for row in connection.execute(query))

    def count_before(self, task_id: TaskId) -> int:
        """How many tasks are queued before this one; 0 when it is not queued."""
        names = [one.id for one in self.queue(QUEUE_LOOKED_AT)]
        return names.index(task_id) if task_id in names else 0

    def hold_queued(self, queued: Queued) -> Taken:
        """To tell people of it while it waits: whoever takes it next supersedes us. Raises Superseded when it is
        queued no more, or somebody else tells."""
        mine = (task.c.id == queued.id, task.c.epoch == queued.epoch)
        with self._database.write() as connection:
            held = connection.execute(
                task.update()
                .where(*mine, task.c.status == TaskStatus.QUEUED.value)
                .values(epoch=task.c.epoch + 1)
            )
            if held.rowcount != 1:
                raise Superseded(f"{queued.id} is not queued as it was")
            return _taken(connection.execute(_FIND, {"of_task": queued.id}).one())

    def running(self) -> tuple[TaskView, ...]:
        return self._views(task.c.status == _RUNNING)

    def busy_repositories(self) -> frozenset[tuple[int, int]]:
        """(installation, repository) of every task that is not over."""
        query = sa.select(task.c.installation, task.c.repository).distinct()
        with self._database.read() as connection:
            rows = connection.execute(query.where(task.c.status != TaskStatus.FINISHED.value))
            return frozenset((row.installation, row.repository) for row in rows)

    def find(self, task_id: TaskId) -> TaskView | None:
        with self._database.read() as connection:
            row = connection.execute(_FIND, {"of_task": task_id}).first()
            return _view(row) if row is not None else None

    def newest(self, count: int) -> tuple[TaskView, ...]:
        """For people who watch: newest first."""
        return self._views(sa.true(), count)

    def find_active(self, active_key: str) -> TaskView | None:
        """The unfinished task of an issue or pull request."""
        unfinished = task.c.status != TaskStatus.FINISHED.value
        return next(iter(self._views((task.c.active_key == active_key) & unfinished)), None)

    def find_request(self, task_id: TaskId) -> TaskRequest | None:
        """What a task was asked for."""
        return self._request(task.c.id == task_id)

    def list_caused(self, cause: str) -> tuple[TaskStatus, ...]:
        """The states of the tasks that this caused, and of those it caused again (`cause-2`, `cause-3`)."""
        again = task.c.id.startswith(f"t-{cause}-", autoescape=True)
        with self._database.read() as connection:
            query = sa.select(task.c.status).where((task.c.id == f"t-{cause}") | again)
            return tuple(TaskStatus(status) for status in connection.execute(query).scalars())

    def find_last_request(self, active_key: str) -> TaskRequest | None:
        """What the newest finished task of an issue or pull request was asked for."""
        finished = task.c.status == TaskStatus.FINISHED.value
        return self._request((task.c.active_key == active_key) & finished)

    def find_with_request(self, task_id: TaskId) -> tuple[TaskView, TaskRequest] | None:
        """A task as a watcher sees it, with what it was asked for."""
        return next(iter(self._with_requests(task.c.id == task_id)), None)

    def list_knowing(
        self, repository: RepositoryId, fact: str, value: str | int
    ) -> tuple[tuple[TaskView, TaskRequest], ...]:
        """The tasks on a repository that know this, as `save_facts` writes it; oldest first."""
        written = json.dumps({fact: value})[1:-1]
        some = (task.c.repository == repository) & task.c.facts.like(f"%{written}%")
        return tuple(one for one in self._with_requests(some) if one[0].facts.get(fact) == value)

    def list_finished(self, active_key: str) -> tuple[tuple[TaskView, TaskRequest], ...]:
        """The finished tasks of an issue or pull request, oldest first."""
        finished = task.c.status == TaskStatus.FINISHED.value
        return self._with_requests((task.c.active_key == active_key) & finished)

    def _with_requests(self, condition: Any) -> tuple[tuple[TaskView, TaskRequest], ...]:
        with self._database.read() as connection:
            query = sa.select(task).where(condition).order_by(task.c.created_at, task.c.id)
            return tuple((_view(row), parse_request(row.request)) for row in connection.execute(query))

    def find_held(self, active_key: str) -> TaskRequest | None:
        """The request on an issue that waits for somebody with write access."""
        return self._request(task.c.active_key == held_key(active_key))

    def _request(self, condition: Any) -> TaskRequest | None:
        with self._database.read() as connection:
            query = sa.select(task.c.request).where(condition).order_by(task.c.created_at.desc()).limit(1)
            row = connection.execute(query).first()
            return parse_request(row.request) if row else None

    def _views(self, condition: Any, count: int = 1000) -> tuple[TaskView, ...]:
        with self._database.read() as connection:
            query = sa.select(task).where(condition).order_by(task.c.created_at.desc()).limit(count)
            return tuple(_view(row) for row in connection.execute(query))

    def _fenced(self, taken: Taken, **values: Any) -> None:
        with self._database.write() as connection:
            fence(connection, taken.id, taken.epoch)
            connection.execute(_CHANGE, {"of_task": taken.id, **values})


def wake_task(connection: Connection, task_id: TaskId) -> bool:
    """Queue it if it rests; False, and left alone, if it does not."""
    changed = connection.execute(
        task.update()
        .where(task.c.id == task_id, task.c.status == TaskStatus.WAITING.value)
        .values(status=TaskStatus.QUEUED.value, next_at=None)
    )
    return changed.rowcount == 1


def _has_row(connection: Connection, taken: Taken, kind: str) -> bool:
    """Whether a row of this kind came in under the epoch of this run."""
    query = sa.select(task_event.c.seq).where(
        task_event.c.task == taken.id, task_event.c.epoch == taken.epoch, task_event.c.kind == kind
    )
    return connection.execute(query.limit(1)).first() is not None


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADMISSION_LOCK)))


def _taken(row: Row[Any]) -> Taken:
    return Taken(
        TaskId(row.id),
        row.epoch,
        row.attempts,
        parse_request(row.request),
        Phase(row.phase),
        _object(row.facts),
    )


def _view(row: Row[Any]) -> TaskView:
    return TaskView(
        TaskId(row.id),
        TaskStatus(row.status),
        Phase(row.phase),
        row.outcome,
        row.detail,
        row.segment,
        row.attempts,
        row.worker,
        _object(row.facts),
        row.created_at,
        row.finished_at,
    )


def _object(text: str) -> JsonObject:
    body = json.loads(text)
    if not isinstance(body, dict):
        raise Bug("a stored object is none")
    return body
