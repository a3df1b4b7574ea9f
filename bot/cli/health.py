"""`pullwright health`: whether the receiver and the worker of this host do their work. For health checks of
containers and monitors; `pullwright doctor` says how to mend what is amiss.

The receiver is asked over HTTP whether it could store a delivery. The worker is known by its heartbeat in the
database, written from the loop that does everything else: a worker that hangs stops beating, one that has ended
has let go of its lock. Looks only; must never start, repair or wait for anything.
"""

import socket
from collections.abc import Iterable
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from bot.cli.main import Part
from bot.domain import limits
from bot.errors import Bug, ForPerson, RetryLater
from bot.settings import Settings, load_settings
from bot.store.clock import FleetClock
from bot.store.database import Database
from bot.store.workers import Workers
from bot.tasks.workers import HostLocks, runs_on

_PATIENCE_S = 5.0  # it is on this host; Docker gives the whole command ten seconds
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what a receiver may listen on


def run_health(part: Part) -> int:
    """Exit code 0 when every part that is asked for works. Raises SettingsFault."""
    settings = load_settings()
    faults = find_faults(part, settings)
    print("; ".join(faults) or "healthy")
    return 1 if faults else 0


def find_faults(part: Part, settings: Settings) -> list[str]:
    """What does not work, in words; empty when all does."""
    faults = []
    if part is not Part.WORKER:
        faults.append(_fault_of_receiver(settings))
    if part is not Part.RECEIVER:
        faults.append(_fault_of_worker(settings, socket.gethostname()))
    return [fault for fault in faults if fault]


def _fault_of_receiver(settings: Settings) -> str:
    address = _EVERY_ADDRESS.get(settings.host, settings.host)
    host = f"[{address}]" if ":" in address else address
    direct = build_opener(ProxyHandler({}))  # never by a proxy of the environment: it is ourselves
    try:
        with direct.open(f"http://{host}:{settings.port}/readyz", timeout=_PATIENCE_S):
            return ""
    except (URLError, OSError) as error:
        return f"the receiver is not ready: {error}"


def _fault_of_worker(settings: Settings, host: str) -> str:
    try:
        database = Database(settings.store_url)
        try:
            clock = FleetClock(database)
            clock.look()
            beating = Workers(database).alive(clock() - limits.WORKER_DEAD_S)
        finally:
            database.close()
    except (ForPerson, RetryLater, Bug) as fault:
        return f"the workers can't be read: {fault}"
    if _any_lives(beating, HostLocks(settings.data_dir / "workers"), host):
        return ""
    return f"no worker on {host} has beaten in the last {limits.WORKER_DEAD_S:.0f} s"


def _any_lives(workers: Iterable[str], locks: HostLocks, host: str) -> bool:
    return any(runs_on(worker, host) and not locks.is_dead(worker) for worker in workers)
