"""The work phase: the agent in workspace A, the baseline beside it in workspaces of its own.

The agent's rows are the task's event rows; what else it works with is joined to its protocols in `joined.py`.
"""

from collections import Counter
from collections.abc import Awaitable, Callable

import structlog

from bot.agent.context import find_removed
from bot.agent.contract import (
    AgentTask,
    Deferred,
    Deps,
    End,
    Exhausted,
    Feedback,
    Finished,
    Mode,
    Observer,
    RepositoryFacts,
    Submission,
    ThreadComment,
    Trust,
    Waiting,
)
from bot.agent.history import fold
from bot.agent.loop import run
from bot.agent.stack_traces import cut_regions, find_places
from bot.domain import limits
from bot.domain.budget import add_spent, remaining
from bot.domain.outcomes import Outcome
from bot.domain.tasks import TaskKind
from bot.errors import GitHubFault
from bot.forge.threads import IssueThread
from bot.llm.features import features_for
from bot.tasks.change.attempts import tell_earlier
from bot.tasks.change.desk import Desk
from bot.tasks.change.facts import SubmissionFacts
from bot.tasks.change.joined import OUTCOME_OF, TreeGate, TreeTests, baseline_beside
from bot.tasks.change.material import keep_material
from bot.tasks.change.prepare import agents_paths, render_commands
from bot.tasks.worktree import WorkTree
from bot.verify.verifier import Verifier

log = structlog.get_logger()


async def run_agent(
    desk: Desk,
    work: WorkTree,
    verifier: Verifier,
    observer: Observer,
    describe: Callable[[Desk], Awaitable[AgentTask]] | None = None,
) -> End:
    """Work until the agent ends. The baseline begins at once and is awaited by whoever needs it first."""
    services = desk.services
    feedback = Feedback(desk.facts.round, desk.facts.feedback) if desk.facts.feedback else None
    deps = Deps(
        model=desk.model,
        events=desk.log,
        inbox=desk.inbox,
        observer=observer,
        clock=services.clock,
        tests=TreeTests(work, verifier),
        snapshots=work,
        gate=TreeGate(verifier),
        budget=remaining(desk.budget, desk.spent_before),
        window=features_for(desk.model.name).window,
    )
    async with baseline_beside(verifier):
        task = await (describe or describe_task)(desk)
        await _tell_hidden(desk, find_removed(task))
        end = await run(task, deps, feedback)
        await _tell_repairs(desk, deps)
        return end


async def _tell_repairs(desk: Desk, deps: Deps) -> None:
    """What had to be mended in the calls of this task so far, by kind: tells which model needs it, and how much."""
    mended = Counter(fold(await deps.events.load()).records.repairs)
    if mended:
        log.info("calls mended", task=desk.taken.id, model=deps.model.name, repairs=dict(mended))


async def _tell_hidden(desk: Desk, hidden: tuple[str, ...]) -> None:
    """What was kept from the model, for the operator: somebody may have meant to mislead it."""
    if hidden and hidden != desk.facts.hidden:
        await desk.learn(hidden=hidden)
        log.info("hidden text removed", task=desk.taken.id, count=len(hidden), first=hidden[0])


