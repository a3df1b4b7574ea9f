"""What the dead left behind, and its end: workspaces with their sandboxes, half-made files, rows and locks of workers,
effects that were not read back.

Only looks, unless it is told to fix; then it says what it did with each. Beside running workers it does no harm: what
belongs to the living is locked, or beats, or is a task that is not over. Tasks themselves are never touched here: a
running worker takes over those of the dead.
"""

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bot.cli.doctor_findings import Finding, Health
from bot.compose import open_clock, open_forge
from bot.compose_host import repository_shelf
from bot.domain import limits
from bot.errors import Bug, ForPerson, RetryLater
from bot.repos.housekeeping import find_left
from bot.sandbox.choice import ChosenSandbox
from bot.settings import Settings
from bot.store.database import Database
from bot.store.effects import Effects
from bot.store.tasks import Tasks
from bot.store.workers import Workers
from bot.tasks.half_sent import HalfSentDesk
from bot.tasks.workers import HostLocks

_SHOWN = 5  # of one kind, by name


@dataclass(frozen=True)
class Orphans:
    """Of one kind. `end` ends all of them and says what it did, a line for each."""

    kind: str
    names: tuple[str, ...]
    end: Callable[[], tuple[str, ...]]


def examine_orphans(settings: Settings, sandbox: ChosenSandbox, fix: bool) -> Iterator[Finding]:
    """Findings with what was found, and done if `fix`. Never raises: what can't be looked at is a finding."""
    found_any = False
    for look in (_workspaces(sandbox), _half_made(settings), _rows(settings)):
        try:
            with look as found:
                for orphans in found:
                    found_any = True
                    yield _finding(orphans, fix)
        except (ForPerson, RetryLater, Bug, OSError) as fault:
            found_any = True
            yield Finding("left behind", Health.WARNING, f"can't be looked at: {fault}", "See above.")
    if not found_any:
        yield Finding("left behind", Health.GOOD, "nothing")


def _finding(orphans: Orphans, fix: bool) -> Finding:
    if fix:
        return Finding(orphans.kind, Health.GOOD, "\n".join(orphans.end()))
    shown = ", ".join(orphans.names[:_SHOWN])
    more = f" and {len(orphans.names) - _SHOWN} more" if len(orphans.names) > _SHOWN else ""
    return Finding(orphans.kind, Health.WARNING, f"{shown}{more}", "`pullwright doctor --fix` ends it.")


# -- on this host --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _workspaces(sandbox: ChosenSandbox) -> Iterator[list[Orphans]]:
    """Of killed workers, with the containers that still run for them."""

    def of(folder_index: int) -> Orphans:
        folder = sandbox.folders[folder_index]
        return Orphans(
            f"{folder.parent.name} of dead workers",
            folder.left_behind(),
            lambda: tuple(f"{name}: removed, with what ran in it" for name in folder.sweep()),
        )

    yield [one for one in map(of, range(len(sandbox.folders))) if one.names]


@contextlib.contextmanager
def _half_made(settings: Settings) -> Iterator[list[Orphans]]:
    left = tuple(find_left(repository_shelf(settings), time.time()))

    def end() -> tuple[str, ...]:
        for path in left:
            shutil.rmtree(path, ignore_errors=True)
        return tuple(f"{path.name}: removed" for path in left)

    yield [Orphans("half-made files", tuple(path.name for path in left), end)] if left else []


# -- in the database -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def _rows(settings: Settings) -> Iterator[list[Orphans]]:
    database = Database(settings.store_url)
    locks = HostLocks(settings.data_dir / "workers")
    try:
        clock = open_clock(database)
        kinds = (
            _dead_workers(database, locks, clock()),
            _locks(database, locks),
            _half_sent(settings, database, clock),
        )
        yield [one for one in kinds if one.names]
    finally:
        database.close()


def _dead_workers(database: Database, locks: HostLocks, now: float) -> Orphans:
    """Their tasks are released; a worker that runs takes them up, and so does the next one that starts."""
    workers, tasks = Workers(database), Tasks(database)
    before = now - limits.WORKER_DEAD_S

    def end() -> tuple[str, ...]:
        said = []
        for worker in workers.dead(before):
            held = tasks.release(worker)
            workers.remove(worker)
            locks.forget(worker)
            said.append(f"{worker}: forgotten, {len(held)} tasks released")
        return tuple(said)

    return Orphans("rows of dead workers", workers.dead(before), end)


def _locks(database: Database, locks: HostLocks) -> Orphans:
    """Files that nobody has locked and no row speaks of."""
    known = frozenset(Workers(database).alive(0.0))

    def stale() -> tuple[str, ...]:
        return tuple(name for name in locks.names() if name not in known and locks.is_dead(name))

    def end() -> tuple[str, ...]:
        names = stale()
        for name in names:
            locks.forget(name)
        return tuple(f"{name}: removed" for name in names)

    return Orphans("locks of dead workers", stale(), end)


def _half_sent(settings: Settings, database: Database, now: Callable[[], float]) -> Orphans:
    effects = Effects(database)
    found = effects.half_sent()

    def end() -> tuple[str, ...]:
        said = []
        with contextlib.closing(open_forge(settings)) as forge:
            desk = HalfSentDesk(effects, forge, now)
            for half in found:
                try:
                    said.append(f"{half.key}: {desk.settle(half)}")
                except (ForPerson, RetryLater) as fault:
                    said.append(f"{half.key}: left alone: {fault}")
        return tuple(said)

    return Orphans("half-sent effects", tuple(half.key for half in found), end)
