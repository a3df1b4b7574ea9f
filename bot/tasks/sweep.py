"""Deliveries that never arrived: asked for again at the start and every few minutes, and looked for in the threads.

Two nets. GitHub's own list says what it sent in vain (we were down, over our bounds, behind a broken proxy): that is
redelivered, comes in by the ordinary way and under the same delivery id. What GitHub never sent (the webhook was off,
or pointed elsewhere) is found by reading the newest comments, and stored as if it had come.

Must never: decide anything. What a comment may do is decided by the intake, from whatever net it comes.

How far the threads were looked into is a mark for all repositories, and one for each repository (or installation)
that is behind: GitHub refused it, or one look was not enough. Those are looked into first the next time, from where
they were left; those that were refused last, so that they keep no other one waiting.

Races, and how each is closed:
- A redelivery, or the webhook itself, comes while a comment is stored from the thread: two deliveries of one
  comment; the task's id is the comment's, so there is one task.
- A comment whose webhook is still under way: only comments older than SCAN_SETTLE_S are looked at.
- A comment that was refused or ignored when its webhook came is no news: the stored deliveries name their comments.
- A comment is edited while its repository is read: it moves to the end, and pages are asked for by time, so that no
  other one is passed over.
- Death in the middle of a pass: the marks move at the end of it, so the next pass looks again.
- A first start: nothing was missed before there was a worker; the mark is set and nothing is looked for.
"""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import structlog

from bot.domain import limits
from bot.domain.commands import parse_command
from bot.domain.ids import DeliveryId, InstallationId
from bot.errors import GitHubFault, RetryLater
from bot.forge.deliveries import Mentions
from bot.forge.forge import Forge
from bot.store.inbox import Delivery, store_batch
from bot.store.received import Received
from bot.tasks.redelivery import Redelivery, Remembered

JsonObject = dict[str, Any]
_MARK: Final = "comments-looked-at"

log = structlog.get_logger()


@dataclass
class _Look:
    """One pass over all threads. `oldest`: nothing older is looked for. `since`: the common mark; `behind`: the marks
    of those that it is not true of. `spent`: requests for the installation that is looked into."""

    oldest: float
    since: float
    until: float
    behind: dict[str, float]
    spent: int = 0
    found: int = 0
    _known: dict[float, frozenset[int]] = field(default_factory=dict)

    def known(self, received: Received, since: float) -> frozenset[int]:
        """The comments that deliveries told of. Read when a comment is met that asks for something."""
        if since not in self._known:
            self._known[since] = received.comments_since(since - limits.SCAN_SETTLE_S)
        return self._known[since]


@dataclass(frozen=True)
class Sweep:
    """One for the worker's process; only the leading worker's runs. Blocking. `now`: seconds since the epoch."""

    forge: Forge
    received: Received
    handle: str
    now: Callable[[], float]
    _remembered: Remembered = field(default_factory=Remembered, init=False)
    _refused: set[str] = field(default_factory=set, init=False)  # repositories, when they were asked last

    def redeliver(self) -> int:
        """Ask for what GitHub sent in vain; how many. Raises GitHubFault, RetryLater."""
        return Redelivery(self.forge.deliveries(), self.received, self._remembered, self.now()).look()

    def look_for_comments(self) -> int:
        """Store the comments that no delivery brought; how many. Raises RetryLater, GitHubFault."""
        now = self.forge.deliveries().fetch_failed().at or self.now()  # by the clock that dates the comments
        until = now - limits.SCAN_SETTLE_S
        marks = self.received.marks(_MARK)
        if _MARK not in marks:
            self.received.replace_marks(_MARK, {_MARK: until})
            return 0
        oldest = now - limits.SWEEP_BACK_S
        look = _Look(oldest, max(marks.pop(_MARK), oldest), until, marks)
        for installation in self.forge.deliveries().fetch_installations():
            self._look_in(installation, look)
        behind = {name: at for name, at in look.behind.items() if at >= oldest}
        self.received.replace_marks(_MARK, {**behind, _MARK: until})
        if look.found:
            log.info("comments found that no delivery brought", count=look.found)
        return look.found

    def _look_in(self, installation: InstallationId, look: _Look) -> None:
        """Whatever stops it (suspended in between, a limit): the others are looked into, and it is behind."""
        name = f"{_MARK}/installation/{installation}"
        since = max(look.behind.get(name, look.since), look.oldest)
        look.behind[name], look.spent = since, 0
        try:
            with closing(self.forge.mentions(installation)) as mentions:
                repositories = {_name(one): one for one in mentions.fetch_repositories()}
                for one in repositories:
                    look.behind[one] = max(look.behind.get(one, since), look.oldest)
                del look.behind[name]
                order = sorted(repositories, key=lambda one: (one in self._refused, look.behind[one]))
                for one in order:
                    self._look_into(mentions, repositories[one], look)
        except (GitHubFault, RetryLater) as fault:
            log.warning("comments were not looked at", installation=installation, why=str(fault))

    def _look_into(self, mentions: Mentions, repository: JsonObject, look: _Look) -> None:
        """One repository. One that GitHub refuses, or that is too much for one look, is behind afterwards."""
        name = _name(repository)
        try:
            rest = self._read(mentions, repository, look)
        except GitHubFault as fault:
            log.warning("comments were not looked at", repository=repository["id"], why=str(fault))
            self._refused.add(name)
            return
        self._refused.discard(name)
        if rest is None:
            del look.behind[name]
        else:
            look.behind[name] = rest

    def _read(self, mentions: Mentions, repository: JsonObject, look: _Look) -> float | None:
        """Since when there is something left to read; None: all was read."""
        since = rest = look.behind[_name(repository)]
        for _ in range(limits.SCAN_PAGES):
            if look.spent >= limits.SCAN_REQUESTS:
                return rest
            look.spent += 1
            page = mentions.fetch_comments(str(repository["full_name"]), rest)
            for comment in page.comments:
                if self._is_news(comment, since, look):
                    self._take(mentions, repository, comment, look)
            if page.rest is None:
                return None
            rest = page.rest
        return rest

    def _is_news(self, comment: JsonObject, since: float, look: _Look) -> bool:
        """A cheap look; the intake looks closely."""
        return (
            since <= _written_at(comment) <= look.until
            and parse_command(str(comment.get("body") or ""), self.handle) is not None
            and comment["id"] not in look.known(self.received, since)
        )

    def _take(self, mentions: Mentions, repository: JsonObject, comment: JsonObject, look: _Look) -> None:
        """One whose thread is gone asks for nothing any more."""
        look.spent += 1
        try:
            body = mentions.fetch_payload(repository, comment)
        except GitHubFault as fault:
            log.warning("a comment was not taken", comment=comment["id"], why=str(fault))
            return
        name = DeliveryId(f"found-{comment['id']}")
        text = json.dumps(body).encode()
        store_batch(self.received.database, [Delivery(name, "issue_comment", text, self.now())])
        look.found += 1


def _name(repository: JsonObject) -> str:
    """Of a repository's own mark."""
    return f"{_MARK}/repository/{repository['id']}"


def _written_at(comment: JsonObject) -> float:
    """Seconds since the epoch; 0.0 when GitHub does not say."""
    try:
        return datetime.fromisoformat(str(comment.get("created_at"))).timestamp()
    except ValueError:
        return 0.0
