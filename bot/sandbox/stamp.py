"""Whether a layer was written to, told from names, sizes and times alone: no file is opened, no link followed.

Only while no process of the sandbox lives. The kernel sets the time of a change (ctime) itself: a sandboxed program
can set every other time, not this one. It is counted in ticks of a few milliseconds, so a layer that was changed within
the last one has no stamp yet: a later change could bear the same time.
"""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

_TICK_NS: Final = 50_000_000  # five ticks of the slowest kernel (100 Hz)
_MOST_ENTRIES: Final = 10_000  # more take longer to look at than they save
_GIT: Final = (".git", "git~1")


def take_stamp(
    layer: Path, now_ns: Callable[[], int] = time.time_ns, most: int = _MOST_ENTRIES
) -> str | None:
    """The same text as long as nothing below `layer` was written, but for what git keeps for itself. None: it can't be
    told, for example of more than `most` entries."""
    digest, newest, count = hashlib.sha256(), 0, 0
    folders = [os.fspath(layer)]
    try:
        while folders:
            with os.scandir(folders.pop()) as found:
                entries = sorted(found, key=lambda entry: entry.name)
            for entry in entries:
                if _is_git(entry.name):
                    continue
                state = entry.stat(follow_symlinks=False)
                digest.update(repr((entry.path, *_told(state))).encode("utf-8", "surrogateescape"))
                newest, count = max(newest, state.st_ctime_ns), count + 1
                if count > most:
                    return None
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
    except OSError:  # closed to us, deeper than a path can be long
        return None
    return None if newest > now_ns() - _TICK_NS else digest.hexdigest()


def _told(state: os.stat_result) -> tuple[int, ...]:
    return (state.st_mode, state.st_ino, state.st_dev, state.st_size, state.st_mtime_ns, state.st_ctime_ns)


def _is_git(name: str) -> bool:
    """In any spelling: nobody's work, and never walked."""
    return name.lower().rstrip(". ") in _GIT
