"""The phases of a change, joined: implements `workflow.Steps`.

Each phase may run again after a death, so each looks for what it did before: facts in the task's row, effects in
the ledger, trees and commits in the cache (the same arguments give the same ids).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import assert_never

import structlog

from bot.agent.contract import Deferred
from bot.agent.contract import Waiting as Asked
from bot.domain.evidence import Evidence
from bot.domain.ids import CommitSha, TreeSha
from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase
from bot.errors import ForPerson
from bot.store.tasks import Taken
from bot.tasks.change.accept import accept
from bot.tasks.change.ask import ask, has_unheard
from bot.tasks.change.attempt import AttemptTools
from bot.tasks.change.attempts import decide_fresh
from bot.tasks.change.carry import bring_here, keep_for
from bot.tasks.change.desk import Desk, Services
from bot.tasks.change.environment import prepare
from bot.tasks.change.facts import ChangeFacts, EarlierFacts, parse_facts, render_facts
from bot.tasks.change.ground import open_verifier, open_work_tree
from bot.tasks.change.look import look_twice
from bot.tasks.change.progress import Progress
from bot.tasks.change.publish import learn_published, publish
from bot.tasks.change.report import edit_progress, report
from bot.tasks.change.rounds import HandOver, Publish, WorkAgain, decide_round
from bot.tasks.change.rows import RowKind
from bot.tasks.change.second import prefer_better
from bot.tasks.change.side_by_side import Numbered, run_side_by_side
from bot.tasks.change.work import describe_task, keep_end, keep_submission, learn_last, run_agent
from bot.tasks.workflow import Finished, Next, PhaseEnd, Waiting

log = structlog.get_logger()


@dataclass(frozen=True)
class ChangeSteps:
    """One for the worker's process."""

    services: Services

    async def run_phase(self, task: Taken, phase: Phase) -> PhaseEnd:
        """See `workflow.Steps`."""
        async with open_desk(self.services, task) as desk, noted_phase(desk, phase):
            if phase not in (Phase.ACCEPT, Phase.PREPARE):
                await bring_here(desk)
            return await self._run(desk, phase)

    async def run_failure(self, task: Taken, outcome: Outcome, detail: str) -> None:
        """Tell people in the tracking comment, which is made if the task died before it had one."""
        async with open_desk(self.services, task) as desk:
            await desk.learn(outcome=outcome.value, detail=detail)
            if task.phase is Phase.WORK:
                await learn_last(desk)
            try:
                await bring_here(desk)
            except ForPerson as fault:  # people are told even so, without the work so far
                log.warning("the work so far is not here", task=task.id, why=str(fault))
                desk.facts = replace(desk.facts, tree=TreeSha(""))
            if task.phase is Phase.PUBLISH:
                await learn_published(desk)
            await report(desk)

    async def _run(self, desk: Desk, phase: Phase) -> PhaseEnd:
        if phase in (Phase.PUBLISH, Phase.REPORT) and await _spoken_to_late(desk):
            heard = replace(
                desk.facts, feedback=_SPOKEN_TO, outcome="", detail="", round=desk.facts.round + 1
            )
            heard = replace(heard, commit=CommitSha(""), evidence=None)
            return Next(Phase.WORK, render_facts(heard))
        match phase:
            case Phase.ACCEPT:
                await accept(desk)
                return Next(Phase.PREPARE)
            case Phase.PREPARE:
                await prepare(desk)
                return Next(Phase.WORK)
            case Phase.WORK:
                return await self._work(desk)
            case Phase.ASK:
                return Next(Phase.WORK) if await ask(desk) else Waiting(why="a person's answer")
            case Phase.VERIFY:
                return await self._verify(desk)
            case Phase.PUBLISH:
                await publish(desk)
                return Next(Phase.REPORT)
            case Phase.REPORT:
                await report(desk)
                return Finished(Outcome(desk.facts.outcome), desk.facts.detail)
            case _:
                assert_never(phase)

    async def _work(self, desk: Desk) -> PhaseEnd:
        if desk.request.attempts > 1:
            return await self._work_side_by_side(desk)
        ground = desk.ground
        async with (
            open_verifier(ground) as verifier,
            open_work_tree(ground, keep_for(desk)) as work,
            open_progress(desk) as progress,
        ):
            end = await keep_end(desk, await run_agent(desk, work, verifier, progress))
            await desk.learn(plan=tuple((step.step, step.status.value) for step in progress.steps))
        blocked = (*work.environment.blocked, *work.blocked.values())
        if blocked:
            await desk.learn(blocked=tuple((one.host, one.reason, one.command) for one in blocked))
        match end:
            case None:
                return Next(Phase.VERIFY)
            case Asked():
                return Next(Phase.ASK)
            case Deferred(until):
                return Waiting(until, "the model's server asked to wait")
            case Outcome():
                learned = replace(desk.facts, outcome=end.value)
                return Next(Phase.REPORT, render_facts(await prefer_better(desk, learned)))

    async def _work_side_by_side(self, desk: Desk) -> PhaseEnd:
        """As many attempts at once as the person asked for, each to its own end; the best one is what goes on."""
        task = await describe_task(desk)
        async with open_progress(desk) as progress:

            def open_tools(number: int) -> AttemptTools:
                observer = Numbered(progress, number)
                return AttemptTools(
                    desk.model,
                    desk.log_of(number),
                    observer,
                    self.services.clock,
                    desk.budget,
                    keep_for(desk),
                )

            best = await run_side_by_side(desk.ground, task, open_tools, desk.request.attempts)
        if best.until is not None:
            return Waiting(best.until, "the model's server asked to wait")
        end = best.end
        learned = replace(
            desk.facts,
            attempt=best.number,
            submission=keep_submission(end.submission) if end.submission else None,
            tree=end.tree,
            spent=end.spent,
            evidence=end.evidence,
            detail=end.detail,
        )
        if end.evidence is not None and end.outcome is not Outcome.UNVERIFIED:
            return Next(Phase.PUBLISH, render_facts(learned))
        return Next(Phase.REPORT, render_facts(replace(learned, outcome=end.outcome.value)))

    async def _verify(self, desk: Desk) -> PhaseEnd:
        async with open_verifier(desk.ground, desk.facts.tree) as verifier, open_progress(desk) as progress:
            evidence = await verifier.verify(desk.facts.tree, progress.command_ended)
        # Told with the move to the next phase, in one write: a death in between verifies again in the same round.
        learned = replace(desk.facts, evidence=evidence, round=desk.facts.round + 1)
        match decide_round(evidence, desk.facts.round):
            case Publish():
                return await self._look_twice(desk, learned)
            case WorkAgain(feedback):
                return Next(Phase.WORK, render_facts(replace(learned, feedback=feedback)))
            case HandOver():
                return await self._after_red(desk, learned, evidence)

    async def _after_red(self, desk: Desk, learned: ChangeFacts, evidence: Evidence) -> PhaseEnd:
        """A fresh attempt, or the better of two as it is."""
        submission, allowed = learned.submission, self.services.settings.fresh_attempt
        if submission and allowed and decide_fresh(evidence, learned.attempt, learned.spent, desk.budget):
            earlier = EarlierFacts(submission, learned.tree, evidence, learned.spent)
            fresh = replace(
                learned, attempt=2, earlier=earlier, round=0, tree=TreeSha(""), submission=None, evidence=None
            )
            return Next(Phase.WORK, render_facts(fresh))
        ended = replace(learned, outcome=Outcome.UNVERIFIED.value, detail=evidence.reason)
        return Next(Phase.REPORT, render_facts(await prefer_better(desk, ended)))

    async def _look_twice(self, desk: Desk, learned: ChangeFacts) -> PhaseEnd:
        """What is to be published is read once more, if the operator wants it; red is never asked about."""
        if not self.services.settings.second_look or learned.looked_twice:
            return Next(Phase.PUBLISH, render_facts(learned))
        looked = await look_twice(desk, learned)
        if looked.feedback:
            return Next(Phase.WORK, render_facts(looked))
        return Next(Phase.PUBLISH, render_facts(looked))


