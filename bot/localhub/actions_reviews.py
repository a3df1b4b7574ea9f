"""Changes to reviews, their comments and threads, with their rules and webhooks.

The caller holds `Hub.lock` and has checked the permission. One bad anchor refuses a whole review, as on GitHub.
"""

from dataclasses import dataclass
from typing import Final

from bot.localhub.diff_lines import hunk_down_to
from bot.localhub.events import emit, emit_thread
from bot.localhub.records import (
    Account,
    Actor,
    Anchor,
    Json,
    Pull,
    Repository,
    Review,
    ReviewComment,
    Role,
    Thread,
)
from bot.localhub.replies import Refused, invalid, not_found, unprocessable
from bot.localhub.shapes import user
from bot.localhub.shapes_reviews import review as review_shape
from bot.localhub.shapes_reviews import review_comment as comment_shape
from bot.localhub.shapes_reviews import review_thread as thread_shape
from bot.localhub.shapes_threads import pull_simple
from bot.localhub.state import Hub

_STATES: Final = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


@dataclass(frozen=True)
class Place:
    """A pull request with everything around it, for the functions below."""

    hub: Hub
    record: Repository
    thread: Thread
    pull: Pull
    actor: Actor


def create_review(place: Place, body: Json) -> Review:
    """A review with its comments; without `event` it stays pending and nobody else sees it."""
    event = body.get("event")
    if event is not None and event not in _STATES:
        raise unprocessable(
            f"Variable $event of type PullRequestReviewEvent was provided invalid value {event}"
        )
    text, drafts = str(body.get("body") or ""), body.get("comments") or []
    _check_verdict(place, event, text, bool(drafts))
    commit_id = str(body.get("commit_id") or place.pull.head_sha)
    anchors = [(_review_anchor(place, draft), str(draft.get("body") or "")) for draft in drafts]
    review = _new_review(place, "PENDING", text, commit_id)
    for anchor, words in anchors:
        _add_comment(place, review, anchor, words)
    if event is not None:
        _submit(place, review, str(event))
    return review


def submit_review(place: Place, review: Review, event: object, text: object) -> None:
    if review.state != "PENDING":
        raise unprocessable("Could not submit a pull request review that was already submitted.")
    if event not in _STATES:
        raise unprocessable("Variable $event of type PullRequestReviewEvent! was provided invalid value")
    review.body = str(text) if text else review.body
    _check_verdict(place, event, review.body, bool(comments_of(place.pull, review)))
    _submit(place, review, str(event))


def comments_of(pull: Pull, review: Review) -> list[ReviewComment]:
    return [c for c in pull.review_comments if c.review_id == review.id]


def _check_verdict(place: Place, event: object, text: str, has_comments: bool) -> None:
    own = place.actor.account.id == place.thread.author.id
    if own and event in ("APPROVE", "REQUEST_CHANGES"):
        verb = "approve" if event == "APPROVE" else "request changes on"
        raise Refused(422, "Unprocessable Entity", [f"Can not {verb} your own pull request"])
    if event in ("COMMENT", "REQUEST_CHANGES") and not text.strip() and not has_comments:
        raise Refused(422, "Unprocessable Entity", ["Review body can't be blank"])


def _submit(place: Place, review: Review, event: str) -> None:
    review.state, review.submitted_at = _STATES[event], place.hub.now()
    shown = review_shape(place.hub, place.record, place.thread, review)
    shown["state"] = shown["state"].lower()
    shown["updated_at"] = review.submitted_at
    _emit(place, "pull_request_review", {"action": "submitted", "review": shown})
    for comment in comments_of(place.pull, review):
        _emit_comment(place, comment, "created")


def _new_review(place: Place, state: str, text: str, commit_id: str) -> Review:
    actor = place.actor
    review = Review(place.hub.new_id("review"), actor.account, actor.app, text, state, commit_id, None)
    place.pull.reviews.append(review)
    place.thread.updated_at = place.hub.now()
    return review


def _review_anchor(place: Place, draft: Json) -> Anchor:
    """The anchor of a comment inside a review; GitHub names no field there."""
    path = str(draft.get("path") or "")
    change = _change(place, path)
    if change is None:
        raise Refused(422, "Unprocessable Entity", ["Path could not be resolved"])
    line, side = draft.get("line"), str(draft.get("side") or "RIGHT")
    hunk = hunk_down_to(change, line, side) if isinstance(line, int) else None
    start = draft.get("start_line")
    begins = start is None or hunk_down_to(change, start, str(draft.get("start_side") or side)) is not None
    if hunk is None or not begins or (isinstance(start, int) and isinstance(line, int) and start >= line):
        raise Refused(422, "Unprocessable Entity", ["Line could not be resolved"])
    return Anchor(path, line, side, start, (draft.get("start_side") or side) if start else None, hunk)


def _change(place: Place, path: str) -> bytes | None:
    git = place.record.git
    root = git.compare(place.pull.base_sha, place.pull.head_sha).merge_base
    return next((c.diff for c in git.changes(root, place.pull.head_sha) if c.path == path), None)


def create_comment(place: Place, body: Json) -> ReviewComment:
    """One comment outside of a review of its own making: GitHub makes a review around it."""
    if body.get("in_reply_to") is not None:
        return reply(place, int(body["in_reply_to"]), body.get("body"))
    anchor = _single_anchor(place, body)
    text = body.get("body")
    if not isinstance(text, str) or not text.strip():
        raise invalid("PullRequestReviewComment", "body", "missing_field")
    review = _new_review(place, "COMMENTED", "", str(body.get("commit_id") or place.pull.head_sha))
    review.submitted_at = place.hub.now()
    comment = _add_comment(place, review, anchor, text)
    _emit_comment(place, comment, "created")
    return comment


