"""Builds webhook deliveries: who gets an event, its headers, its payload. Sending is `webhooks.Courier`'s."""

import json
from typing import Final

from bot.localhub.gitstore import ZERO_SHA, CommitInfo
from bot.localhub.records import (
    Actor,
    App,
    CheckRun,
    CheckSuite,
    Delivery,
    Installation,
    Json,
    Repository,
    Status,
    Thread,
)
from bot.localhub.shapes import api, installation, node_id, repo_api, repo_html, repository, user
from bot.localhub.shapes_checks import check_run, check_suite, commit_status, simple_suite
from bot.localhub.shapes_git import commit
from bot.localhub.shapes_threads import issue, pull_request
from bot.localhub.state import Hub, from_iso, iso
from bot.localhub.webhooks import signature_headers

ALWAYS: Final = ("installation", "installation_repositories", "ping")  # sent without a subscription
EVENTS: Final = (
    "check_run",
    "check_suite",
    "create",
    "delete",
    "issue_comment",
    "issues",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "pull_request_review_thread",
    "push",
    "repository",
    "status",
)


def emit(hub: Hub, record: Repository, event: str, actor: Actor, payload: Json) -> None:
    """Send an event of a repository to every App that is installed on it and subscribed."""
    body = {**payload, "repository": payload.get("repository", repository(hub, record))}
    body["sender"] = user(hub, actor.account)
    for place in hub.installations_for(record):
        if event in place.app.events:
            _send(hub, place, event, body, record.id)


def emit_installation(hub: Hub, place: Installation, actor: Actor) -> None:
    """`ping`, then `installation` created, as after an App was installed."""
    app = place.app
    config = {"content_type": "json", "url": app.webhook_url, "insecure_ssl": "0"}
    hook = {
        "type": "App",
        "id": app.hook_id,
        "name": "web",
        "active": True,
        "events": list(app.events),
        "config": config,
        "updated_at": app.created_at,
        "created_at": app.created_at,
        "app_id": app.id,
        "deliveries_url": api(hub, "/app/hook/deliveries"),
    }
    _send(
        hub, place, "ping", {"zen": "Keep it logically awesome.", "hook_id": app.hook_id, "hook": hook}, None
    )
    repositories = [
        {
            "id": r.id,
            "node_id": node_id("R", r.id),
            "name": r.name,
            "full_name": r.full_name,
            "private": r.private,
        }
        for r in hub.covered(place)
    ]
    payload = {
        "action": "created",
        "installation": installation(hub, place),
        "repositories": repositories,
        "requester": None,
        "sender": user(hub, actor.account),
    }
    _send(hub, place, "installation", payload, None)


def emit_thread(
    hub: Hub, record: Repository, thread: Thread, action: str, actor: Actor, **extra: object
) -> None:
    """`issues` or `pull_request`, whichever the thread is."""
    if thread.pull:
        payload: Json = {
            "action": action,
            "number": thread.number,
            "pull_request": pull_request(hub, record, thread),
        }
        emit(hub, record, "pull_request", actor, {**payload, **extra})
    else:
        emit(hub, record, "issues", actor, {"action": action, "issue": issue(hub, record, thread), **extra})


def emit_check_run(
    hub: Hub, record: Repository, run: CheckRun, action: str, actor: Actor, **extra: object
) -> None:
    shown = {**check_run(hub, record, run), "check_suite": simple_suite(hub, record, run.suite)}
    emit(hub, record, "check_run", actor, {"action": action, "check_run": shown, **extra})


def emit_check_suite(hub: Hub, record: Repository, suite: CheckSuite, actor: Actor) -> None:
    """The suite is over."""
    shown = check_suite(hub, record, suite)
    del shown["repository"]
    emit(hub, record, "check_suite", actor, {"action": "completed", "check_suite": shown})


def emit_status(hub: Hub, record: Repository, status: Status, actor: Actor) -> None:
    """`status`, with at most ten branches whose tip the commit is."""
    told = commit_status(hub, record, status)
    info = record.git.commit(status.sha)
    assert info is not None
    tips = [name for name, sha in record.git.branches().items() if sha == status.sha][:10]
    at = repo_api(hub, record, f"/commits/{status.sha}")
    branches = [{"name": name, "commit": {"sha": status.sha, "url": at}, "protected": False} for name in tips]
    kept = ("id", "avatar_url", "target_url", "context", "description", "state", "created_at", "updated_at")
    payload = {name: told[name] for name in kept}
    emit(
        hub,
        record,
        "status",
        actor,
        {
            **payload,
            "sha": status.sha,
            "name": record.full_name,
            "commit": commit(hub, record, info),
            "branches": branches,
        },
    )


