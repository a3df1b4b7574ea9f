"""The phases of a review, joined: implements `workflow.Steps`.

Accept pins the head and opens a check run on it; prepare fetches; the work reports findings; report anchors them to the
diff, posts one review and ends the check run. Nothing is pushed, and what the model wrote is thrown away.

Races, and how each is closed:
- The head moves while it is reviewed: looked at again before posting. Then nothing is anchored, the review says which
  commit it is about, and the end is STALE.
- Death after the review was sent: the ledger finds it by its marker.
"""

from dataclasses import asdict, dataclass, replace

import structlog

from bot.agent.contract import Deferred, Exhausted, Finished, SubmitOutcome
from bot.agent.history import parse_finding
from bot.domain.findings import Arranged, Finding, arrange_findings, fingerprint
from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase
from bot.domain.triggers import Button
from bot.domain.unified_diff import parse_diff
from bot.errors import Bug, GitHubFault
from bot.forge.checks import CheckAction, CheckContent
from bot.forge.reviews import NewReview, ReviewComment
from bot.store.tasks import Taken
from bot.tasks.change.accept import react
from bot.tasks.change.carry import bring_here, keep_for
from bot.tasks.change.desk import Desk, Services, open_desk
from bot.tasks.change.facts import ReviewFacts
from bot.tasks.change.ground import open_verifier
from bot.tasks.change.phases import noted_phase
from bot.tasks.change.progress import Progress
from bot.tasks.change.report import report
from bot.tasks.change.rows import RowKind
from bot.tasks.change.work import OUTCOME_OF, run_agent
from bot.tasks.review.ground import (
    describe_review,
    environment_notes,
    fetch_again,
    open_head_tree,
    prepare_review,
)
from bot.tasks.workflow import Finished as TaskFinished
from bot.tasks.workflow import Next, PhaseEnd, Waiting
from bot.texts.markers import review_marker
from bot.texts.redact import redact
from bot.texts.reviews import (
    REVIEW_CHECK_NAME,
    ReviewText,
    find_fingerprints,
    render_finding,
    render_review,
    render_review_check,
)
from bot.texts.tracking import render_plan, render_spent

log = structlog.get_logger()

_STOP = CheckAction("Stop", "End this review now", Button.STOP)
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
            if desk.facts.review is not None and desk.facts.review.check:
                await _end_check(desk, desk.facts.review, await _review_text(desk, Arranged(), 0), "")
            if task.request.comment_id or desk.facts.review is None:
                await report(desk)


async def _run(desk: Desk, phase: Phase) -> PhaseEnd:
    match phase:
        case Phase.ACCEPT:
            if not desk.request.head:  # a person asked
                await react(desk)
            return Next(Phase.PREPARE) if await _accept(desk) else await _end_stale(desk)
        case Phase.PREPARE:
            await prepare_review(desk, _review(desk))
            return Next(Phase.WORK)
        case Phase.WORK:
            return await _work(desk, _review(desk))
        case Phase.REPORT:
            return await _report(desk, _review(desk))
        case _:
            raise Bug(f"a review has no phase `{phase}`")


def _review(desk: Desk) -> ReviewFacts:
    if desk.facts.review is None:
        raise Bug("the phase before left no head to review")
    return desk.facts.review


async def _end_stale(desk: Desk) -> PhaseEnd:
    """The push that moved the head has a delivery of its own."""
    await desk.learn(outcome=Outcome.STALE.value)
    return TaskFinished(Outcome.STALE, "The head had moved before the review began.")


