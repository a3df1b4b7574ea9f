"""What people say in reviews of a pull request, and our answers in their threads: found by marker, made once.

Must never: answer anywhere but to a thread's first comment; GitHub knows no other place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bot.domain import limits
from bot.forge.answers import Json
from bot.forge.client import RepositoryClient

EDITED_QUERY: Final = """
query EditedReviews($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      reviews(first: 100, after: $after) {
        nodes { fullDatabaseId lastEditedAt }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}
"""
"""REST does not say whether a review's text was changed."""


@dataclass(frozen=True)
class SubmittedReview:
    id: int
    author_id: int  # 0: a deleted account
    state: str  # GitHub's word: APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED
    text: str


@dataclass(frozen=True)
class LineComment:
    """A comment on the diff. `thread`: the comment that its thread begins with. `line` 0: of the whole file, or the
    diff does not show it any more. Times are ISO 8601."""

    id: int
    thread: int
    review: int
    path: str
    line: int
    text: str
    author_id: int
    is_own: bool
    created_at: str
    updated_at: str


class ReviewComments:
    """`own_login` gives the login under which the App writes, `name[bot]`."""

    def __init__(self, client: RepositoryClient, own_login: Callable[[], str]) -> None:
        self._client, self._own_login = client, own_login

    def fetch_review(self, pull: int, review: int) -> SubmittedReview | None:
        """None: it was deleted. Raises GitHubFault, RetryLater."""
        found = self._client.find(f"/pulls/{pull}/reviews/{review}")
        if not isinstance(found, dict):
            return None
        author = int((found.get("user") or {}).get("id") or 0)
        return SubmittedReview(review, author, str(found.get("state") or ""), str(found.get("body") or ""))

    def was_edited(self, pull: int, review: int) -> bool:
        """Whether the review's own text was changed after it was submitted; also where it can't be told. Raises
        GitHubFault, RetryLater."""
        after: str | None = None
        for _ in range(limits.REVIEW_THREADS // 50):
            data = self._client.query(EDITED_QUERY, {"number": pull, "after": after})
            page = data["repository"]["pullRequest"]["reviews"]
            for node in page["nodes"] or []:
                if node and str(node.get("fullDatabaseId")) == str(review):
                    return node.get("lastEditedAt") is not None
            if not page["pageInfo"]["hasNextPage"]:
                break
            after = page["pageInfo"]["endCursor"]
        return True

    def fetch_comments(self, pull: int) -> tuple[LineComment, ...]:
        """All of them, oldest first. (The list of one review's alone has no lines.) Raises GitHubFault, RetryLater."""
        own = self._own_login().lower()
        return tuple(_comment(item, own) for item in self._client.pages(f"/pulls/{pull}/comments"))

    def find_reply(self, pull: int, marker: str) -> int | None:
        """Our comment that holds `marker`; the oldest, should there be several. Raises GitHubFault, RetryLater: no
        answer is not "none"."""
        found = (one.id for one in self.fetch_comments(pull) if one.is_own and marker in one.text)
        return next(found, None)

    def create_reply(self, pull: int, thread: int, body: str) -> int:
        """Sent once. Raises GitHubFault (404: the thread is gone), WriteUnclear, RetryLater; `body` has the marker."""
        path = f"/pulls/{pull}/comments/{thread}/replies"
        return int(self._client.write("POST", path, {"body": body})["id"])

    def create_reaction(self, comment: int, content: str = "eyes") -> int:
        """GitHub keeps one of a kind for each account, so twice is once. Raises GitHubFault, RetryLater."""
        path = f"/pulls/comments/{comment}/reactions"
        return int(self._client.write("POST", path, {"content": content})["id"])


def _comment(item: Json, own: str) -> LineComment:
    user = item.get("user") or {}  # null when the account is gone
    number = int(item.get("id") or 0)
    return LineComment(
        number,
        int(item.get("in_reply_to_id") or number),
        int(item.get("pull_request_review_id") or 0),
        str(item.get("path") or ""),
        int(item.get("line") or 0),
        str(item.get("body") or ""),
        int(user.get("id") or 0),
        str(user.get("login") or "").lower() == own,
        str(item.get("created_at") or ""),
        str(item.get("updated_at") or ""),
    )
