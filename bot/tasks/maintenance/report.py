"""Report: what a preview would have proposed, as a comment on the dashboard. Every other end stands in the dashboard's
own text, which is written from the turn's row."""

from bot.domain.schedules import ScheduleResult
from bot.tasks.change.accept import ensure_tracking_comment
from bot.tasks.change.desk import Desk
from bot.tasks.change.facts import total_spent
from bot.tasks.change.pages import Told, tell
from bot.tasks.change.report import patch_so_far
from bot.texts.dashboard import Preview, render_preview
from bot.texts.markers import tracking_marker
from bot.texts.redact import redact
from bot.texts.size import render_page, split_pages
from bot.texts.tracking import render_spent


async def report(desk: Desk) -> None:
    """Nothing, but for a preview with something to show. Raises GitHubFault, RetryLater."""
    ref, turn, evidence = desk.request.maintenance, desk.facts.turn, desk.facts.evidence
    submission, secrets = desk.facts.submission, desk.services.settings.secrets
    if ref is None or turn is None or turn.result != ScheduleResult.PREVIEWED:
        return
    if evidence is None or submission is None or ref.dashboard <= 0:
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