async def _accept(desk: Desk) -> bool:
    """Pin head and base, and say on the head that it is being reviewed. False: the event was about another head."""
    if desk.facts.review is None:
        pull = await desk.call(desk.github.pulls.fetch_pull, desk.request.issue)
        if desk.request.head not in ("", pull.head_sha):
            return False
        merge_base = await desk.call(desk.github.refs.fetch_merge_base, pull.base_sha, pull.head_sha)
        tip = await desk.call(desk.github.refs.fetch_head, pull.base_branch)  # GitHub's base may be older
        review = ReviewFacts(pull.head_sha, pull.base_branch, tip)
        await desk.learn(base_commit=merge_base, review=review)
    review = _review(desk)
    if review.check:
        return True
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
    return True


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
    found = (parse_finding(body) for body in review.findings)
    findings = tuple(one for one in found if one.priority.value <= review.least)
    known = find_fingerprints(await desk.call(desk.github.reviews.fetch_said, desk.request.issue))
    pull = await desk.call(desk.github.pulls.fetch_pull, desk.request.issue)
    moved = pull.head_sha != review.head_commit
    diff = parse_diff(await desk.services.repos.diff(desk.key, desk.facts.base_tree, review.head_tree))
    # Our own posted review is no earlier one when this phase runs again after a death.
    posted = await desk.call(
        desk.github.reviews.find_review, desk.request.issue, review_marker(desk.taken.id)
    )
    told_before = 0 if posted else sum(fingerprint(one) in known for one in findings)
    said = frozenset[str]() if posted else known
    arranged = arrange_findings(findings, () if moved else diff, said, review.most)
    outcome = _decide_outcome(Outcome(desk.facts.outcome), arranged, told_before, moved=moved)
    await desk.learn(outcome=outcome.value)
    text = await _review_text(desk, arranged, told_before)
    url = await _post(desk, review, text)
    await _end_check(desk, review, text, url)
    return TaskFinished(outcome, desk.facts.detail)


def _decide_outcome(worked: Outcome, arranged: Arranged, told_before: int, *, moved: bool) -> Outcome:
    """Pure. A review that was not finished stays what it is; one that was is clean only if nothing is left to say."""
    if worked not in (Outcome.CLEAN, Outcome.FINDINGS, Outcome.STALE):
        return worked
    if moved:
        return Outcome.STALE
    return Outcome.FINDINGS if arranged.anchored or arranged.loose or told_before else Outcome.CLEAN


async def _review_text(desk: Desk, arranged: Arranged, told_before: int) -> ReviewText:
    review, facts, secrets = _review(desk), desk.facts, desk.services.settings.secrets
    here = bool(review.head_tree) and facts.host in ("", desk.services.settings.host)
    notes = await environment_notes(desk, review) if here else ()
    if facts.setup.failed:
        notes = (*notes, f"The detected set-up failed and was left out: {facts.setup.failed}")
    return ReviewText(
        outcome=Outcome(facts.outcome),
        head=review.head_commit,
        base=facts.base_commit,
        arranged=arranged,
        told_before=told_before,
        summary=redact(review.summary, secrets),
        notes=tuple(redact(note, secrets) for note in notes),
        detail=redact(facts.detail, secrets),
        spent=render_spent(facts.spent) if facts.spent.turns else "",
        marker=review_marker(desk.taken.id),
    )


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
        for one in text.arranged.anchored
    )
    new = NewReview(review.head_commit, render_review(text), comments)

    def find() -> dict[str, object] | None:
        found = reviews.find_review(pull, text.marker)
        return {"url": found.url} if found else None

    def create() -> dict[str, object]:
        return {"url": reviews.create_review(pull, new).url}

    ledger = desk.services.ledger
    return str((await ledger.ensure(desk.taken.id, desk.taken.epoch, "review", find, create))["url"])


async def _end_check(desk: Desk, review: ReviewFacts, text: ReviewText, url: str) -> None:
    """Edits are repeated without harm, so they are no effects. A check that is refused does not undo the review."""
    shown = render_review_check(text, url)
    content = CheckContent("completed", shown.title, shown.summary, shown.conclusion, actions=(_RETRY,))
    try:
        await desk.call(desk.github.checks.update_check, review.check, replace(content, details_url=url))
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
        await desk.call(desk.github.checks.update_check, review.check, content)

    return Progress(keep, edit, desk.facts.spent)
