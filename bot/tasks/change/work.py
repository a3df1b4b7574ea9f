"""The work phase: the agent in workspace A, the baseline beside it in workspaces of its own.

Joins the agent's protocols to the rest of the world. The agent's rows are the task's event rows; the work
tree is `tasks/worktree.py`; tests and gate are the verifier's.
"""

import asyncio
import contextlib
from dataclasses import dataclass

from bot.agent.contract import (
    AgentTask,
    Deferred,
    Deps,
    End,
    EventKind,
    Exhausted,
    Feedback,
    Finished,
    Observer,
    RepositoryFacts,
    Submission,
    SubmitOutcome,
    ThreadComment,
    Trust,
    Waiting,
)
from bot.agent.loop import run
from bot.domain import limits
from bot.domain.budget import Budget
from bot.domain.ids import TreeSha
from bot.domain.outcomes import Outcome
from bot.errors import GitHubFault
from bot.forge.threads import IssueThread
from bot.llm.features import features_for
from bot.tasks.change.desk import Desk
from bot.tasks.change.facts import SubmissionFacts
from bot.tasks.change.prepare import agents_paths, render_commands
from bot.tasks.events import TaskEventLog, TaskInbox
from bot.tasks.worktree import WorkTree
from bot.verify.verifier import Verifier

OUTCOME_OF = {
    SubmitOutcome.NO_CHANGE_NEEDED: Outcome.NO_CHANGE_NEEDED,
    SubmitOutcome.NEEDS_CLARIFICATION: Outcome.NEEDS_CLARIFICATION,
    SubmitOutcome.BLOCKED: Outcome.BLOCKED,
}


@dataclass(frozen=True)
class TreeTests:
    """The agent's `TestRunner`: the tree as it is now, against the baseline."""

    work: WorkTree
    verifier: Verifier

    async def run(self, selection: tuple[str, ...]) -> str:
        return await self.verifier.run_tests(await self.work.take(), selection)


@dataclass(frozen=True)
class TreeGate:
    """The agent's `Gate`."""

    verifier: Verifier

    async def check(self, _submission: Submission, tree: TreeSha) -> tuple[str, ...]:
        return await self.verifier.check_gate(tree)


async def run_agent(desk: Desk, work: WorkTree, verifier: Verifier, observer: Observer) -> End:
    """Work until the agent ends. The baseline begins at once and is awaited by whoever needs it first."""
    services, taken = desk.services, desk.taken
    feedback = Feedback(desk.facts.round, desk.facts.feedback) if desk.facts.feedback else None
    deps = Deps(
        model=services.model,
        events=TaskEventLog(services.events, taken.id, taken.epoch, services.executor, services.clock.now),
        inbox=TaskInbox(services.events, taken.id, services.executor),
        observer=observer,
        clock=services.clock,
        tests=TreeTests(work, verifier),
        snapshots=work,
        gate=TreeGate(verifier),
        budget=decide_budget(services.settings.budget, features_for(services.model.name).budget),
    )
    baseline = asyncio.create_task(verifier.baseline())
    try:
        return await run(await describe_task(desk), deps, feedback)
    finally:
        baseline.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await baseline


def decide_budget(operator: Budget, family: Budget) -> Budget:
    """The smaller of both: where more does not help (the family), and what it may cost (the operator)."""
    return Budget(
        turns=min(operator.turns, family.turns),
        tokens=min(operator.tokens, family.tokens),
        money_usd=min(operator.money_usd, family.money_usd),
        minutes=min(operator.minutes, family.minutes),
    )


async def describe_task(desk: Desk) -> AgentTask:
    """Everything that the first messages say. The issue is the payload's (law 6), the thread is fetched."""
    request, facts = desk.request, desk.facts
    files = await desk.base_files()
    paths = tuple(sorted(files))
    agents = await desk.read_base(agents_paths(paths))
    thread = await fetch_thread(desk)
    return AgentTask(
        repository=RepositoryFacts(
            request.repository.full_name,
            paths,
            render_commands(facts.setup, facts.test, facts.network),
            tuple((path, agents[path]) for path in agents_paths(paths) if path in agents),
        ),
        base_commit=facts.base_commit,
        base_tree=facts.base_tree,
        instruction=request.instruction or "fix this",
        requested_by=request.requested_by,
        issue=request.issue,
        issue_title=request.issue_title,
        issue_body=request.issue_body,
        issue_author=thread.author if thread else "",
        issue_trust=Trust.UNKNOWN,
        thread=render_thread(thread, desk) if thread else (),
        facts=(f"Default branch: {request.repository.default_branch}",),
    )


async def fetch_thread(desk: Desk) -> IssueThread | None:
    """The issue's comments; None when GitHub does not give them: they are material, not needed."""
    try:
        return await desk.call(desk.github.threads.fetch_issue, desk.request.issue, limits.THREAD_COMMENTS)
    except GitHubFault:
        return None


def render_thread(thread: IssueThread, desk: Desk) -> tuple[ThreadComment, ...]:
    """Oldest first. Left out: bots, and the comment that asked, which is the instruction."""
    shown = []
    for comment in reversed(thread.comments):
        own = comment.author == desk.request.requested_by
        if comment.is_bot or (own and comment.created_at == desk.request.requested_at):
            continue
        trust = Trust.WRITER if own else Trust.UNKNOWN
        shown.append(ThreadComment(comment.author, trust, comment.created_at, comment.body))
    return tuple(shown)


async def last_tree(desk: Desk) -> TreeSha | None:
    """The work as the agent last recorded it, for a task that ends while it works: nothing is lost."""
    rows = await desk.call(desk.services.events.load, desk.taken.id, 0, (EventKind.OUTPUTS,))
    return TreeSha(str(rows[-1].body["tree"])) if rows else None


async def keep_end(desk: Desk, end: End) -> Outcome | Deferred | None:
    """Store how the agent ended. None: a change was submitted and goes on to verification."""
    match end:
        case Finished(submission, tree, spent):
            kept = SubmissionFacts(
                submission.outcome.value,
                submission.title,
                submission.summary,
                submission.root_cause,
                submission.regression_tests,
                submission.risks,
                submission.questions,
            )
            outcome = OUTCOME_OF.get(submission.outcome)
            await desk.learn(submission=kept, tree=tree, spent=spent, feedback="")
            return outcome
        case Waiting(questions, spent):
            asked = SubmissionFacts("needs_clarification", "", "", questions=questions)
            await desk.learn(submission=asked, spent=spent)
            return Outcome.NEEDS_CLARIFICATION
        case Deferred():
            await desk.learn(spent=end.spent)
            return end
        case Exhausted(outcome, detail, tree, spent):
            await desk.learn(tree=tree, spent=spent, detail=detail, feedback="")
            return outcome
