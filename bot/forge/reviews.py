"""Reviews of ours: found by marker, made once with all their comments.

GitHub refuses a whole review for one comment beside the diff (422), so anchors are checked before
(`domain/findings.py`).

Must never: approve or request changes. A review of ours is a comment; people decide.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.domain.ids import CommitSha
from bot.forge.answers import Json
from bot.forge.client import RepositoryClient


@dataclass(frozen=True)
class ReviewComment:
    """`start` to `line`, both included, on `side` (RIGHT or LEFT) of the diff."""

    path: str
    start: int
    line: int
    side: str
    body: str


@dataclass(frozen=True)
class NewReview:
    """`body` holds the marker."""

    commit: CommitSha
    body: str
    comments: tuple[ReviewComment, ...] = ()


@dataclass(frozen=True)
class WrittenReview:
    id: int
    url: str
    body: str


class Reviews:
    """`own_login` gives the login under which the App writes, `name[bot]`."""

    def __init__(self, client: RepositoryClient, own_login: Callable[[], str]) -> None:
        self._client, self._own_login = client, own_login

    def find_review(self, pull: int, marker: str) -> WrittenReview | None:
        """Our submitted review whose text holds `marker`; the oldest, should there be several. Raises GitHubFault,
        RetryLater: no answer is not "none"."""
        reviews = self._client.pages(f"/pulls/{pull}/reviews")
        found = [
            item
            for item in reviews
            if self._is_ours(item)
            and marker in str(item.get("body") or "")
            and item.get("state") != "PENDING"
        ]
        found.sort(key=lambda item: int(item["id"]))
        return _written(found[0]) if found else None

    def fetch_said(self, pull: int) -> tuple[str, ...]:
        """The texts of all our reviews on a pull request, oldest first; what stands on lines is in `review_threads`.
        Raises GitHubFault, RetryLater."""
        found = [item for item in self._client.pages(f"/pulls/{pull}/reviews") if self._is_ours(item)]
        return tuple(str(item.get("body") or "") for item in sorted(found, key=lambda item: int(item["id"])))

    def create_review(self, pull: int, new: NewReview) -> WrittenReview:
        """Sent once, as a comment. Raises GitHubFault (422: a line that the diff does not show), WriteUnclear,
        RetryLater."""
        body = {
            "commit_id": new.commit,
            "body": new.body,
            "event": "COMMENT",
            "comments": [_comment(one) for one in new.comments],
        }
        return _written(self._client.write("POST", f"/pulls/{pull}/reviews", body))

    def _is_ours(self, item: Json) -> bool:
        user = item.get("user") or {}
        return str(user.get("login") or "").lower() == self._own_login().lower()


def _comment(one: ReviewComment) -> dict[str, Any]:
    """A range of one line is a single line for GitHub: it refuses a start that is the end."""
    start = {"start_line": one.start, "start_side": one.side} if one.start < one.line else {}
    return {"path": one.path, "line": one.line, "side": one.side, "body": one.body, **start}


def _written(item: Json) -> WrittenReview:
    return WrittenReview(int(item["id"]), str(item.get("html_url") or ""), str(item.get("body") or ""))
