"""The host's processes, seen from a test: what a command started, and whether it is gone."""

import os
from pathlib import Path


def nap(which: int) -> str:
    """Seconds to sleep that no other process of the tests sleeps, with `which` (0 to 9) for a test or a use.

    The suites run in several processes at once, so a fixed number would show a test its neighbour's sleepers.
    """
    return f"1{os.getpid():07d}{which}"


def host_processes(word: str) -> list[int]:
    """Processes of the host whose command line holds `word`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:  # it ended
                continue
            if word.encode() in line.replace(b"\0", b" "):
                found.append(int(entry.name))
    return found
