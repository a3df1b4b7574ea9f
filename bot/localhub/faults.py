"""Faults on order: the next matching request fails as GitHub fails on a bad day.

A fault takes the place of the request, or comes after it was carried out (`performed`): the second kind is what
makes a blind retry write twice. Besides a status it can be a connection that breaks off, or only slowness. It can
also be the moment at which something else happens: a process is killed before or after its n-th write.
"""

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_BREAKS_OFF_OF = 1_000  # bytes that the broken answer promises


def _nothing() -> None:
    """What happens by default."""


@dataclass
class Fault:
    """`path`: a regular expression, searched in the request's path. `status` 0 and no `drop`: only slow.
    `passes`: so many matching requests go through first."""

    method: str  # "*" for any, "writes" for any that may change something
    path: str
    status: int = 0
    body: Mapping[str, object] = field(default_factory=lambda: {"message": "Server Error"})
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    performed: bool = False
    drop: bool = False  # the connection ends in the middle of the answer
    delay_s: float = 0.0
    passes: int = 0
    arrives: Callable[[], None] = _nothing  # before the request is carried out, if it is
    happens: Callable[[], None] = _nothing  # after the request was carried out, if it is; before the answer

    @property
    def takes_the_place(self) -> bool:
        """Whether the request itself is not carried out."""
        return self.replaces_the_answer and not self.performed

    @property
    def replaces_the_answer(self) -> bool:
        return bool(self.status) or self.drop


class BrokenOff(Response):
    """Begins an answer and ends the connection."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        head = [(b"content-length", str(_BREAKS_OFF_OF).encode()), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})
        raise ConnectionAbortedError("a fault on order: the connection breaks off")


class Faults:
    """The ordered faults, oldest first; thread-safe."""

    def __init__(self, pause: Callable[[float], None] = time.sleep) -> None:
        self._lock = threading.Lock()
        self._ordered: list[Fault] = []
        self._pause = pause

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._ordered.append(fault)

    def clear(self) -> None:
        """A good day again."""
        with self._lock:
            self._ordered.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault for this request, used up by one, after its delay; None when the request may go through."""
        found = self._find(method, path)
        if found is not None:
            found.arrives()
            if found.delay_s:
                self._pause(found.delay_s)
        return found

    def _find(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for fault in self._ordered:
                if fault.times <= 0 or not _matches(fault, method, path):
                    continue
                if fault.passes > 0:
                    fault.passes -= 1
                    continue
                fault.times -= 1
                return fault
        return None


def _matches(fault: Fault, method: str, path: str) -> bool:
    named = fault.method in ("*", method) or (fault.method == "writes" and method not in ("GET", "HEAD"))
    return named and re.search(fault.path, path) is not None
