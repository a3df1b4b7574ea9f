"""A real worker with scripted phases, as a process that can be killed: `python -m tests.tasks.worker_process '{...}'`.

The script names, for each phase, how this process misbehaves in it: `begin`, `in_flight` or `end` (killed there, at
most `times` times in all processes), `hang` (until the file `go` is there).
"""

import asyncio
import json
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.domain.access import Permission
from bot.domain.admission import AdmissionLimits
from bot.domain.decisions import RefusedRequest
from bot.domain.ids import InstallationId
from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase, RepositoryRef, TaskRequest
from bot.store.database import Database
from bot.store.effects import Effects
from bot.store.migrations import migrate
from bot.store.tasks import Taken
from bot.tasks.engine_dbos import DbosEngine
from bot.tasks.ledger import Ledger, LedgerTimes
from bot.tasks.runner import Intervals, Stop, Worker, WorkerEnd, WorkerParts, WorkerSettings, stop_on_signals
from bot.tasks.workers import LifeTimes
from bot.tasks.workflow import Finished, Next, PhaseEnd
from tests.tasks.world import PHASES, Elsewhere


@dataclass
class ScriptedSteps:
    elsewhere: Elsewhere
    ledger: Ledger
    worker: str
    script: dict[str, Any]
    go: Path

    async def run_phase(self, task: Taken, phase: Phase) -> PhaseEnd:
        self.elsewhere.note(task.id, phase, "begun", self.worker)
        self._misbehave(task, phase, "begin")
        try:
            while phase in self.script.get("hang", ()) and not self.go.exists():
                await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            self.elsewhere.note(task.id, phase, "cleaned up", self.worker)
            raise
        marker = f"{task.id}:{phase.value}"
        await self.ledger.ensure(
            task.id,
            task.epoch,
            phase.value,
            lambda: self.elsewhere.find(marker),
            lambda: self._create(task, phase, marker),
        )
        self._misbehave(task, phase, "end")
        self.elsewhere.note(task.id, phase, "ended", self.worker)
        if phase is Phase.REPORT:
            return Finished(Outcome.PROVEN, "as scripted")
        return Next(PHASES[PHASES.index(phase) + 1], {**task.facts, phase.value: "done"})

    async def run_failure(self, task: Taken, outcome: Outcome, detail: str) -> None:
        self.elsewhere.tell(task.id, outcome)

    def _create(self, task: Taken, phase: Phase, marker: str) -> str:
        self.elsewhere.write(marker)
        self._misbehave(task, phase, "in_flight")
        return marker

    def _misbehave(self, task: Taken, phase: Phase, where: str) -> None:
        times = self.script.get("kill", {}).get(f"{phase.value}:{where}", 0)
        if len(self.elsewhere.noted(task.id, phase, "killed")) < times:
            self.elsewhere.note(task.id, phase, "killed", self.worker)
            os.kill(os.getpid(), signal.SIGKILL)


class EverybodyWrites:
    def fetch_permission(
        self, installation: InstallationId, repository: RepositoryRef, login: str, user_id: int
    ) -> Permission:
        return Permission.WRITE


class Silent:
    def tell(self, refused: RefusedRequest) -> None:
        """Nothing."""

    def answer(self, asked: TaskRequest, text: str) -> None:
        """Nothing."""

    def acknowledge(self, asked: TaskRequest) -> None:
        """Nothing."""

    def fetch_config(self, asked: TaskRequest) -> str:
        """None."""
        return ""

    def has_branch(self, asked: TaskRequest, branch: str) -> bool:
        return False

    def is_pull_open(self, asked: TaskRequest, pull: int) -> bool:
        return False

    def fetch_changed(self, asked: TaskRequest) -> tuple[str, ...]:
        """None."""
        return ()

    def fetch_text(self, asked: TaskRequest) -> str | None:
        """Gone."""


async def work(script: dict[str, Any]) -> WorkerEnd:
    folder, worker = Path(script["folder"]), script["worker"]
    url = script["url"]
    database = Database(url)
    migrate(database)
    executor = ThreadPoolExecutor(8)
    elsewhere = Elsewhere(folder / "github.db")
    ledger = Ledger(Effects(database), executor, time.time, LedgerTimes(settle_s=0.3))
    settings = WorkerSettings(
        worker,
        "agent",
        folder / script.get("locks", "locks"),
        AdmissionLimits(fleet=script.get("fleet", 4), repository=4, installation=4),
        attempts=script.get("attempts", 5),
        times=LifeTimes(beat_s=0.2, fence_s=8.0, dead_s=12.0),
        intervals=Intervals(intake_s=0.05, admission_s=0.05, care_s=0.1, hand_over_s=3.0),
        drain_s=script.get("drain_s", 0.0),
    )
    parts = WorkerParts(
        database,
        DbosEngine(url, worker, script.get("slots", 4)),
        ScriptedSteps(elsewhere, ledger, worker, script, folder / "go"),
        EverybodyWrites(),
        Silent(),
        Silent(),
        executor,
        time.time,
    )
    stop = Stop()
    stop_on_signals(stop)
    return await Worker(settings, parts).run(stop)


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(work(json.loads(sys.argv[1]))) is WorkerEnd.STOPPED else 3)
