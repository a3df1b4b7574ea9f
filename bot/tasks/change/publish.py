"""Publish: commit, push, pull request, check run. Each is there once, whatever dies.

Races, and how each is closed:
- Death after the push: the same tree, parent, message and time give the same commit, and the ledger finds the
  branch at it.
- Somebody else has the branch's name: a second name with the task's id; if that is taken too, the end is
  BRANCH_TAKEN, and nothing of theirs is touched (the push is compare-and-swap on "absent").
- The requester has lost write access meanwhile: asked again here, ACCESS_WITHDRAWN (law 6).
- The task is ended from outside while the push or the request for the pull request is under way: what is there by then
  is told (`learn_published`); what comes later is looked for by `tasks/late.py`, which has it told once more.
"""

import hashlib
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus

import structlog

from bot.domain import limits
from bot.domain.evidence import Evidence, Tier
from bot.domain.ids import CommitSha
from bot.domain.outcomes import Outcome
from bot.errors import BranchTaken, Bug, GitHubFault, RepositoryFault
from bot.forge.checks import CheckContent
from bot.forge.pulls import NewPull
from bot.store.evidence import SignedRecord
from bot.tasks.change.access import check_access
from bot.tasks.change.desk import Desk
from bot.tasks.change.facts import SubmissionFacts, total_spent
from bot.texts.branch import render_branch, render_second_branch
from bot.texts.checks import CHECK_NAME, render_check
from bot.texts.commit_message import render_commit_message, render_schedule_message
from bot.texts.markers import pull_marker
from bot.texts.merges import render_merge_summary
from bot.texts.pull_request import PullText, render_pull_body, render_pull_title
from bot.texts.redact import redact
from bot.texts.surroundings import Surroundings, render_surroundings
from bot.texts.tracking import render_spent
from bot.verify.evidence_file import compact_evidence, render_evidence

log = structlog.get_logger()

OUTCOME_OF_TIER = {
    Tier.A: Outcome.PROVEN,
    Tier.B: Outcome.CHECKED,
    Tier.C: Outcome.UNTESTED,
    Tier.D: Outcome.UNVERIFIED,
}


async def publish(desk: Desk) -> None:
    """From the verified tree to the open pull request. Raises BranchTaken, GitHubFault, RepositoryFault."""
    evidence, submission = desk.facts.evidence, desk.facts.submission
    if evidence is None or submission is None:
        raise Bug("nothing to publish: the phase before left no evidence")
    await check_access(desk)
    around = await _look_around(desk)
    if not desk.facts.commit:
        await desk.learn(commit=await write_commit(desk, evidence, submission))
    if not desk.facts.branch:
        await desk.learn(branch=await push_new_branch(desk, submission))
    record = await keep_record(desk, evidence)
    pull = await _open_pull(desk, evidence, submission, around)
    await desk.learn(pull=pull["number"], pull_url=pull["url"], outcome=OUTCOME_OF_TIER[evidence.tier].value)
    await report_check(desk, evidence, record)


async def learn_published(desk: Desk, branches: tuple[str, ...] = ()) -> None:
    """What was under way when the task was ended from outside, and is there by now: our commit on one of these branches
    (none given: those of a change), a pull request from there. What GitHub refuses to show is not told."""
    submission = desk.facts.submission
    try:
        if desk.facts.commit and not desk.facts.branch and submission is not None:
            await _learn_branch(desk, branches or _own_branches(desk, submission))
        if desk.facts.branch and not desk.facts.pull:
            find, marker = desk.github.pulls.find_pull, pull_marker(desk.taken.id)
            if (found := await desk.call(find, desk.facts.branch, marker)) is not None:
                await desk.learn(pull=found.number, pull_url=found.url)
    except GitHubFault as fault:
        log.warning("what was published can't be seen", task=desk.taken.id, why=str(fault))


async def _learn_branch(desk: Desk, branches: tuple[str, ...]) -> None:
    for branch in branches:
        if await desk.call(desk.github.refs.find_branch, branch) == desk.facts.commit:
            await desk.learn(branch=branch)
            return


