"""The connection to a git server, for fetch and push: each request once, and each fault as one of ours.

Nothing is repeated here and no pause is slept: whoever asks holds the cache and a task's place. Left alone, the library
sleeps out Retry-After three times, and tells a refusal by a text with the address in it, in which `octo/app-404` looks
like a status. So statuses are judged where answers come in, before the library sees them.
"""

import contextlib
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3
from dulwich.client import HttpGitClient, default_user_agent_string
from dulwich.config import StackedConfig
from dulwich.errors import GitProtocolError, HangupException
from urllib3.exceptions import HTTPError, MaxRetryError

from bot.domain import throttling
from bot.errors import RepositoryFault, RetryLater, TokenRefused

_ACCESS: Final = "Check that the App is installed on this repository and may read its contents."
_AGAIN_S: Final = 5.0  # at first: a task that meets it again waits longer each time (`tasks/workflow.py`)
_WORDS_BYTES: Final = 1_000  # of a refusal: GitHub says it in one sentence
_GONE: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS)
_ONCE: Final = urllib3.Retry(
    total=None,
    connect=0,
    read=0,
    redirect=3,  # a repository that was renamed has one
    status=0,
    other=0,
    respect_retry_after_header=False,
)


def open_client(url: str, token: str) -> tuple[HttpGitClient, str]:
    """A client that reads no configuration, and the path to ask for. The token goes into a header only. What it does
    raises RepositoryFault, RetryLater and what `translate` knows."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or parts.username or parts.password:
        raise RepositoryFault(
            "The repository's address is no plain HTTP address.", "Check PULLWRIGHT_WEB_URL."
        )
    base = f"{parts.scheme}://{parts.netloc}/"
    client = HttpGitClient(
        base, pool_manager=_Pool(), config=StackedConfig([]), username="x-access-token", password=token
    )
    return client, parts.path.lstrip("/")


def translate(error: Exception) -> Exception:
    """The library's exception as one of ours. Its text is for people only: it holds the address, and ids of commits."""
    match error:
        case HTTPError() | HangupException() | OSError():
            return RetryLater(f"the connection to the git server failed: {type(error).__name__}", _AGAIN_S)
        case GitProtocolError(__cause__=MaxRetryError() as cause):
            return RetryLater(f"the connection to the git server failed: {cause.reason!s:.300}", _AGAIN_S)
        case GitProtocolError():
            return RetryLater(f"the git server failed: {error!s:.300}", _AGAIN_S)
        case _:
            return error


def decide_refusal(status: int, headers: Mapping[str, str], words: str, now: float) -> Exception:
    """What an answer means that is none of git's. Header names are lower-case. `words`: the server's. `now`: seconds
    since the epoch."""
    if status == HTTPStatus.UNAUTHORIZED:
        return TokenRefused("GitHub refuses the token for this repository.", _ACCESS)
    if throttling.is_limit(status, headers, words):
        said = words or str(status)
        return RetryLater(f"the git server limits requests: {said}", throttling.wait_for(headers, now))
    if status == HTTPStatus.FORBIDDEN:
        return TokenRefused(f"The git server refuses: {words or status}", _ACCESS)
    if status in _GONE:
        return RepositoryFault("There is no such repository, or the App may not see it.", _ACCESS)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return RepositoryFault("The git server takes no push of this size.")
    after = throttling.parse_retry_after(headers, now)
    said = "a page of something in between" if status == HTTPStatus.OK else f"status {status}"
    return RetryLater(f"the git server answered with {said}", _AGAIN_S if after is None else max(1.0, after))


class _Pool(urllib3.PoolManager):
    """Raises what an answer means, unless it is one of git's."""

    def __init__(self) -> None:
        super().__init__(
            headers={"User-agent": default_user_agent_string()}, cert_reqs="CERT_REQUIRED", retries=_ONCE
        )

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> urllib3.BaseHTTPResponse:
        """As the library has it."""
        response = super().request(method, url, *args, **kwargs)
        kind = response.headers.get("content-type", "")
        if response.status == HTTPStatus.OK and kind.startswith("application/x-git-"):
            return response
        headers = {name.lower(): value for name, value in response.headers.items()}
        words = _read_words(response) if response.status == HTTPStatus.FORBIDDEN else ""
        response.close()
        raise decide_refusal(response.status, headers, words, time.time())


def _read_words(response: urllib3.BaseHTTPResponse) -> str:
    """What it says, in one line; none when it breaks off."""
    words = b""
    with contextlib.suppress(HTTPError):
        words = response.read(_WORDS_BYTES)
    return " ".join(words.decode(errors="replace").split())
