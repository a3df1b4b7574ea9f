"""One attempt from the first message to a named end: work, verify, back to work at most as `rounds.py` says.

Knows neither GitHub nor a database: what happened is told to an observer, and every row of the agent's memory goes to
the log that is handed in. With the log of an attempt that died it goes on where that one was.
"""

from dataclasses import dataclass, field
from typing import Protocol, assert_never

from bot.agent.contract import (
    AgentTask,
    Clock,
    Deferred,
    Deps,
    EventKind,
    EventLog,
    Exhausted,
    Feedback,
    Finished,
    Heard,
    Inbox,
    Observer,
    Steering,
    Submission,
    SubmitOutcome,
    Waiting,
)
from bot.agent.loop import run
from bot.domain.budget import Budget, Spent
from bot.domain.evidence import Evidence, Tier
from bot.domain.ids import TreeSha
from bot.domain.outcomes import Outcome
from bot.llm.contract import Model
from bot.llm.features import features_for
from bot.tasks.change.ground import Ground, open_verifier, open_work_tree
from bot.tasks.change.joined import OUTCOME_OF, TreeGate, TreeTests, baseline_beside
from bot.tasks.change.rounds import HandOver, Publish, WorkAgain, decide_round
from bot.tasks.worktree import Keep, keep_nowhere

_OUTCOME_OF_TIER = {
    Tier.A: Outcome.PROVEN,
    Tier.B: Outcome.CHECKED,
    Tier.C: Outcome.UNTESTED,
    Tier.D: Outcome.UNVERIFIED,
}


class AttemptObserver(Observer, Protocol):
    """Progress, with the phases that GitHub's tracking comment would name."""

    def phase(self, name: str) -> None: ...

    def verified(self, evidence: Evidence) -> None: ...


class NobodySpeaks(Inbox):
    """The agent's `Inbox` of a run that nobody steers."""

    async def drain(self, heard: Heard) -> tuple[Steering, ...]:  # noqa: ARG002 - the protocol's
        return ()


@dataclass(frozen=True)
class AttemptTools:
    """What one attempt works with; nothing of it is shared with another one but the model."""

    model: Model
    events: EventLog
    observer: AttemptObserver
    clock: Clock
    budget: Budget
    keep: Keep = keep_nowhere  # where states of the work are kept beside the cache
    inbox: Inbox = field(default_factory=NobodySpeaks)
    called: Feedback | None = None  # what it is told first when the work begins again


@dataclass(frozen=True)
class AttemptEnd:
    """`tree` holds the work so far, whatever the outcome: nothing is lost."""

    outcome: Outcome
    detail: str
    tree: TreeSha
    spent: Spent
    submission: Submission | None = None
    evidence: Evidence | None = None
    questions: tuple[str, ...] = ()
    until: float | None = None  # the model's server asked to wait so long: the attempt can go on then


async def run_attempt(ground: Ground, task: AgentTask, tools: AttemptTools) -> AttemptEnd:
    """Work and verify until there is a named end. Raises what the machinery raises (SandboxUnavailable, SetupFailed,
    RepositoryFault, RecordingMismatch)."""
    feedback, rounds = tools.called, 0
    first = feedback.round if feedback else 0
    while True:
        tools.observer.phase("work")
        end = await _work(ground, task, tools, feedback)
        if not isinstance(end, Finished):
            return _ended(end, await last_tree(tools.events) or ground.base_tree)
        if end.submission.outcome is not SubmitOutcome.FIXED:
            outcome = OUTCOME_OF[end.submission.outcome]
            detail, questions = end.submission.summary, end.submission.questions
            return AttemptEnd(outcome, detail, end.tree, end.spent, end.submission, None, questions)
        tools.observer.phase("verify")
        async with open_verifier(ground, end.tree) as verifier:
            evidence = await verifier.verify(end.tree, tools.observer.command_ended)
        tools.observer.verified(evidence)
        match decide_round(evidence, rounds):
            case Publish() | HandOver():
                outcome = _OUTCOME_OF_TIER[evidence.tier]
                return AttemptEnd(outcome, evidence.reason, end.tree, end.spent, end.submission, evidence)
            case WorkAgain(text):
                rounds += 1
                feedback = Feedback(first + rounds, text)


async def _work(
    ground: Ground, task: AgentTask, tools: AttemptTools, feedback: Feedback | None
) -> Finished | Waiting | Deferred | Exhausted:
    async with open_verifier(ground) as verifier, open_work_tree(ground, tools.keep) as work:
        deps = Deps(
            model=tools.model,
            events=tools.events,
            inbox=tools.inbox,
            observer=tools.observer,
            clock=tools.clock,
            tests=TreeTests(work, verifier),
            snapshots=work,
            gate=TreeGate(verifier),
            budget=tools.budget,
            window=features_for(tools.model.name).window,
        )
        async with baseline_beside(verifier):
            return await run(task, deps, feedback)


async def last_tree(events: EventLog) -> TreeSha | None:
    """The work as the agent last recorded it."""
    trees = [row.body["tree"] for row in await events.load() if row.kind is EventKind.OUTPUTS]
    return TreeSha(str(trees[-1])) if trees else None


def _ended(end: Waiting | Deferred | Exhausted, tree: TreeSha) -> AttemptEnd:
    match end:
        case Waiting(questions, left, spent):
            detail = "The model asked back."
            return AttemptEnd(Outcome.NEEDS_CLARIFICATION, detail, left, spent, questions=questions)
        case Deferred(until, reason, spent):
            return AttemptEnd(Outcome.MODEL_UNAVAILABLE, reason, tree, spent, until=until)
        case Exhausted(outcome, detail, left, spent):
            return AttemptEnd(outcome, detail, left, spent)
        case _:
            assert_never(end)