async def write_commit(desk: Desk, evidence: Evidence, submission: SubmissionFacts) -> CommitSha:
    """The verified tree on top of the base, in our cache (of a merge: of both sides); the same task gives the same
    id."""
    request, summary = desk.request, redact(submission.summary, desk.services.settings.secrets)
    parents: tuple[CommitSha, ...] = (desk.facts.base_commit,)
    if (follow := desk.facts.follow) is not None and follow.merge is not None:
        parents = (*parents, follow.rules_commit)
        summary = render_merge_summary(summary, tuple(path for path, _ in follow.merge.conflicts))
    if request.maintenance is not None:
        message = render_schedule_message(submission.title, summary, request.maintenance.schedule)
    else:
        message = render_commit_message(
            submission.title, summary, request.issue, request.requested_by, request.requested_by_id
        )
    when = int(datetime.fromisoformat(request.requested_at).timestamp())
    return await desk.services.repos.commit(desk.key, evidence.patch_tree, parents, message, when)


async def push_new_branch(desk: Desk, submission: SubmissionFacts) -> str:
    """A branch of our own that now holds our commit. Raises BranchTaken, RepositoryFault."""
    names = _own_branches(desk, submission)
    for branch in names:
        holder = await desk.call(desk.github.refs.find_branch, branch)
        if holder is None:
            await push_branch(desk, branch, None)
        if holder is None or holder == desk.facts.commit:
            return branch
    raise BranchTaken(
        f"Somebody else has both `{names[0]}` and its second name.", "Delete or rename one of them."
    )


def _own_branches(desk: Desk, submission: SubmissionFacts) -> tuple[str, str]:
    """The name of our branch, and the one that it gets when somebody else has that."""
    first = render_branch(desk.request.issue, submission.title)
    return first, render_second_branch(first, desk.taken.id)


async def push_branch(desk: Desk, branch: str, expected: CommitSha | None) -> None:
    """Compare-and-swap from `expected` (None: absent) to our commit, read back on GitHub before it is believed. Raises
    RepositoryFault."""
    ref, commit, repos = f"refs/heads/{branch}", desk.facts.commit, desk.services.repos

    async def send() -> None:
        await desk.with_remote(
            desk.push_remote, lambda remote: repos.push(desk.key, remote, ref, commit, expected)
        )
        holder = await desk.call(desk.github.refs.find_branch, branch)
        if holder != commit:
            raise RepositoryFault(f"`{branch}` was pushed, but GitHub shows it elsewhere.", "Ask again.")

    key = f"push-{commit}-{branch}"
    await desk.services.ledger.trace(desk.taken.id, desk.taken.epoch, key, send)


async def move_branch(desk: Desk, branch: str, expected: CommitSha | None) -> bool:
    """Whether the branch has our commit now: moved from `expected` (None: absent), or by a run before a death. False:
    somebody else moved it, and it is left alone. Raises RepositoryFault: the push was refused for another reason."""
    holder = await desk.call(desk.github.refs.find_branch, branch)
    if holder == desk.facts.commit or holder != expected:
        return holder == desk.facts.commit
    try:
        await push_branch(desk, branch, expected)
    except RepositoryFault:
        if await desk.call(desk.github.refs.find_branch, branch) == expected:
            raise
        return False
    return True


async def _look_around(desk: Desk) -> Surroundings:
    """Where the base stands now. Raises GitHubFault: it is gone, so there is nowhere to go and nothing is pushed."""
    request, facts = desk.request, desk.facts
    tip = await desk.call(desk.github.refs.fetch_head, request.base_branch)
    return Surroundings(request.base_branch, request.base_from, facts.base_commit, tip, facts.others)


