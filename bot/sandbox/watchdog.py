"""What no limit of the kernel covers: bytes and files on disk, and memory where there is no cgroup.

Runs as a child of the launcher, inside the sandbox's outer user namespace: there it may look into directories
that the task closed to everybody. It only reports; the worker kills. Standard library only. It must never
follow a symbolic link on purpose, nor read content.

Races. A tree that changes while it is summed gives a sum that is a little off, and the next round follows. A
link swapped in under the walk leads at worst to a wrong sum, against the task itself. Files that were unlinked
but are still open are in no directory: they are found among the descriptors of the task's processes, and what is
hidden better still (mapped, or on the way in a socket) by the file system's free space.
"""

import os
import sys
import time

from bot.sandbox import syscalls

_PAGE = os.sysconf("SC_PAGE_SIZE")
_PAUSE_S = 0.25  # at full speed a disk writes some 500 MB in it
_SHARE = 10  # of the time at most a tenth is spent in looking


def main() -> None:
    """For a container: argument one is the bounds as JSON; the verdict comes on stdout."""
    import json  # 5 ms, which the launcher would pay on every command

    syscalls.die_with_parent()
    watch(json.loads(sys.argv[1]), 1, None)


def watch(bounds: dict, status: int, begin: "int | None") -> None:  # type: ignore[type-arg]
    """Look until something is over its bound, then write one line to `status` and end. Not before `begin`, the read
    end of a pipe, ends: as long as the command is not known there is nothing to look at."""
    _close_others({status, begin})
    if begin is not None:
        os.read(begin, 1)
    while True:
        started = time.monotonic()
        over = _over(bounds)
        if over:
            os.write(status, over.encode())
            return
        spent = time.monotonic() - started
        time.sleep(max(_PAUSE_S, spent * _SHARE))


def _close_others(wanted: set) -> None:  # type: ignore[type-arg]
    """Keep no pipe of the command open: its reader waits for the last holder."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        if int(name) not in wanted:
            try:
                os.close(int(name))
            except OSError:
                continue  # the listing's own


def _over(bounds: dict) -> str:  # type: ignore[type-arg]
    disk, files = -bounds["base"][0], -bounds["base"][1]
    for path in bounds["paths"]:
        try:
            more_bytes, more_files = measure(path, bounds["files"] + bounds["base"][1])
        except OSError as error:
            return f'{{"over": "disk", "detail": "the tree can not be measured: {os.strerror(error.errno or 0)}"}}\n'
        disk, files = disk + more_bytes, files + more_files
    if disk + unlinked_bytes(bounds["root"] or os.getppid(), bounds["paths"][0]) > bounds["bytes"]:
        return f'{{"over": "disk", "detail": "more than {bounds["bytes"] >> 20} MiB written"}}\n'
    if files > bounds["files"]:
        return f'{{"over": "disk", "detail": "more than {bounds["files"]} files written"}}\n'
    room = os.statvfs(bounds["paths"][0])
    if room.f_bavail * room.f_frsize < bounds["free"]:
        return f'{{"over": "disk", "detail": "less than {bounds["free"] >> 20} MiB left on the disk"}}\n'
    if bounds["memory"] and memory_of_children(os.getppid()) > bounds["memory"]:
        return f'{{"over": "memory", "detail": "more than {bounds["memory"] >> 20} MiB in use"}}\n'
    return ""


def measure(path: str, most_files: int) -> tuple:  # type: ignore[type-arg]
    """(bytes on disk, files) below `path`; counting ends above `most_files`. Raises OSError when a directory
    can't be read (deeper than the kernel's longest path, for one): what can't be measured is over."""
    total, files, stack = 0, 0, [path]
    while stack and files <= most_files:
        try:
            entries = os.scandir(stack.pop())
        except (FileNotFoundError, NotADirectoryError):
            continue  # gone since it was listed
        with entries:
            for entry in entries:
                files += 1
                try:
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        stack.append(entry.path)
                except FileNotFoundError:
                    continue
    return total, files


def descendants(root: int) -> list:  # type: ignore[type-arg]
    """`root` and all processes below it; those that end meanwhile are left out."""
    found, stack = [], [root]
    while stack:
        pid = stack.pop()
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
                with open(f"/proc/{pid}/task/{thread}/children") as children:  # noqa: PTH123
                    stack += map(int, children.read().split())
        except (OSError, ValueError):
            continue
        found.append(pid)
    return found


def memory_of_children(root: int) -> int:
    """Bytes of anonymous memory of all descendants of `root` (resident without shared pages)."""
    total = 0
    for pid in descendants(root):
        try:
            with open(f"/proc/{pid}/statm") as memory:  # noqa: PTH123
                fields = memory.read().split()
        except OSError:
            continue  # ended meanwhile
        total += (int(fields[1]) - int(fields[2])) * _PAGE
    return total


def unlinked_bytes(root: int, path: str) -> int:
    """Bytes on the disk of `path` in files that have no name any more but are open in a descendant of `root`."""
    disk = os.statvfs(path)
    sizes = {}
    for pid in descendants(root):
        try:
            numbers = os.listdir(f"/proc/{pid}/fd")  # noqa: PTH208
        except OSError:
            continue
        for number in numbers:
            try:
                state = os.stat(f"/proc/{pid}/fd/{number}")  # noqa: PTH116
                if state.st_nlink == 0 and state.st_mode & 0o170000 == 0o100000:
                    held = os.statvfs(f"/proc/{pid}/fd/{number}")
                    if (held.f_blocks, held.f_bsize) == (
                        disk.f_blocks,
                        disk.f_bsize,
                    ):  # memory counts as memory
                        sizes[state.st_dev, state.st_ino] = state.st_blocks * 512
            except OSError:
                continue
    return sum(sizes.values())
