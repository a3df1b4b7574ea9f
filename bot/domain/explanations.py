"""How often people who may not ask are told so: seldom, and in all never often enough to be a loudspeaker. Pure but for
what it remembers.

In memory: after a restart somebody may be told once more, which harms nobody.
"""

from collections import deque
from dataclasses import dataclass, field

from bot.domain.ids import RepositoryId
from bot.domain.limits import EXPLANATIONS_A_DAY, EXPLANATIONS_AN_HOUR

_DAY_S = 86_400.0
_HOUR_S = 3_600.0


@dataclass
class Explanations:
    """One for the intake. Times are seconds since the epoch."""

    _told: deque[tuple[float, RepositoryId, str]] = field(default_factory=deque, init=False)

    def take(self, repository: RepositoryId, login: str, now: float) -> bool:
        """Whether this person may be told now; if so it counts."""
        while self._told and self._told[0][0] <= now - _DAY_S:
            self._told.popleft()
        here = [(at, who) for at, where, who in self._told if where == repository]
        of_person = sum(who == login.casefold() for _, who in here)
        of_hour = sum(at > now - _HOUR_S for at, _ in here)
        if of_person >= EXPLANATIONS_A_DAY or of_hour >= EXPLANATIONS_AN_HOUR:
            return False
        self._told.append((now, repository, login.casefold()))
        return True
