"""How long a delivery is tried, and refusals that are told late.

Must never: take GitHub's "not now" for "no", or forget somebody who was refused while GitHub was away.

Races, and how each is closed:
- Two passes tell at once: one telling of late refusals at a time (`begin`); `Refuser` looks before it writes.
- Death before it was told: the verdict stands, its author is not told. Whoever asks again is.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from bot.domain import limits
from bot.domain.decisions import RefusedRequest
from bot.domain.ids import DeliveryId
from bot.errors import Limited, PullwrightError, RetryLater

log = structlog.get_logger()


class Refuser(Protocol):
    """Tells a person. Blocking."""

    def tell(self, refused: RefusedRequest) -> None:
        """Once: looks whether it was told already. Briefly, and to strangers with a reaction at most. Raises
        RetryLater, GitHubFault."""
        ...


@dataclass
class Patience:
    """For how long each delivery was tried. `now`: seconds since the epoch; `give_up_s` of trying without an answer are
    enough."""

    now: Callable[[], float]
    give_up_s: float
    _first_tried: dict[DeliveryId, float] = field(default_factory=dict, init=False)
    _limited_s: dict[DeliveryId, float] = field(default_factory=dict, init=False)

    def begin(self, delivery: DeliveryId) -> None:
        """It is tried, for the first time or again."""
        self._first_tried.setdefault(delivery, self.now())

    def tried_for(self, delivery: DeliveryId) -> float:
        """Seconds since this process first met it: time in which nobody was there to try does not count."""
        return self.now() - self._first_tried.get(delivery, self.now())

    def is_over(self, delivery: DeliveryId, error: RetryLater) -> bool:
        """Whether GitHub will not say any more. A limit says "not now", and its own time is no trying."""
        if isinstance(error, Limited):
            self._limited_s[delivery] = self._limited_s.get(delivery, 0.0) + max(1.0, error.after_s)
            return self.tried_for(delivery) >= limits.INTAKE_LIMITED_S
        return self.tried_for(delivery) - self._limited_s.get(delivery, 0.0) >= self.give_up_s

    def end(self, delivery: DeliveryId) -> None:
        """It is decided, and told."""
        self._first_tried.pop(delivery, None)
        self._limited_s.pop(delivery, None)


@dataclass
class Telling:
    """One for the worker's process. `call` runs a blocking function in a thread."""

    refuser: Refuser
    patience: Patience
    call: Callable[..., Awaitable[object]]
    _untold: dict[DeliveryId, tuple[RefusedRequest, float]] = field(default_factory=dict, init=False)
    _under_way: "asyncio.Task[None] | None" = field(default=None, init=False)

    async def tell(self, delivery: DeliveryId, refused: RefusedRequest) -> None:
        """Raises RetryLater while it may still be told; what can't be told at all is a refusal all the same."""
        log.info("request refused", delivery=delivery, refusal=refused.refusal)
        try:
            await self.call(self.refuser.tell, refused)
        except PullwrightError as error:
            give_up_s = 2 * self.patience.give_up_s
            if isinstance(error, RetryLater) and self.patience.tried_for(delivery) < give_up_s:
                raise
            log.warning("a refusal was not told", delivery=delivery, why=str(error))

    async def tell_or_keep(self, delivery: DeliveryId, refused: RefusedRequest) -> None:
        """Of a refusal whose verdict is written: now, or later."""
        try:
            await self.tell(delivery, refused)
        except RetryLater as error:
            self._untold[delivery] = (refused, self.patience.now() + max(1.0, error.after_s))
        else:
            self._untold.pop(delivery, None)

    @property
    def owes_words(self) -> bool:
        """Whether there is anything to tell late."""
        return bool(self._untold)

    def is_kept(self, delivery: DeliveryId) -> bool:
        return delivery in self._untold

    def begin(self) -> None:
        """Tell what was kept and is due; waits for nothing."""
        now = self.patience.now()
        due = [(one, kept[0]) for one, kept in self._untold.items() if kept[1] <= now]
        if due and (self._under_way is None or self._under_way.done()):
            self._under_way = asyncio.create_task(self._tell_kept(due))

    @property
    def in_hand(self) -> tuple["asyncio.Task[None]", ...]:
        """What is being told."""
        return () if self._under_way is None or self._under_way.done() else (self._under_way,)

    async def _tell_kept(self, due: list[tuple[DeliveryId, RefusedRequest]]) -> None:
        for delivery, refused in due:
            await self.tell_or_keep(delivery, refused)
            if delivery not in self._untold:
                self.patience.end(delivery)
