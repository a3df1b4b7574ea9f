"""What is kept of repositories on a host, and what of it goes: caches of objects, and plain files of single commits.

    <state>/<installation>/<repository>/cache.git          objects; `cache.git.used`: its last use
    <state>/<installation>/<repository>/templates/<tree>   plain files; `<tree>.used`: their last use, and their size

Bounds: an age since the last use, and bytes of all together; beyond them the longest unused go first. Everything can
be fetched again, but for what an unfinished task has made: caches of repositories with one are never removed.

Races, and how each is closed:
- A template is taken while it is removed: whoever takes it holds its mark shared and renews it, removal holds it alone,
  looks at it once more and renames. Who comes second finds no folder and makes a new one.
- A template is removed while another is linked from it: that one is made under the mark held shared (`linked`).
- A workspace is open over a template: none is removed within TEMPLATE_GRACE_S of its last taking.
- A cache is fetched into while it is removed: both hold the cache's lock, and removal looks again under it.
- Death in the middle: what was renamed is found by its name and removed at the next time.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.domain.limits import CACHE_GRACE_S, TEMPLATE_GRACE_S
from bot.log import LateLog
from bot.repos.contract import RepoKey
from bot.repos.marks import last_use, mark_path, marked

log = LateLog()

_DAY_S: Final = 86_400.0
_LEFT: Final = ".gone"
_PART_S: Final = 86_400.0  # a folder that is being made is done long before


@dataclass(frozen=True)
class Shelf:
    """`days` unused, and `total_bytes` of all together."""

    folder: Path
    days: float
    total_bytes: int


@dataclass(frozen=True)
class Kept:
    """A cache or a template. `used`: seconds since the epoch. `fixed`: must stay, however old it is."""

    path: Path
    used: float
    size: int
    fixed: bool = False

    @property
    def is_cache(self) -> bool:
        return self.path.name == "cache.git"

    @property
    def grace_s(self) -> float:
        return CACHE_GRACE_S if self.is_cache else TEMPLATE_GRACE_S


@dataclass(frozen=True)
class Gone:
    """What was removed."""

    caches: int = 0
    templates: int = 0
    size: int = 0  # bytes


def decide_removals(kept: tuple[Kept, ...], shelf: Shelf, now: float) -> tuple[Kept, ...]:
    """Which go. Pure."""
    total = sum(one.size for one in kept)
    gone: list[Kept] = []
    for one in sorted(kept, key=lambda one: one.used):
        idle = now - one.used
        if one.fixed or idle < one.grace_s:
            continue
        if idle > shelf.days * _DAY_S or total > shelf.total_bytes:
            gone.append(one)
            total -= one.size
    return tuple(gone)


def clear(shelf: Shelf, busy: frozenset[RepoKey], now: float) -> Gone:
    """Remove what is over the bounds. `busy`: repositories with an unfinished task. Blocking. Raises OSError."""
    for left in find_left(shelf, now):
        shutil.rmtree(left, ignore_errors=True)
    gone = Gone()
    for one in decide_removals(tuple(list_kept(shelf, busy)), shelf, now):
        remove = _remove_cache if one.is_cache else _remove_template
        if remove(one, now):
            caches, templates = gone.caches + one.is_cache, gone.templates + (not one.is_cache)
            gone = Gone(caches, templates, gone.size + one.size)
    if gone != Gone():
        log.info("repositories cleared", caches=gone.caches, templates=gone.templates, bytes=gone.size)
    return gone


def find_left(shelf: Shelf, now: float) -> list[Path]:
    """Halves of removals and of makings that a death left behind."""
    found: list[Path] = []
    for repository in _repositories(shelf.folder):
        found += repository.glob(f"*{_LEFT}")
        found += (repository / "templates").glob(f"*{_LEFT}")
        found += [one for one in (repository / "templates").glob("*.part") if _age(one, now) > _PART_S]
    return found


def list_kept(shelf: Shelf, busy: frozenset[RepoKey]) -> Iterator[Kept]:
    """Everything that is whole."""
    names = {(str(key.installation), str(key.repository)) for key in busy}
    for repository in _repositories(shelf.folder):
        cache = repository / "cache.git"
        if cache.is_dir():
            fixed = (repository.parent.name, repository.name) in names
            yield Kept(cache, last_use(cache), _size_of(cache), fixed)
        for template in (repository / "templates").glob("*"):
            if not template.suffix and template.is_dir():
                yield Kept(template, last_use(template), _kept_size(template))


def _repositories(folder: Path) -> Iterator[Path]:
    return (one for one in folder.glob("*/*") if one.is_dir())


def _age(path: Path, now: float) -> float:
    with contextlib.suppress(OSError):
        return now - path.stat().st_mtime
    return 0.0


def _kept_size(template: Path) -> int:
    """Measured once: tens of thousands of files never change."""
    mark = mark_path(template)
    used = last_use(template)
    with contextlib.suppress(OSError, ValueError):
        return int(mark.read_text())
    size = _size_of(template)
    with contextlib.suppress(OSError):
        mark.write_text(str(size))
        os.utime(mark, (used, used))
    return size


def _size_of(folder: Path) -> int:
    """Bytes on the disk, a share of those that other templates have too (`linked`). Nothing is followed."""
    size = 0
    for _, _, names, descriptor in os.fwalk(folder, follow_symlinks=False):
        for name in names:
            with contextlib.suppress(OSError):
                state = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                size += state.st_blocks * 512 // max(1, state.st_nlink)
    return size


# -- removing ------------------------------------------------------------------------------------------------


def remove_template(template: Path) -> None:
    """Now, if it is there and whatever its last use was. Waits for who holds it. Blocking. Raises OSError."""
    if template.is_dir():
        _remove_template(Kept(template, 0.0, 0), float("inf"))


def _remove_template(kept: Kept, now: float) -> bool:
    with marked(kept.path, fcntl.LOCK_EX) as mark:
        if now - os.fstat(mark).st_mtime < kept.grace_s or not kept.path.is_dir():
            return False
        left = _put_aside(kept.path)
        mark_path(kept.path).unlink(missing_ok=True)
    shutil.rmtree(left, ignore_errors=True)
    return True


def _remove_cache(kept: Kept, now: float) -> bool:
    with kept.path.with_name(f"{kept.path.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if now - last_use(kept.path) < kept.grace_s:
            return False
        left = _put_aside(kept.path)
        mark_path(kept.path).unlink(missing_ok=True)
    shutil.rmtree(left, ignore_errors=True)
    return True


def _put_aside(path: Path) -> Path:
    return path.rename(path.with_name(f"{path.name}.{secrets.token_hex(6)}{_LEFT}"))
