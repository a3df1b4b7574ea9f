"""The room's face: GitHub for the whole process, and one repository's GitHub for one job.

    forge = Forge(ForgeSettings(...))
    with forge.repository(installation, "owner/name", repository_id) as github:
        github.threads.create_reaction(issue, comment_id)

`Forge` keeps what belongs to the process: tokens, the pace of writing, names that were just looked up. Everything
here blocks; callers that are async use a thread. Nothing here calls a `create_` twice: whoever calls it (the
ledger) looks first.
"""

import functools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType

from bot.domain.ids import InstallationId, RepositoryId
from bot.domain.limits import WRITE_SPACING_S
from bot.errors import GitHubFault
from bot.forge.answers import Answer, Request, limits_writes, wait_for
from bot.forge.auth import (
    API_PERMISSIONS,
    CI_PERMISSIONS,
    FETCH_PERMISSIONS,
    LIST_PERMISSIONS,
    LOOK_PERMISSIONS,
    PUSH_PERMISSIONS,
    RESOLVE_PERMISSIONS,
    AppChannel,
    AppKey,
    Tokens,
)
from bot.forge.checks import Checks
from bot.forge.ci import CiReader
from bot.forge.client import Names, Place, RepositoryClient, as_object
from bot.forge.deliveries import Files, HookDeliveries, Mentions
from bot.forge.known import KnownAnswers
from bot.forge.listings import Listings
from bot.forge.pacing import OwnTurns, Turns, WritePace
from bot.forge.pulls import Pulls
from bot.forge.quota import Quota
from bot.forge.refs import Refs
from bot.forge.review_comments import ReviewComments
from bot.forge.review_threads import ReviewThreads
from bot.forge.reviews import Reviews
from bot.forge.threads import Threads
from bot.forge.wire import Wire
from bot.ticks import since_boot


@dataclass(frozen=True)
class ForgeSettings:
    """`api_url`: for Enterprise Server `https://HOST/api/v3`."""

    api_url: str
    app_id: int
    private_key_pem: str = field(repr=False)
    write_spacing_s: float = WRITE_SPACING_S


class RepositoryForge:
    """One repository for one job. Close it, or use it as a context manager."""

    def __init__(
        self,
        client: RepositoryClient,
        resolver: RepositoryClient,
        app_id: int,
        own_login: Callable[[], str],
    ) -> None:
        """`resolver`: the same repository with the token that may resolve threads; minted when it is first used."""
        self._clients = (client, resolver)
        self.threads = Threads(client, own_login)
        self.pulls = Pulls(client, own_login)
        self.reviews = Reviews(client, own_login)
        self.review_threads = ReviewThreads(client, resolver, own_login)
        self.review_comments = ReviewComments(client, own_login)
        self.checks = Checks(client, app_id)
        self.refs = Refs(client)

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def __enter__(self) -> "RepositoryForge":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


