"""GitHub's JSON for reviews and their comments. Pure."""

from bot.localhub.records import Json, Repository, Review, ReviewComment, Thread
from bot.localhub.shapes import node_id, reaction_rollup, repo_api, user
from bot.localhub.shapes_threads import association, thread_html
from bot.localhub.state import Hub


def review(hub: Hub, record: Repository, thread: Thread, item: Review) -> Json:
    """pull-request-review."""
    html = f"{thread_html(hub, record, thread)}#pullrequestreview-{item.id}"
    at = repo_api(hub, record, f"/pulls/{thread.number}")
    shown: Json = {
        "id": item.id,
        "node_id": node_id("PRR", item.id),
        "user": user(hub, item.author),
        "body": item.body,
        "state": item.state,
        "html_url": html,
        "pull_request_url": at,
        "author_association": association(hub, record, item.author),
        "_links": {"html": {"href": html}, "pull_request": {"href": at}},
        "commit_id": item.commit_id,
    }
    if item.submitted_at is not None:
        shown["submitted_at"] = item.submitted_at
    return shown


def review_comment(hub: Hub, record: Repository, thread: Thread, item: ReviewComment) -> Json:
    """pull-request-review-comment."""
    at = repo_api(hub, record, f"/pulls/comments/{item.id}")
    html = f"{thread_html(hub, record, thread)}#discussion_r{item.id}"
    pull_at = repo_api(hub, record, f"/pulls/{thread.number}")
    anchor = item.anchor
    position = None if anchor.line is None else anchor.hunk.count("\n")
    shown: Json = {
        "url": at,
        "pull_request_review_id": item.review_id,
        "id": item.id,
        "node_id": node_id("PRRC", item.id),
        "diff_hunk": anchor.hunk,
        "path": anchor.path,
        "commit_id": item.commit_id,
        "original_commit_id": item.commit_id,
        "user": user(hub, item.author),
        "body": item.body,
        "created_at": item.created_at,
        "updated_at": item.updated_at,
        "html_url": html,
        "pull_request_url": pull_at,
        "author_association": association(hub, record, item.author),
        "_links": {"self": {"href": at}, "html": {"href": html}, "pull_request": {"href": pull_at}},
        "reactions": reaction_rollup(at, item.reactions),
        "start_line": anchor.start_line,
        "original_start_line": anchor.start_line,
        "start_side": anchor.start_side,
        "line": anchor.line,
        "original_line": anchor.line,
        "side": anchor.side,
        "original_position": position or 1,
        "position": position or 1,
        "subject_type": "file" if anchor.line is None else "line",
    }
    if item.in_reply_to is not None:
        shown["in_reply_to_id"] = item.in_reply_to
    return shown


def review_thread(hub: Hub, record: Repository, thread: Thread, first: ReviewComment) -> Json:
    """The thread in `pull_request_review_thread` webhooks."""
    assert thread.pull is not None
    comments = [c for c in thread.pull.review_comments if first.id in (c.id, c.in_reply_to)]
    return {
        "node_id": node_id("PRRT", first.id),
        "comments": [review_comment(hub, record, thread, c) for c in comments],
    }