async def describe_task(desk: Desk) -> AgentTask:
    """Everything that the first messages say. The issue is the payload's (law 6), the thread is fetched."""
    request, facts = desk.request, desk.facts
    files = await desk.base_files()
    paths = tuple(sorted(files))
    agents = await desk.read_base(agents_paths(paths))
    thread = await fetch_thread(desk)
    comments = render_thread(thread, desk) if thread else ()
    told = "\n".join((request.issue_title, request.issue_body, *(one.text for one in comments)))
    places = find_places(told, paths)
    regions = cut_regions(places, await desk.read_base(tuple({place.path for place in places})))
    return AgentTask(
        repository=RepositoryFacts(
            request.repository.full_name,
            paths,
            render_commands(facts.chosen),
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
        issue_trust=decide_trust(desk, thread.author, thread.association) if thread else Trust.UNKNOWN,
        thread=comments,
        regions=regions,
        earlier=tell_earlier(facts.earlier),
        mode=Mode.ANSWER if request.kind is TaskKind.ANSWER else Mode.CHANGE,
        facts=(
            f"Default branch: {request.repository.default_branch}",
            *([f"The work starts from `{request.base}` and goes there."] if request.base else ()),
            *(
                f"Open pull request #{number} by {author} says that it closes this issue too."
                for number, author in facts.others
            ),
            *await desk.services.repos.left_out(desk.key, facts.base_tree),
            *render_left_out(thread),
        ),
    )


async def fetch_thread(desk: Desk) -> IssueThread | None:
    """The issue's comments as they are to be shown; None when GitHub does not give them: they are material, not
    needed."""
    try:
        thread = await desk.call(desk.github.threads.fetch_issue, desk.request.issue, limits.THREAD_COMMENTS)
        return await keep_material(desk, thread)
    except GitHubFault:
        return None


def render_left_out(thread: IssueThread | None) -> tuple[str, ...]:
    """So that nobody asks after what the model can't see."""
    count = thread.left_out if thread else 0
    if not count:
        return ()
    what = "One comment is" if count == 1 else f"{count} comments are"
    return (
        f"{what} not shown: written or changed after the request, or of people not trusted that far here.",
    )


def render_thread(thread: IssueThread, desk: Desk) -> tuple[ThreadComment, ...]:
    """Oldest first. Bots, and the comment that asked, which is the instruction, are left out already."""
    shown = []
    for comment in reversed(thread.comments):
        trust = decide_trust(desk, comment.author, comment.association)
        shown.append(ThreadComment(comment.author, trust, comment.created_at, comment.body))
    return tuple(shown)


def decide_trust(desk: Desk, author: str, association: str) -> Trust:
    """As far as it is known without asking for each of them: the requester was asked about; GitHub's association is
    no permission, but who has none of it has no write access either."""
    if author == desk.request.requested_by and not desk.request.is_event:  # nobody was asked about for it
        return Trust.WRITER
    match association:
        case "OWNER":
            return Trust.WRITER
        case "MEMBER" | "COLLABORATOR":
            return Trust.MEMBER
        case "NONE" | "FIRST_TIMER" | "FIRST_TIME_CONTRIBUTOR" | "MANNEQUIN":
            return Trust.OUTSIDER
        case _:
            return Trust.UNKNOWN


async def learn_last(desk: Desk) -> None:
    """The work and its cost as the agent last recorded them, for a task that ends while it works: nothing is lost."""
    state = fold(await desk.log.load())
    if state.messages:
        await desk.learn(tree=state.tree, spent=add_spent(desk.spent_before, state.spent))


async def keep_end(desk: Desk, end: End) -> Outcome | Deferred | Waiting | None:
    """Store how the agent ended. None: a change was submitted and goes on to verification."""
    spent = add_spent(desk.spent_before, end.spent)
    match end:
        case Finished(submission, tree):
            outcome = OUTCOME_OF.get(submission.outcome)
            await desk.learn(submission=keep_submission(submission), tree=tree, spent=spent, feedback="")
            return outcome
        case Waiting(questions, tree):
            await desk.learn(questions=questions, tree=tree, spent=spent)
            return end
        case Deferred():
            await desk.learn(spent=spent)
            return end
        case Exhausted(outcome, detail, tree):
            await desk.learn(tree=tree, spent=spent, detail=detail, feedback="")
            return outcome


def keep_submission(submission: Submission) -> SubmissionFacts:
    """As it stands in the facts."""
    return SubmissionFacts(
        submission.outcome.value,
        submission.title,
        submission.summary,
        submission.root_cause,
        submission.regression_tests,
        submission.risks,
        submission.questions,
        submission.points,
    )
