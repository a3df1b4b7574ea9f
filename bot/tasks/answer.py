"""An answer: from a question on an issue to one comment, in four phases. Implements `workflow.Steps`.

The same ground, loop and questions as a change; nothing that the model writes leaves the sandbox but its words, and
of those no sentence about test results (law 3). The tracking comment becomes the answer: one comment in all.
"""

from dataclasses import dataclass

from bot.agent.contract import Deferred
from bot.agent.contract import Waiting as Asked
from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase
from bot.errors import Bug
from bot.store.tasks import Taken
from bot.tasks.change.accept import accept, edit_tracking
from bot.tasks.change.access import check_access
from bot.tasks.change.ask import ask
from bot.tasks.change.carry import bring_here, keep_for
from bot.tasks.change.desk import Desk, Services, open_desk
from bot.tasks.change.environment import prepare
from bot.tasks.change.ground import open_verifier, open_work_tree
from bot.tasks.change.late_words import describe_unheard, hear_late_words
from bot.tasks.change.phases import noted_phase, open_progress
from bot.tasks.change.report import report
from bot.tasks.change.work import keep_end, run_agent
from bot.tasks.workflow import Finished, Next, PhaseEnd, Waiting
from bot.texts.answers import Answer, render_answer
from bot.texts.markers import tracking_marker
from bot.texts.redact import redact
from bot.texts.tracking import render_spent


@dataclass(frozen=True)
class AnswerSteps:
    """One for the worker's process."""

    services: Services

    async def run_phase(self, task: Taken, phase: Phase) -> PhaseEnd:
        """See `workflow.Steps`."""
        async with open_desk(self.services, task) as desk, noted_phase(desk, phase):
            if phase not in (Phase.ACCEPT, Phase.PREPARE):
                await bring_here(desk)
            return await _run(desk, phase)

    async def run_failure(self, task: Taken, outcome: Outcome, detail: str) -> None:
        """See `workflow.Steps`. There is no work to save: what the model wrote was for itself. What it said goes to
        nobody whose access was withdrawn."""
        async with open_desk(self.services, task) as desk:
            if outcome is Outcome.ACCESS_WITHDRAWN:
                await desk.learn(submission=None)
            await desk.learn(outcome=outcome.value, detail=detail)
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
            return await _work(desk)
        case Phase.ASK:
            return Next(Phase.WORK) if await ask(desk) else Waiting(why="a person's answer")
        case Phase.REPORT:
            await _report(desk)
            return Finished(Outcome(desk.facts.outcome), desk.facts.detail)
        case _:
            raise Bug(f"an answer has no phase `{phase}`")


async def _work(desk: Desk) -> PhaseEnd:
    async with (
        open_verifier(desk.ground) as verifier,
        open_work_tree(desk.ground, keep_for(desk)) as work,
        open_progress(desk) as progress,
    ):
        end = await keep_end(desk, await run_agent(desk, work, verifier, progress))
    await desk.learn(tree=desk.facts.base_tree)  # scratch files are no result
    match end:
        case Asked():
            return Next(Phase.ASK)
        case Deferred(until):
            return Waiting(until, "the model's server asked to wait")
        case None | Outcome.NO_CHANGE_NEEDED:
            await desk.learn(outcome=Outcome.ANSWERED.value)
        case Outcome():
            await desk.learn(outcome=end.value)
    return Next(Phase.REPORT)


async def _report(desk: Desk) -> None:
    await check_access(desk)
    facts, submission = desk.facts, desk.facts.submission
    if facts.outcome != Outcome.ANSWERED or submission is None:
        await report(desk)
        return
    answer = Answer(
        text=redact(submission.summary, desk.services.settings.secrets),
        asked_by=desk.request.requested_by,
        commit=facts.base_commit,
        spent=render_spent(facts.spent),
        marker=tracking_marker(desk.taken.id),
        unheard=await describe_unheard(desk),
    )
    await edit_tracking(desk, render_answer(answer), last=True)
