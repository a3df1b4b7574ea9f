"""What GitHub remembers of the webhooks it sent, and what it would have sent: for deliveries that never arrived.

GitHub redelivers nothing by itself. Its list of deliveries reaches back three days; redelivering makes a new entry
with the same delivery id. The list is given page by page, with the cursor of the rest: how much of it is read at
once is the sweep's question. Comments are looked up where no entry can be expected: while the App's webhook was off
or pointed elsewhere.
"""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from bot.domain.ids import DeliveryId, InstallationId
from bot.domain.sweep import Attempt
from bot.errors import GitHubFault
from bot.forge.answers import Answer, Json, Request, server_time
from bot.forge.auth import AppChannel
from bot.forge.client import PAGE_SIZE, as_object, quoted
from bot.forge.wire import Wire

_PAGES: Final = 10  # of installations and repositories: 1,000
_CURSOR: Final = "cursor"  # of the list of deliveries
_OVERLAP_S: Final = 1.0  # GitHub's times are whole seconds: the last one of a page may go on in the next


@dataclass(frozen=True)
class FailedPage:
    """`attempts`: newest first. `rest`: the cursor of what is older, "" at the end of the list. `at`: when GitHub
    answered, by its own clock, in seconds since the epoch; 0.0 when it does not say."""

    attempts: tuple[Attempt, ...]
    rest: str
    at: float


@dataclass(frozen=True)
class CommentPage:
    """`comments`: as GitHub gives them, the one changed longest ago first. `rest`: since when the next page is to
    be asked for, in seconds since the epoch; None: nothing was changed later."""

    comments: tuple[Json, ...]
    rest: float | None


class HookDeliveries:
    """Asks as the App. Blocking; every method raises GitHubFault and RetryLater."""

    def __init__(self, app: AppChannel) -> None:
        self._app = app

    def fetch_failed(self, cursor: str = "") -> FailedPage:
        """Attempts that were not answered 2xx: the newest ones, or those from `cursor` on."""
        query = {"status": "failure", "per_page": str(PAGE_SIZE)}
        if cursor:
            query[_CURSOR] = cursor
        answer = self._app.send(Request("GET", "/app/hook/deliveries", query))
        listed = answer.data if isinstance(answer.data, list) else []
        found = (
            Attempt(int(item["id"]), DeliveryId(str(item["guid"])), _seconds(item.get("delivered_at")))
            for item in listed
            if isinstance(item, dict)
        )
        rest = _next_query(answer.headers.get("link", "")).get(_CURSOR, "")
        return FailedPage(tuple(one for one in found if one.at), rest, server_time(answer, 0.0))

    def redeliver(self, attempt: int) -> None:
        """Have it sent again. Twice does no harm: the delivery id stays the same. One that GitHub does not have
        any more is left."""
        request = Request("POST", f"/app/hook/deliveries/{attempt}/attempts", repeatable=True)
        try:
            self._app.send(request)
        except GitHubFault as fault:
            if fault.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY):
                raise

    def fetch_installations(self) -> tuple[InstallationId, ...]:
        """Where the App is installed and not suspended."""
        asked = Request("GET", "/app/installations", {"per_page": str(PAGE_SIZE)})
        items = _items(self._app.send, asked)
        return tuple(InstallationId(int(item["id"])) for item in items if not item.get("suspended_at"))


class Mentions:
    """One installation's repositories and their newest comments. Blocking; close it."""

    def __init__(self, installation: InstallationId, wire: Wire) -> None:
        self._installation, self._wire = installation, wire

    def fetch_repositories(self) -> Iterator[Json]:
        """Those that can get comments. Raises GitHubFault, RetryLater."""
        return list_repositories(self._wire)

    def fetch_comments(self, full_name: str, since: float) -> CommentPage:
        """Comments on issues and pull requests that were written or edited since then, one page. The next one is
        asked for by time: numbered pages move when a comment is edited between them. Raises GitHubFault,
        RetryLater."""
        query = {
            "since": datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "sort": "updated",
            "direction": "asc",
            "per_page": str(PAGE_SIZE),
        }
        asked = Request("GET", f"/repos/{quoted(full_name)}/issues/comments", query)
        listed = self._wire.send(asked).data
        found = tuple(item for item in listed or [] if isinstance(item, dict))
        if len(found) < PAGE_SIZE:
            return CommentPage(found, None)
        last = _seconds(found[-1].get("updated_at"))
        return CommentPage(found, max(last - _OVERLAP_S, since + _OVERLAP_S))

    def fetch_payload(self, repository: Json, comment: Json) -> Json:
        """The comment as a webhook would have brought it. Raises GitHubFault, RetryLater."""
        name, number = str(repository["full_name"]), str(comment["issue_url"]).rpartition("/")[2]
        issue = as_object(self._wire.send(Request("GET", f"/repos/{quoted(name)}/issues/{quoted(number)}")))
        return {
            "action": "created",
            "issue": issue,
            "comment": comment,
            "repository": repository,
            "sender": comment.get("user"),
            "installation": {"id": self._installation},
        }

    def close(self) -> None:
        self._wire.close()


class Files:
    """Single files of one installation's repositories. Blocking; close it."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def fetch_repositories(self) -> Iterator[Json]:
        """Those that can be worked on. Raises GitHubFault, RetryLater."""
        return list_repositories(self._wire)

    def find_text(self, full_name: str, path: str, ref: str) -> str | None:
        """A text file of a branch or commit, up to a megabyte; None: there is none. Raises GitHubFault, RetryLater."""
        asked = Request("GET", f"/repos/{quoted(full_name)}/contents/{quoted(path)}", {"ref": ref})
        try:
            found = self._wire.send(asked).data
        except GitHubFault as fault:
            if fault.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        if not isinstance(found, dict) or found.get("encoding") != "base64":
            return None
        return base64.b64decode(str(found.get("content") or "")).decode("utf-8", "replace")

    def close(self) -> None:
        self._wire.close()


def list_repositories(wire: Wire) -> Iterator[Json]:
    """An installation's, without archived ones: those can't be written. Raises GitHubFault, RetryLater."""
    asked = Request("GET", "/installation/repositories", {"per_page": str(PAGE_SIZE)})
    for item in _items(wire.send, asked, "repositories"):
        if not item.get("archived"):
            yield item


def _items(send: Callable[[Request], Answer], asked: Request, key: str = "") -> Iterator[Json]:
    """The items of a list, page by page, as its Link header leads: some lists have pages, some cursors."""
    for _ in range(_PAGES):
        answer = send(asked)
        data = answer.data
        listed = data.get(key) if key and isinstance(data, dict) else data
        yield from (item for item in listed or [] if isinstance(item, dict))
        query = _next_query(answer.headers.get("link", ""))
        if not query:
            return
        asked = Request("GET", asked.path, query)


def _next_query(link: str) -> dict[str, str]:
    for part in link.split(","):
        address, _, relation = part.partition(";")
        if 'rel="next"' in relation:
            return dict(parse_qsl(urlsplit(address.strip().strip("<>")).query))
    return {}


def _seconds(text: object) -> float:
    """Of an ISO time; 0.0 for none, which is older than everything."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return 0.0
