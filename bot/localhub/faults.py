"""Faults on order: the next matching request fails as GitHub fails on a bad day.

A fault either takes the place of the request, or comes after it was carried out (`performed`): the second kind is
what makes a blind retry write twice.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Fault:
    method: str  # "*" for any
    path: str  # regular expression, searched in the request's path
    status: int
    body: Mapping[str, object] = field(default_factory=lambda: {"message": "Server Error"})
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    performed: bool = False


class Faults:
    """The ordered faults, oldest first; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ordered: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._ordered.append(fault)

    def take(self, method: str, path: str) -> Fault | None:
        """The fault for this request, used up by one; None when the request may go through."""
        with self._lock:
            for fault in self._ordered:
                if fault.times > 0 and fault.method in ("*", method) and re.search(fault.path, path):
                    fault.times -= 1
                    return fault
        return None
