"""The phases of a review, joined: implements `workflow.Steps`.

Accept pins the head and opens a check run on it; prepare fetches; the work reports findings; report anchors them to the
diff, posts one review and ends the check run. Nothing is pushed, and what the model wrote is thrown away.

Races, and how each is closed:
- The head moves while it is reviewed: looked at again before posting. Then nothing is anchored, the review says which
  commit it is about, and the end is STALE.
- It is ended from outside while its check run or its review is under way: what is there by then is told, what comes
  later is looked for by `tasks/late.py`, which has the end told once more.
- A person speaks to a review whose head had moved before it began: it ends in REPORT only, where no more words come in,
  and with some it begins again, with the head as it is.
- Death between the effects: what is said is decided and stored before the first of them; a review that was sent is
  found by its marker, resolving and ending the check run are repeated without harm.
"""

from dataclasses import asdict, dataclass, replace

import structlog

from bot.agent.contract import Deferred, Exhausted, Finished, SubmitOutcome
from bot.domain.decisions import Button
from bot.domain.findings import Arranged, Finding
from bot.domain.outcomes import Outcome
from bot.domain.review_report import Report
from bot.domain.review_scope import Seen
from bot.domain.tasks import Phase
from bot.errors import Bug, GitHubFault
from bot.forge.checks import CheckAction, CheckContent
from bot.forge.pulls import PullState
from bot.forge.reviews import NewReview, ReviewComment
from bot.store.tasks import Taken
from bot.tasks.change.accept import react
from bot.tasks.change.access import check_access
from bot.tasks.change.carry import bring_here, keep_for
from bot.tasks.change.desk import Desk, Services, open_desk
from bot.tasks.change.facts import ReviewFacts
from bot.tasks.change.ground import open_verifier
from bot.tasks.change.joined import OUTCOME_OF
from bot.tasks.change.late_words import has_unheard, hear_late_words
from bot.tasks.change.phases import noted_phase
from bot.tasks.change.progress import Progress
from bot.tasks.change.report import report as tell_end
from bot.tasks.change.rows import RowKind
from bot.tasks.change.work import run_agent
from bot.tasks.review.ground import describe_review, fetch_again, open_head_tree, prepare_review
from bot.tasks.review.memory import recall_scope
from bot.tasks.review.report import decide_review, parse_report, render_report, render_text
from bot.tasks.workflow import Finished as TaskFinished
from bot.tasks.workflow import Next, PhaseEnd, Waiting
from bot.texts.markers import review_marker
from bot.texts.redact import redact
from bot.texts.reviews import (
    REVIEW_CHECK_NAME,
    ReviewText,
    render_finding,
    render_posted,
    render_review,
    render_review_check,
)
from bot.texts.tracking import render_plan, render_spent

log = structlog.get_logger()

_STOP = CheckAction("Stop", "End this review now", Button.STOP)
_FIX = CheckAction("Fix this", "Mend what this review found", Button.FIX)
_RETRY = CheckAction("Review again", "Review this commit once more", Button.RETRY)


@dataclass(frozen=True)
class ReviewSteps:
    """One for the worker's process."""

    services: Services

    async def run_phase(self, task: Taken, phase: Phase) -> PhaseEnd:
        """See `workflow.Steps`."""
        async with open_desk(self.services, task) as desk, noted_phase(desk, phase):
            if phase not in (Phase.ACCEPT, Phase.PREPARE):
                await bring_here(desk, fetch_again)
            return await _run(desk, phase)

    async def run_failure(self, task: Taken, outcome: Outcome, detail: str) -> None:
        """The check run says "not reviewed"; who asked in a comment is told in one as well."""
        async with open_desk(self.services, task) as desk:
            await desk.learn(outcome=outcome.value, detail=detail)
            posted = await _learn_posted(desk)
            if desk.facts.review is not None and desk.facts.review.check:
                ended = Report(outcome, Arranged())
                text = await render_text(desk, desk.facts.review, ended, frozenset())
                await _end_check(desk, desk.facts.review, text, posted)
            asked = bool(task.request.comment_id) or await has_unheard(desk)
            if asked or desk.facts.review is None:
                await tell_end(desk, render_posted(posted))


async def _run(desk: Desk, phase: Phase) -> PhaseEnd:
    match phase:
        case Phase.ACCEPT:
            if not desk.request.head:  # a person asked
                await react(desk)
            return await _accept(desk) or Next(Phase.PREPARE)
        case Phase.PREPARE:
            await prepare_review(desk, _review(desk))
            return Next(Phase.WORK)
        case Phase.WORK:
            return await _work(desk, _review(desk))
        case Phase.REPORT:
            if desk.facts.review is None:
                return await _end_stale(desk)
            untold = desk.facts.review.report is None
            heard = await hear_late_words(desk, phase) if untold else None
            return heard or await _report(desk, _review(desk))
        case _:
            raise Bug(f"a review has no phase `{phase}`")


