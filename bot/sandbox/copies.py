"""Workspaces as plain folders, for a back end that can't share an overlay of ours with its engine.

Everything here is at rest while it is copied, and nothing is followed. `Mounts.changes` holds the whole tree while a
task works, and after a set-up only what an overlay's layer would hold.
"""

import contextlib
import json
import os
from pathlib import Path
from typing import Final

from bot.domain import limits
from bot.sandbox import trees
from bot.sandbox.seam import Mounts
from bot.sandbox.watchdog import measure

_SIZE: Final = "size.json"


def lay_out(mounts: Mounts, uid: int | None) -> None:
    """Copy the layers into the writable folder, once. Everything in them is at rest. Raises OSError."""
    marker = mounts.upper / _SIZE
    if marker.exists():
        return
    for layer in reversed(mounts.lowers):
        trees.copy_at_rest(layer, mounts.changes)
    if uid is not None:
        trees.adopt(mounts.changes, uid)
    size, files = measure(str(mounts.changes), limits.TREE_FILES * 2)
    marker.write_text(json.dumps([size, files]))


def keep_products(mounts: Mounts) -> None:
    """After a set-up: leave in the folder only what it made or changed, as an overlay's layer would hold."""
    template = mounts.lowers[-1]
    for folder, directories, names, descriptor in os.fwalk(
        mounts.changes, topdown=False, follow_symlinks=False
    ):
        below = template / Path(folder).relative_to(mounts.changes)
        for name in names:
            state = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            with contextlib.suppress(OSError):
                old = (below / name).lstat()
                if (old.st_mode, old.st_size, old.st_mtime_ns) == (
                    state.st_mode,
                    state.st_size,
                    state.st_mtime_ns,
                ):
                    os.unlink(name, dir_fd=descriptor)
        for name in directories:
            if (below / name).is_dir():
                with contextlib.suppress(OSError):  # not empty, or a link
                    os.rmdir(name, dir_fd=descriptor)


def hand_over(mounts: Mounts) -> None:
    """`keep_products`, and what is in /env made readable: later tasks run as other users."""
    keep_products(mounts)
    if mounts.env_upper is not None:
        trees.open_for_reading(mounts.env_upper)


def copied_size(mounts: Mounts) -> list[int]:
    """Bytes and files of the copy itself, which the bounds do not count. Raises OSError."""
    size: list[int] = json.loads((mounts.upper / _SIZE).read_text())
    return size
