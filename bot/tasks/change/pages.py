"""A task's last word: its one tracking comment, and where that is too long, further comments that it leads to.

Races, and how each is closed:
- Death between two of them: each is in the ledger, found by its marker.
- What is told has changed since an earlier run told it: a page that is there is edited, like the first one.
- Somebody deleted the tracking comment: they do not want to read it, and no page follows.
- A worker that was frozen, or whose task was stopped elsewhere, edits over the last word: each edit asks for the epoch
  when its turn has come, just before it leaves. Who writes the last word of a task that had other hands reads it once
  more, and writes it again if another edit came in between. What is left: an edit that has asked, and whose request is
  then carried out after all that. A freeze has to begin within those milliseconds, or the way to GitHub take so long.
"""

from dataclasses import dataclass
from functools import partial

import structlog

from bot.errors import GitHubFault
from bot.tasks.change.desk import Desk
from bot.texts.markers import page_marker, tracking_marker
from bot.texts.size import render_page, split_pages

log = structlog.get_logger()

GONE = (404, 410)  # somebody deleted the comment: they do not want to read it


@dataclass(frozen=True)
class Told:
    """A comment of ours: the issue where it stands, its id and its address."""

    issue: int
    comment: int
    url: str


async def tell(desk: Desk, first: Told, body: str, *, last: bool = False) -> None:
    """`body`, of any length, in the comment `first` and behind it. One that somebody deleted is not made again. `last`:
    nobody edits it any more. Raises Superseded, GitHubFault, RetryLater."""
    marker = tracking_marker(desk.taken.id)
    pages = split_pages(body, marker)
    text = render_page(pages, 0, (), marker)
    if not await edit(desk, first.comment, text):
        return
    if len(pages) > 1:
        addresses = [first.url]
        for number in range(1, len(pages)):
            addresses.append(await _ensure_page(desk, first, pages, number))
        text = render_page(pages, 0, tuple(addresses), marker)
        await edit(desk, first.comment, text)
    if last and desk.taken.epoch > 1:  # a task's first run has nobody beside it
        await _insist(desk, first, text)


async def _insist(desk: Desk, first: Told, text: str) -> None:
    """It says `text`, also when an edit of another run was under way meanwhile."""
    said = await desk.call(desk.github.threads.find_text, first.issue, first.comment)
    if said is not None and said.split() != text.split():
        log.warning("another edit came in between", task=desk.taken.id, comment=first.comment)
        await edit(desk, first.comment, text)


async def edit(desk: Desk, comment: int, body: str) -> bool:
    """New text in a comment of ours; False: somebody deleted it. Raises Superseded, and nothing is sent, when the task
    is somebody else's; GitHubFault, RetryLater."""
    try:
        await desk.call(desk.github.threads.edit_comment, comment, body, desk.check_held)
    except GitHubFault as fault:
        if fault.status not in GONE:
            raise
        return False
    return True


async def _ensure_page(desk: Desk, first: Told, pages: tuple[str, ...], number: int) -> str:
    """The page is there and says what it is to say; its address."""
    marker, threads = page_marker(desk.taken.id, number), desk.github.threads
    body = render_page(pages, number, (first.url,), marker)
    made_now = []

    def find() -> dict[str, object] | None:
        found = threads.find_tracking_comment(first.issue, marker)
        return {"id": found.id, "url": found.url} if found else None

    def create() -> dict[str, object]:
        made = threads.create_tracking_comment(first.issue, body)
        made_now.append(made.id)
        return {"id": made.id, "url": made.url}

    ensure = partial(desk.services.ledger.ensure, desk.taken.id, desk.taken.epoch, f"page-{number}")
    page = await ensure(find, create)
    if not made_now:
        await edit(desk, int(str(page["id"])), body)
    return str(page["url"])
