"""A clock of this host that nobody sets. Says how much time has passed, never what time it is."""

import time


def since_boot() -> float:
    """Seconds; goes on while the host sleeps: what had to be done within ten seconds is not done after a night."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
