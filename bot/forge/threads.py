"""Issues and their comments: the thread as data, the tracking comment, reactions, people's permissions.

Must never: take a comment for ours because it holds our marker. People quote our comments, marker included.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from bot.domain.access import Permission
from bot.domain.limits import THREAD_COMMENTS
from bot.errors import GitHubFault
from bot.forge.answers import Json
from bot.forge.client import PAGE_SIZE, RepositoryClient, quoted


@dataclass(frozen=True)
class WrittenComment:
    """A comment of ours as GitHub has it."""

    id: int
    url: str
    body: str


@dataclass(frozen=True)
class ThreadComment:
    author: str
    is_bot: bool
    association: str  # GitHub's word: OWNER, MEMBER, COLLABORATOR, CONTRIBUTOR, NONE...; not a permission
    created_at: str  # ISO 8601
    body: str
    id: int = 0
    author_id: int = 0  # 0: a deleted account
    updated_at: str = ""  # ISO 8601; other than `created_at`: it was edited


@dataclass(frozen=True)
class IssueThread:
    """An issue (or pull request, which is one too) with its newest comments, newest first."""

    number: int
    title: str
    body: str
    author: str
    association: str
    open: bool
    locked: bool
    is_pull: bool
    url: str
    comments: tuple[ThreadComment, ...]
    comments_in_all: int
    left_out: int = 0  # of the comments, what is not to be shown


class Threads:
    """`own_login` gives the login under which the App writes, `name[bot]`."""

    def __init__(self, client: RepositoryClient, own_login: Callable[[], str]) -> None:
        self._client, self._own_login = client, own_login

    # -- reading ----------------------------------------------------------------------------------------
    def fetch_issue(self, number: int, newest: int = THREAD_COMMENTS) -> IssueThread:
        """The thread with at most `newest` comments (up to 100). Raises GitHubFault, RetryLater."""
        issue = self._client.get(f"/issues/{number}")
        count = int(issue.get("comments") or 0)
        comments = self._newest_comments(number, count, newest)
        return IssueThread(
            number,
            str(issue.get("title") or ""),
            str(issue.get("body") or ""),
            _login(issue),
            str(issue.get("author_association") or "NONE"),
            issue.get("state") == "open",
            bool(issue.get("locked")),
            issue.get("pull_request") is not None,
            str(issue.get("html_url") or ""),
            tuple(_thread_comment(item) for item in comments),
            count,
        )

    def is_open(self, number: int) -> bool:
        """Whether the issue or pull request is open now. Raises GitHubFault, RetryLater."""
        found = self._client.get(f"/issues/{number}")
        return not isinstance(found, dict) or found.get("state") != "closed"

    def find_text(self, issue: int, comment_id: int) -> str | None:
        """What a comment says now, or the issue itself when `comment_id` is 0; None: it is gone. Raises GitHubFault,
        RetryLater."""
        found = self._client.find(f"/issues/comments/{comment_id}" if comment_id else f"/issues/{issue}")
        return str(found.get("body") or "") if isinstance(found, dict) else None

    def _newest_comments(self, number: int, count: int, newest: int) -> list[Json]:
        """GitHub lists the oldest first and has no other order: the last pages are asked for by number."""
        found: list[Json] = []
        page = -(-count // PAGE_SIZE)
        while page >= 1 and len(found) < newest:
            query = {"per_page": str(PAGE_SIZE), "page": str(page)}
            items: Any = self._client.get(f"/issues/{number}/comments", query)
            found += [item for item in reversed(items or []) if isinstance(item, dict)]
            page -= 1
        return found[:newest]

    def fetch_permission(self, login: str, user_id: int = 0) -> Permission:
        """What `login` may do here now; UNKNOWN when GitHub does not say, or when the login is somebody
        else's by now (`user_id` from the payload, 0: not compared). Raises RetryLater only."""
        try:
            found = self._client.get(f"/collaborators/{quoted(login)}/permission")
        except GitHubFault:
            return Permission.UNKNOWN
        if not isinstance(found, dict):
            return Permission.UNKNOWN
        user = found.get("user")
        if user_id and (not isinstance(user, dict) or user.get("id") != user_id):
            return Permission.UNKNOWN
        return read_permission(found)

    # -- the tracking comment ---------------------------------------------------------------------------
    def find_comments(self, issue: int, marker: str, since: str = "") -> tuple[WrittenComment, ...]:
        """Our own comments that hold `marker`, oldest first: the first is the one to keep, others are
        duplicates. `since`: ISO 8601, leaves out what was last changed before it."""
        query = {"since": since} if since else {}
        own = self._own_login().lower()
        return tuple(
            _written(item)
            for item in self._client.pages(f"/issues/{issue}/comments", query)
            if marker in str(item.get("body") or "") and _login(item).lower() == own
        )

    def find_tracking_comment(self, issue: int, marker: str, since: str = "") -> WrittenComment | None:
        """The oldest of `find_comments`. Raises GitHubFault, RetryLater: no answer is not "none"."""
        return next(iter(self.find_comments(issue, marker, since)), None)

    def create_tracking_comment(self, issue: int, body: str) -> WrittenComment:
        """Sent once. Raises GitHubFault, WriteUnclear, RetryLater. `body` holds the marker."""
        return _written(self._client.write("POST", f"/issues/{issue}/comments", {"body": body}))

    def edit_comment(
        self, comment_id: int, body: str, still: Callable[[], None] = lambda: None
    ) -> WrittenComment:
        """Replace the text; doing it twice does no harm. `still`: see `RepositoryClient.write`. Raises GitHubFault
        (404: deleted), RetryLater."""
        path = f"/issues/comments/{comment_id}"
        return _written(self._client.write("PATCH", path, {"body": body}, still))

    def delete_comment(self, comment_id: int) -> None:
        """Take away a duplicate of ours; one that is gone already is well."""
        try:
            self._client.write("DELETE", f"/issues/comments/{comment_id}")
        except GitHubFault as fault:
            if fault.status != HTTPStatus.NOT_FOUND:
                raise

    # -- issues of our own ------------------------------------------------------------------------------
    def find_own_issues(self, marker: str) -> tuple[WrittenComment, ...]:
        """Issues that we opened and that hold `marker`, open or closed, oldest first: `id` is the number. Raises
        GitHubFault, RetryLater."""
        own = self._own_login()
        query = {"creator": own, "state": "all", "sort": "created", "direction": "asc"}
        return tuple(
            WrittenComment(int(item["number"]), str(item.get("html_url") or ""), str(item.get("body") or ""))
            for item in self._client.pages("/issues", query)
            if marker in str(item.get("body") or "")
            and _login(item).lower() == own.lower()
            and item.get("pull_request") is None
        )

    def create_issue(self, title: str, body: str) -> int:
        """Sent once; its number. Raises GitHubFault (410: issues are switched off), WriteUnclear, RetryLater."""
        return int(self._client.write("POST", "/issues", {"title": title, "body": body})["number"])

    def edit_issue(self, number: int, *, body: str | None = None, state: str | None = None) -> None:
        """Replace text or state; doing it twice does no harm. Raises GitHubFault, RetryLater."""
        given = {"body": body, "state": state}
        changes = {key: value for key, value in given.items() if value is not None}
        self._client.write("PATCH", f"/issues/{number}", changes)

    # -- reactions --------------------------------------------------------------------------------------
    def create_reaction(self, issue: int, comment_id: int, content: str = "eyes") -> int:
        """React to a comment, or to the issue itself when `comment_id` is 0; the reaction's id. GitHub
        keeps one of a kind for each account, so twice is once."""
        path = f"/issues/comments/{comment_id}" if comment_id else f"/issues/{issue}"
        return int(self._client.write("POST", f"{path}/reactions", {"content": content})["id"])


