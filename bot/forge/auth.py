"""Who we are to GitHub: the App by a short-lived JWT, an installation by a token for one repository.

Tokens carry only the permissions that their use needs and reach only one repository; the one that looks for comments
reaches all of an installation's and may only read. They are opaque: no
length, no alphabet is assumed. They are kept in memory only, and are neither logged nor put into an error.

Races: several threads want the same token (one lock for each, so one is minted); a token ends while it is
used (it is replaced some minutes before). Times are GitHub's, so that a wrong clock of ours is no matter.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final

import jwt
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bot.domain.ids import InstallationId, RepositoryId
from bot.domain.limits import CLOCK_TOLERANCE_S, JWT_BACKDATE_S, JWT_LIFETIME_S, TOKEN_SPARE_S
from bot.errors import GitHubFault, RetryLater, SettingsFault
from bot.forge.answers import Answer, Json, Request, server_time
from bot.forge.wire import Wire

log = structlog.get_logger()

API_PERMISSIONS: Final[Mapping[str, str]] = {
    "checks": "write",
    "contents": "read",
    "issues": "write",
    "metadata": "read",
    "pull_requests": "write",
}
PUSH_PERMISSIONS: Final[Mapping[str, str]] = {"contents": "write", "metadata": "read"}
RESOLVE_PERMISSIONS: Final[Mapping[str, str]] = {
    "contents": "write",  # GitHub asks for it where one expects pull_requests alone
    "metadata": "read",
    "pull_requests": "write",
}
LOOK_PERMISSIONS: Final[Mapping[str, str]] = {
    "issues": "read",
    "metadata": "read",
    "pull_requests": "read",
}
LIST_PERMISSIONS: Final[Mapping[str, str]] = {
    "checks": "read",
    "contents": "read",  # GitHub asks for it where the checks of a pull request are
    "issues": "read",
    "metadata": "read",
    "pull_requests": "read",
    "statuses": "read",
}
CI_PERMISSIONS: Final[Mapping[str, str]] = {
    "actions": "read",
    "checks": "read",
    "metadata": "read",
    "statuses": "read",
}
FETCH_PERMISSIONS: Final[Mapping[str, str]] = {"contents": "read", "metadata": "read"}


class AppKey:
    """The App's private key, parsed once: parsing takes 29 ms, signing 0.2 ms."""

    def __init__(self, app_id: int, pem: str) -> None:
        try:
            key = load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise _bad_key("it can't be read as a PEM key without a passphrase") from error
        if not isinstance(key, RSAPrivateKey):
            raise _bad_key("it is no RSA key")
        self.app_id, self._key = app_id, key

    def sign(self, now: float) -> str:
        """A JWT that is valid from a minute before `now` (seconds since the epoch) for nine minutes."""
        issued = int(now) - JWT_BACKDATE_S
        claims = {"iat": issued, "exp": issued + JWT_LIFETIME_S, "iss": str(self.app_id)}
        return jwt.encode(claims, self._key, algorithm="RS256")


class AppChannel:
    """Requests as the App itself. One for the process.

    A JWT names times, so a clock of ours that is off by more than a minute is refused with 401. GitHub's answer
    says what time it is: then it is signed by that clock, once more, and from then on.
    """

    def __init__(
        self, key: AppKey, open_wire: Callable[[Callable[[], str]], Wire], now: Callable[[], float]
    ) -> None:
        self._ahead_s = 0.0
        self._wire = open_wire(lambda: key.sign(now() - self._ahead_s))

    def send(self, request: Request) -> Answer:
        """See `Wire.send`. Raises GitHubFault (401: id and key don't belong together), RetryLater."""
        try:
            return self._wire.send(request)
        except GitHubFault as fault:
            ahead_s = self._wire.clock_ahead_s
            if fault.status != HTTPStatus.UNAUTHORIZED or abs(ahead_s - self._ahead_s) < CLOCK_TOLERANCE_S:
                raise
        log.warning("our clock is off; GitHub's is used", ahead_s=round(ahead_s))
        self._ahead_s = ahead_s
        return self._wire.send(request)

    def close(self) -> None:
        self._wire.close()


def _bad_key(what: str) -> SettingsFault:
    return SettingsFault(
        f"The App's private key is not usable: {what}.", "Download a new one on the App's settings page."
    )


@dataclass(frozen=True)
class _Kept:
    text: str
    until: float  # by our clock


_Scope = tuple[InstallationId, RepositoryId | None, tuple[tuple[str, str], ...]]


class Tokens:
    """Installation tokens, minted when needed and kept until shortly before they end. One for the process."""

    def __init__(self, app: AppChannel, now: Callable[[], float]) -> None:
        self._app, self._now = app, now
        self._guard = threading.Lock()
        self._locks: dict[_Scope, threading.Lock] = {}
        self._kept: dict[_Scope, _Kept] = {}

    def token(
        self, installation: InstallationId, repository: RepositoryId | None, permissions: Mapping[str, str]
    ) -> str:
        """A token that is good for at least five more minutes; `repository` None: for all of them. Raises
        GitHubFault (not installed there any more, permissions not granted) and RetryLater."""
        scope = (installation, repository, tuple(sorted(permissions.items())))
        with self._guard:
            lock = self._locks.setdefault(scope, threading.Lock())
        with lock:
            kept = self._kept.get(scope)
            if kept is None or kept.until <= self._now():
                kept = self._mint(scope)
                self._keep(scope, kept)
            return kept.text

    def forget(
        self, installation: InstallationId, repository: RepositoryId, permissions: Mapping[str, str]
    ) -> None:
        """GitHub does not take the token any more (revoked, permissions changed): the next one is minted."""
        self._kept.pop((installation, repository, tuple(sorted(permissions.items()))), None)

    def _keep(self, scope: _Scope, kept: _Kept) -> None:
        with self._guard:
            now = self._now()
            for old in [known for known, token in self._kept.items() if token.until <= now]:
                self._kept.pop(old, None)
            self._kept[scope] = kept

    def _mint(self, scope: _Scope) -> _Kept:
        installation, repository, permissions = scope
        request = Request(
            "POST",
            f"/app/installations/{installation}/access_tokens",
            body={
                **({} if repository is None else {"repository_ids": [repository]}),
                "permissions": dict(permissions),
            },
            repeatable=True,  # a token that nobody uses ends by itself
        )
        answer = self._app.send(request)
        data: Json = answer.data if isinstance(answer.data, dict) else {}
        try:
            text, ends = str(data["token"]), datetime.fromisoformat(str(data["expires_at"])).timestamp()
        except (KeyError, ValueError) as error:
            raise RetryLater("GitHub's answer holds no installation token.", 1.0) from error
        lifetime = ends - server_time(answer, self._now())
        return _Kept(text, self._now() + lifetime - TOKEN_SPARE_S)
