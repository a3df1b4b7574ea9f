"""The one path of every request to GitHub, over PyGithub's connection.

Retries: reads only (5xx, dropped connections), a few times, then RetryLater. A write is sent once; when its
answer stays away it is `WriteUnclear`, because it may have been carried out. Limits are never waited out
here: the thread belongs to others too.

PyGithub's own retries, pacing and objects are not used: its POST retries write twice, and it takes a 307
for a success. Its requester keeps verb, address and body in one object between two calls, so two threads
would mix them up: closed by one `Wire` for each job and a lock in it.
"""

import logging
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from github import Github
from github.Auth import Auth

from bot.domain.limits import GITHUB_READ_TRIES, GITHUB_TIMEOUT_S, RETRY_AFTER_DEFAULT_S
from bot.errors import GitHubFault, RetryLater
from bot.forge.answers import (
    GRAPHQL,
    Answer,
    Request,
    WriteUnclear,
    is_server_fault,
    refuse_unless_good,
    server_time,
)
from bot.forge.known import ETAG, KnownAnswers

API_VERSION: Final = "2022-11-28"  # the version that our recordings and descriptions are of
USER_AGENT: Final = "pullwright"
_FIRST_WAIT_S: Final = 0.5  # then 1 s, 2 s: passing faults are mostly gone at the second try


class _Bearer(Auth):
    """Asks for the token at each request, so that one that ends in the middle of a job is replaced."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    @property
    def token_type(self) -> str:
        return "Bearer"

    @property
    def token(self) -> str:
        return self._token()

    def authentication(self, headers: dict[str, str]) -> None:
        headers["Authorization"] = f"Bearer {self._token()}"

    def mask_authentication(self, headers: dict[str, str]) -> None:
        headers["Authorization"] = "(removed)"


class Wire:
    """One connection with one source of tokens. Safe for several threads, one request at a time."""

    def __init__(
        self,
        api_url: str,
        token: Callable[[], str] | None,
        now: Callable[[], float],
        pause: Callable[[float], None],
        learn: Callable[[Answer], None] = lambda _answer: None,
    ) -> None:
        """`token` None: nobody in particular. `learn` is shown every answer, good or not."""
        logging.getLogger("github.Requester").setLevel(logging.INFO)  # its debug lines hold minted tokens
        self.now, self._pause, self._learn = now, pause, learn
        self.polls: tuple[KnownAnswers, str] | None = None  # for what is polled, and whose token asks
        self.clock_ahead_s = 0.0  # how far our clock was ahead of GitHub's at the last answer
        self._lock = threading.Lock()
        self._github = Github(
            base_url=api_url.rstrip("/"),
            auth=None if token is None else _Bearer(token),
            timeout=int(GITHUB_TIMEOUT_S),
            retry=0,
            user_agent=USER_AGENT,
            seconds_between_requests=None,
            seconds_between_writes=None,
            api_version=API_VERSION,
        )

    def send(self, request: Request) -> Answer:
        """The good answer (2xx). Raises GitHubFault when GitHub refuses for good, RetryLater for limits and
        passing faults, WriteUnclear (a RetryLater) when a write may have been carried out."""
        tries = GITHUB_READ_TRIES if request.may_repeat else 1
        trouble, cause = "", None
        for attempt in range(tries):
            if attempt:
                self._pause(_FIRST_WAIT_S * 2 ** (attempt - 1))
            try:
                answer = self._exchange(request)
            except OSError as error:  # every fault of the connection: requests' exceptions are OSErrors
                trouble, cause = type(error).__name__, error
                continue
            if not is_server_fault(answer):
                refuse_unless_good(request, answer, self.now())
                return answer
            trouble, cause = f"{answer.status} {answer.message}".strip(), None
        if request.may_repeat:
            raise RetryLater(
                f"GitHub does not answer {request}: {trouble}.", RETRY_AFTER_DEFAULT_S
            ) from cause
        raise WriteUnclear(f"GitHub did not say whether it carried out {request}: {trouble}.") from cause

    def _exchange(self, request: Request) -> Answer:
        kept = self.polls[0].find(self.polls[1], request) if self.polls is not None else None
        answer = self._ask(request, kept.headers[ETAG] if kept is not None else "")
        if kept is not None and answer.status == HTTPStatus.NOT_MODIFIED:
            answer = Answer(kept.status, {**kept.headers, **answer.headers}, kept.text)
        elif self.polls is not None and answer.status == HTTPStatus.OK:
            self.polls[0].keep(self.polls[1], request, answer)
        self.clock_ahead_s = self.now() - server_time(answer, self.now())
        self._learn(answer)
        return answer

    def _ask(self, request: Request, unless: str) -> Answer:
        """`unless`: the name of an answer that is known already."""
        with self._lock:
            try:
                status, headers, text = self._github.requester.requestJson(
                    request.verb,
                    self._github.requester.graphql_url if request.path == GRAPHQL else request.path,
                    parameters=dict(request.query or {}),
                    headers={"If-None-Match": unless} if unless else None,
                    input=None if request.body is None else dict(request.body),
                )
            except RuntimeError as error:  # PyGithub: redirected to another host or scheme
                raise GitHubFault(
                    f"GitHub redirects {request} to another address.", "Check PULLWRIGHT_API_URL."
                ) from error
        return Answer(status, {str(k).lower(): str(v) for k, v in headers.items()}, text)

    def close(self) -> None:
        self._github.close()
