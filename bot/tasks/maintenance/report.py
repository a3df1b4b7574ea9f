"""Report: what a preview would have proposed, or what a turn found that reads GitHub's pages, as a comment on the
dashboard. Every other end stands in the dashboard's own text, which is written from the turn's row."""

from bot.domain.outcomes import Outcome
from bot.domain.schedules import MaintenanceRef, ScheduleResult
from bot.tasks.change.accept import ensure_tracking_comment
from bot.tasks.change.desk import Desk
from bot.tasks.change.facts import SubmissionFacts, total_spent
from bot.tasks.change.pages import Told, tell
from bot.tasks.change.report import patch_so_far
from bot.texts.dashboard import Preview, TurnReport, render_preview, render_report
from bot.texts.markers import tracking_marker
from bot.texts.redact import redact
from bot.texts.size import render_page, split_pages
from bot.texts.tracking import render_spent


async def report(desk: Desk) -> None:
    """Nothing, but for a preview with something to show, and for a report. Raises GitHubFault, RetryLater."""
    ref, turn, submission = desk.request.maintenance, desk.facts.turn, desk.facts.submission
    if ref is None or turn is None or submission is None or ref.dashboard <= 0:
        return
    if turn.result == ScheduleResult.PREVIEWED:
        await _show_preview(desk, ref, submission)
    elif turn.reads and desk.facts.outcome == Outcome.NO_CHANGE_NEEDED:
        await _tell_report(desk, ref, submission)


async def _tell_report(desk: Desk, ref: MaintenanceRef, submission: SubmissionFacts) -> None:
    secrets = desk.services.settings.secrets
    told = TurnReport(
        schedule=ref.schedule,
        title=redact(submission.title, secrets),
        summary=redact(submission.summary, secrets),
        commit=desk.facts.base_commit,
        spent=render_spent(total_spent(desk.facts)),
        marker=tracking_marker(desk.taken.id),
    )
    await desk.learn_turn(report=await tell_new(desk, ref.dashboard, render_report(told)))


async def _show_preview(desk: Desk, ref: MaintenanceRef, submission: SubmissionFacts) -> None:
    evidence, secrets = desk.facts.evidence, desk.services.settings.secrets
    if evidence is None:
        return
    preview = Preview(
        schedule=ref.schedule,
        title=redact(submission.title, secrets),
        summary=redact(submission.summary, secrets),
        evidence=evidence,
        patch=redact(await patch_so_far(desk), secrets),
        spent=render_spent(total_spent(desk.facts)),
        marker=tracking_marker(desk.taken.id),
    )
    body = render_preview(preview)
    await tell_new(desk, ref.dashboard, body)


async def tell_new(desk: Desk, issue: int, body: str) -> str:
    """The task's comment on `issue` is there and says `body`, of any length; its address. Raises GitHubFault,
    RetryLater."""
    marker = tracking_marker(desk.taken.id)
    pages = split_pages(body, marker)
    made = await ensure_tracking_comment(desk, issue, render_page(pages, 0, (), marker))
    if len(pages) > 1:
        await tell(desk, Told(issue, int(str(made["id"])), str(made["url"])), body)
    return str(made["url"])
