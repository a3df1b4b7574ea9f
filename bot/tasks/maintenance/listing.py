"""What is open on GitHub, for a schedule whose prompt is about that (`reads`): fetched by the harness, shown to the
model as data like an issue's thread.

Must never: give a turn more than words. The token of these requests can read and nothing else, and what the turn says
of them is a report that people read.
"""

from contextlib import closing
from datetime import datetime
from typing import assert_never

from bot.agent.contract import ListedThread, Listing
from bot.domain.material import is_trusted
from bot.domain.repo_sections import Reading, TrustLevel
from bot.forge.listings import Listings, OpenThread, OpenThreads
from bot.tasks.change.desk import Desk
from bot.tasks.change.material import find_writers
from bot.tasks.change.work import decide_trust


async def fetch_listings(desk: Desk) -> tuple[Listing, ...]:
    """In the order in which the file names them: one request for each, and with `min_trust: writers` one for each
    author who may be one. Raises GitHubFault, RetryLater."""
    _, turn = desk.turn
    if not turn.reads:
        return ()
    with closing(desk.open_listings()) as github:
        return tuple([await _fetch_one(desk, github, Reading(word)) for word in turn.reads])


async def _fetch_one(desk: Desk, github: Listings, reading: Reading) -> Listing:
    match reading:
        case Reading.PULL_REQUESTS:
            found, kind, order = await desk.call(github.fetch_pulls), "pull request", "longest untouched"
        case Reading.ISSUES:
            found, kind, order = await desk.call(github.fetch_issues), "issue", "newest"
        case _:
            assert_never(reading)
    kept, now = await _keep_trusted(desk, found), desk.services.clock.now()
    threads = tuple(
        ListedThread(
            one.number,
            one.author,
            decide_trust(desk, one.author, one.association),
            describe_state(one, now),
            describe_words(one),
        )
        for one in kept
    )
    return Listing(kind, order, found.in_all, threads)


async def _keep_trusted(desk: Desk, found: OpenThreads) -> tuple[OpenThread, ...]:
    """Without those of people whom the repository's file does not trust that far (`min_trust`)."""
    level = TrustLevel(desk.facts.rules.min_trust)
    people = tuple((one.author, one.author_id, one.association) for one in found.shown)
    writers = await find_writers(desk, people) if level is TrustLevel.WRITERS else set()
    return tuple(
        one
        for one in found.shown
        if is_trusted(level, one.association, may_write=bool(one.author_id) and one.author_id in writers)
    )


def describe_state(one: OpenThread, now: float) -> str:
    """Dates and states, in our own words: nothing in it was written by others. Pure."""
    parts = [f"opened {_day(one.created_at, now)}", f"last change {_day(one.updated_at, now)}"]
    words = (
        (one.is_bot, "opened by a bot"),
        (one.draft, "draft"),
        (one.fork, "from a fork"),
        (one.conflicting, "in conflict with its base"),
        (one.checks in _CHECKS, f"checks: {_CHECKS.get(one.checks, '')}"),
        (one.review in _REVIEWS, f"reviews: {_REVIEWS.get(one.review, '')}"),
    )
    return "; ".join((", ".join(parts), *(text for holds, text in words if holds)))


def describe_words(one: OpenThread) -> str:
    """What others wrote: title, labels, text. Pure."""
    labels = f"Labels: {', '.join(one.labels)}" if one.labels else ""
    return "\n\n".join(part for part in (one.title, labels, one.text) if part.strip())


_CHECKS = {
    "SUCCESS": "green",
    "FAILURE": "red",
    "ERROR": "red",
    "PENDING": "running",
    "EXPECTED": "running",
}
_REVIEWS = {"CHANGES_REQUESTED": "changes requested", "APPROVED": "approved"}


def _day(text: str, now: float) -> str:
    """`2026-10-01 (59 days ago)`; a time that can't be read is not repeated."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return "at an unknown time"
    days = max(0, int((now - at.timestamp()) // 86_400))
    return f"{at:%Y-%m-%d} ({days} {'day' if days == 1 else 'days'} ago)"
