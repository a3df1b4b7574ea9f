"""How much memory a git child takes at the highest: what is its own, and all that is mapped in it.

The child is forked from a process that has loaded what it needs, so half of what it holds is shared with that one and
all other children. It is looked at from outside every two milliseconds; what it takes within its last two is not seen.
"""

import contextlib
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bot.repos.forks import Forked, Forks

_PAUSE_S = 0.002


@dataclass(eq=False)
class WatchedForks(Forks):
    """`child`: the newest."""

    child: int = field(default=0, init=False)

    def _fork(self) -> Forked:
        forked = super()._fork()
        self.child = forked.pid
        return forked


@dataclass
class Highest:
    """In MB. `own`: pages that nobody else has."""

    own: float = 0.0
    resident: float = 0.0

    def look(self, child: int) -> None:
        """Once. A child that has ended says nothing."""
        with contextlib.suppress(OSError):
            process = Path(f"/proc/{child}")
            own = sum(_kb(process / "smaps_rollup", name) for name in ("Private_Clean", "Private_Dirty"))
            self.own = max(self.own, own / 1000)
            self.resident = max(self.resident, _kb(process / "status", "VmHWM") / 1000)


@contextlib.contextmanager
def watching(forks: WatchedForks) -> Iterator[Highest]:
    """Of the children that are forked while this is entered."""
    highest, over, before = Highest(), threading.Event(), forks.child

    def watch() -> None:
        while not over.is_set():
            if forks.child != before:
                highest.look(forks.child)
            time.sleep(_PAUSE_S)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield highest
    finally:
        over.set()
        thread.join()


def _kb(file: Path, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", file.read_text(), re.MULTILINE)
    return int(found[1]) if found else 0
