"""What GitHub remembers of the webhooks it sent, and what it would have sent: for deliveries that never arrived.

GitHub redelivers nothing by itself. Its list of deliveries reaches back three days; redelivering makes a new entry
with the same delivery id. Comments are looked up where no entry can be expected: while the App's webhook was off
or pointed elsewhere.
"""

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from bot.domain.ids import DeliveryId, InstallationId
from bot.domain.sweep import Attempt
from bot.errors import GitHubFault
from bot.forge.answers import Answer, Json, Request
from bot.forge.auth import AppChannel
from bot.forge.client import PAGE_SIZE, as_object, quoted
from bot.forge.wire import Wire

_PAGES: Final = 10  # 1,000 entries a pass: what is older waits for the next one


class HookDeliveries:
    """Asks as the App. Blocking; every method raises GitHubFault and RetryLater."""

    def __init__(self, app: AppChannel) -> None:
        self._app = app

    def fetch_failed(self, since: float) -> tuple[Attempt, ...]:
        """Attempts that were not answered 2xx, newest first. `since`: seconds since the epoch."""
        found: list[Attempt] = []
        asked = Request("GET", "/app/hook/deliveries", {"status": "failure", "per_page": str(PAGE_SIZE)})
        for item in _items(self._app.send, asked):
            at = _seconds(item.get("delivered_at"))
            if at < since:
                break
            found.append(Attempt(int(item["id"]), DeliveryId(str(item["guid"])), at))
        return tuple(found)

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

    def fetch_comments(self, full_name: str, since: float) -> Iterator[Json]:
        """Comments on issues and pull requests that were written or edited since then, newest first. Raises
        GitHubFault, RetryLater."""
        query = {
            "since": datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "sort": "created",
            "direction": "desc",
            "per_page": str(PAGE_SIZE),
        }
        return _items(self._wire.send, Request("GET", f"/repos/{quoted(full_name)}/issues/comments", query))

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
