"""GitHub's JSON for issues, comments and pull requests. Pure."""

from bot.localhub.records import Account, Comment, Json, Pull, Repository, Role, Thread
from bot.localhub.shapes import (
    app,
    label,
    node_id,
    reaction_rollup,
    repo_api,
    repo_html,
    repository,
    user,
)
from bot.localhub.state import Hub

_DEPENDENCIES = ("blocked_by", "total_blocked_by", "blocking", "total_blocking")


def association(hub: Hub, record: Repository, account: Account) -> str:
    """author_association, as far as roles tell it."""
    if account.id == record.owner.id:
        return "OWNER"
    if account.login.lower() in record.collaborators:
        return "COLLABORATOR" if hub.role(account, record) > Role.NONE else "NONE"
    return "CONTRIBUTOR" if account.kind == "Bot" else "NONE"


def thread_html(hub: Hub, record: Repository, thread: Thread) -> str:
    return repo_html(hub, record, f"/{'pull' if thread.pull else 'issues'}/{thread.number}")


def comment(hub: Hub, record: Repository, thread: Thread, item: Comment) -> Json:
    """issue-comment."""
    at = repo_api(hub, record, f"/issues/comments/{item.id}")
    return {
        "id": item.id,
        "node_id": node_id("IC", item.id),
        "url": at,
        "html_url": f"{thread_html(hub, record, thread)}#issuecomment-{item.id}",
        "issue_url": repo_api(hub, record, f"/issues/{thread.number}"),
        "user": user(hub, item.author),
        "created_at": item.created_at,
        "updated_at": item.updated_at,
        "body": item.body,
        "author_association": association(hub, record, item.author),
        "reactions": reaction_rollup(at, item.reactions),
        "performed_via_github_app": app(hub, item.app) if item.app else None,
    }


def _labels(hub: Hub, record: Repository, thread: Thread) -> list[Json]:
    return [label(hub, record, record.labels[name]) for name in thread.labels]


def _milestone(hub: Hub, record: Repository, thread: Thread) -> Json | None:
    """milestone: one that holds this thread alone."""
    if not thread.milestone:
        return None
    at = repo_api(hub, record, "/milestones/1")
    return {
        "url": at,
        "html_url": repo_html(hub, record, "/milestone/1"),
        "labels_url": f"{at}/labels",
        "id": thread.id,
        "node_id": node_id("MI", thread.id),
        "number": 1,
        "state": "open",
        "title": thread.milestone,
        "description": None,
        "creator": user(hub, record.owner),
        "open_issues": 1,
        "closed_issues": 0,
        "created_at": thread.created_at,
        "updated_at": thread.updated_at,
        "closed_at": None,
        "due_on": None,
    }


def issue(hub: Hub, record: Repository, thread: Thread) -> Json:
    at = repo_api(hub, record, f"/issues/{thread.number}")
    body: Json = {
        "id": thread.id,
        "node_id": node_id("PR" if thread.pull else "I", thread.id),
        "url": at,
        "repository_url": repo_api(hub, record),
        "labels_url": f"{at}/labels{{/name}}",
        "comments_url": f"{at}/comments",
        "events_url": f"{at}/events",
        "html_url": thread_html(hub, record, thread),
        "number": thread.number,
        "state": thread.state,
        "state_reason": thread.state_reason,
        "title": thread.title,
        "body": thread.body,
        "user": user(hub, thread.author),
        "labels": _labels(hub, record, thread),
        "assignee": user(hub, thread.assignees[0]) if thread.assignees else None,
        "assignees": [user(hub, account) for account in thread.assignees],
        "milestone": _milestone(hub, record, thread),
        "locked": thread.locked,
        "active_lock_reason": None,
        "comments": len(thread.comments),
        "closed_at": thread.closed_at,
        "created_at": thread.created_at,
        "updated_at": thread.updated_at,
        "closed_by": user(hub, thread.closed_by) if thread.closed_by else None,
        "author_association": association(hub, record, thread.author),
        "reactions": reaction_rollup(at, thread.reactions),
        "timeline_url": f"{at}/timeline",
        "type": None,
        "sub_issues_summary": {"total": 0, "completed": 0, "percent_completed": 0},
        "issue_dependencies_summary": dict.fromkeys(_DEPENDENCIES, 0),
        "issue_field_values": [],
        "pinned_comment": None,
        "performed_via_github_app": app(hub, thread.app) if thread.app else None,
    }
    if thread.pull:
        html = thread_html(hub, record, thread)
        body["draft"] = thread.pull.draft
        body["pull_request"] = {
            "url": repo_api(hub, record, f"/pulls/{thread.number}"),
            "html_url": html,
            "diff_url": f"{html}.diff",
            "patch_url": f"{html}.patch",
            "merged_at": thread.pull.merged_at,
        }
    return body


