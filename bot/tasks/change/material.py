"""The thread as material: fetched, and cut down to what was there when the task was asked for and to whom the
repository trusts (`min_trust`)."""

from dataclasses import replace

import structlog

from bot.domain.access import decide_access
from bot.domain.material import is_as_it_was, is_trusted
from bot.domain.repo_sections import TrustLevel
from bot.forge.threads import IssueThread
from bot.tasks.change.desk import Desk

log = structlog.get_logger()

_MAY_BE_WRITERS = ("OWNER", "MEMBER", "COLLABORATOR")


async def keep_material(desk: Desk, thread: IssueThread) -> IssueThread:
    """The thread without what the model is not to see. Raises RetryLater, GitHubFault."""
    request, level = desk.request, TrustLevel(desk.facts.rules.min_trust)
    writers = set() if request.head else {request.requested_by_id}  # nobody was asked about for an event
    if level is TrustLevel.WRITERS:
        people = tuple((one.author, one.author_id, one.association) for one in thread.comments)
        writers |= await find_writers(desk, people)
    others = [one for one in thread.comments if one.id != request.comment_id and not one.is_bot]
    kept = tuple(
        comment
        for comment in others
        if is_as_it_was(comment.created_at, comment.updated_at, request.requested_at)
        and is_trusted(level, comment.association, may_write=comment.author_id in writers)
    )
    left_out = len(others) - len(kept)
    if left_out:
        log.info("comments kept from the model", task=desk.taken.id, count=left_out, level=level.value)
    return replace(thread, comments=kept, left_out=left_out)


async def find_writers(desk: Desk, people: tuple[tuple[str, int, str], ...]) -> set[int]:
    """Ids of those who may write, of people as (login, id, GitHub's association). Only those are asked about who may
    be one: GitHub's association is no permission, but without it there is none. One request for each person."""
    authors = {number: login for login, number, word in people if word in _MAY_BE_WRITERS and number}
    found = set()
    for user_id, login in authors.items():
        permission = await desk.call(desk.github.threads.fetch_permission, login, user_id)
        if decide_access(permission) is None:
            found.add(user_id)
    return found
