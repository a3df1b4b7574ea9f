"""Publish: one commit on the schedule's branch, and its one pull request, opened or brought up to date.

The branch is moved from what stood there when the turn began, by compare-and-swap: its earlier commit, which was one of
ours, is replaced by one on today's base.

Races, and how each is closed:
- Somebody commits to the branch while the turn works: nothing is pushed, EDITED_BY_PERSON.
- The pull request is closed or merged meanwhile: closed is an answer and nothing is pushed; merged leaves the branch
  alone, and the next turn begins from what was merged.
- The schedule is taken out of the file meanwhile: asked again here (law 6), REMOVED.
- Death after the push: the same tree, parent, message and time give the same commit, which the branch then has.
"""

from dataclasses import replace

from bot.domain.evidence import Evidence, Tier
from bot.domain.ids import CommitSha
from bot.domain.repo_config import ConfigFault
from bot.domain.schedules import ScheduleResult, schedule_branch
from bot.errors import Bug
from bot.forge.pulls import NewPull
from bot.tasks.change.desk import Desk
from bot.tasks.change.facts import SubmissionFacts
from bot.tasks.change.publish import (
    OUTCOME_OF_TIER,
    ensure_pull,
    keep_record,
    move_branch,
    pull_text,
    report_check,
    write_commit,
)
from bot.tasks.maintenance.accept import end_early, read_file
from bot.texts.markers import find_pull_task, pull_marker, replace_section
from bot.texts.pull_request import PullText, render_pull_body, render_schedule_title


async def publish(desk: Desk) -> None:
    """From the verified tree to the schedule's pull request. Raises GitHubFault, RepositoryFault."""
    evidence, submission = desk.facts.evidence, desk.facts.submission
    if evidence is None or submission is None:
        raise Bug("nothing to publish: the phase before left no evidence")
    if desk.turn[0].preview:
        await keep_record(desk, evidence)
        await desk.learn_turn(result=ScheduleResult.PREVIEWED.value)
        await desk.learn(outcome=OUTCOME_OF_TIER[evidence.tier].value)
        return
    if not desk.facts.branch and (ended := await _find_objection(desk)) is not None:
        await end_early(desk, *ended)
        return
    if not desk.facts.commit:
        await desk.learn(commit=await write_commit(desk, evidence, submission))
    if not await _push(desk):
        await end_early(desk, ScheduleResult.EDITED_BY_PERSON)
        return
    record = await keep_record(desk, evidence)
    await _settle_pull(desk, evidence, submission)
    await desk.learn(outcome=OUTCOME_OF_TIER[evidence.tier].value)
    await report_check(desk, evidence, record)


async def _find_objection(desk: Desk) -> tuple[ScheduleResult, str] | None:
    """Why nothing may be published any more."""
    ref, turn = desk.turn
    try:
        config = await read_file(desk, desk.request.repository.default_branch)
    except ConfigFault as fault:
        return ScheduleResult.CONFIG_INVALID, str(fault)
    if ref.schedule not in config.schedules.tasks:
        return ScheduleResult.REMOVED, ""
    if turn.pull:
        pull = await desk.call(desk.github.pulls.fetch_pull, turn.pull)
        if not pull.open:
            word = "merged" if pull.merged else "closed"
            return ScheduleResult.CLOSED_BY_PERSON, f"#{turn.pull} was {word} while I worked."
    return None


async def _push(desk: Desk) -> bool:
    """Whether the branch has our commit now."""
    ref, turn = desk.turn
    branch = schedule_branch(ref.schedule)
    if not await move_branch(desk, branch, CommitSha(turn.over) if turn.over else None):
        return False
    await desk.learn(branch=branch)
    return True


async def _settle_pull(desk: Desk, evidence: Evidence, submission: SubmissionFacts) -> None:
    ref, turn = desk.turn
    text = replace(pull_text(desk, evidence, submission), schedule=ref.schedule)
    title = render_schedule_title(submission.title, ref.schedule)
    if turn.pull:
        await _update(desk, text, title)
        return
    draft = turn.draft or evidence.tier not in (Tier.A, Tier.B)
    new = NewPull(title, render_pull_body(text), desk.facts.branch, desk.request.base_branch, draft)
    made = await ensure_pull(desk, new)
    await desk.learn(pull=made["number"], pull_url=made["url"])


async def _update(desk: Desk, text: PullText, title: str) -> None:
    """Our part of the text, and the title where nobody gave it another one; what people wrote around it stays. Edits
    are repeated without harm, so they are no effects."""
    ref, turn = desk.turn
    pull = await desk.call(desk.github.pulls.fetch_pull, turn.pull)
    opened = find_pull_task(pull.body)
    body = None
    if opened is not None:
        body = replace_section(pull.body, render_pull_body(replace(text, marker=pull_marker(opened))), opened)
    named = title if pull.title == render_schedule_title(ref.title, ref.schedule) else None
    if body is not None or named is not None:
        await desk.call(_edit, desk, pull.number, named, body)
    await desk.learn(pull=pull.number, pull_url=pull.url)


def _edit(desk: Desk, number: int, title: str | None, body: str | None) -> None:
    desk.github.pulls.edit_pull(number, title=title, body=body)
