"""The `Engine` on DBOS, in the same database as our own tables: SQLite or PostgreSQL by the URL.

The only importer of dbos. One workflow (`change`), one kind of step (`phase`): a step does what the task's
row says is next, so the engine's positional replay can never disagree with the row. A step that ended but was
not recorded before a death is simply followed by the next phase.

Never holds content: the argument is a run's name, answers are one word.

Traps of the library, and how each is closed:
- its start-up recovery pulls runs of the same executor id, so the id is unique for each start (the worker's
  id) and dead workers are noticed by `workers.py`, never by the library;
- its version is a hash of our source by default, and strands runs at an upgrade: pinned by hand;
- `resume` without a queue name escapes every limit: always named;
- values are pickled by default: portable JSON here;
- it polls two queues and its own jobs, which costs a worker at rest most of what it costs: as seldom as people can
  bear, and its internal queue, that nothing of ours enters, hardly ever;
- it logs 20 lines for each cancelled run: relayed as one line;
- it replaces the loop's default threads and `destroy` ends them: nothing in this room uses `to_thread`.
"""

import asyncio
import functools
import logging
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer, SetWorkflowID, WorkflowStatus
from dbos import error as dbos_error
from sqlalchemy.exc import SQLAlchemyError

from bot.domain.ids import TaskId
from bot.errors import Bug, RetryLater
from bot.store.database import close_engine, open_engine
from bot.tasks.engine import Execution, Run, RunId, RunStatus

APPLICATION_VERSION: Final = "1"
"""Changed by hand, only when a run of an older version can't be continued by a newer worker."""
_APPLICATION: Final = "pullwright"
_QUEUE: Final = "tasks"
_WORKFLOW: Final = "change"
_POLL_S: Final = 2.0  # each poll builds its statements anew, 3 to 5 ms of processor
_START_S: Final = 30.0  # one row is written; as long as a database may be locked
_UNUSED_POLL_S: Final = 60.0  # the library's own queue, which nothing of ours ever enters
_CLEAN_UP_S: Final = 3.0  # for a cancelled phase that was asked before, or whose worker must end
_UNFINISHED: Final = ["ENQUEUED", "DELAYED", "PENDING"]
_ENDED: Final = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
_STATUS: Final = {
    "ENQUEUED": RunStatus.QUEUED,
    "DELAYED": RunStatus.QUEUED,
    "PENDING": RunStatus.RUNNING,
    "SUCCESS": RunStatus.DONE,
    "CANCELLED": RunStatus.CANCELLED,
    "ERROR": RunStatus.FAILED,
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": RunStatus.FAILED,
}

log = structlog.get_logger()


