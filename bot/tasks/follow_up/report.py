"""Report: the tracking comment says how the follow-up ended."""

from bot.domain.outcomes import Outcome
from bot.tasks.change.accept import edit_tracking
from bot.tasks.change.desk import Desk
from bot.tasks.change.facts import total_spent
from bot.tasks.change.report import patch_so_far
from bot.tasks.change.report import report as report_unpushed
from bot.texts.follow_ups import PUSHED, Pushed, render_pushed
from bot.texts.markers import tracking_marker
from bot.texts.redact import redact
from bot.texts.tracking import render_spent


async def report(desk: Desk) -> None:
    """The last state of the tracking comment."""
    facts, evidence, submission = desk.facts, desk.facts.evidence, desk.facts.submission
    outcome, secrets = Outcome(facts.outcome), desk.services.settings.secrets
    if outcome not in PUSHED or evidence is None or submission is None:
        await report_unpushed(desk)
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
    )
    await edit_tracking(desk, render_pushed(pushed))
