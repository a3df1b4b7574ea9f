"""Deliveries that never arrived: asked for again at the start and every few minutes, and looked for in the threads.

Two nets. GitHub's own list says what it sent in vain (we were down, over our bounds, behind a broken proxy): that is
redelivered, comes in by the ordinary way and under the same delivery id. What GitHub never sent (the webhook was off,
or pointed elsewhere) is found by reading the newest comments, and stored as if it had come.

Must never: decide anything. What a comment may do is decided by the intake, from whatever net it comes.

Races, and how each is closed:
- A redelivery, or the webhook itself, comes while a comment is stored from the thread: two deliveries of one
  comment; the task's id is the comment's, so there is one task.
- A comment whose webhook is still under way: only comments older than SCAN_SETTLE_S are looked at.
- A comment that was refused or ignored when its webhook came is no news: the stored deliveries name their comments.
- Death in the middle of a pass: the mark moves at the end of it, so the next pass looks again.
- A first start: nothing was missed before there was a worker; the mark is set and nothing is looked for.
"""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog

from bot.domain import limits
from bot.domain.commands import parse_command
from bot.domain.ids import DeliveryId, InstallationId
from bot.domain.sweep import decide_redeliveries
from bot.errors import GitHubFault
from bot.forge.forge import Forge
from bot.store.inbox import Delivery, store_batch
from bot.store.received import Received

JsonObject = dict[str, Any]
_MARK: Final = "comments-looked-at"

log = structlog.get_logger()


@dataclass(frozen=True)
class Sweep:
    """One for the worker's process; only the leading worker's runs. Blocking. `now`: seconds since the epoch."""

    forge: Forge
    received: Received
    handle: str
    now: Callable[[], float]

    def redeliver(self) -> int:
        """Ask for what GitHub sent in vain; how many. Raises GitHubFault, RetryLater."""
        now = self.now()
        hook = self.forge.deliveries()
        failed = hook.fetch_failed(now - limits.SWEEP_BACK_S)
        known = self.received.known(one.delivery for one in failed)
        due = decide_redeliveries(failed, known, now)
        for attempt in due:
            hook.redeliver(attempt)
        if due:
            log.info("deliveries asked for again", count=len(due))
        return len(due)

    def look_for_comments(self) -> int:
        """Store the comments that no delivery brought; how many. Raises RetryLater, GitHubFault."""
        until = self.now() - limits.SCAN_SETTLE_S
        since = self.received.mark(_MARK)
        if since is None:
            self.received.set_mark(_MARK, until)
            return 0
        since = max(since, self.now() - limits.SWEEP_BACK_S)
        known = self.received.comments_since(since - limits.SCAN_SETTLE_S)
        found = 0
        for installation in self.forge.deliveries().fetch_installations():
            try:
                found += self._look_in(installation, (since, until), known)
            except GitHubFault as fault:  # suspended or removed in between: the others are looked at
                log.warning("comments were not looked at", installation=installation, why=str(fault))
        self.received.set_mark(_MARK, until)
        if found:
            log.info("comments found that no delivery brought", count=found)
        return found

    def _look_in(
        self, installation: InstallationId, window: tuple[float, float], known: frozenset[int]
    ) -> int:
        found = 0
        with closing(self.forge.mentions(installation)) as mentions:
            for number, repository in enumerate(mentions.fetch_repositories()):
                if number >= limits.SCAN_REPOSITORIES:
                    log.warning("too many repositories to look into all", installation=installation)
                    break
                for comment in mentions.fetch_comments(str(repository["full_name"]), window[0]):
                    if not self._is_news(comment, window, known):
                        continue
                    body = mentions.fetch_payload(repository, comment)
                    self._store(comment, body)
                    found += 1
        return found

    def _is_news(self, comment: JsonObject, window: tuple[float, float], known: frozenset[int]) -> bool:
        """A cheap look; the intake looks closely."""
        written = _written_at(comment)
        return (
            window[0] <= written <= window[1]
            and comment["id"] not in known
            and parse_command(str(comment.get("body") or ""), self.handle) is not None
        )

    def _store(self, comment: JsonObject, body: JsonObject) -> None:
        name = DeliveryId(f"found-{comment['id']}")
        text = json.dumps(body).encode()
        store_batch(self.received.database, [Delivery(name, "issue_comment", text, self.now())])


def _written_at(comment: JsonObject) -> float:
    """Seconds since the epoch; 0.0 when GitHub does not say."""
    try:
        return datetime.fromisoformat(str(comment.get("created_at"))).timestamp()
    except ValueError:
        return 0.0