class Forge:
    """One for the process, safe for threads. `now`: seconds since the epoch; `pause` waits so many seconds; `turns`: to
    write, of all processes that write as this App (None: there are no others, the settings' spacing is held here).

    Raises SettingsFault when the key is none. Asks GitHub nothing before it is used.
    """

    def __init__(
        self,
        settings: ForgeSettings,
        now: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
        turns: Turns | None = None,
    ) -> None:
        self._settings, self._now, self._pause = settings, now, pause
        self.quota = Quota(now)
        key = AppKey(settings.app_id, settings.private_key_pem)
        self._app = AppChannel(key, self._wire, now)
        self._tokens = Tokens(self._app, now)
        own = OwnTurns(settings.write_spacing_s, since_boot)
        self._pace = WritePace(turns or own, since_boot, pause)
        self._names = Names(time.monotonic)
        self._known = KnownAnswers()
        self._login_lock = threading.Lock()
        self._login = ""

    def repository(
        self, installation: InstallationId, full_name: str, repository: RepositoryId
    ) -> RepositoryForge:
        """A repository for one job; `full_name` as the payload named it. Asks GitHub nothing yet."""
        place = Place(installation, repository, full_name)
        client, resolver = (self._client(place, needs) for needs in (API_PERMISSIONS, RESOLVE_PERMISSIONS))
        return RepositoryForge(client, resolver, self._settings.app_id, self.own_login)

    def _client(self, place: Place, permissions: Mapping[str, str]) -> RepositoryClient:
        scope = (place.installation, place.repository, permissions)
        wire = self._wire(lambda: self._tokens.token(*scope), place.installation)
        return RepositoryClient(place, wire, self._pace, self._names, lambda: self._tokens.forget(*scope))

    def ci(self, installation: InstallationId, full_name: str, repository: RepositoryId) -> CiReader:
        """What CI says of a repository's commits, with a token that can read that and nothing else. Close it."""
        wire = self._polling_wire(installation, repository, CI_PERMISSIONS)
        client = RepositoryClient(
            Place(installation, repository, full_name),
            wire,
            self._pace,
            self._names,
            lambda: self._tokens.forget(installation, repository, CI_PERMISSIONS),
        )
        return CiReader(client, self._settings.app_id, wire.close)

    def listings(self, installation: InstallationId, full_name: str, repository: RepositoryId) -> Listings:
        """What is open in a repository, with a token that can read that and change nothing. Close it."""
        place = Place(installation, repository, full_name)
        return Listings(self._client(place, LIST_PERMISSIONS), self.own_login)

    def push_token(self, installation: InstallationId, repository: RepositoryId) -> str:
        """A token that can push to this repository and nothing else. Raises GitHubFault, RetryLater."""
        return self._tokens.token(installation, repository, PUSH_PERMISSIONS)

    def fetch_token(self, installation: InstallationId, repository: RepositoryId) -> str:
        """A token that can read this repository's content and nothing else. Raises GitHubFault,
        RetryLater."""
        return self._tokens.token(installation, repository, FETCH_PERMISSIONS)

    def forget_git_tokens(self, installation: InstallationId, repository: RepositoryId) -> None:
        """The git server refused one of them: the next ones are minted."""
        for permissions in (FETCH_PERMISSIONS, PUSH_PERMISSIONS):
            self._tokens.forget(installation, repository, permissions)

    def deliveries(self) -> HookDeliveries:
        """What GitHub remembers of its webhooks to us."""
        return HookDeliveries(self._app)

    def mentions(self, installation: InstallationId) -> Mentions:
        """The newest comments of all repositories of an installation. Close it."""
        return Mentions(installation, self._polling_wire(installation, None, LOOK_PERMISSIONS))

    def files(self, installation: InstallationId) -> Files:
        """Single files of all repositories of an installation. Close it."""
        return Files(self._polling_wire(installation, None, FETCH_PERMISSIONS))

    def own_login(self) -> str:
        """The login under which the App writes: `name[bot]`. Asked once. Raises GitHubFault, RetryLater."""
        with self._login_lock:
            if not self._login:
                slug = as_object(self._app.send(Request("GET", "/app"))).get("slug")
                if not slug:
                    raise GitHubFault("GitHub does not name the App.", "Check PULLWRIGHT_APP_ID.")
                self._login = f"{slug}[bot]"
            return self._login

    def close(self) -> None:
        self._app.close()

    def _polling_wire(
        self, installation: InstallationId, repository: RepositoryId | None, permissions: Mapping[str, str]
    ) -> Wire:
        reader = repr((installation, repository, sorted(permissions.items())))
        wire = self._wire(lambda: self._tokens.token(installation, repository, permissions), installation)
        wire.polls = (self._known, reader)
        return wire

    def _wire(self, token: Callable[[], str], account: int = 0) -> Wire:
        learn = functools.partial(self._learn, account)
        return Wire(self._settings.api_url, token, self._now, self._pause, learn)

    def _learn(self, account: int, answer: Answer) -> None:
        self.quota.learn(account, answer)
        if account and limits_writes(answer):
            self._pace.hold_back(InstallationId(account), wait_for(answer, self._now()))
