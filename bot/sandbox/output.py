"""What a command wrote, within a bound: the first and the last part, the middle counted. Pure."""

from collections import deque
from typing import Protocol


class Output(Protocol):
    """What takes a command's output: `HeadTail`, or somebody who listens."""

    @property
    def text(self) -> bytes: ...

    @property
    def cut_bytes(self) -> int: ...

    def feed(self, chunk: bytes) -> None: ...


class HeadTail:
    """Feed it everything; memory stays within `cap` bytes and one chunk. The head gets half of the cap."""

    def __init__(self, cap: int) -> None:
        self._head_room = cap - cap // 2
        self._tail_room = cap // 2
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._dropped = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        room = self._head_room - len(self._head)
        if room > 0:
            self._head += chunk[:room]
            chunk = chunk[room:]
        if not chunk:
            return
        self._tail.append(chunk)
        self._tail_size += len(chunk)
        while self._tail_size - len(self._tail[0]) >= self._tail_room:
            gone = self._tail.popleft()
            self._tail_size -= len(gone)
            self._dropped += len(gone)

    @property
    def cut_bytes(self) -> int:
        """How many bytes are left out between head and tail."""
        return self._dropped + max(0, self._tail_size - self._tail_room)

    @property
    def text(self) -> bytes:
        """Head and tail, joined."""
        tail = b"".join(self._tail)
        return bytes(self._head) + (
            tail[len(tail) - self._tail_room :] if len(tail) > self._tail_room else tail
        )
