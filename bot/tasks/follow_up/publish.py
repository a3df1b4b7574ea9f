"""Publish: one commit on top of the pinned head, pushed to the pull request's own branch; its text is brought up
to date. On a person's branch that its owner did not ask for: a pull request of our own into it. A merge has the base
branch's tip as its second parent, and is pushed like every other commit.

Races, and how each is closed:
- The head has moved since it was pinned: nothing is pushed and the end is STALE, with the patch shown. The push is
  compare-and-swap from the pinned head, so a move in the very moment is the same.
- Death after the push: the same tree, parent, message and time give the same commit, which the branch then has.
- The requester has lost write access meanwhile: asked again here, ACCESS_WITHDRAWN (law 6).
"""

from dataclasses import replace

from bot.domain.evidence import Evidence, Tier
from bot.domain.follow_up import Way
from bot.domain.outcomes import Outcome
from bot.errors import Bug, GitHubFault
from bot.forge.pulls import NewPull, PullState
from bot.tasks.change.access import check_access
from bot.tasks.change.desk import Desk
from bot.tasks.change.facts import SubmissionFacts, total_spent
from bot.tasks.change.publish import (
    OUTCOME_OF_TIER,
    ensure_pull,
    keep_record,
    learn_published,
    move_branch,
    pull_text,
    push_new_branch,
    report_check,
    write_commit,
)
from bot.tasks.follow_up.so_far import list_pushes, load_so_far
from bot.texts.markers import pull_marker, replace_section
from bot.texts.pull_request import PullText, Push, render_pull_body, render_pull_title
from bot.texts.redact import redact
from bot.texts.tracking import render_spent


async def publish(desk: Desk) -> None:
    """From the verified tree to the commit on the branch. Raises GitHubFault, RepositoryFault."""
    evidence, submission = desk.facts.evidence, desk.facts.submission
    if evidence is None or submission is None:
        raise Bug("nothing to publish: the phase before left no evidence")
    if desk.follow.way is Way.STACK:
        await _stack(desk, evidence, submission)
        return
    if desk.follow.way is Way.SHOW:
        await keep_record(desk, evidence)
        await desk.learn(outcome=OUTCOME_OF_TIER[evidence.tier].value)
        return
    await check_access(desk)
    if not desk.facts.commit:
        await desk.learn(commit=await write_commit(desk, evidence, submission))
    if not await move_branch(desk, desk.follow.head_branch, desk.facts.base_commit):
        await desk.learn(outcome=Outcome.STALE.value, detail=_MOVED)
        return
    await desk.learn(branch=desk.follow.head_branch)
    record = await keep_record(desk, evidence)
    pull = await desk.call(desk.github.pulls.fetch_pull, desk.request.issue)
    await desk.learn(pull=pull.number, pull_url=pull.url, outcome=OUTCOME_OF_TIER[evidence.tier].value)
    if desk.follow.origin:
        await _refresh(desk, evidence, pull)
    await report_check(desk, evidence, record)


async def _stack(desk: Desk, evidence: Evidence, submission: SubmissionFacts) -> None:
    """A branch of our own on top of the head, and a pull request of our own into the person's branch."""
    await check_access(desk)
    if not desk.facts.commit:
        await desk.learn(commit=await write_commit(desk, evidence, submission))
    if not desk.facts.branch:
        await desk.learn(branch=await push_new_branch(desk, submission))
    record = await keep_record(desk, evidence)
    onto = desk.follow.head_branch
    text = replace(pull_text(desk, evidence, submission), onto=onto)
    new = NewPull(
        title=render_pull_title(submission.title, desk.request.issue),
        body=render_pull_body(text),
        head=desk.facts.branch,
        base=onto,
        draft=evidence.tier not in (Tier.A, Tier.B),
    )
    pull = await ensure_pull(desk, new)
    await desk.learn(pull=pull["number"], pull_url=pull["url"], outcome=OUTCOME_OF_TIER[evidence.tier].value)
    await report_check(desk, evidence, record)


_MOVED = "Somebody pushed to the branch while I worked, so I did not push: what I tested is not what stands there now."


async def _refresh(desk: Desk, evidence: Evidence, pull: PullState) -> None:
    """Our part of the description tells of the new head; a text without our marks is left alone. Edits are repeated
    without harm, so they are no effects."""
    so_far = await load_so_far(desk)
    opened = next((one for one in so_far if one.task == desk.follow.origin), None)
    submission = desk.facts.submission
    if (
        opened is None
        or opened.facts.submission is None
        or opened.facts.evidence is None
        or submission is None
    ):
        return
    own = Push(desk.facts.commit, submission.title, desk.request.requested_by, evidence.tier.value)
    said, secrets, setup = opened.facts.submission, desk.services.settings.secrets, desk.facts.setup
    marker = pull_marker(opened.task)
    text = PullText(
        title=said.title,
        summary=redact(said.summary, secrets),
        root_cause=redact(said.root_cause, secrets),
        risks=redact(submission.risks or said.risks, secrets),
        issue=opened.request.issue,
        requested_by=opened.request.requested_by,
        evidence=evidence,
        evidence_sha256=desk.facts.evidence_sha256,
        setup_note=f"The detected set-up failed and was left out: {setup.failed}" if setup.failed else "",
        spent=render_spent(total_spent(desk.facts)),
        marker=marker,
        checks_url=desk.checks_page,
        commits_url=f"{pull.url}/commits",
        blocked=desk.facts.blocked,
        advice=tuple(redact(point, secrets) for point in desk.facts.advice),
        pushes=(*list_pushes(so_far, opened.task), own),
        first_tier=opened.facts.evidence.tier.value,
        schedule=opened.request.maintenance.schedule if opened.request.maintenance else "",
        merged=desk.follow.base_branch if desk.follow.merge else "",
    )
    body = replace_section(pull.body, render_pull_body(text), opened.task)
    if body is None or body == pull.body:
        return
    await desk.call(desk.github.pulls.edit_pull, pull.number, body=body)


async def learn_pushed(desk: Desk) -> None:
    """A push that was under way when the task was ended from outside: it is told as well."""
    if desk.follow.way is Way.STACK:
        await learn_published(desk)
        return
    if desk.facts.commit and not desk.facts.branch:
        try:
            holder = await desk.call(desk.github.refs.find_branch, desk.follow.head_branch)
        except GitHubFault:
            return
        if holder == desk.facts.commit:
            await desk.learn(branch=desk.follow.head_branch, pull=desk.request.issue)
