"""What is said in a review: its text, or one of its comments. Pure.

GitHub makes a review around every comment and tells of both, in no order that can be relied on.
"""

from dataclasses import dataclass
from typing import Any, Final

from bot.domain.payloads import ReviewCommentPayload, ReviewPayload

_ASKING: Final = ("changes_requested", "commented")


@dataclass(frozen=True)
class Said:
    """`author`: the account's id; 0: it is gone. `comment` and `thread`: of a comment, itself and the one that its
    thread begins with. `asks`: a request even without a mention, if the pull request is ours: who approves asks for
    nothing. `at`: ISO 8601."""

    author: int
    review: int
    text: str
    at: str
    asks: bool
    comment: int = 0
    thread: int = 0
    via_app: dict[str, Any] | None = None


def read_said(payload: ReviewPayload | ReviewCommentPayload) -> Said:
    """Of either delivery."""
    if isinstance(payload, ReviewPayload):
        review = payload.review
        author = review.user.id if review.user else 0
        return Said(author, review.id, review.body, review.submitted_at, review.state.lower() in _ASKING)
    comment = payload.comment
    return Said(
        comment.user.id if comment.user else 0,
        comment.pull_request_review_id or 0,
        comment.body,
        str(comment.updated_at or comment.created_at),
        True,
        comment.id,
        comment.in_reply_to_id or comment.id,
        comment.performed_via_github_app,
    )