async def _learn_posted(desk: Desk) -> str:
    """What was under way when the task was ended from outside, and is there by now: the check run is learned, the
    address of the review is the answer. What GitHub refuses to show is not told."""
    review, task = desk.facts.review, desk.taken
    try:
        if task.phase is Phase.ACCEPT and review is not None and not review.check:
            find = desk.github.checks.find_check
            if (made := await desk.call(find, review.head_commit, REVIEW_CHECK_NAME, task.id)) is not None:
                await desk.learn_review(check=made.id)
                await desk.learn(comment_url=made.url)
        if task.phase is Phase.REPORT:
            marker = review_marker(task.id)
            found = await desk.call(desk.github.reviews.find_review, desk.request.issue, marker)
            return found.url if found is not None else ""
    except GitHubFault as fault:
        log.warning("what was posted can't be seen", task=task.id, why=str(fault))
    return ""


def _review(desk: Desk) -> ReviewFacts:
    if desk.facts.review is None:
        raise Bug("the phase before left no head to review")
    return desk.facts.review


async def _end_stale(desk: Desk) -> PhaseEnd:
    """The push that moved the head has a delivery of its own; a person's words to this one have not."""
    if await has_unheard(desk):
        return Next(Phase.ACCEPT)
    await desk.learn(outcome=Outcome.STALE.value)
    return TaskFinished(Outcome.STALE, "The head had moved before the review began.")


async def _end_closed(desk: Desk, pull: PullState) -> PhaseEnd:
    """As closing it ends a review that had begun; nobody is told who did not ask."""
    detail = "It is merged." if pull.merged else "It is closed."
    await desk.learn(outcome=Outcome.CLOSED.value, detail=detail)
    if desk.request.comment_id or await has_unheard(desk):
        await tell_end(desk)
    return TaskFinished(Outcome.CLOSED, detail)


async def _accept(desk: Desk) -> PhaseEnd | None:
    """Pin head and base, and say on the head that it is being reviewed. Else: the event was about another head, and
    nobody has said anything since, or the pull request was closed before the review began."""
    if desk.facts.review is None:
        pull = await desk.call(desk.github.pulls.fetch_pull, desk.request.issue)
        if not pull.open:
            return await _end_closed(desk, pull)
        if desk.request.head not in ("", pull.head_sha) and not await has_unheard(desk):
            return Next(Phase.REPORT)
        # Not with `pull.base_sha`: that may be older, and what was merged from the base since would count as new.
        tip = await desk.call(desk.github.refs.fetch_head, pull.base_branch)
        merge_base = await desk.call(desk.github.refs.fetch_merge_base, tip, pull.head_sha)
        now = Seen(pull.head_sha, merge_base)
        last, scope = await recall_scope(desk, now)
        review = ReviewFacts(
            pull.head_sha,
            pull.base_branch,
            tip,
            first=last is None,
            unchanged=last is not None and last.head == now.head,
            since=scope.since,
            scope=scope.why,
        )
        await desk.learn(base_commit=merge_base, review=review)
    review = _review(desk)
    if review.check:
        return None
    checks, task = desk.github.checks, desk.taken.id
    content = CheckContent("in_progress", "Reviewing", "I am looking at this commit.", actions=(_STOP,))

    def find() -> dict[str, object] | None:
        found = checks.find_check(review.head_commit, REVIEW_CHECK_NAME, task)
        return {"id": found.id, "url": found.url} if found else None

    def create() -> dict[str, object]:
        made = checks.create_check(review.head_commit, REVIEW_CHECK_NAME, task, content)
        return {"id": made.id, "url": made.url}

    made = await desk.services.ledger.ensure(task, desk.taken.epoch, "review-check", find, create)
    await desk.learn_review(check=made["id"])
    await desk.learn(comment_url=made["url"])
    return None


