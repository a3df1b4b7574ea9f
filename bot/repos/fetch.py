"""Narrow fetch: one ref or one commit, depth 1, large blobs left out where the server can do that.

Always names what it wants: GitHub advertises every pull request, and asking for all took 139 MB where 8.5 do. Says what
it has: a cache keeps the names of the last commits that it got whole, and the server sends what those do not hold.
"""

from pathlib import Path

from dulwich.objects import ObjectID
from dulwich.refs import Ref
from dulwich.repo import Repo

from bot.domain import limits
from bot.errors import RepositoryFault
from bot.repos.cache import locked_cache, read_commit
from bot.repos.transport import open_client, translate


def fetch(cache: Path, url: str, token: str, ref: str, commit: str | None) -> dict[str, str]:
    """Bring `ref`, or exactly `commit`, into the cache; what is there already is not asked for."""
    with locked_cache(cache) as repo:
        if commit is not None and ObjectID(commit.encode()) in repo.object_store:
            return _described(repo, commit)
        wanted = _fetch(repo, url, token, ref, commit)
        return _described(repo, wanted)


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
