"""Report: the tracking comment says how the follow-up ended."""

from dataclasses import replace

import structlog

from bot.domain.ci import Step
from bot.domain.follow_up import Way
from bot.domain.outcomes import Outcome
from bot.domain.tasks import WayIn
from bot.errors import GitHubFault
from bot.tasks.change.accept import edit_tracking, learn_tracking_comment
from bot.tasks.change.desk import Desk
from bot.tasks.change.facts import parse_facts, total_spent
from bot.tasks.change.late_words import describe_unheard
from bot.tasks.change.report import patch_so_far
from bot.tasks.change.report import report as report_unpushed
from bot.tasks.follow_up.failures import list_red, read_failures
from bot.tasks.follow_up.merge import describe_merged
from bot.tasks.follow_up.points import answer_points, describe_answers
from bot.tasks.follow_up.undo import report_undone
from bot.texts.follow_ups import PUSHED, Pushed, render_points_table, render_pushed
from bot.texts.markers import tracking_marker
from bot.texts.red_checks import ChecksText, RedCheck, Tried, render_checks, render_checks_end
from bot.texts.redact import redact
from bot.texts.sanitise import code
from bot.texts.tracking import render_spent

log = structlog.get_logger()


async def report(desk: Desk) -> None:
    """The last state of the tracking comment."""
    facts, evidence, submission = desk.facts, desk.facts.evidence, desk.facts.submission
    outcome, secrets = Outcome(facts.outcome), desk.services.settings.secrets
    if outcome is Outcome.UNDONE:
        await report_undone(desk)
        return
    checks = await describe_checks(desk)
    if checks is not None and facts.submission is None and outcome in _WITHOUT_WORK:
        await _report_checks(desk, checks)
        return
    await answer_points(desk)
    table = render_points_table(await describe_answers(desk))
    red = f"What was red before it:\n\n{redact(render_checks(checks), secrets)}" if checks is not None else ""
    merged = describe_merged(desk)
    about = "\n\n".join(part for part in (merged, red, table) if part)
    if outcome not in PUSHED or evidence is None or submission is None:
        await report_unpushed(desk, about)
        return
    patch = "" if facts.branch else await patch_so_far(desk)
    pushed = Pushed(
        outcome=outcome,
        commit=facts.commit,
        before=facts.base_commit,
        title=submission.title,
        summary=redact(submission.summary, secrets),
        evidence=evidence,
        spent=render_spent(total_spent(facts)),
        marker=tracking_marker(desk.taken.id),
        patch=redact(patch, secrets),
        stacked=facts.pull if desk.follow.way is Way.STACK else 0,
        about="\n\n".join(part for part in (about, await describe_unheard(desk)) if part),
        page=desk.checks_page if facts.branch else "",
        untouched=f"the tip of {code(desk.follow.base_branch)}, {desk.follow.rules_commit[:10]}"
        if merged
        else "",
    )
    await edit_tracking(desk, render_pushed(pushed), last=True)


_WITHOUT_WORK = (Outcome.NO_CHANGE_NEEDED, Outcome.FLAKY, Outcome.HANDED_OVER)


async def describe_checks(desk: Desk) -> ChecksText | None:
    """What there is to say of red checks; None: the task is not about them, or they were not over when it ended."""
    checks = desk.facts.checks
    if checks is None or not checks.step:
        return None
    try:
        red = list_red(await read_failures(desk))
    except GitHubFault as fault:
        log.warning("red checks were not read again", task=desk.taken.id, why=str(fault))
        red = tuple(RedCheck(name, "", "failure") for name in checks.red)
    head, base = desk.facts.base_commit, desk.follow.base_branch
    return ChecksText(head, base, red, checks.on_base, checks.passed_again, checks.unfinished)


async def _report_checks(desk: Desk, checks: ChecksText) -> None:
    if not desk.facts.comment:
        await learn_tracking_comment(desk)
    settings, outcome = desk.services.settings, Outcome(desk.facts.outcome)
    tried = await _list_tried(desk) if outcome is Outcome.HANDED_OVER else ()
    marker = tracking_marker(desk.taken.id)
    checks = replace(checks, unheard=await describe_unheard(desk))
    text = render_checks_end(outcome, checks, tried, settings.handle, marker)
    await edit_tracking(desk, redact(text, settings.secrets), last=True)


async def _list_tried(desk: Desk) -> tuple[Tried, ...]:
    """The repairs in a row before this task."""
    repairs = desk.facts.checks.repairs if desk.facts.checks else 0
    finished = await desk.call(desk.services.tasks.list_finished, desk.request.active_key)
    known = [parse_facts(view.facts) for view, asked in finished if asked.way is WayIn.CHECKS]
    worked = [one for one in known if one.checks is not None and one.checks.step == Step.REPAIR]
    return tuple(
        Tried(one.commit, one.submission.title, one.submission.root_cause or one.submission.summary)
        for one in worked[-repairs:]
        if repairs and one.submission is not None
    )
