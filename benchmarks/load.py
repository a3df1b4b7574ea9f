"""Signed deliveries over HTTP/1.1 on kept connections, and how long each answer took.

Raw streams and requests that are made before the clock starts: on a small machine a client library would take more
of the processors than what is measured. `closed`: each connection sends its next one when the last is answered.
`opened`: one is due every 1/rate seconds whatever the server does, and waits count from when it was due.
"""

import asyncio
import os
import statistics
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bot.webhook.signature import sign


@dataclass
class Answers:
    """`waits`: seconds, one for each answer. `seconds`: how long it all took."""

    waits: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    processor_s: float = 0.0  # of the server's process, where its id is known

    @property
    def rate(self) -> float:
        return len(self.waits) / self.seconds

    def quantile(self, percent: int) -> float:
        return statistics.quantiles(self.waits, n=100)[percent - 1]

    def __str__(self) -> str:
        odd = {status: count for status, count in self.statuses.items() if status // 100 != 2}
        waits = f"p50 {self.quantile(50) * 1e3:7.1f} ms   p99 {self.quantile(99) * 1e3:7.1f} ms"
        spent = f"processor {self.processor_s / len(self.waits) * 1e3:5.2f} ms each"
        return (
            f"{self.rate:7.0f} /s   {waits}   max {max(self.waits) * 1e3:7.1f} ms   {spent}   "
            f"({len(self.waits)} answers{f', {odd}' if odd else ''})"
        )


@dataclass(frozen=True)
class Target:
    url: str
    secret: str

    def request(self, body: bytes, delivery: str = "", event: str = "issue_comment") -> bytes:
        """One whole request."""
        place = urlsplit(self.url)
        head = (
            f"POST {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\nUser-Agent: GitHub-Hookshot/1\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nX-GitHub-Event: {event}\r\n"
            f"X-GitHub-Delivery: {delivery or uuid.uuid4()}\r\n"
            f"X-Hub-Signature-256: {sign(body, self.secret.encode())}\r\n\r\n"
        )
        return head.encode() + body

    def requests(self, body: bytes, count: int) -> list[bytes]:
        """That differ in their delivery's id alone."""
        first = self.request(body, "0" * 36)
        return [first.replace(b"0" * 36, str(uuid.uuid4()).encode(), 1) for _ in range(count)]


def processor_seconds(pid: int) -> float:
    """What a process has used so far, with all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Connection:
    """One at a time. Opened again when the server closes it."""

    def __init__(self, url: str) -> None:
        self._place = urlsplit(url)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, request: bytes) -> int:
        """The answer's status; 0: the connection broke off."""
        try:
            if self._writer is None:
                self._reader, self._writer = await asyncio.open_connection(
                    self._place.hostname, self._place.port
                )
            assert self._reader is not None
            self._writer.write(request)
            head = await self._reader.readuntil(b"\r\n\r\n")
            await self._skip_body(head.lower())
            if b"connection: close" in head.lower():
                self.close()
            return int(head.split(b" ", 2)[1])
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            return 0

    async def _skip_body(self, head: bytes) -> None:
        assert self._reader is not None
        if b"transfer-encoding: chunked" in head:
            while size := int(await self._reader.readline(), 16):
                await self._reader.readexactly(size + 2)
            await self._reader.readline()
            return
        _, found, rest = head.partition(b"content-length:")
        if found:
            await self._reader.readexactly(int(rest.split(b"\r\n", 1)[0]))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


async def closed(url: str, requests: Iterable[bytes], connections: int, seconds: float = 3600.0) -> Answers:
    """Until `seconds` are over or the requests are."""
    answers, left = Answers(), iter(requests)
    begun = time.perf_counter()

    async def call() -> None:
        connection = Connection(url)
        while (started := time.perf_counter()) < begun + seconds:
            request = next(left, None)
            if request is None:
                break
            answers.statuses[await connection.send(request)] += 1
            answers.waits.append(time.perf_counter() - started)
        connection.close()

    await asyncio.gather(*(call() for _ in range(connections)))
    answers.seconds = time.perf_counter() - begun
    return answers


async def opened(url: str, requests: list[bytes], rate: float, connections: int = 64) -> Answers:
    """All of them, one every 1/rate seconds."""
    answers = Answers()
    begun = time.perf_counter()
    due: Iterator[tuple[float, bytes]] = iter(
        [(begun + n / rate, request) for n, request in enumerate(requests)]
    )

    async def call() -> None:
        connection = Connection(url)
        for at, request in due:  # whoever is free takes the next one
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            answers.statuses[await connection.send(request)] += 1
            answers.waits.append(time.perf_counter() - at)
        connection.close()

    await asyncio.gather(*(call() for _ in range(connections)))
    answers.seconds = time.perf_counter() - begun
    return answers
