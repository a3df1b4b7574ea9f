"""One repository's API for one job: names resolved, pages read, writes paced and sent once.

A repository is meant by its id. Its name comes from a payload that may be hours old: it is looked up once (by
whichever job was first within a minute), and again when GitHub says that it moved; a name that now belongs to
another repository is refused.

Races: the repository is renamed in the middle of a job. A write is answered with a redirect, was not
carried out, and is sent once more under the new name. A token is revoked in the middle: the same with a new
token.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from bot.domain.ids import InstallationId, RepositoryId
from bot.domain.limits import REPOSITORY_NAME_S, WRITE_BEGIN_S
from bot.errors import GitHubFault, RetryLater
from bot.forge.answers import GRAPHQL, RENAMED, Answer, Json, Request, WriteUnclear, read_graphql
from bot.forge.pacing import WritePace
from bot.forge.wire import Wire

PAGE_SIZE: Final = 100  # GitHub's greatest
PAGES: Final = 30  # 3,000 items: GitHub's own lists of commits and files end there


@dataclass(frozen=True)
class Place:
    """The repository as the payload named it, and where the App is installed."""

    installation: InstallationId
    repository: RepositoryId
    full_name: str


class Names:
    """What repositories are called now, for all jobs of the process: the phases of a task are jobs of their own,
    and most follow one another at once. `ticks` never runs backwards."""

    def __init__(self, ticks: Callable[[], float]) -> None:
        self._ticks = ticks
        self._known: dict[RepositoryId, tuple[str, float]] = {}

    def find(self, repository: RepositoryId) -> str | None:
        """The name as it was at most REPOSITORY_NAME_S ago."""
        name, at = self._known.get(repository, ("", 0.0))
        return name if name and self._ticks() - at <= REPOSITORY_NAME_S else None

    def learn(self, repository: RepositoryId, name: str) -> None:
        self._known[repository] = (name, self._ticks())


class RepositoryClient:
    """Paths are below the repository: `/issues/3`. Safe for several threads, one request at a time."""

    def __init__(
        self, place: Place, wire: Wire, pace: WritePace, names: Names, forget_token: Callable[[], None]
    ) -> None:
        self.place = place
        self._wire, self._pace, self._names, self._forget_token = wire, pace, names, forget_token
        self._record: Json | None = None

    def record(self, *, fresh: bool = False) -> Json:
        """GitHub's description of the repository; read once unless `fresh`. Raises GitHubFault,
        RetryLater."""
        record = None if fresh else self._record
        if record is None:
            name = self.place.full_name if self._record is None else str(self._record["full_name"])
            record = as_object(self._send(Request("GET", f"/repos/{quoted(name)}")))
            if record.get("id") != self.place.repository or "full_name" not in record:
                raise GitHubFault(
                    f"The name {self.place.full_name} belongs to another repository now.",
                    "Ask again in the repository that is meant.",
                    status=int(HTTPStatus.NOT_FOUND),
                )
            self._record = record
            self._names.learn(self.place.repository, str(record["full_name"]))
        return record

    def full_name(self) -> str:
        """Its name now, as far as this job or another one has just learned it. Raises GitHubFault, RetryLater."""
        known = self._names.find(self.place.repository) if self._record is None else None
        return known or str(self.record()["full_name"])

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """The decoded JSON at `path`. Raises GitHubFault, RetryLater."""
        return self._send(Request("GET", self._path(path), query)).data

    def find(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """As `get`; None when there is nothing at `path`."""
        try:
            return self.get(path, query)
        except GitHubFault as fault:
            if fault.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def find_redirect(self, path: str) -> str:
        """The address to which GitHub redirects from `path`, which is not followed: it may be on any host, and is a
        secret while it lives. Empty: it does not. Raises GitHubFault, RetryLater."""
        answer = self._send(Request("GET", self._path(path), redirected=True))
        return answer.headers.get("location", "") if answer.status == HTTPStatus.FOUND else ""

    def pages(self, path: str, query: Mapping[str, str] | None = None, key: str = "") -> Iterator[Json]:
        """The items of a list, page by page, at most 3,000. `key`: the list's name in an enclosing object.

        Raises GitHubFault when there are more: a search that did not look everywhere must not answer "none".
        """
        for page in range(1, PAGES + 1):
            asked = {**(query or {}), "per_page": str(PAGE_SIZE), "page": str(page)}
            answer = self._send(Request("GET", self._path(path), asked))
            data = answer.data
            found = data.get(key) if key and isinstance(data, dict) else data
            yield from (item for item in found or [] if isinstance(item, dict))
            if 'rel="next"' not in answer.headers.get("link", ""):
                return
        raise GitHubFault(
            f"There are more than {PAGES * PAGE_SIZE} entries under {path}.", "Clear some of them."
        )

    def write(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        still: Callable[[], None] = lambda: None,
    ) -> Json:
        """Send one write and read its answer, an object with an id (nothing for DELETE). `still` is asked when its turn
        has come, and raises what goes through when nothing is to be sent any more.

        Raises GitHubFault (not carried out), WriteUnclear (perhaps), RetryLater (a limit: not carried out).
        """
        begun = self._pace.ticks()
        url = self._path(path)
        with self._pace.turn(self.place.installation, WRITE_BEGIN_S):
            try:
                answer = self._send(Request(verb, url, body=body), begun, still)
            except GitHubFault as fault:
                if fault.status not in RENAMED:
                    raise
                self.record(fresh=True)
                answer = self._send(Request(verb, self._path(path), body=body), begun, still)
        if verb == "DELETE":
            return {}
        written = answer.data
        if not isinstance(written, dict) or not written.get("id"):
            raise WriteUnclear(f"GitHub's answer to {verb} {url} does not say what was written.")
        return written

    def query(self, document: str, variables: Mapping[str, Any]) -> Json:
        """The `data` of a GraphQL query. `$owner` and `$name` are filled in. Raises GitHubFault, RetryLater."""
        owner, _, name = self.full_name().partition("/")
        given = {"owner": owner, "name": name, **variables}
        body = {"query": document, "variables": given}
        answer = self._send(Request("POST", GRAPHQL, body=body, repeatable=True))
        return read_graphql(answer, self._wire.now())

    def mutate(self, document: str, variables: Mapping[str, Any]) -> Json:
        """The `data` of a GraphQL mutation that does no harm when it is carried out twice; in its turn, as every write.
        Raises GitHubFault, RetryLater."""
        begun = self._pace.ticks()
        body = {"query": document, "variables": dict(variables)}
        with self._pace.turn(self.place.installation, WRITE_BEGIN_S):
            answer = self._send(Request("POST", GRAPHQL, body=body, repeatable=True), begun)
        return read_graphql(answer, self._wire.now())

    def _send(
        self, request: Request, begun: float | None = None, still: Callable[[], None] = lambda: None
    ) -> Answer:
        """`begun`: when the caller began a write. One that is late is not sent (see `tasks/ledger.py`). `still`: see
        `write`."""
        self._check_in_time(request, begun)
        still()
        try:
            return self._wire.send(request)
        except GitHubFault as fault:
            if fault.status != HTTPStatus.UNAUTHORIZED:
                raise
        self._forget_token()  # 401: nothing was carried out, whatever the verb
        self._check_in_time(request, begun)
        still()
        return self._wire.send(request)

    def close(self) -> None:
        self._wire.close()

    def _check_in_time(self, request: Request, begun: float | None) -> None:
        if begun is not None and self._pace.ticks() - begun > WRITE_BEGIN_S:
            raise RetryLater(f"{request} waited too long for its turn; nothing was sent.", 1.0)

    def _path(self, path: str) -> str:
        return f"/repos/{quoted(self.full_name())}{path}"


def as_object(answer: Answer) -> Json:
    """The answer as a JSON object. Raises RetryLater: something between us and GitHub answered."""
    if not isinstance(answer.data, dict):
        raise RetryLater("GitHub's answer is no JSON object.", 1.0)
    return answer.data


def quoted(name: str) -> str:
    """A name of a repository or ref as a part of a path. Raises GitHubFault for parts that would lead
    elsewhere."""
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise GitHubFault(f"`{name}` is not a name that GitHub can have.")
    return quote(name, safe="/")