def _single_anchor(place: Place, body: Json) -> Anchor:
    resource, path = "PullRequestReviewComment", str(body.get("path") or "")
    if place.record.git.commit(str(body.get("commit_id"))) is None:
        raise invalid(resource, "commit_id", "custom", "commit_id is not part of the pull request")
    change = _change(place, path)
    if change is None:
        message = "pull_request_review_thread.path diff too large or not part of the pull request"
        raise invalid(resource, "pull_request_review_thread.path", "invalid", message)
    if body.get("subject_type") == "file":
        return Anchor(path, None)
    line, side = body.get("line"), str(body.get("side") or "RIGHT")
    hunk = hunk_down_to(change, line, side) if isinstance(line, int) else None
    if hunk is None:
        name = "pull_request_review_thread.line"
        raise invalid(resource, name, "custom", f"{name} must be part of the diff")
    start = body.get("start_line")
    if isinstance(start, int) and hunk_down_to(change, start, str(body.get("start_side") or side)) is None:
        name = "pull_request_review_thread.start_line"
        raise invalid(resource, name, "custom", f"{name} must be part of the same hunk as the line.")
    return Anchor(path, line, side, start, (body.get("start_side") or side) if start else None, hunk)


def reply(place: Place, comment_id: int, text: object) -> ReviewComment:
    """Answers go to a thread's first comment only; a reply to a reply is 404 on GitHub."""
    first = next(
        (c for c in place.pull.review_comments if c.id == comment_id and c.in_reply_to is None), None
    )
    if first is None:
        raise not_found()
    if not isinstance(text, str) or not text.strip():
        raise invalid("PullRequestReviewComment", "body", "missing_field")
    review = _new_review(place, "COMMENTED", "", first.commit_id)
    review.submitted_at = place.hub.now()
    comment = _add_comment(place, review, first.anchor, text, first.id)
    _emit_comment(place, comment, "created")
    return comment


def _add_comment(
    place: Place, review: Review, anchor: Anchor, text: str, in_reply_to: int | None = None
) -> ReviewComment:
    hub, now = place.hub, place.hub.now()
    comment = ReviewComment(
        hub.new_id("review comment"),
        review.id,
        place.actor.account,
        place.actor.app,
        text,
        anchor,
        review.commit_id,
        now,
        now,
        in_reply_to,
    )
    place.pull.review_comments.append(comment)
    return comment


def edit_review(place: Place, review: Review, text: str) -> None:
    """Its own text; the comments stay."""
    before, review.body, review.edited_at = review.body, text, place.hub.now()
    shown = review_shape(place.hub, place.record, place.thread, review)
    shown |= {"state": shown["state"].lower(), "updated_at": place.hub.now()}
    _emit(
        place,
        "pull_request_review",
        {"action": "edited", "review": shown, "changes": {"body": {"from": before}}},
    )


def edit_comment(place: Place, comment: ReviewComment, text: object) -> None:
    if not isinstance(text, str) or not text.strip():
        raise invalid("PullRequestReviewComment", "body", "missing_field")
    before, comment.body, comment.updated_at = comment.body, text, place.hub.now()
    _emit_comment(place, comment, "edited", changes={"body": {"from": before}})


def resolve(place: Place, first: ReviewComment, resolved: bool) -> None:
    """Idempotent; the webhook is sent when something changed."""
    if resolved == (first.id in place.pull.resolved):
        return
    if resolved:
        place.pull.resolved[first.id] = place.actor.account
    else:
        del place.pull.resolved[first.id]
    shown = thread_shape(place.hub, place.record, place.thread, first)
    action = "resolved" if resolved else "unresolved"
    _emit(place, "pull_request_review_thread", {"action": action, "thread": shown})


def set_draft(place: Place, draft: bool) -> None:
    if place.pull.draft == draft:
        return
    place.pull.draft = draft
    place.thread.updated_at = place.hub.now()
    action = "converted_to_draft" if draft else "ready_for_review"
    emit_thread(place.hub, place.record, place.thread, action, place.actor)


def request_reviewers(place: Place, logins: list[str]) -> None:
    """People with access only: an App's bot account can't be asked (422), nor can the author."""
    found: list[Account] = []
    for login in logins:
        account = place.hub.account(login)
        if account is None or account.kind == "Bot" or place.hub.role(account, place.record) < Role.READ:
            raise unprocessable(
                "Reviews may only be requested from collaborators. One or more of the users or teams you specified "
                f"is not a collaborator of the {place.record.full_name} repository."
            )
        if account.id == place.thread.author.id:
            raise unprocessable("Review cannot be requested from pull request author.")
        found.append(account)
    for account in found:
        if account not in place.pull.requested:
            place.pull.requested.append(account)
            _emit_request(place, account, "review_requested")


def remove_reviewers(place: Place, logins: list[str]) -> None:
    wanted = {login.lower() for login in logins}
    for account in [a for a in place.pull.requested if a.login.lower() in wanted]:
        place.pull.requested.remove(account)
        _emit_request(place, account, "review_request_removed")


def _emit_request(place: Place, account: Account, action: str) -> None:
    shown = user(place.hub, account)
    emit_thread(place.hub, place.record, place.thread, action, place.actor, requested_reviewer=shown)


def _emit_comment(place: Place, comment: ReviewComment, action: str, **extra: object) -> None:
    shown = comment_shape(place.hub, place.record, place.thread, comment)
    _emit(place, "pull_request_review_comment", {"action": action, "comment": shown, **extra})


def _emit(place: Place, event: str, payload: Json) -> None:
    shown = pull_simple(place.hub, place.record, place.thread)
    emit(place.hub, place.record, event, place.actor, {**payload, "pull_request": shown})
