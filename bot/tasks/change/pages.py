"""A task's last word: its one tracking comment, and where that is too long, further comments that it leads to.

Races, and how each is closed:
- Death between two of them: each is in the ledger, found by its marker.
- What is told has changed since an earlier run told it: a page that is there is edited, like the first one.
- Somebody deleted the tracking comment: they do not want to read it, and no page follows.
"""

from dataclasses import dataclass
from functools import partial

from bot.errors import GitHubFault
from bot.tasks.change.desk import Desk
from bot.texts.markers import page_marker, tracking_marker
from bot.texts.size import render_page, split_pages

GONE = (404, 410)  # somebody deleted the comment: they do not want to read it


@dataclass(frozen=True)
class Told:
    """A comment of ours: the issue where it stands, its id and its address."""

    issue: int
    comment: int
    url: str


async def tell(desk: Desk, first: Told, body: str) -> None:
    """`body`, of any length, in the comment `first` and behind it. One that somebody deleted is not made again. Raises
    GitHubFault, RetryLater."""
    marker = tracking_marker(desk.taken.id)
    pages = split_pages(body, marker)
    if not await edit(desk, first.comment, render_page(pages, 0, (), marker)) or len(pages) == 1:
        return
    addresses = [first.url]
    for number in range(1, len(pages)):
        addresses.append(await _ensure_page(desk, first, pages, number))
    await edit(desk, first.comment, render_page(pages, 0, tuple(addresses), marker))


async def edit(desk: Desk, comment: int, body: str) -> bool:
    """New text in a comment of ours; False: somebody deleted it. Raises GitHubFault, RetryLater."""
    try:
        await desk.call(desk.github.threads.edit_comment, comment, body)
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