def _side(hub: Hub, record: Repository, ref: str, sha: str) -> Json:
    return {
        "label": f"{record.owner.login}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": user(hub, record.owner),
        "repo": repository(hub, record),
    }


def pull_simple(hub: Hub, record: Repository, thread: Thread) -> Json:
    """pull-request-simple, the form in lists."""
    pull = _pull(thread)
    at = repo_api(hub, record, f"/pulls/{thread.number}")
    issue_at = repo_api(hub, record, f"/issues/{thread.number}")
    html = thread_html(hub, record, thread)
    links = {
        "self": at,
        "html": html,
        "issue": issue_at,
        "comments": f"{issue_at}/comments",
        "review_comments": f"{at}/comments",
        "review_comment": repo_api(hub, record, "/pulls/comments{/number}"),
        "commits": f"{at}/commits",
        "statuses": repo_api(hub, record, f"/statuses/{pull.head_sha}"),
    }
    return {
        "url": at,
        "id": pull.id,
        "node_id": node_id("PR", pull.id),
        "html_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        **{f"{name}_url": links[name] for name in links if name not in ("self", "html")},
        "number": thread.number,
        "state": thread.state,
        "locked": thread.locked,
        "title": thread.title,
        "user": user(hub, thread.author),
        "body": thread.body,
        "created_at": thread.created_at,
        "updated_at": thread.updated_at,
        "closed_at": thread.closed_at,
        "merged_at": pull.merged_at,
        "merge_commit_sha": pull.merge_sha,
        "assignee": user(hub, thread.assignees[0]) if thread.assignees else None,
        "assignees": [user(hub, account) for account in thread.assignees],
        "requested_reviewers": [user(hub, account) for account in pull.requested],
        "requested_teams": [],
        "labels": _labels(hub, record, thread),
        "milestone": _milestone(hub, record, thread),
        "draft": pull.draft,
        "head": _side(hub, pull.fork or record, pull.head_ref, pull.head_sha),
        "base": _side(hub, record, pull.base_ref, pull.base_sha),
        "_links": {name: {"href": url} for name, url in links.items()},
        "author_association": association(hub, record, thread.author),
        "auto_merge": None,
        "active_lock_reason": None,
    }


def pull_request(hub: Hub, record: Repository, thread: Thread) -> Json:
    """pull-request, the full form."""
    pull = _pull(thread)
    comparison = record.git.compare(pull.base_sha, pull.head_sha)
    changes = record.git.changes(comparison.merge_base, pull.head_sha)
    return {
        **pull_simple(hub, record, thread),
        "merged": pull.merged_at is not None,
        "mergeable": thread.state == "open" or None,
        "rebaseable": thread.state == "open" or None,
        "mergeable_state": "clean" if thread.state == "open" else "unknown",
        "merged_by": None,
        "comments": len(thread.comments),
        "review_comments": len(pull.review_comments),
        "maintainer_can_modify": pull.maintainer_can_modify,
        "commits": len(comparison.ahead),
        "additions": sum(c.additions for c in changes),
        "deletions": sum(c.deletions for c in changes),
        "changed_files": len(changes),
    }


def pull_minimal(hub: Hub, record: Repository, thread: Thread) -> Json:
    pull = _pull(thread)
    short, head = _short(hub, record), _short(hub, pull.fork or record)
    return {
        "id": pull.id,
        "number": thread.number,
        "url": repo_api(hub, record, f"/pulls/{thread.number}"),
        "head": {"ref": pull.head_ref, "sha": pull.head_sha, "repo": head},
        "base": {"ref": pull.base_ref, "sha": pull.base_sha, "repo": short},
    }


def _short(hub: Hub, record: Repository) -> Json:
    return {"id": record.id, "name": record.name, "url": repo_api(hub, record)}


def _pull(thread: Thread) -> Pull:
    assert thread.pull is not None
    return thread.pull
