"""How many requests GitHub still grants, as its answers last said: for metrics.

One number for the process: the least of what is left to any account (an installation, or the App itself) for any
of GitHub's resources. What was told before its reset has passed is forgotten.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.forge.answers import Answer


@dataclass
class Quota:
    """Safe for threads. `now`: seconds since the epoch."""

    now: Callable[[], float]
    _left: dict[tuple[int, str], tuple[int, float]] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def learn(self, account: int, answer: Answer) -> None:
        """`account`: the installation's id; 0: the App. An answer that does not say is no matter."""
        told = [answer.headers.get(f"x-ratelimit-{name}", "") for name in ("remaining", "reset")]
        if not all(text.isascii() and text.isdecimal() for text in told):
            return
        resource = answer.headers.get("x-ratelimit-resource", "core")
        with self._lock:
            self._left[account, resource] = (int(told[0]), float(told[1]))

    def least(self) -> int | None:
        """None: nobody has said yet, or all of it has been reset since."""
        with self._lock:
            self._left = {key: told for key, told in self._left.items() if told[1] > self.now()}
            return min((left for left, _ in self._left.values()), default=None)
