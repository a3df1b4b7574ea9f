"""What CI says of a commit: check runs, suites, commit statuses, annotations, the logs of jobs. Reads only.

A log lies on another host, behind an address that is signed and lives for a minute. It is fetched without our token,
in a stream of which head and tail are kept, and the address is neither logged nor put into an error: whoever has it
has the log.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import httpx2

from bot.domain import limits
from bot.domain.ci import CheckSet, parse_checks
from bot.domain.ids import CommitSha
from bot.errors import GitHubFault
from bot.forge.answers import Json
from bot.forge.client import RepositoryClient, quoted

_GONE: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)  # logs are kept for 90 days, and not of every job
_CHUNK: Final = 64 * limits.KIB


@dataclass(frozen=True)
class Annotation:
    """A remark of a check on lines of a file."""

    path: str
    start_line: int
    end_line: int
    level: str  # notice, warning, failure
    title: str
    message: str


@dataclass(frozen=True)
class JobLog:
    """Head and tail of a log, and the bytes between them that were not kept; `left_out` 0: `tail` is empty."""

    head: bytes
    tail: bytes = b""
    left_out: int = 0

    @property
    def text(self) -> str:
        head, tail = (part.decode("utf-8", "replace") for part in (self.head, self.tail))
        return f"{head}\n[… {self.left_out:,} bytes left out here …]\n{tail}" if self.left_out else head


class CiReader:
    """One repository's CI for one job. Close it. `ticks`: seconds that never run backwards."""

    def __init__(
        self,
        client: RepositoryClient,
        app_id: int,
        close: Callable[[], None],
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._app_id, self._ticks = client, app_id, ticks
        self.close = close

    def fetch_checks(self, sha: CommitSha) -> CheckSet:
        """Everything but our own check runs; a commit without CI has none. Raises GitHubFault, RetryLater."""
        at, client = f"/commits/{quoted(sha)}", self._client
        runs = client.pages(f"{at}/check-runs", {"filter": "all"}, key="check_runs")
        suites = client.pages(f"{at}/check-suites", key="check_suites")
        statuses = client.pages(f"{at}/status", key="statuses")
        return parse_checks(list(runs), list(suites), list(statuses), self._app_id)

    def fetch_annotations(self, check_run: int, most: int = limits.CI_ANNOTATIONS) -> tuple[Annotation, ...]:
        """The first ones of a check run. Raises GitHubFault, RetryLater."""
        query = {"per_page": str(min(100, most))}
        found = self._client.find(f"/check-runs/{check_run}/annotations", query)
        return tuple(_annotation(item) for item in found or () if isinstance(item, dict))[:most]

    def fetch_log(self, job: int) -> JobLog | None:
        """The log of a job of GitHub Actions; None: there is none, or it can't be had now. Raises GitHubFault (the
        App may not read it), RetryLater."""
        try:
            address = self._client.find_redirect(f"/actions/jobs/{job}/logs")
        except GitHubFault as fault:
            if fault.status in _GONE:
                return None
            raise
        return self._download(address) if address else None

    def _download(self, address: str) -> JobLog | None:
        if urlsplit(address).scheme not in ("http", "https"):
            return None
        begun, log = self._ticks(), _Kept()
        try:
            with httpx2.stream("GET", address, timeout=limits.GITHUB_TIMEOUT_S) as answer:
                if answer.status_code != HTTPStatus.OK:
                    return None
                for chunk in answer.iter_bytes(_CHUNK):
                    log.add(chunk)
                    if log.size >= limits.CI_LOG_READ_BYTES or self._ticks() - begun > limits.CI_LOG_READ_S:
                        break
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError):
            if not log.size:
                return None  # what came before the line broke is worth having
        return log.close()


class _Kept:
    """A stream's head and tail, and how long it is."""

    def __init__(self) -> None:
        self.size = 0
        self._head = b""
        self._tail: deque[bytes] = deque()
        self._tail_size = 0

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        room = limits.CI_LOG_HEAD_BYTES - len(self._head)
        self._head += chunk[:room]
        rest = chunk[room:] if room < len(chunk) else b""
        self._tail.append(rest)
        self._tail_size += len(rest)
        while self._tail_size - len(self._tail[0]) >= limits.CI_LOG_TAIL_BYTES:
            self._tail_size -= len(self._tail.popleft())

    def close(self) -> JobLog:
        tail = b"".join(self._tail)[-limits.CI_LOG_TAIL_BYTES :]
        left_out = self.size - len(self._head) - len(tail)
        return JobLog(self._head, tail, left_out) if left_out else JobLog(self._head + tail)


def _annotation(item: Json) -> Annotation:
    return Annotation(
        str(item.get("path") or ""),
        int(item.get("start_line") or 0),
        int(item.get("end_line") or 0),
        str(item.get("annotation_level") or ""),
        str(item.get("title") or ""),
        str(item.get("message") or ""),
    )
