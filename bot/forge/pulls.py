"""Pull requests of ours: found by head branch and marker, opened once, edited."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.domain.closing import closes
from bot.domain.ids import CommitSha
from bot.errors import RetryLater
from bot.forge.answers import Json
from bot.forge.client import RepositoryClient


@dataclass(frozen=True)
class NewPull:
    """`head` and `base` are branches of the same repository; `body` holds the marker."""

    title: str
    body: str
    head: str
    base: str
    draft: bool


@dataclass(frozen=True)
class PullState:
    """A pull request as GitHub has it."""

    number: int
    url: str
    head_branch: str
    head_sha: CommitSha
    base_branch: str
    open: bool
    merged: bool
    draft: bool
    title: str
    body: str
    base_sha: CommitSha = CommitSha("")  # the base branch's tip, as GitHub last saw it
    author: str = ""
    author_id: int = 0
    head_repository: int = 0  # another one than ours: a fork; 0: it was deleted
    created_at: str = ""  # ISO 8601


class Pulls:
    """`own_login` gives the login under which the App writes, `name[bot]`."""

    def __init__(self, client: RepositoryClient, own_login: Callable[[], str]) -> None:
        self._client, self._own_login = client, own_login

    def find_pull(self, head_branch: str, marker: str) -> PullState | None:
        """Our pull request from `head_branch` of this repository whose text holds `marker`, open or closed;
        the oldest, should there be several. Raises GitHubFault, RetryLater: no answer is not "none"."""
        owner = self._client.full_name().partition("/")[0]
        query = {"state": "all", "head": f"{owner}:{head_branch}", "direction": "asc"}
        found = [
            item for item in self._client.pages("/pulls", query) if self._is_ours(item, head_branch, marker)
        ]
        found.sort(key=lambda item: int(item["number"]))
        return _state(found[0]) if found else None

    def list_own(self, head_branch: str) -> tuple[PullState, ...]:
        """Those that we opened from `head_branch` of this repository, whatever became of them, oldest first. Raises
        GitHubFault, RetryLater."""
        owner = self._client.full_name().partition("/")[0]
        query = {"state": "all", "head": f"{owner}:{head_branch}", "direction": "asc"}
        found = [item for item in self._client.pages("/pulls", query) if self._is_ours(item, head_branch, "")]
        return tuple(_state(item) for item in sorted(found, key=lambda item: int(item["number"])))

    def list_open_own(self, prefix: str) -> tuple[PullState, ...]:
        """Open ones that we opened from branches of this repository whose name begins with `prefix`. Raises
        GitHubFault, RetryLater."""
        found = []
        for item in self._client.pages("/pulls", {"state": "open", "direction": "asc"}):
            branch = str((item.get("head") or {}).get("ref") or "")
            if branch.startswith(prefix) and self._is_ours(item, branch, ""):
                found.append(_state(item))
        return tuple(found)

    def _is_ours(self, item: Json, head_branch: str, marker: str) -> bool:
        """All of it is compared here again: GitHub ignores a filter that it can't read."""
        head, user = item.get("head") or {}, item.get("user") or {}
        repository = head.get("repo") or {}  # null when a fork was deleted
        return (
            head.get("ref") == head_branch
            and repository.get("id") == self._client.place.repository
            and str(user.get("login") or "").lower() == self._own_login().lower()
            and marker in str(item.get("body") or "")
        )

    def list_closing(self, issue: int) -> tuple[PullState, ...]:
        """Open pull requests, of the newest hundred, whose text says that they close the issue; oldest first. Raises
        GitHubFault, RetryLater."""
        query = {"state": "open", "per_page": "100"}
        found = self._client.get("/pulls", query)
        name = self._client.full_name()
        states = [_state(item) for item in (found if isinstance(found, list) else ())]
        return tuple(sorted((s for s in states if closes(s.body, name, issue)), key=lambda s: s.number))

    def fetch_pull(self, number: int) -> PullState:
        """Raises GitHubFault (404: none), RetryLater."""
        found = self._client.get(f"/pulls/{number}")
        if not isinstance(found, dict):
            raise RetryLater("GitHub's answer is no pull request.", 1.0)
        return _state(found)

    def fetch_changed(self, number: int) -> tuple[str, ...]:
        """Paths that it changes, of a renamed file the old one too; the first 3,000 files, where GitHub's list ends.
        Raises GitHubFault, RetryLater."""
        return tuple(
            str(item[name])
            for item in self._client.pages(f"/pulls/{number}/files")
            for name in ("filename", "previous_filename")
            if item.get(name)
        )

    def is_own(self, pull: PullState) -> bool:
        """Whether we opened it, from a branch of this repository."""
        here = pull.head_repository == self._client.place.repository
        return here and pull.author.lower() == self._own_login().lower()

    def create_pull(self, new: NewPull) -> PullState:
        """Sent once. Raises GitHubFault (422: one exists for this branch, nothing between the branches, or
        drafts are not available in this repository), WriteUnclear, RetryLater."""
        body = {
            "title": new.title,
            "body": new.body,
            "head": new.head,
            "base": new.base,
            "draft": new.draft,
        }
        return _state(self._client.write("POST", "/pulls", body))

    def edit_pull(self, number: int, *, title: str | None = None, body: str | None = None) -> PullState:
        """Replace title or text; doing it twice does no harm. Raises GitHubFault, RetryLater."""
        given = {"title": title, "body": body}
        changes = {key: value for key, value in given.items() if value is not None}
        return _state(self._client.write("PATCH", f"/pulls/{number}", changes))


def _state(item: Json) -> PullState:
    head, base = item.get("head") or {}, item.get("base") or {}
    user = item.get("user") or {}  # null when the account is gone
    return PullState(
        int(item["number"]),
        str(item.get("html_url") or ""),
        str(head.get("ref") or ""),
        CommitSha(str(head.get("sha") or "")),
        str(base.get("ref") or ""),
        item.get("state") == "open",
        item.get("merged_at") is not None,
        bool(item.get("draft")),
        str(item.get("title") or ""),
        str(item.get("body") or ""),
        CommitSha(str(base.get("sha") or "")),
        str(user.get("login") or "ghost"),
        int(user.get("id") or 0),
        int((head.get("repo") or {}).get("id") or 0),
        str(item.get("created_at") or ""),
    )
