"""What GitHub sent in vain, asked for again: its list is read on from where the last look had to stop.

The newest entries are read at each look, back to where the last one began; whatever could not be read then (the
list is longer than one look may ask for) is a stretch that the next looks read on. So a list of any length is
read through once, and at rest a look is one request. What our own database knows as arrived is not remembered.

While the way to us is broken a few deliveries are tried in each look, for as long as GitHub can redeliver them; when
one of them arrives, all are.

Races, and how each is closed:
- An attempt is under way while the list is read, and is listed below newer ones later: the newest SWEEP_SETTLE_S
  are read twice. Times are GitHub's own, so a wrong clock of ours passes nothing over.
- Two workers think they lead: a delivery is asked for twice; its id stays the same.
- Death, or another leader: what is remembered here is gone, the list is read from its newest entry again.
- A cursor that GitHub does not know any more: the list is read from its newest entry again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus

import structlog

from bot.domain import limits
from bot.domain.ids import DeliveryId
from bot.domain.sweep import Asked, Attempt, Unread, decide_most, decide_redeliveries
from bot.errors import GitHubFault
from bot.forge.deliveries import FailedPage, HookDeliveries
from bot.store.received import Received

log = structlog.get_logger()


@dataclass
class Remembered:
    """Between two looks of one process. `attempts`: failed ones of deliveries that did not arrive, by number.
    `unread`: newest first. `read_at`: when the newest were read last. `last`: what was asked for last."""

    attempts: dict[int, Attempt] = field(default_factory=dict)
    asked: dict[DeliveryId, Asked] = field(default_factory=dict)
    unread: tuple[Unread, ...] = ()
    read_at: float = 0.0
    last: frozenset[DeliveryId] = frozenset()


@dataclass(frozen=True)
class Redelivery:
    """One look. Blocking, one at a time. `now`: seconds since the epoch."""

    hook: HookDeliveries
    received: Received
    memory: Remembered
    now: float

    def look(self) -> int:
        """Ask for what did not arrive; for how many. Raises GitHubFault, RetryLater."""
        memory = self.memory
        self._forget()
        self._read_on()
        lost = {one.delivery for one in memory.attempts.values()}
        most = decide_most(memory.last, lost)
        due = decide_redeliveries(memory.attempts.values(), (), self.now, memory.asked, most)
        if due:
            memory.last = frozenset()
            log.info("deliveries asked for again", count=len(due), lost=len(lost))
        for number in due:
            self._ask(memory.attempts[number])
            memory.last |= {memory.attempts[number].delivery}
        return len(due)

    @property
    def _since(self) -> float:
        return self.now - limits.SWEEP_BACK_S

    def _ask(self, attempt: Attempt) -> None:
        """One that GitHub refuses is as one that failed again: it keeps no other one waiting."""
        asked = self.memory.asked
        times = asked[attempt.delivery].times if attempt.delivery in asked else 0
        asked[attempt.delivery] = Asked(times + 1, self.now)
        try:
            self.hook.redeliver(attempt.id)
        except GitHubFault as fault:
            if fault.status == HTTPStatus.UNAUTHORIZED:
                raise
            log.warning("a delivery was not sent again", delivery=attempt.delivery, why=str(fault))

    def _forget(self) -> None:
        """What has arrived, and what has no attempt any more that GitHub could repeat."""
        memory = self.memory
        arrived = self.received.known({one.delivery for one in memory.attempts.values()})
        kept = {one.delivery for one in memory.attempts.values() if one.at >= self._since} - arrived
        memory.attempts = {number: one for number, one in memory.attempts.items() if one.delivery in kept}
        memory.asked = {name: asked for name, asked in memory.asked.items() if name in kept}

    def _read_on(self) -> None:
        """So many pages as one look may ask for and as can be remembered, newest first."""
        memory = self.memory
        waiting = (Unread("", memory.read_at - limits.SWEEP_SETTLE_S), *memory.unread)
        for _ in range(limits.SWEEP_PAGES):
            if not waiting or len(memory.attempts) >= limits.SWEEP_KEPT:
                break
            at, rest = waiting[0], waiting[1:]
            page = self._fetch(at)
            end = max(at.until, self._since)
            self._keep(one for one in page.attempts if one.at >= end)
            goes_on = page.rest and (not page.attempts or page.attempts[-1].at >= end)
            waiting = (Unread(page.rest, at.until), *rest) if goes_on else rest
            memory.unread = waiting
            if not at.cursor:
                memory.read_at = page.at
        if memory.unread:
            log.warning("more deliveries failed than one look reads", stretches=len(memory.unread))

    def _fetch(self, at: Unread) -> FailedPage:
        try:
            return self.hook.fetch_failed(at.cursor)
        except GitHubFault:
            if at.cursor:
                self.memory.unread, self.memory.read_at = (), 0.0
            raise

    def _keep(self, attempts: Iterable[Attempt]) -> None:
        found = tuple(attempts)
        known = self.received.known(one.delivery for one in found)
        self.memory.attempts.update({one.id: one for one in found if one.delivery not in known})
