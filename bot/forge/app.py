"""The App itself on GitHub: its creation from a manifest, and what it says of itself for `pullwright doctor`.

Must never: put a secret of the conversion's answer into an error or a log.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from bot.errors import GitHubFault
from bot.forge.answers import Json, Request, server_time
from bot.forge.auth import AppKey
from bot.forge.client import as_object, quoted
from bot.forge.wire import Wire


@dataclass(frozen=True)
class CreatedApp:
    """What GitHub tells once, when an App was created from a manifest."""

    app_id: int
    slug: str
    html_url: str
    client_id: str
    private_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class AppFacts:
    """`clock_ahead_s`: how far our clock is ahead of GitHub's (whole seconds, its answers have no finer)."""

    slug: str
    html_url: str
    permissions: dict[str, str]
    events: tuple[str, ...]
    installations: int
    clock_ahead_s: float


@dataclass(frozen=True)
class HookFacts:
    """Where webhooks go, and how the newest deliveries were answered: (event, status code)."""

    url: str
    recent: tuple[tuple[str, int], ...]


def convert_manifest(
    api_url: str, code: str, now: Callable[[], float], pause: Callable[[float], None]
) -> CreatedApp:
    """Trade the code of the manifest flow for the App's secrets; it works once, within an hour.

    Raises GitHubFault (a code that is spent, too old or none) and RetryLater.
    """
    wire = Wire(api_url, None, now, pause)
    try:
        answer = wire.send(Request("POST", f"/app-manifests/{quoted(code)}/conversions"))
    finally:
        wire.close()
    body = as_object(answer)
    try:
        return CreatedApp(
            app_id=int(body["id"]),
            slug=str(body["slug"]),
            html_url=str(body["html_url"]),
            client_id=str(body.get("client_id") or ""),
            private_key=str(body["pem"]),
            webhook_secret=str(body.get("webhook_secret") or ""),
            client_secret=str(body.get("client_secret") or ""),
        )
    except (KeyError, ValueError, TypeError):
        raise GitHubFault("GitHub's answer to the creation of the App is not complete.") from None


class AppClient:
    """Asks as the App. Close it."""

    def __init__(
        self, api_url: str, key: AppKey, now: Callable[[], float], pause: Callable[[float], None]
    ) -> None:
        self._now = now
        self._wire = Wire(api_url, lambda: key.sign(now()), now, pause)

    def fetch_app(self) -> AppFacts:
        """Raises GitHubFault (401: the id and the key don't belong together, or the clock is off), RetryLater."""
        answer = self._wire.send(Request("GET", "/app"))
        body = as_object(answer)
        return AppFacts(
            slug=str(body.get("slug") or ""),
            html_url=str(body.get("html_url") or ""),
            permissions={str(k): str(v) for k, v in dict(body.get("permissions") or {}).items()},
            events=tuple(str(event) for event in body.get("events") or ()),
            installations=int(body.get("installations_count") or 0),
            clock_ahead_s=round(self._now() - server_time(answer, self._now())),
        )

    def fetch_hook(self, newest: int = 20) -> HookFacts:
        """Raises GitHubFault, RetryLater."""
        config = as_object(self._wire.send(Request("GET", "/app/hook/config")))
        listed = self._wire.send(Request("GET", "/app/hook/deliveries", {"per_page": str(newest)})).data
        items: list[Json] = [item for item in listed or [] if isinstance(item, dict)]
        recent = tuple((str(item.get("event")), int(item.get("status_code") or 0)) for item in items)
        return HookFacts(str(config.get("url") or ""), recent)

    def close(self) -> None:
        self._wire.close()