async def _open_pull(
    desk: Desk, evidence: Evidence, submission: SubmissionFacts, around: Surroundings
) -> dict[str, object]:
    text = replace(pull_text(desk, evidence, submission), around=render_surroundings(around))
    new = NewPull(
        title=render_pull_title(submission.title, desk.request.issue),
        body=render_pull_body(text),
        head=desk.facts.branch,
        base=desk.request.base_branch,
        draft=evidence.tier not in (Tier.A, Tier.B),
    )
    return await ensure_pull(desk, new)


def pull_text(desk: Desk, evidence: Evidence, submission: SubmissionFacts) -> PullText:
    """What a new pull request says."""
    facts, setup = desk.facts, desk.facts.setup
    return PullText(
        title=submission.title,
        summary=redact(submission.summary, desk.services.settings.secrets),
        root_cause=redact(submission.root_cause, desk.services.settings.secrets),
        risks=redact(submission.risks, desk.services.settings.secrets),
        issue=desk.request.issue,
        requested_by=desk.request.requested_by,
        evidence=evidence,
        evidence_sha256=facts.evidence_sha256,
        setup_note=f"The detected set-up failed and was left out: {setup.failed}" if setup.failed else "",
        spent=render_spent(total_spent(facts)),
        marker=pull_marker(desk.taken.id),
        blocked=facts.blocked,
        checks_url=desk.checks_page,
        advice=tuple(redact(point, desk.services.settings.secrets) for point in facts.advice),
    )


async def ensure_pull(desk: Desk, new: NewPull) -> dict[str, object]:
    """The pull request of this task is there; its number and address."""
    pulls, marker = desk.github.pulls, pull_marker(desk.taken.id)

    def find() -> dict[str, object] | None:
        found = pulls.find_pull(new.head, marker)
        return {"number": found.number, "url": found.url} if found else None

    def create() -> dict[str, object]:
        try:
            made = pulls.create_pull(new)
        except GitHubFault as fault:
            if (
                not new.draft
                or fault.status != HTTPStatus.UNPROCESSABLE_ENTITY
                or "draft" not in str(fault).lower()
            ):
                raise
            # Some plans have no drafts; nothing was made. The body says in its first line how much is proven.
            made = pulls.create_pull(replace(new, draft=False))
        return {"number": made.number, "url": made.url}

    ledger = desk.services.ledger
    return await ledger.ensure(desk.taken.id, desk.taken.epoch, "pull-request", find, create)


async def report_check(desk: Desk, evidence: Evidence, record: str) -> None:
    """The evidence on the head of the pull request, as a check run. What was pushed stands without it as well."""
    try:
        await _ensure_check(desk, evidence, record)
    except GitHubFault as fault:
        log.warning("no check run", task=desk.taken.id, why=str(fault))


async def _ensure_check(desk: Desk, evidence: Evidence, record: str) -> None:
    checks, facts = desk.github.checks, desk.facts
    room = limits.CHECK_TEXT_CHARACTERS - len("```json\n\n```")
    small = record if len(record) <= room else compact_evidence(evidence, room)
    text = render_check(evidence, small, facts.evidence_sha256)
    content = CheckContent(
        "completed", text.title, text.summary, text.conclusion, text.text, details_url=facts.comment_url
    )

    def find() -> dict[str, object] | None:
        found = checks.find_check(facts.commit, CHECK_NAME, desk.taken.id)
        return {"id": found.id} if found else None

    def create() -> dict[str, object]:
        return {"id": checks.create_check(facts.commit, CHECK_NAME, desk.taken.id, content).id}

    ledger = desk.services.ledger
    await ledger.ensure(desk.taken.id, desk.taken.epoch, "check-run", find, create)


async def keep_record(desk: Desk, evidence: Evidence) -> str:
    """The whole record, signed and kept in the database; its digest is a fact of the task. Raises Superseded."""
    record, services = render_evidence(evidence), desk.services
    signed = SignedRecord(record, services.sign(record))
    now = services.clock.now()
    await desk.call(services.evidence.keep, desk.taken.id, desk.taken.epoch, signed, now)
    await desk.learn(evidence_sha256=hashlib.sha256(record).hexdigest())
    return record.decode()
