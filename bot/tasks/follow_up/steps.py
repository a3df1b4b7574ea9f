"""The phases of a follow-up, joined: implements `workflow.Steps`.

Work, verification and questions are those of a change; what they stand on and what is published are this package's.
"""

from dataclasses import dataclass
from typing import assert_never

from bot.domain.commands import CommandWord
from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase
from bot.store.tasks import Taken
from bot.tasks.change.ask import ask
from bot.tasks.change.carry import bring_here
from bot.tasks.change.desk import Desk, Services, open_desk
from bot.tasks.change.late_words import has_unheard, hear_late_words
from bot.tasks.change.phases import noted_phase, save_work, verify_phase, work_phase
from bot.tasks.follow_up.accept import accept
from bot.tasks.follow_up.checks import is_about_checks, is_worth_a_word, look_again, settle
from bot.tasks.follow_up.fetch import fetch_commits
from bot.tasks.follow_up.ground import describe, prepare
from bot.tasks.follow_up.merge import after_merge_work, describe_merge, is_merge, merge_again, prepare_merge
from bot.tasks.follow_up.publish import learn_pushed, publish
from bot.tasks.follow_up.report import report
from bot.tasks.follow_up.undo import undo
from bot.tasks.workflow import Finished, Next, PhaseEnd, Waiting


@dataclass(frozen=True)
class FollowUpSteps:
    """One for the worker's process."""

    services: Services

    async def run_phase(self, task: Taken, phase: Phase) -> PhaseEnd:
        """See `workflow.Steps`."""
        async with open_desk(self.services, task) as desk, noted_phase(desk, phase):
            if phase not in (Phase.ACCEPT, Phase.PREPARE) and desk.facts.follow is not None:
                await _bring(desk)
            return await _run(desk, phase)

    async def run_failure(self, task: Taken, outcome: Outcome, detail: str) -> None:
        """See `workflow.Steps`."""
        async with open_desk(self.services, task) as desk:
            await save_work(desk, outcome, detail, _bring)
            if task.phase is Phase.PUBLISH:
                await learn_pushed(desk)
            if is_worth_a_word(desk) or await has_unheard(desk):
                await report(desk)


async def _bring(desk: Desk) -> None:
    await bring_here(desk, merge_again if is_merge(desk.request) else _fetch_again)


async def _fetch_again(desk: Desk) -> None:
    await fetch_commits(desk)


async def _run(desk: Desk, phase: Phase) -> PhaseEnd:
    if (heard := await hear_late_words(desk, phase)) is not None:
        return heard
    match phase:
        case Phase.ACCEPT:
            return await _accept(desk)
        case Phase.PREPARE:
            if is_merge(desk.request):
                return await prepare_merge(desk)
            await prepare(desk)
            return Next(Phase.WORK)
        case Phase.WORK:
            if is_merge(desk.request):
                return await after_merge_work(desk, await work_phase(desk, describe_merge))
            return await work_phase(desk, describe)
        case Phase.ASK:
            return Next(Phase.WORK) if await ask(desk) else Waiting(why="a person's answer")
        case Phase.VERIFY:
            return await verify_phase(desk)
        case Phase.PUBLISH:
            await (undo if desk.request.word is CommandWord.UNDO else publish)(desk)
            return Next(Phase.REPORT)
        case Phase.REPORT:
            return await look_again(desk) or await _report(desk)
        case _:
            assert_never(phase)


async def _report(desk: Desk) -> Finished:
    if is_worth_a_word(desk) or await has_unheard(desk):
        await report(desk)
    return Finished(Outcome(desk.facts.outcome), desk.facts.detail)


async def _accept(desk: Desk) -> PhaseEnd:
    if not await accept(desk):
        return Next(Phase.REPORT)
    if desk.request.word is CommandWord.UNDO:
        return Next(Phase.PUBLISH)
    if is_merge(desk.request):
        return Next(Phase.PREPARE)
    return await settle(desk) if is_about_checks(desk.request) else Next(Phase.PREPARE)
