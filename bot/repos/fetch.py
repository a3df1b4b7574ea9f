"""Narrow fetch: one ref or one commit, depth 1, large blobs left out where the server can do that.

Always names what it wants: GitHub advertises every pull request, and asking for all took 139 MB where 8.5 do. Says what
it has: a cache keeps the names of the last commits that it got whole, and the server sends what those do not hold.
"""

from pathlib import Path
from urllib.parse import urlsplit

import urllib3.exceptions
from dulwich.client import HttpGitClient, HTTPUnauthorized
from dulwich.config import StackedConfig
from dulwich.errors import GitProtocolError, HangupException, NotGitRepository
from dulwich.objects import ObjectID
from dulwich.refs import Ref
from dulwich.repo import Repo

from bot.domain import limits
from bot.errors import RepositoryFault, RetryLater, TokenRefused
from bot.repos.cache import locked_cache, read_commit

_ACCESS = "Check that the App is installed on this repository and may read its contents."


def fetch(cache: Path, url: str, token: str, ref: str, commit: str | None) -> dict[str, str]:
    """Bring `ref`, or exactly `commit`, into the cache; what is there already is not asked for."""
    with locked_cache(cache) as repo:
        if commit is not None and ObjectID(commit.encode()) in repo.object_store:
            return _described(repo, commit)
        wanted = _fetch(repo, url, token, ref, commit)
        return _described(repo, wanted)


def open_client(url: str, token: str) -> tuple[HttpGitClient, str]:
    """A client that reads no configuration, and the path to ask for. The token goes into a header only."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or parts.username or parts.password:
        raise RepositoryFault(
            "The repository's address is no plain HTTP address.", "Check PULLWRIGHT_WEB_URL."
        )
    base = f"{parts.scheme}://{parts.netloc}/"
    client = HttpGitClient(base, config=StackedConfig([]), username="x-access-token", password=token)
    return client, parts.path.lstrip("/")


def translate(error: Exception) -> Exception:
    """The library's exception as one of ours."""
    match error:
        case HTTPUnauthorized():
            return TokenRefused("GitHub refuses the token for this repository.", _ACCESS)
        case NotGitRepository():
            return RepositoryFault("There is no such repository, or the App may not see it.", _ACCESS)
        case urllib3.exceptions.HTTPError() | HangupException() | OSError():
            return RetryLater(f"the connection to the git server failed: {type(error).__name__}", 5.0)
        case GitProtocolError():
            text = str(error)
            if any(code in text for code in ("403", "401")):
                return TokenRefused(f"The git server refuses: {text}", _ACCESS)
            if "404" in text:
                return RepositoryFault(f"The git server refuses: {text}", _ACCESS)
            return RetryLater(f"the git server failed: {text[:300]}", 5.0)
        case _:
            return error


def _fetch(repo: Repo, url: str, token: str, ref: str, commit: str | None) -> str:
    client, path = open_client(url, token)
    name = ref.encode()
    found: list[ObjectID] = []

    def wants(refs: object, depth: int | None = None) -> list[ObjectID]:  # noqa: ARG001 - the library's
        if commit is not None:
            found.append(ObjectID(commit.encode()))
        elif isinstance(refs, dict) and refs.get(name):
            found.append(ObjectID(bytes(refs[name])))
        return found[:1]

    try:
        client.fetch(path, repo, determine_wants=wants, ref_prefix=[name], depth=1, filter_spec=_filter())
    except Exception as error:
        translated = translate(error)
        if translated is error:
            raise
        raise translated from error
    if not found:
        raise RepositoryFault(f"The repository has no `{ref}`.", "An empty repository needs a first commit.")
    _remember(repo, found[0])
    return found[0].decode()


def _remember(repo: Repo, commit: ObjectID) -> None:
    """One of sixteen branches of the cache names it, so that the next fetch tells the server of it."""
    repo.refs[Ref(b"refs/heads/got-" + commit[:1])] = commit


def _filter() -> bytes:
    return f"blob:limit={limits.BLOB_BYTES}".encode()


def _described(repo: Repo, commit: str) -> dict[str, str]:
    return {"commit": commit, "tree": read_commit(repo, commit).tree.decode()}
