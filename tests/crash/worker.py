"""The real worker as a process that dies at a point which the test names while it runs.

Forked from a server that has everything imported, so a life costs no imports. The point is told through shared
memory: the same worker serves one telling of a story after the other until it is killed.

Points inside of the worker are commits that changed something that lasts: rows of ours about tasks and deliveries,
rows of the engine about runs. Heartbeats and looking around are none. Points outside are writes, and the hub's side
(`tests/crash/matrix.py`).
"""

import asyncio
import multiprocessing
import os
import re
import signal
import sys
import threading
from collections.abc import Mapping
from enum import IntEnum
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from bot.cli.serve import write_whole
from bot.compose import WorkerTimes, open_worker
from bot.log import configure_log
from bot.settings import load_settings
from bot.tasks.ledger import LedgerTimes
from bot.tasks.runner import Intervals, Stop, WorkerEnd, stop_on_signals
from bot.tasks.workers import LifeTimes

_LASTING = re.compile(
    r'\s*(insert\s+into|update|delete\s+from)\s+("?dbos"?\.)?"?'
    r'(task|task_event|effect|spending|delivery|workflow_status|operation_outputs)"?\s',
    re.IGNORECASE,
)
PATIENCE_S = float(os.environ.get("PATIENCE_S") or 90)
"""For one step; more on a machine that others use as well."""
_TIMES = WorkerTimes(
    LifeTimes(beat_s=0.5, fence_s=PATIENCE_S / 11, dead_s=PATIENCE_S / 8),
    # Looking around is a third of what a telling costs when several are played at once.
    Intervals(intake_s=0.2, admission_s=0.2, care_s=0.5, hand_over_s=3.0),
    LedgerTimes(settle_s=0.5),
)
_FENCED = 3


class Cell(IntEnum):
    """What the test and the worker share. `LEFT`: 0 for nobody dies, n for the n-th commit from now on."""

    LEFT = 0
    AFTER = 1  # 1: once the commit is on disk, 0: before
    SIGNAL = 2
    SEEN = 3  # lasting commits so far


class Worker:
    """One worker process. The server it is forked from is shared by all tests of this process."""

    _context: ForkServerContext | None = None

    def __init__(self, environment: Mapping[str, str], ready: Path, log: Path) -> None:
        ready.unlink(missing_ok=True)
        self.ready = ready
        self._cells: Any = RawArray("i", len(Cell))
        self.process: BaseProcess = self._server().Process(
            target=_live, args=(dict(environment), str(log), self._cells), daemon=True
        )
        self.process.start()

    @classmethod
    def _server(cls) -> ForkServerContext:
        if cls._context is None:
            cls._context = multiprocessing.get_context("forkserver")
            cls._context.set_forkserver_preload([__name__, "tests.crash.libraries"])
        return cls._context

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    @property
    def seen(self) -> int:
        return int(self._cells[Cell.SEEN])

    @property
    def is_frozen(self) -> bool:
        # It may be reaped between two looks, and even between opening and reading: then it is dead, not frozen.
        try:
            status = Path(f"/proc/{self.pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return status.rpartition(")")[2].split()[0] == "T"

    @property
    def is_dead(self) -> bool:
        return self.process.exitcode is not None

    @property
    def fenced_itself(self) -> bool:
        return self.process.exitcode == _FENCED

    def meet(self, number: signal.Signals, commit: int, after: bool) -> None:
        """Send itself the signal at the `commit`-th lasting commit from now on; 0: live."""
        self._cells[Cell.AFTER], self._cells[Cell.SIGNAL] = int(after), int(number)
        self._cells[Cell.LEFT] = commit

    def end(self) -> None:
        if not self.is_dead:
            os.kill(self.pid, signal.SIGKILL)
        self.process.join()


def _live(environment: dict[str, str], log: str, cells: Any) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.clear()
    os.environ.update(environment)
    configure_log()
    _watch_commits(cells)
    code = asyncio.run(_work())
    if code == _FENCED:
        os._exit(code)  # as the command does
    sys.exit(code)


async def _work() -> int:
    settings = load_settings()
    stop = Stop()
    stop_on_signals(stop)
    async with open_worker(settings, _TIMES) as worker:
        write_whole(settings.data_dir / "worker.json", "{}")
        end = await worker.run(stop)
    return 0 if end is WorkerEnd.STOPPED else _FENCED


def _watch_commits(cells: Any) -> None:
    lock = threading.Lock()

    def is_here() -> bool:
        """Whether this is the commit to die at. Each counts once."""
        with lock:
            cells[Cell.SEEN] += 1
            if cells[Cell.LEFT] == 0:
                return False
            cells[Cell.LEFT] -= 1
            return bool(cells[Cell.LEFT] == 0)

    @event.listens_for(sa.Engine, "after_cursor_execute")
    def _note(connection: Any, cursor: Any, statement: str, *_rest: Any) -> None:
        if _LASTING.match(statement) and cursor.rowcount != 0:
            connection.info["lasting"] = True

    @event.listens_for(sa.Engine, "rollback")
    def _forget(connection: Any) -> None:
        connection.info.pop("lasting", None)

    @event.listens_for(sa.Engine, "commit")
    def _before(connection: Any) -> None:
        if not connection.info.pop("lasting", False) or not is_here():
            return
        if cells[Cell.AFTER]:
            connection.info["die"] = True
        else:
            os.kill(os.getpid(), cells[Cell.SIGNAL])

    @event.listens_for(sa.Pool, "checkin")
    def _after(_connection: Any, record: Any) -> None:
        if record.info.pop("die", False):
            os.kill(os.getpid(), cells[Cell.SIGNAL])
