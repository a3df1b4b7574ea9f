"""Which deliveries that did not arrive are asked for again. Pure.

GitHub shows a redelivery as one more attempt under the same delivery id, so its list alone says how often that was
tried and when: nothing about it is stored here.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from bot.domain import limits
from bot.domain.ids import DeliveryId


@dataclass(frozen=True)
class Attempt:
    """One failed attempt to deliver. `at`: seconds since the epoch."""

    id: int
    delivery: DeliveryId
    at: float


def decide_redeliveries(
    failed: Iterable[Attempt], known: Collection[DeliveryId], now: float
) -> tuple[int, ...]:
    """The attempts to repeat, oldest delivery first: the newest one of each delivery that is not stored, that was
    not tried too often, and whose last attempt is long enough ago (longer after each)."""
    attempts: dict[DeliveryId, list[Attempt]] = defaultdict(list)
    for one in failed:
        if one.delivery not in known:
            attempts[one.delivery].append(one)
    due = [
        (min(one.at for one in tried), max(tried, key=lambda one: (one.at, one.id)))
        for tried in attempts.values()
        if len(tried) <= limits.REDELIVERIES
    ]
    chosen = [
        (first, newest.id)
        for first, newest in due
        if now - newest.at >= _pause(len(attempts[newest.delivery]))
    ]
    return tuple(number for _, number in sorted(chosen)[: limits.SWEEP_REDELIVERIES])


def _pause(attempts: int) -> float:
    """Seconds after so many attempts: half a minute, then twice as long each time."""
    return limits.REDELIVERY_PAUSE_S * float(2 ** (attempts - 1))
