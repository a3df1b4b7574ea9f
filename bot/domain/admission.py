"""Which of the tasks that wait may begin now: limits of the fleet, of a repository and of an installation. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.domain.tasks import TaskRequest

PRIORITY_PERSON: Final = 10  # a person waits; lower is sooner
PRIORITY_EVENT: Final = 20  # nobody waits: an event asked for it
PRIORITY_SCHEDULE: Final = 30  # and nobody minds when


@dataclass(frozen=True)
class AdmissionLimits:
    """How many tasks may run at once."""

    fleet: int
    repository: int
    installation: int


@dataclass(frozen=True)
class Place:
    """What of a task counts for the limits."""

    repository: int
    installation: int
    priority: int


def decide_priority(request: TaskRequest) -> int:
    """How urgent it is to somebody; lower is sooner."""
    if request.maintenance is not None:
        return PRIORITY_SCHEDULE
    return PRIORITY_EVENT if request.head else PRIORITY_PERSON


def decide_admission(
    running: Sequence[Place], queued: Sequence[tuple[str, Place]], limits: AdmissionLimits
) -> list[str]:
    """Which of the queued, in their order, may run beside the running. Schedules have half of the fleet at most:
    people find a place."""
    taken = list(running)
    chosen: list[str] = []
    for name, place in queued:
        if len(taken) >= limits.fleet:
            break
        if _has_room(place, taken, limits):
            taken.append(place)
            chosen.append(name)
    return chosen


def _has_room(place: Place, taken: Sequence[Place], limits: AdmissionLimits) -> bool:
    schedules = sum(one.priority >= PRIORITY_SCHEDULE for one in taken)
    return (
        sum(one.repository == place.repository for one in taken) < limits.repository
        and sum(one.installation == place.installation for one in taken) < limits.installation
        and (place.priority < PRIORITY_SCHEDULE or schedules < max(1, limits.fleet // 2))
    )
