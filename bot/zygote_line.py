"""The line to a zygote: a process of our own that has loaded what its children need, and forks one for each request.

`repos` has one for git, `sandbox` one for its launchers. What such a process is and what is said to it is theirs; here
is its life only: made when it is first needed, and again if it died.

Races. Two requests at once, from the loop and from threads: a lock. The zygote dies between two requests: the next one
finds the socket broken and makes another, once; what fails then fails. The owner goes without a word: what `make` said
to close is closed with it.
"""

import socket
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Zygote:
    """A zygote that runs: the packet socket on which it is asked, its pidfd where we have one, and how to let go."""

    link: socket.socket
    close: Callable[[], object]
    pidfd: int = -1


@dataclass(eq=False)
class ZygoteLine:
    """`make` starts a zygote; it may raise OSError or SubprocessError, which come out of whatever needed it."""

    make: Callable[[], Zygote]
    _zygote: Zygote | None = field(default=None, init=False)
    _close: Callable[[], object] | None = field(default=None, init=False)
    _turn: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def is_ready(self) -> bool:
        """Whether `send` will not have to wait for an interpreter."""
        return self._zygote is not None

    @property
    def pidfd(self) -> int:
        """The zygote's; -1 while there is none, or none of which we have one."""
        return -1 if self._zygote is None else self._zygote.pidfd

    def ensure(self) -> None:
        """Make the zygote if there is none."""
        with self._turn:
            self._ensure()

    def send(self, message: bytes, descriptors: Sequence[int]) -> None:
        """One packet, with open descriptors of ours. Raises OSError."""
        with self._turn:
            try:
                socket.send_fds(self._ensure().link, [message], descriptors)
            except (BrokenPipeError, ConnectionResetError):
                self._forget()
                socket.send_fds(self._ensure().link, [message], descriptors)

    def drop(self, last: Callable[[Zygote], None]) -> None:
        """Let go of the zygote, if there is one, `last` done to it before. The next request makes another."""
        with self._turn:
            if self._zygote is not None:
                last(self._zygote)
                self._forget()

    def _forget(self) -> None:
        if self._close is not None:
            self._close()
        self._zygote = self._close = None

    def _ensure(self) -> Zygote:
        if self._zygote is None:
            self._zygote = self.make()
            self._close = weakref.finalize(self, self._zygote.close)
        return self._zygote
