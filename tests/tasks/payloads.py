"""Webhook payloads, only the parts that decide."""

import json
from typing import Any

from bot.domain.boxes import BEGIN, END, Box, render_box


def comment_payload(
    comment: int = 11, issue: int = 3, text: str = "@agent fix this", **issue_parts: Any
) -> bytes:
    at = "2026-03-01T00:00:00Z"
    person = {"id": 7, "login": "ada", "type": "User"}
    body = {
        "action": "created",
        "installation": {"id": 100},
        "repository": {"id": 10, "full_name": "octo/r", "default_branch": "main"},
        "sender": person,
        "issue": {"number": issue, "title": "It breaks", "body": "", "state": "open", **issue_parts},
        "comment": {"id": comment, "body": text, "created_at": at, "updated_at": at, "user": person},
    }
    return json.dumps(body).encode()


def closed_payload() -> bytes:
    body = json.loads(comment_payload())
    return json.dumps({**body, "action": "closed"}).encode()


def removed_payload(action: str = "deleted", installation: int = 100, *lost: int) -> bytes:
    """Of `installation` (deleted, suspend), or with `lost` repositories of `installation_repositories` (removed)."""
    sender = {"id": 7, "login": "ada", "type": "User"}
    body: dict[str, Any] = {"action": action, "installation": {"id": installation}, "sender": sender}
    if lost:
        body["repositories_removed"] = [{"id": one, "full_name": f"octo/{one}"} for one in lost]
    return json.dumps(body).encode()


def label_payload(label: str = "agent:fix") -> bytes:
    body = json.loads(comment_payload(updated_at="2026-03-02T00:00:00Z"))
    return json.dumps({**body, "action": "labeled", "label": {"name": label}}).encode()


def assigned_payload(login: str = "octo-agent") -> bytes:
    body = json.loads(comment_payload(updated_at="2026-03-02T00:00:00Z"))
    assignee = {"id": 70, "login": login, "type": "User"}
    return json.dumps({**body, "action": "assigned", "assignee": assignee}).encode()


def requested_payload(login: str = "octo-agent") -> bytes:
    body = json.loads(pull_payload("review_requested"))
    reviewer = {"id": 70, "login": login, "type": "User"}
    return json.dumps({**body, "requested_reviewer": reviewer}).encode()


def ticked_payload(box: Box, issue: int = 9, schedule: str = "sums") -> bytes:
    """Ada ticks a box of a dashboard."""
    before, after = (f"{BEGIN}\n{render_box(box, schedule, on=on)}\n{END}" for on in (False, True))
    body = json.loads(comment_payload(issue=issue))
    body["issue"]["body"] = after
    return json.dumps({**body, "action": "edited", "changes": {"body": {"from": before}}}).encode()


def button_payload(button: str, task: str, repository: int = 10) -> bytes:
    body = json.loads(comment_payload())
    body["repository"]["id"] = repository
    check = {"id": 77, "external_id": task, "head_sha": "a" * 40}
    pressed = {"action": "requested_action", "check_run": check, "requested_action": {"identifier": button}}
    return json.dumps({**body, **pressed}).encode()


def review_payload(body: str = "", review: int = 55, pull: int = 5, person: int = 7) -> bytes:
    said = _reviewed(pull, person)
    at = "2026-03-02T00:00:00Z"
    submitted = {"id": review, "user": said["sender"], "body": body, "state": "commented", "submitted_at": at}
    return json.dumps({**said, "action": "submitted", "review": submitted}).encode()


def review_comment_payload(
    comment: int, body: str = "Rename it.", review: int = 55, pull: int = 5, person: int = 7
) -> bytes:
    said = _reviewed(pull, person)
    at = "2026-03-02T00:00:00Z"
    made = {"id": comment, "user": said["sender"], "body": body, "created_at": at, "updated_at": at}
    made["pull_request_review_id"] = review
    return json.dumps({**said, "action": "created", "comment": made}).encode()


def _reviewed(pull: int, person: int) -> dict[str, Any]:
    body = json.loads(comment_payload())
    del body["issue"], body["comment"]
    body["sender"]["id"] = person
    ends = {"head": {"ref": "x", "sha": "a" * 40}, "base": {"ref": "main", "sha": "b" * 40}}
    body["pull_request"] = {"number": pull, "title": "It adds", "body": "", "state": "open", **ends}
    return dict(body)


def suite_payload(conclusion: str = "failure", repository: int = 10) -> bytes:
    body = json.loads(comment_payload())
    del body["issue"], body["comment"]
    body["repository"]["id"] = repository
    body["sender"] = {"id": 9, "login": "github-actions[bot]", "type": "Bot"}
    suite = {"head_sha": "a" * 40, "conclusion": conclusion, "updated_at": "2026-03-02T00:00:00Z"}
    return json.dumps({**body, "action": "completed", "check_suite": suite}).encode()


def pull_payload(action: str, *, draft: bool = False, head: str = "a" * 40) -> bytes:
    body = json.loads(comment_payload())
    person = {"id": 8, "login": "eve", "type": "User"}
    pull = {
        **body.pop("issue"),
        "user": person,
        "draft": draft,
        "head": {"ref": "mean", "sha": head},
        "base": {"ref": "main", "sha": "c" * 40},
        "labels": [{"name": "bug"}],
        "updated_at": "2026-03-02T00:00:00Z",
    }
    return json.dumps({**body, "sender": person, "action": action, "pull_request": pull}).encode()
