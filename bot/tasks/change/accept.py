"""Accept: 👀 on the comment, the tracking comment, the base commit pinned. Seconds after the comment."""

from bot.domain.tasks import Phase
from bot.errors import GitHubFault
from bot.tasks.change.desk import Desk
from bot.texts.markers import tracking_marker
from bot.texts.tracking import TrackingState, render_tracking


async def accept(desk: Desk) -> None:
    """Idempotent: the reaction is there once by GitHub's own rule, the comment by the ledger."""
    await react(desk)
    if not desk.facts.comment:
        comment = await ensure_tracking_comment(desk)
        await desk.learn(comment=comment["id"], comment_url=comment["url"])
    if not desk.facts.base_commit:
        branch = desk.request.base_branch
        await desk.learn(base_commit=await desk.call(desk.github.refs.fetch_head, branch))


async def react(desk: Desk) -> None:
    """A comment that was deleted meanwhile is no reason to stop."""
    try:
        await desk.call(desk.github.threads.create_reaction, desk.request.issue, desk.request.comment_id)
    except GitHubFault as fault:
        if fault.status not in (404, 410):
            raise


async def ensure_tracking_comment(desk: Desk) -> dict[str, object]:
    """The one comment of this task: its id and address."""
    marker, issue = tracking_marker(desk.taken.id), desk.request.issue
    threads = desk.github.threads
    body = render_tracking(TrackingState(Phase.ACCEPT, 0, (), desk.facts.spent, (), marker))

    def find() -> dict[str, object] | None:
        found = threads.find_tracking_comment(issue, marker)
        return {"id": found.id, "url": found.url} if found else None

    def create() -> dict[str, object]:
        made = threads.create_tracking_comment(issue, body)
        return {"id": made.id, "url": made.url}

    ledger = desk.services.ledger
    return await ledger.ensure(desk.taken.id, desk.taken.epoch, "tracking-comment", find, create)
