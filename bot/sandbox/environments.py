"""The environments that are kept on a host: which are in use, which are thrown away. Makes none (`setup` does).

Bounds: an age since the last use, and bytes together; beyond them the longest unused go first. One that a workspace
is open over, or that was asked for a moment ago, is never removed.

Races. A task asks for an environment and opens its workspace a little later: asking counts as use, and nothing that
was used within GRACE_S is removed. Removal while another opens: each holds the environment's lock, shared for use
and alone for removal; who comes second sees that it is gone and asks again. Death in the middle of a removal: `ready`
goes first, so half of one is never taken for whole.
"""

import fcntl
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bot.sandbox import trees
from bot.sandbox.contract import Environment

READY: Final = "ready"
OVERLAYS: Final = "environments"  # below a data directory of the sandbox
CONTAINERS: Final = "container-environments"
GRACE_S: Final = 3600.0  # from the set-up to the first workspace pass seconds; an hour is a hung worker


@dataclass(frozen=True)
class Shelf:
    """`days` unused, and `total_bytes` of all together."""

    folder: Path
    days: float
    total_bytes: int


@dataclass(frozen=True)
class Kept:
    """One that is ready. `family`: what it shares with those of other lock files; "" of older versions."""

    digest: str
    used: float  # seconds since the epoch
    size: int
    family: str


def read_told(folder: Path) -> dict[str, Any]:
    """What was written down when it became ready; nothing when it can't be read."""
    try:
        told = json.loads((folder / READY).read_text())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def is_ready(folder: Path) -> bool:
    return (folder / READY).exists()


def note_use(folder: Path) -> None:
    """Its last use is now. Raises OSError when it is gone."""
    os.utime(folder / READY)


def hold(folder: Path) -> int:
    """Keep it from being removed until the descriptor is closed. Raises FileNotFoundError when it is gone."""
    lock = os.open(lock_path(folder), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        note_use(folder)
    except BlockingIOError as error:
        os.close(lock)
        raise FileNotFoundError(f"{folder.name} is being removed") from error
    except BaseException:
        os.close(lock)
        raise
    return lock


def hold_layers(environment: Environment) -> tuple[int, ...]:
    """`hold` each kept environment that a layer of this one belongs to: what set-up made, and the model's git.

    Raises FileNotFoundError when one was removed; nothing is held then.
    """
    held: list[int] = []
    try:
        for layer in (environment.env_layer, environment.history_layer):
            if layer is None:
                continue
            if not layer.is_dir():
                raise FileNotFoundError(f"the environment {layer.parent.name} was removed")
            if is_ready(layer.parent):
                held.append(hold(layer.parent))
    except OSError:
        release(tuple(held))
        raise
    return tuple(held)


def release(held: tuple[int, ...]) -> None:
    """Let go of what `hold_layers` held."""
    for descriptor in held:
        os.close(descriptor)


def newest_products(state_dir: Path) -> float:
    """When the newest environment of a data directory was made that holds products of a set-up, in seconds since the
    epoch; 0 when there is none. The model's git is no product. Raises OSError."""
    folders = (
        one
        for shelf in (OVERLAYS, CONTAINERS)
        if (state_dir / shelf).is_dir()
        for one in (state_dir / shelf).iterdir()
    )
    return max((made for one in folders if (made := _made_with_products(one))), default=0.0)


def _made_with_products(folder: Path) -> float:
    """Nothing is made or removed in the folder itself after it became ready. 0: none, or not ready."""
    if folder.suffix or not is_ready(folder):
        return 0.0
    try:
        found = {name for layer in ("env", "workspace") for name in os.listdir(folder / layer)}  # noqa: PTH208
        return folder.stat().st_mtime if found - {".git"} else 0.0
    except FileNotFoundError:  # removed in this moment
        return 0.0


def lock_path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.use")


def list_kept(folder: Path) -> list[Kept]:
    """All that are ready, the longest unused first."""
    found = []
    for one in folder.iterdir() if folder.is_dir() else ():
        if one.suffix or not one.is_dir():
            continue
        try:
            used = (one / READY).stat().st_mtime
        except OSError:
            continue
        told = read_told(one)
        found.append(Kept(one.name, used, int(told.get("bytes", 0)), str(told.get("family", ""))))
    return sorted(found, key=lambda kept: kept.used)


def decide_evictions(kept: list[Kept], shelf: Shelf, now: float) -> list[str]:
    """Pure: the digests to remove, of `kept` with the longest unused first."""
    total = sum(one.size for one in kept)
    gone = []
    for one in kept:
        idle = now - one.used
        if idle < GRACE_S:
            break
        if idle > shelf.days * 86_400 or total > shelf.total_bytes:
            gone.append(one.digest)
            total -= one.size
    return gone


def evict(shelf: Shelf) -> list[str]:
    """Remove what is over the bounds and not in use; the digests that went. Raises OSError."""
    gone = []
    for digest in decide_evictions(list_kept(shelf.folder), shelf, time.time()):
        folder = shelf.folder / digest
        lock = os.open(lock_path(folder), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (folder / READY).unlink(missing_ok=True)
            trees.remove(folder)
            gone.append(digest)
        except BlockingIOError:
            continue  # a workspace is open over it
        finally:
            os.close(lock)
    return gone
