"""The phases of a schedule's turn, joined: implements `workflow.Steps`.

Work and verification are those of a change. How it ended stands in the pull request and in the task's row, from which
`tasks/schedules.py` writes the turn's result; only a preview is shown in a comment.
"""

from dataclasses import dataclass
from typing import assert_never

from bot.domain.outcomes import Outcome
from bot.domain.schedules import schedule_branch
from bot.domain.tasks import Phase
from bot.store.tasks import Taken
from bot.tasks.change.carry import bring_here
from bot.tasks.change.desk import Desk, Services, open_desk
from bot.tasks.change.phases import noted_phase, save_work, verify_phase, work_phase
from bot.tasks.change.publish import learn_published
from bot.tasks.maintenance.accept import accept
from bot.tasks.maintenance.ground import describe, prepare
from bot.tasks.maintenance.publish import publish
from bot.tasks.maintenance.report import report
from bot.tasks.workflow import Finished, Next, PhaseEnd


@dataclass(frozen=True)
class MaintenanceSteps:
    """One for the worker's process."""

    services: Services

    async def run_phase(self, task: Taken, phase: Phase) -> PhaseEnd:
        """See `workflow.Steps`."""
        async with open_desk(self.services, task) as desk, noted_phase(desk, phase):
            if phase not in (Phase.ACCEPT, Phase.PREPARE):
                await bring_here(desk)
            return await _run(desk, phase)

    async def run_failure(self, task: Taken, outcome: Outcome, detail: str) -> None:
        """See `workflow.Steps`."""
        async with open_desk(self.services, task) as desk:
            await save_work(desk, outcome, detail, bring_here)
            if task.phase is Phase.PUBLISH:
                await learn_published(desk, (schedule_branch(desk.turn[0].schedule),))


async def _run(desk: Desk, phase: Phase) -> PhaseEnd:
    match phase:
        case Phase.ACCEPT:
            return Next(Phase.PREPARE if await accept(desk) else Phase.REPORT)
        case Phase.PREPARE:
            return Next(Phase.WORK if await prepare(desk) else Phase.REPORT)
        case Phase.WORK:
            return await work_phase(desk, describe)
        case Phase.ASK:
            await desk.learn(
                outcome=Outcome.NEEDS_CLARIFICATION.value, detail="; ".join(desk.facts.questions)
            )
            return Next(Phase.REPORT)
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
