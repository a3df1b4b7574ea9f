"""Which deliveries that did not arrive are asked for again, and where the list of them is read on. Pure.

GitHub shows a redelivery as one more attempt under the same delivery id, so its list alone says how often that was
tried and when: nothing about it is stored here. What this process asked for is counted beside it, for what the list
does not show (yet): GitHub refused, or somebody else answered 200 in our place.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from bot.domain import limits
from bot.domain.ids import DeliveryId


@dataclass(frozen=True)
class Attempt:
    """One failed attempt to deliver. `at`: seconds since the epoch."""

    id: int
    delivery: DeliveryId
    at: float


@dataclass(frozen=True)
class Asked:
    """How often this process asked for a delivery again, and when last (seconds since the epoch)."""

    times: int
    at: float


@dataclass(frozen=True)
class Unread:
    """A stretch of GitHub's list that is still to be read: from `cursor` on ("": from its newest entry) back to
    `until` (seconds since the epoch)."""

    cursor: str
    until: float


_NOTHING: Final[Mapping[DeliveryId, Asked]] = MappingProxyType({})


def decide_redeliveries(
    failed: Iterable[Attempt],
    known: Collection[DeliveryId],
    now: float,
    asked: Mapping[DeliveryId, Asked] = _NOTHING,
    most: int = limits.SWEEP_REDELIVERIES,
) -> tuple[int, ...]:
    """The attempts to repeat, oldest delivery first and at most `most`: the newest one of each delivery that is not
    stored, that GitHub can still redeliver, and whose last attempt is long enough ago (longer after each)."""
    attempts: dict[DeliveryId, list[Attempt]] = defaultdict(list)
    for one in failed:
        if one.delivery not in known:
            attempts[one.delivery].append(one)
    due = []
    for delivery, tried in attempts.items():
        first, newest = min(one.at for one in tried), max(tried, key=lambda one: (one.at, one.id))
        ours = asked.get(delivery, Asked(0, newest.at))
        pause = _pause(max(len(tried), 1 + ours.times))
        if now - first <= limits.SWEEP_BACK_S and now - max(newest.at, ours.at) >= pause:
            due.append((first, newest.id))
    return tuple(number for _, number in sorted(due)[:most])


def decide_most(last: Collection[DeliveryId], lost: Collection[DeliveryId]) -> int:
    """How many deliveries one pass asks for: while nothing of what was asked for `last` has come and all of it is
    still `lost`, the way to us is broken, and a few show when it is mended."""
    is_broken = bool(last) and all(one in lost for one in last)
    return limits.SWEEP_PROBES if is_broken else limits.SWEEP_REDELIVERIES


def _pause(attempts: int) -> float:
    """Seconds after so many attempts: half a minute, then twice as long each time, up to the longest pause."""
    doublings = min(attempts - 1, 32)  # far beyond the longest pause, and no huge number is made
    return min(limits.REDELIVERY_PAUSE_S * float(2**doublings), limits.REDELIVERY_LONGEST_S)
