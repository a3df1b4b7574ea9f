"""The program that shows a host command the merged tree of a workspace, read-only, and becomes that command.

Argument one is JSON: `layers` (topmost first) and `root`. The mount lives in a mount namespace of its own and
ends with the command. Standard library only. It must never run while a process of the sandbox lives: the worker
sees to that. Without root a user namespace of its own gives the right to mount, and to read what the task has
closed to its owner.
"""

import json
import os
import sys

from bot.sandbox import syscalls


def main() -> None:
    """Mount and execute the rest of the arguments; exit 125 with the reason on stderr when that is refused."""
    request, command = json.loads(sys.argv[1]), sys.argv[2:]
    try:
        show(request["layers"], request["root"])
        syscalls.default_signals()
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"the view can't be shown: {error}\n")
    os._exit(125)


def show(layers: list[str], root: str) -> None:
    """Mount the layers over each other at `root`, seen by this process alone. Raises OSError."""
    uid, gid = os.geteuid(), os.getegid()
    syscalls.unshare(syscalls.CLONE_NEWNS | (0 if uid == 0 else syscalls.CLONE_NEWUSER))
    if uid != 0:
        syscalls.map_to_root(uid, gid)
    syscalls.make_all_private()
    opened = [os.open(layer, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) for layer in layers]
    lowers = ":".join(f"/proc/self/fd/{descriptor}" for descriptor in opened)  # paths may hold `:` and `,`
    flags = syscalls.MS_RDONLY | syscalls.MS_NOSUID | syscalls.MS_NODEV
    syscalls.mount("view", root, "overlay", flags, f"lowerdir={lowers},userxattr")