def emit_push(hub: Hub, record: Repository, ref: str, before: str, after: str, actor: Actor) -> None:
    """`push` with up to 20 commits (GitHub's cap is 2,048)."""
    git = record.git
    created, deleted = before == ZERO_SHA, after == ZERO_SHA
    base = git.resolve(record.default_branch) if created else before
    forced = not created and not deleted and not git.is_ancestor(before, after)
    shas = () if deleted or git.commit(after) is None else git.compare(base or after, after).ahead
    commits = [push_commit(hub, record, info) for sha in shas[-20:] if (info := git.commit(sha))]
    head = None if deleted else git.commit(after)
    email = f"{actor.account.id}+{actor.account.login}@users.noreply.localhost"
    shown = repository(hub, record)
    owner = {**shown["owner"], "name": record.owner.login, "email": None}
    payload: Json = {
        "ref": ref,
        "before": before,
        "after": after,
        "repository": {
            **shown,
            "owner": owner,
            "url": repo_html(hub, record),
            "created_at": from_iso(record.created_at),
            "pushed_at": from_iso(record.pushed_at),
            "stargazers": 0,
            "master_branch": record.default_branch,
        },
        "pusher": {"name": actor.account.login, "email": email},
        "created": created,
        "deleted": deleted,
        "forced": forced,
        "base_ref": None,
        "compare": repo_html(hub, record, f"/compare/{before[:12]}...{after[:12]}"),
        "commits": commits,
        "head_commit": push_commit(hub, record, head) if head else None,
    }
    emit(hub, record, "push", actor, payload)


def push_commit(hub: Hub, record: Repository, info: CommitInfo) -> Json:
    changes = record.git.changes(info.parents[0] if info.parents else None, info.sha)
    people = {
        side: {"name": s.name, "email": s.email, "date": iso(s.when)}
        for side, s in (("author", info.author), ("committer", info.committer))
    }
    return {
        "id": info.sha,
        "tree_id": info.tree,
        "distinct": True,
        "message": info.message,
        "timestamp": iso(info.committer.when),
        "url": repo_html(hub, record, f"/commit/{info.sha}"),
        **people,
        "added": [c.path for c in changes if c.status in ("added", "renamed")],
        "removed": [c.previous_path or c.path for c in changes if c.status in ("removed", "renamed")],
        "modified": [c.path for c in changes if c.status == "modified"],
    }


def _send(hub: Hub, place: Installation, event: str, payload: Json, repository_id: int | None) -> None:
    if not place.app.webhook_url:
        return
    body = dict(payload)
    if event not in ("installation", "ping"):
        body["installation"] = {
            "id": place.id,
            "node_id": node_id("MDIzOkludGVncmF0aW9uSW5zdGFsbGF0aW9u", place.id),
        }
    raw = json.dumps(body, separators=(",", ":")).encode()
    guid = hub.new_guid()
    action = payload.get("action")
    hub.courier.send(
        Delivery(
            hub.new_id("delivery"),
            guid,
            place.app,
            event,
            action if isinstance(action, str) else None,
            place.id,
            repository_id,
            _headers(place.app, event, guid, raw),
            raw,
            hub.now(),
        )
    )


def _headers(app: App, event: str, guid: str, raw: bytes) -> dict[str, str]:
    return {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/1a2b3c4",
        "X-GitHub-Delivery": guid,
        "X-GitHub-Event": event,
        "X-GitHub-Hook-ID": str(app.hook_id),
        "X-GitHub-Hook-Installation-Target-ID": str(app.id),
        "X-GitHub-Hook-Installation-Target-Type": "integration",
        **signature_headers(app.webhook_secret, raw),
    }


def redeliver(hub: Hub, delivery_id: int) -> Delivery | None:
    """Send a recorded delivery again: a new record, the same delivery id and bytes, signed with today's secret."""
    old = next((d for d in hub.courier.deliveries if d.id == delivery_id), None)
    if old is None:
        return None
    app = old.hook_app
    again = Delivery(
        hub.new_id("delivery"),
        old.guid,
        app,
        old.event,
        old.action,
        old.installation_id,
        old.repository_id,
        _headers(app, old.event, old.guid, old.payload),
        old.payload,
        hub.now(),
        redelivery=True,
    )
    hub.courier.send(again)
    return again