_REFINED: Final = {("write", "maintain"): Permission.MAINTAIN, ("read", "triage"): Permission.TRIAGE}


def read_permission(found: Json) -> Permission:
    """The role in an answer of the permission endpoint. `permission` decides; `role_name`, which may be a
    name that an organisation made up, only tells apart what `permission` folds into one (some recorded
    answers fold, some do not)."""
    word, role = str(found.get("permission") or ""), str(found.get("role_name") or "")
    if (word, role) in _REFINED:
        return _REFINED[word, role]
    return Permission(word) if word in tuple(Permission) else Permission.UNKNOWN


def _login(item: Json) -> str:
    """The author; deleted accounts are null."""
    user = item.get("user")
    return str(user.get("login") or "ghost") if isinstance(user, dict) else "ghost"


def _written(item: Json) -> WrittenComment:
    return WrittenComment(int(item["id"]), str(item.get("html_url") or ""), str(item.get("body") or ""))


def _thread_comment(item: Json) -> ThreadComment:
    user = item.get("user")
    return ThreadComment(
        _login(item),
        isinstance(user, dict) and user.get("type") == "Bot",
        str(item.get("author_association") or "NONE"),
        str(item.get("created_at") or ""),
        str(item.get("body") or ""),
        int(item.get("id") or 0),
        int(user.get("id") or 0) if isinstance(user, dict) else 0,
        str(item.get("updated_at") or ""),
    )
