"""The phases of a change, joined: implements `workflow.Steps`.

Each phase may run again after a death, so each looks for what it did before: facts in the task's row, effects in
the ledger, trees and commits in the cache (the same arguments give the same ids).
"""

from dataclasses import dataclass
from typing import assert_never

from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase
from bot.store.tasks import Taken
from bot.tasks.change.accept import accept
from bot.tasks.change.ask import ask
from bot.tasks.change.carry import bring_here
from bot.tasks.change.desk import Desk, Services, open_desk
from bot.tasks.change.environment import prepare
from bot.tasks.change.late_words import hear_late_words
from bot.tasks.change.phases import (
    noted_phase,
    save_work,
    verify_phase,
    work_phase,
    work_side_by_side,
)
from bot.tasks.change.publish import learn_published, publish
from bot.tasks.change.report import report
from bot.tasks.change.work import describe_task
from bot.tasks.workflow import Finished, Next, PhaseEnd, Waiting


@dataclass(frozen=True)
class ChangeSteps:
    """One for the worker's process."""

    services: Services

    async def run_phase(self, task: Taken, phase: Phase) -> PhaseEnd:
        """See `workflow.Steps`."""
        async with open_desk(self.services, task) as desk, noted_phase(desk, phase):
            if phase not in (Phase.ACCEPT, Phase.PREPARE):
                await bring_here(desk)
            return await _run(desk, phase)

    async def run_failure(self, task: Taken, outcome: Outcome, detail: str) -> None:
        """Tell people in the tracking comment, which is made if the task died before it had one."""
        async with open_desk(self.services, task) as desk:
            await save_work(desk, outcome, detail, bring_here)
            if task.phase is Phase.PUBLISH:
                await learn_published(desk)
            await report(desk)


async def _run(desk: Desk, phase: Phase) -> PhaseEnd:
    if (heard := await hear_late_words(desk, phase)) is not None:
        return heard
    match phase:
        case Phase.ACCEPT:
            return Next(Phase.PREPARE if await accept(desk) else Phase.REPORT)
        case Phase.PREPARE:
            await prepare(desk)
            return Next(Phase.WORK)
        case Phase.WORK:
            if desk.request.attempts > 1:
                return await work_side_by_side(desk)
            return await work_phase(desk, describe_task)
        case Phase.ASK:
            return Next(Phase.WORK) if await ask(desk) else Waiting(why="a person's answer")
        case Phase.VERIFY:
            return await verify_phase(desk)
        case Phase.PUBLISH:
            await publish(desk)
            return Next(Phase.REPORT)
        case Phase.REPORT:
            await report(desk)
            return Finished(Outcome(desk.facts.outcome), desk.facts.detail)
        case _:
            assert_never(phase)
