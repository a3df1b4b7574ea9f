"""A host user of its own for each workspace, where the worker is root.

On disk every layer belongs to one user, the owner, whom no process ever runs as. The commands of a workspace run as
a user that is leased for as long as the workspace is open, and see the layers as theirs because the kernel maps the
ids on the way (`mount_setattr`, Linux 5.19 for overlays). So a process that broke out of its sandbox would own nothing:
no other task's files, and on disk not even its own. Where the kernel or the file system can't map ids, the owner itself
is who commands run as, and the preflight says so.

Races. Two workers lease at once: a lease is a lock on a file, which the kernel drops when its holder dies. Two
data directories on one host would lease the same ids: the operator gives each a PULLWRIGHT_SANDBOX_UID of its own.
"""

import errno
import fcntl
import os
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

from bot.domain import limits
from bot.errors import SandboxUnavailable
from bot.sandbox import syscalls
from bot.sandbox.programs import program


@dataclass(frozen=True)
class Identity:
    """`uid`: whom commands run as. `map`: a descriptor of the user namespace that shows the owner's files as theirs,
    where that is wanted. `lock`: held until it is given back."""

    uid: int
    map: int | None
    lock: int

    def give_back(self) -> None:
        """Nothing runs as it any more. The map is kept for whoever gets the id next."""
        os.close(self.lock)


@dataclass
class Identities:
    """The users from `owner` + 1 on. `folder`: for the locks, on a local disk, the same for all workers of the data
    directory."""

    folder: Path
    owner: int
    count: int = limits.SANDBOX_USERS
    maps: bool = True  # False: for copies, which belong to the leased user
    _maps: dict[int, int] = field(default_factory=dict, init=False)  # kept: the lowest ids are leased first
    _turn: threading.Lock = field(default_factory=threading.Lock, init=False)

    def lease(self) -> Identity:
        """One that nobody has. Raises SandboxUnavailable when all are taken, OSError when the kernel refuses."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for uid in range(self.owner + 1, self.owner + 1 + self.count):
            lock = os.open(self.folder / str(uid), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return Identity(uid, self._map(uid) if self.maps else None, lock)
            except BlockingIOError:
                os.close(lock)
            except BaseException:
                os.close(lock)
                raise
        raise SandboxUnavailable(
            f"All {self.count} users for workspaces are taken.", "Let fewer tasks run at once."
        )

    def find_fault(self) -> str:
        """Why ids can't be mapped for layers beside `folder`, in words; empty: they can."""
        try:
            identity = self.lease()
        except (OSError, subprocess.SubprocessError) as error:
            return f"no user namespace: {error}"
        try:
            if identity.map is not None:
                os.close(syscalls.clone_mapped(os.fspath(self.folder), identity.map))
        except OSError as error:
            if error.errno in (errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.EOPNOTSUPP):
                return f"this kernel or file system can't map ids: {error.strerror}"
            raise
        finally:
            identity.give_back()
        return ""

    def _map(self, uid: int) -> int:
        with self._turn:
            if uid not in self._maps:
                self._maps[uid] = _make_map(self.owner, uid)
            return self._maps[uid]


def _make_map(owner: int, uid: int) -> int:
    """A namespace that lives by this descriptor alone: what belongs to `owner` on disk is seen as `uid`'s."""
    ready, said = os.pipe2(os.O_CLOEXEC)
    end, kept = os.pipe2(os.O_CLOEXEC)
    try:
        argv = program("bot.sandbox.identities_helper")
        helper = subprocess.Popen(argv, stdin=end, stdout=said, env={}, cwd="/")
        os.close(said)
        said = -1
        try:
            if os.read(ready, 1) != b"1":
                raise OSError(errno.EPERM, "a user namespace was refused")
            for name in ("uid_map", "gid_map"):
                Path(f"/proc/{helper.pid}/{name}").write_text(f"{owner} {uid} 1")
            return os.open(f"/proc/{helper.pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            helper.kill()
            helper.wait()
    finally:
        for descriptor in (ready, said, end, kept):
            if descriptor != -1:
                os.close(descriptor)
