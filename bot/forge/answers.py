"""Reads GitHub's answers: what is good, what passes by itself, what is refused for good. Pure.

Must never: take an answer for a success because it is no error. GitHub answers 307 to a write in a renamed
repository, and a proxy answers 200 with a page of its own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from bot.domain import throttling
from bot.domain.limits import EFFECT_SETTLE_S
from bot.errors import GitHubFault, Limited, RetryLater

Json = dict[str, Any]


GRAPHQL: Final = "/graphql"
"""The path of a request to the other API; its address is not below the first one's."""


class WriteUnclear(RetryLater):
    """A write was sent and its answer did not come: it may have been carried out. Look for it before sending
    it again, and not before `after_s` seconds."""

    def __init__(self, message: str) -> None:
        super().__init__(message, EFFECT_SETTLE_S)


@dataclass(frozen=True)
class Request:
    """`path` begins with `/`, below the API's address. `repeatable`: a write that nobody sees twice. `redirected`:
    302 is the answer that is wanted."""

    verb: str
    path: str
    query: Mapping[str, str] | None = None
    body: Mapping[str, Any] | None = None
    repeatable: bool = False
    redirected: bool = False

    @property
    def may_repeat(self) -> bool:
        return self.repeatable or self.verb in ("GET", "HEAD")

    def __str__(self) -> str:
        return f"{self.verb} {self.path}"


@dataclass(frozen=True)
class Answer:
    """Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def data(self) -> Any:
        """The decoded JSON, None when it is none."""
        try:
            return json.loads(self.text) if self.text else None
        except ValueError:
            return None

    @property
    def message(self) -> str:
        """GitHub's own words with the details of a 422, in one line of at most 500 characters."""
        data = self.data
        if not isinstance(data, dict):
            return ""
        details = [_detail(item) for item in data.get("errors") or [] if isinstance(item, dict | str)]
        parts = (str(data.get("message") or ""), *details)
        return "; ".join(" ".join(part.split()).rstrip(".") for part in parts if part)[:500]


def _detail(item: Json | str) -> str:
    if isinstance(item, str):
        return item
    named = " ".join(str(item[key]) for key in ("resource", "field", "code") if item.get(key))
    return str(item.get("message") or named)


RENAMED: Final = (301, 302, 307, 308)
_WRITES: Final = "core"  # GitHub's name for the count to which writes belong, beside most reads


def is_server_fault(answer: Answer) -> bool:
    """A fault of GitHub or of something between, or no JSON where there must be some."""
    if answer.status >= 500:
        return True
    return answer.status in (200, 201, 202) and not isinstance(answer.data, dict | list)


def refuse_unless_good(request: Request, answer: Answer, now: float) -> None:
    """Raise RetryLater for a limit, GitHubFault for a refusal, and nothing for 2xx. `now`: seconds since the
    epoch. Faults of the server are not looked at here: whether they may be repeated is the sender's question.
    """
    if 200 <= answer.status < 300 or (request.redirected and answer.status == HTTPStatus.FOUND):
        return
    if is_limit(answer):
        raise Limited(f"GitHub limits requests: {answer.message or answer.status}.", wait_for(answer, now))
    words = answer.message or _reason(answer.status)
    raise GitHubFault(
        f"GitHub refused {request}: {answer.status} {words}.", _remedy(answer), status=answer.status
    )


_GRAPHQL_LIMIT: Final = "RATE_LIMIT"  # GitHub says RATE_LIMIT as well as RATE_LIMITED
_GRAPHQL_STATUSES: Final[Mapping[str, int]] = {"NOT_FOUND": 404, "FORBIDDEN": 403}


def read_graphql(answer: Answer, now: float) -> Json:
    """The `data` of a good answer. GitHub answers 200 to what it refuses as well, and says so inside.

    Raises RetryLater for a limit (which stands in an error's type, in the headers or in words), GitHubFault for every
    other error (with the status that REST would have given).
    """
    body = answer.data
    if not isinstance(body, dict):
        raise RetryLater("GitHub's answer is no JSON object.", 1.0)
    kinds = _error_kinds(body)
    data = body.get("data")
    if not kinds and isinstance(data, dict):
        return data
    words = answer.message or "no data"
    if _is_limit_named(kinds) or throttling.speaks_of_limit(answer.headers, answer.message):
        raise Limited(f"GitHub limits requests: {words}.", wait_for(answer, now))
    status = next((_GRAPHQL_STATUSES[kind] for kind in kinds if kind in _GRAPHQL_STATUSES), 0)
    raise GitHubFault(f"GitHub refused a query: {words}.", "Check the App's permissions.", status=status)


def _error_kinds(body: Any) -> list[str]:
    """The type of each of a GraphQL answer's errors, empty where it has none."""
    errors = body.get("errors") if isinstance(body, dict) else None
    return [str(error.get("type") or "") for error in errors or [] if isinstance(error, dict)]


def _is_limit_named(kinds: list[str]) -> bool:
    return any(kind.startswith(_GRAPHQL_LIMIT) for kind in kinds)


def is_limit(answer: Answer) -> bool:
    """Whether a primary or secondary limit refused the request: 429, or a 403 that says so."""
    if throttling.is_limit(answer.status, answer.headers, answer.message):
        return True
    return answer.status == HTTPStatus.FORBIDDEN and _is_limit_named(_error_kinds(answer.data))


def limits_writes(answer: Answer) -> bool:
    """Whether a limit forbids the installation to write for now: any but one of another count (GraphQL, search), of
    which nothing is left."""
    resource = answer.headers.get("x-ratelimit-resource", _WRITES)
    used_up = answer.headers.get("x-ratelimit-remaining") == "0"
    return is_limit(answer) and not (used_up and resource != _WRITES)


def wait_for(answer: Answer, now: float) -> float:
    """Seconds that GitHub asks to wait: Retry-After, else until the reset, else a minute; at least 1."""
    return throttling.wait_for(answer.headers, now)


def server_time(answer: Answer, now: float) -> float:
    """GitHub's clock as the answer names it (whole seconds), so that a wrong clock of ours does not count."""
    return throttling.server_time(answer.headers, now)


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "unknown status"


def _remedy(answer: Answer) -> str:
    match answer.status:
        case 401:
            return (
                "Check that the App's id and private key belong together and that this host's clock is right."
            )
        case 403:
            needed = answer.headers.get("x-accepted-github-permissions", "")
            wanted = f" ({needed})" if needed else ""
            return f"Check the App's permissions{wanted}, and that they were accepted where it is installed."
        case 404 | 410:
            return "It may be gone, or the App is no longer installed on this repository."
        case status if status in RENAMED:
            return "The repository was renamed or moved; ask again there."
        case _:
            return ""