async def _work(desk: Desk, review: ReviewFacts) -> PhaseEnd:
    async with (
        open_verifier(desk.ground) as verifier,
        open_head_tree(desk.ground, review.head_tree, keep_for(desk)) as work,
        _open_progress(desk, review) as progress,
    ):
        end = await run_agent(desk, work, verifier, progress, lambda one: describe_review(one, review))
    match end:
        case Deferred(until):
            await desk.learn(spent=end.spent)
            return Waiting(until, "the model's server asked to wait")
        case Finished(submission):
            done = submission.outcome in (SubmitOutcome.NO_CHANGE_NEEDED, SubmitOutcome.FIXED)
            outcome = Outcome.CLEAN if done else OUTCOME_OF[submission.outcome]
            detail = "" if done else "The model did not finish it; the review has its words."
            await _keep(desk, end.findings, submission.summary)
            await desk.learn_review(settled=tuple(asdict(one) for one in end.settled))
            await desk.learn(spent=end.spent, outcome=outcome.value, detail=detail)
        case Exhausted():
            await _keep(desk, end.findings, "")
            await desk.learn(spent=end.spent, outcome=end.outcome.value, detail=end.detail)
        case _:
            raise Bug("a review asked a question, for which it has no tool")
    return Next(Phase.REPORT)


async def _keep(desk: Desk, findings: tuple[Finding, ...], summary: str) -> None:
    await desk.learn_review(findings=tuple(asdict(finding) for finding in findings), summary=summary)


async def _report(desk: Desk, review: ReviewFacts) -> PhaseEnd:
    if not desk.request.is_event:  # the file on the default branch asks, and no person
        await check_access(desk)
    if review.report is None:
        # Decided once: a death between the effects must not find our own words and take them for earlier ones.
        await desk.learn_review(report=render_report(await decide_review(desk, review)))
    report = parse_report(_review(desk).report)
    await desk.learn(outcome=report.outcome.value)
    resolved = await _resolve(desk, report)
    text = await render_text(desk, _review(desk), report, resolved)
    # Nobody asked and nothing is new: the check run says it, and people are left in peace.
    worth = report.has_news or not desk.request.is_event or bool(text.unheard)
    url = await _post(desk, review, text) if worth else ""
    await _end_check(desk, review, text, url)
    return TaskFinished(report.outcome, desk.facts.detail)


async def _resolve(desk: Desk, report: Report) -> frozenset[str]:
    """The threads of what is mended; twice is once. A refusal (the App may not) does not undo the review."""
    ids = tuple(told.thread for told in report.fixed)
    try:
        return frozenset(await desk.call(desk.github.review_threads.resolve, ids))
    except GitHubFault as fault:
        log.warning("threads not resolved", task=desk.taken.id, why=str(fault))
        return frozenset()


async def _post(desk: Desk, review: ReviewFacts, text: ReviewText) -> str:
    """The one review of this task; its address."""
    reviews, pull, secrets = desk.github.reviews, desk.request.issue, desk.services.settings.secrets
    comments = tuple(
        ReviewComment(
            one.finding.path,
            one.finding.start,
            one.finding.end,
            one.side.value,
            redact(render_finding(one.finding), secrets),
        )
        for one in text.report.arranged.anchored
    )
    new, marker = NewReview(review.head_commit, render_review(text), comments), review_marker(desk.taken.id)

    def find() -> dict[str, object] | None:
        found = reviews.find_review(pull, marker)
        return {"url": found.url} if found else None

    def create() -> dict[str, object]:
        return {"url": reviews.create_review(pull, new).url}

    ledger = desk.services.ledger
    return str((await ledger.ensure(desk.taken.id, desk.taken.epoch, "review", find, create))["url"])


async def _end_check(desk: Desk, review: ReviewFacts, text: ReviewText, url: str) -> None:
    """Edits are repeated without harm, so they are no effects. A check that is refused does not undo the review."""
    shown = render_review_check(text, url)
    actions = (_RETRY, _FIX) if text.report.outcome is Outcome.FINDINGS else (_RETRY,)
    content = CheckContent("completed", shown.title, shown.summary, shown.conclusion, actions=actions)
    try:
        update, told = desk.github.checks.update_check, replace(content, details_url=url)
        await desk.call(update, review.check, told, desk.check_held)
    except GitHubFault as fault:
        log.warning("check run not ended", task=desk.taken.id, why=str(fault))


def _open_progress(desk: Desk, review: ReviewFacts) -> Progress:
    """Kept for those who watch, and shown in the check run."""

    async def keep(body: dict[str, object]) -> None:
        await desk.note(RowKind.LINES, body)

    async def edit(progress: Progress) -> None:
        plan = render_plan(tuple((step.step, step.status.value) for step in progress.steps))
        summary = "\n".join([*plan, "", render_spent(progress.spent)])
        content = CheckContent(
            "in_progress", "Reviewing", redact(summary, desk.services.settings.secrets), actions=(_STOP,)
        )
        await desk.call(desk.github.checks.update_check, review.check, content, desk.check_held)

    return Progress(keep, edit, desk.facts.spent)