class DbosEngine:
    """One for each process. `worker` is unique for each start; `slots` runs are executed at once here."""

    def __init__(self, url: str, worker: str, slots: int, poll_s: float = _POLL_S) -> None:
        self._url, self._worker, self._slots, self._poll_s = url, worker, slots, poll_s
        self._database = open_engine(url)
        self._client: DBOSClient | None = None
        self._runs: set[asyncio.Task[Any]] = set()
        self._executions: list[Execution] = []
        self._loop: asyncio.AbstractEventLoop | None = None  # None: nothing is executed here
        self._change: Callable[[str], Coroutine[Any, Any, str]] | None = None
        self._closing = False
        self._draining = False

    # -- executing ------------------------------------------------------------------------------------------
    async def launch(self, open_execution: Callable[[RunId], Execution]) -> None:
        """See `Engine`. Makes and migrates the engine's own tables."""
        _relay_log()
        await _in_thread(self._prepare)
        with _translated():
            self._launch(open_execution)
        self._loop = asyncio.get_running_loop()

    def _launch(self, open_execution: Callable[[RunId], Execution]) -> None:
        library = DBOS(
            config={
                "name": _APPLICATION,
                "system_database_url": self._url,
                "system_database_engine": self._database,
                "executor_id": self._worker,
                "application_version": APPLICATION_VERSION,
                "serializer": DBOSPortableJSONSerializer(),
                "enable_otlp": False,
            }
        )
        self._register(open_execution)
        # There is no setting for it. In a version where this does nothing, a worker at rest only costs a bit more.
        library._registry.get_internal_queue()._polling_interval_sec = _UNUSED_POLL_S
        DBOS.launch()

    def _prepare(self) -> None:
        """The queue is there before the launch: one that comes later is noticed a second later."""
        with _translated():
            DBOS.migrate(self._url)
        self._ask(
            lambda client: client.register_queue(
                _QUEUE,
                worker_concurrency=self._slots,
                polling_interval_sec=self._poll_s,
                on_conflict="always_update",
            )
        )

    def _register(self, open_execution: Callable[[RunId], Execution]) -> None:
        @DBOS.step(name="phase", preemptible=True)
        async def phase(execution: Execution) -> list[Any]:
            answer = await execution.step()
            return [answer.more, answer.said]

        # Attempts are counted in the task's row: a resume sets the library's own counter back.
        @DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=None)
        async def change(run: str) -> str:
            current = asyncio.current_task()
            if current is not None:
                self._runs.add(current)
                current.add_done_callback(self._runs.discard)
            if self._closing:
                raise asyncio.CancelledError  # recorded by nobody: the run stays for another worker
            # The library's own bound counts what its poll brought, not what began without one.
            if self._draining or len(self._executions) >= self._slots:
                self._give_back(RunId.parse(run), current)
                raise asyncio.CancelledError
            execution = open_execution(RunId.parse(run))
            self._executions.append(execution)
            try:
                more, said = True, ""
                while more:
                    more, said = await phase(execution)
                return said
            finally:
                self._executions.remove(execution)

        self._change = change

    async def drain(self, within_s: float) -> None:
        """See `Engine`. The library has no way to poll no more: what our poll gets is queued again."""
        self._draining = True
        if self._runs:
            await asyncio.wait(tuple(self._runs), timeout=within_s)

    def _give_back(self, run: RunId, current: "asyncio.Task[Any] | None") -> None:
        """Once our part of it is over; `hand_over` does it for one that the database did not take back."""

        def take_back() -> None:
            try:
                self.take_over((run,))
            except RetryLater as error:
                log.warning("a run was not given back yet", run=str(run), why=str(error))
            else:
                log.info("a run was given back", run=str(run))

        if current is not None:
            current.add_done_callback(lambda _: threading.Thread(target=take_back, daemon=True).start())

    async def hand_over(self, within_s: float) -> None:
        """See `Engine`. A cancelled run is recorded by nobody, so it is still ours when we look for it."""
        self._closing = True
        for execution in tuple(self._executions):
            execution.hand_over()
        if self._runs:
            await asyncio.wait(tuple(self._runs), timeout=within_s)
        await self.abandon()
        await _in_thread(self._destroy_and_release)

    async def abandon(self) -> None:
        """See `Engine`."""
        self._closing = True
        runs = tuple(self._runs)
        for run in runs:
            run.cancel()
        if runs:
            await asyncio.wait(runs, timeout=_CLEAN_UP_S)

    def _destroy_and_release(self) -> None:
        DBOS.destroy(destroy_registry=True)
        mine = tuple(run.id for run in self.unfinished() if run.worker == self._worker)
        self.take_over(mine)
        self.close()
        log.info("engine stopped", worker=self._worker, queued_again=[str(run) for run in mine])

    def close(self) -> None:
        """Let go of the database. For an engine that was never launched; `hand_over` does it too."""
        if self._client is not None:
            self._client.destroy()
        close_engine(self._database)

    # -- asking and telling ---------------------------------------------------------------------------------
    def enqueue(self, run: RunId) -> None:
        """See `Engine`. A worker that is not half full begins it at once, so that whoever asked need not wait for a
        poll as well; the rest is for whichever worker polls first."""
        loop, is_busy = self._loop, 2 * len(self._executions) >= max(2, self._slots)
        if loop is None or is_busy or self._closing or self._draining or _runs_here(loop):
            self._queue(run)
            return
        try:
            asyncio.run_coroutine_threadsafe(self._start(run), loop).result(_START_S)
        except TimeoutError as error:
            raise RetryLater(f"{run} was not begun in time", 1.0) from error

    async def _start(self, run: RunId) -> None:
        """A run that is known already is left to whoever has it. On the loop of `launch`."""
        if self._change is None:
            raise Bug("the engine was not launched")
        with _translated(), SetWorkflowID(str(run)):
            await DBOS.start_workflow_async(self._change, str(run))

    def _queue(self, run: RunId) -> None:
        self._ask(
            lambda client: client.enqueue(
                {
                    "workflow_name": _WORKFLOW,
                    "queue_name": _QUEUE,
                    "workflow_id": str(run),
                    "app_version": APPLICATION_VERSION,
                },
                str(run),
            )
        )

    def cancel(self, task: TaskId) -> None:
        """See `Engine`."""
        ids = [str(run.id) for run in self.unfinished() if run.id.task == task]
        if ids:
            self._ask(lambda client: client.cancel_workflows(ids))

    def unfinished(self) -> tuple[Run, ...]:
        """See `Engine`."""
        return self._list(status=_UNFINISHED)

    def find_latest(self, task: TaskId) -> Run | None:
        """See `Engine`."""
        found = self._list(workflow_id_prefix=f"{task}.")
        return max(found, key=lambda run: run.id, default=None)

    def take_over(self, runs: tuple[RunId, ...]) -> None:
        """See `Engine`. Ended runs stay ended."""
        ids = [str(run) for run in runs]
        if ids:
            self._ask(lambda client: client.resume_workflows(ids, queue_name=_QUEUE))

    def forget(self, ended_before: float, most: int) -> int:
        """See `Engine`."""
        before = datetime.fromtimestamp(ended_before, UTC).isoformat()
        found = self._list(status=_ENDED, completed_before=before, limit=most)
        if found:
            self._ask(lambda client: client.delete_workflows([str(run.id) for run in found]))
        return len(found)

    def _list(self, **wanted: Any) -> tuple[Run, ...]:
        found = self._ask(
            lambda client: client.list_workflows(
                name=_WORKFLOW, load_input=False, load_output=False, **wanted
            )
        )
        return tuple(_parse_run(row) for row in found)

    def _ask(self, question: Callable[[DBOSClient], Any]) -> Any:
        if self._client is None:
            self._client = DBOSClient(
                system_database_engine=self._database,
                serializer=DBOSPortableJSONSerializer(),
                application_name=_APPLICATION,
                lazy=True,
                retry_connection_errors=False,
            )
        with _translated():
            return question(self._client)


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether the caller stands on that loop, and so must not wait for it."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise RetryLater(f"the engine's database did not answer: {error}", 1.0) from error
    except dbos_error.DBOSException as error:
        raise Bug(f"the engine refuses: {error}") from error


def _parse_run(row: WorkflowStatus) -> Run:
    status = _STATUS.get(row.status)
    if status is None:
        raise Bug(f"the engine names an unknown state `{row.status}`")
    worker = (row.executor_id or "") if status is RunStatus.RUNNING else ""
    return Run(RunId.parse(row.workflow_id), status, worker)


async def _in_thread(work: Callable[[], None]) -> None:
    """A thread of its own: the library waits for this loop meanwhile, and ends the loop's pool."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: Exception | None) -> None:
        if done.cancelled():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  # handed to the waiter below
            loop.call_soon_threadsafe(functools.partial(settle, error))
        else:
            loop.call_soon_threadsafe(functools.partial(settle, None))

    threading.Thread(target=run, name="engine-hand-over", daemon=True).start()
    await done


class _Relay(logging.Handler):
    """The library's warnings as single lines of ours; its tracebacks of cancelled runs are left out."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        log.warning("engine", text=record.getMessage()[:500], error=repr(error)[:500] if error else "")


def _relay_log() -> None:
    logger = logging.getLogger("dbos")
    if not any(isinstance(handler, _Relay) for handler in logger.handlers):
        logger.handlers[:] = [_Relay(logging.WARNING)]
        logger.propagate = False
