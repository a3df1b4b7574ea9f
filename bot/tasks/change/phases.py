"""The phases that every task with a change shares: work, verification, and what follows from both.

Nothing here knows what is published, or where: `steps.py` and `tasks/follow_up/` join these to an end of their own.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import structlog

from bot.agent.contract import AgentTask, Deferred
from bot.agent.contract import Waiting as Asked
from bot.domain.evidence import Evidence
from bot.domain.ids import TreeSha
from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase
from bot.errors import ForPerson
from bot.tasks.change.attempt import AttemptTools
from bot.tasks.change.attempts import decide_fresh
from bot.tasks.change.carry import keep_for
from bot.tasks.change.desk import Desk
from bot.tasks.change.facts import ChangeFacts, EarlierFacts, render_facts
from bot.tasks.change.ground import open_verifier, open_work_tree
from bot.tasks.change.late_words import call_attempt
from bot.tasks.change.look import look_twice
from bot.tasks.change.progress import Progress
from bot.tasks.change.report import edit_progress
from bot.tasks.change.rounds import HandOver, Publish, WorkAgain, decide_round
from bot.tasks.change.rows import RowKind
from bot.tasks.change.second import prefer_better
from bot.tasks.change.side_by_side import Numbered, run_side_by_side
from bot.tasks.change.work import describe_task, keep_end, keep_submission, learn_last, run_agent
from bot.tasks.workflow import Next, PhaseEnd, Waiting

log = structlog.get_logger()

Describe = Callable[[Desk], Awaitable[AgentTask]]
"""What the first messages of a run say."""


async def save_work(
    desk: Desk, outcome: Outcome, detail: str, bring: Callable[[Desk], Awaitable[None]]
) -> None:
    """The end of a task that did not come to its own, with the work so far. `bring` puts it into this host's cache."""
    await desk.learn(outcome=outcome.value, detail=detail)
    if desk.taken.phase is Phase.WORK:
        await learn_last(desk)
    commit = desk.facts.commit
    try:
        await bring(desk)
        if desk.facts.commit != commit:  # it is not here; whether it was pushed is looked for by its name
            await desk.learn(commit=commit)
    except ForPerson as fault:  # people are told even so, without the work so far
        log.warning("the work so far is not here", task=desk.taken.id, why=str(fault))
        desk.facts = replace(desk.facts, tree=TreeSha(""))


async def work_phase(desk: Desk, describe: Describe) -> PhaseEnd:
    """One segment of the agent's work, and which phase follows."""
    ground = desk.ground
    async with (
        open_verifier(ground) as verifier,
        open_work_tree(ground, keep_for(desk)) as work,
        open_progress(desk) as progress,
    ):
        end = await keep_end(desk, await run_agent(desk, work, verifier, progress, describe))
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


async def work_side_by_side(desk: Desk) -> PhaseEnd:
    """As many attempts at once as the person asked for, each to its own end; the best one is what goes on."""
    task, count = await describe_task(desk), desk.request.attempts
    called = {number: await call_attempt(desk, number) for number in range(1, count + 1)}
    async with open_progress(desk) as progress:

        def open_tools(number: int) -> AttemptTools:
            return AttemptTools(
                desk.model,
                desk.log_of(number),
                Numbered(progress, number),
                desk.services.clock,
                desk.budget,
                keep_for(desk),
                desk.inbox,
                called[number],
            )

        best = await run_side_by_side(desk.ground, task, open_tools, count)
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


async def verify_phase(desk: Desk) -> PhaseEnd:
    """The submitted tree in fresh sandboxes; then out, back, or to a named end."""
    async with open_verifier(desk.ground, desk.facts.tree) as verifier, open_progress(desk) as progress:
        evidence = await verifier.verify(desk.facts.tree, progress.command_ended)
    # Told with the move to the next phase, in one write: a death in between verifies again in the same round.
    learned = replace(desk.facts, evidence=evidence, round=desk.facts.round + 1)
    match decide_round(evidence, desk.facts.round, wants_proof=desk.ground.sides is None):
        case Publish():
            return await _look_twice(desk, learned)
        case WorkAgain(feedback):
            return Next(Phase.WORK, render_facts(replace(learned, feedback=feedback)))
        case HandOver():
            return await _after_red(desk, learned, evidence)


async def _after_red(desk: Desk, learned: ChangeFacts, evidence: Evidence) -> PhaseEnd:
    """A fresh attempt, or the better of two as it is."""
    submission, allowed = learned.submission, desk.services.settings.fresh_attempt
    if submission and allowed and decide_fresh(evidence, learned.attempt, learned.spent, desk.budget):
        earlier = EarlierFacts(submission, learned.tree, evidence, learned.spent)
        fresh = replace(
            learned, attempt=2, earlier=earlier, round=0, tree=TreeSha(""), submission=None, evidence=None
        )
        return Next(Phase.WORK, render_facts(fresh))
    ended = replace(learned, outcome=Outcome.UNVERIFIED.value, detail=evidence.reason)
    return Next(Phase.REPORT, render_facts(await prefer_better(desk, ended)))


async def _look_twice(desk: Desk, learned: ChangeFacts) -> PhaseEnd:
    """What is to be published is read once more, if the operator wants it; red is never asked about."""
    nothing_written = learned.tree == learned.base_tree  # a merge without a conflict
    if not desk.services.settings.second_look or learned.looked_twice or nothing_written:
        return Next(Phase.PUBLISH, render_facts(learned))
    looked = await look_twice(desk, learned)
    if looked.feedback:
        return Next(Phase.WORK, render_facts(looked))
    return Next(Phase.PUBLISH, render_facts(looked))


@asynccontextmanager
async def noted_phase(desk: Desk, phase: Phase) -> AsyncIterator[None]:
    """Phases are noted with their times, for people who watch. One that fails has no end."""
    await desk.note(RowKind.PHASE, {"phase": phase.value, "state": "begun"})
    yield
    await desk.note(RowKind.PHASE, {"phase": phase.value, "state": "ended"})


def open_progress(desk: Desk) -> Progress:
    """Told to people in the tracking comment, and kept for those who watch."""

    async def keep(body: dict[str, object]) -> None:
        await desk.note(RowKind.LINES, body)

    async def edit(progress: Progress) -> None:
        await edit_progress(desk, progress)

    return Progress(keep, edit, desk.facts.spent, before=desk.spent_before)