@asynccontextmanager
async def open_desk(services: Services, task: Taken) -> AsyncIterator[Desk]:
    """For one phase."""
    request = task.request
    place = (request.installation, request.repository.full_name, request.repository.id)
    github = services.forge.repository(*place)
    try:
        yield Desk(services, task, parse_facts(task.facts), github)
    finally:
        github.close()


@asynccontextmanager
async def noted_phase(desk: Desk, phase: Phase) -> AsyncIterator[None]:
    """Phases are noted with their times, for people who watch. One that fails has no end."""
    await desk.note(RowKind.PHASE, {"phase": phase.value, "state": "begun"})
    yield
    await desk.note(RowKind.PHASE, {"phase": phase.value, "state": "ended"})


_SPOKEN_TO = "Somebody with write access wrote to you meanwhile; the next message says what. Go on with it."
_SUBMITTED = ("", Outcome.UNVERIFIED.value, Outcome.NO_CHANGE_NEEDED.value, Outcome.NEEDS_CLARIFICATION.value)


async def _spoken_to_late(desk: Desk) -> bool:
    """Words that came after the submission, while it was verified, are heard before anything is published. No more
    can come once this phase has begun (`Deliveries.steer`)."""
    facts = desk.facts
    submitted = facts.submission is not None and facts.outcome in _SUBMITTED
    return submitted and not facts.branch and await has_unheard(desk)


def open_progress(desk: Desk) -> Progress:
    """Told to people in the tracking comment, and kept for those who watch."""

    async def keep(body: dict[str, object]) -> None:
        await desk.note(RowKind.LINES, body)

    async def edit(progress: Progress) -> None:
        await edit_progress(desk, progress)

    return Progress(keep, edit, desk.facts.spent, before=desk.spent_before)
