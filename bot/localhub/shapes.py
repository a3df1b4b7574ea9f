"""GitHub's JSON for accounts, apps, installations, repositories and labels: complete objects, real key order aside.

Pure: reads the records, changes nothing. Every URL has the host and port of the server that answers; PyGithub
refuses others.
"""

import base64
from typing import Final

from bot.localhub.records import Account, App, Installation, Json, Label, Reaction, Repository, Role, Token
from bot.localhub.state import Hub, iso

API_PREFIX: Final = "/api/v3"
REACTIONS: Final = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")


def api(hub: Hub, path: str = "") -> str:
    return f"{hub.base_url}{API_PREFIX}{path}"


def repo_api(hub: Hub, repository: Repository, path: str = "") -> str:
    return api(hub, f"/repos/{repository.full_name}{path}")


def repo_html(hub: Hub, repository: Repository, path: str = "") -> str:
    return f"{hub.base_url}/{repository.full_name}{path}"


def node_id(kind: str, number: int | str) -> str:
    return f"{kind}_" + base64.urlsafe_b64encode(str(number).encode()).decode().rstrip("=")


def user(hub: Hub, account: Account) -> Json:
    """simple-user."""
    at = api(hub, f"/users/{account.login}")
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id("BOT" if account.kind == "Bot" else "U", account.id),
        "avatar_url": f"{hub.base_url}/_avatars/{account.id}.svg",
        "gravatar_id": "",
        "url": at,
        "html_url": f"{hub.base_url}/_people/{account.login}",
        "followers_url": f"{at}/followers",
        "following_url": f"{at}/following{{/other_user}}",
        "gists_url": f"{at}/gists{{/gist_id}}",
        "starred_url": f"{at}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{at}/subscriptions",
        "organizations_url": f"{at}/orgs",
        "repos_url": f"{at}/repos",
        "events_url": f"{at}/events{{/privacy}}",
        "received_events_url": f"{at}/received_events",
        "type": account.kind.value,
        "user_view_type": "public",
        "site_admin": False,
    }


def public_user(hub: Hub, account: Account) -> Json:
    owned = sum(1 for r in hub.repositories.values() if r.owner.id == account.id and not r.private)
    empty = ("company", "location", "email", "hireable", "bio", "twitter_username")
    return {
        **user(hub, account),
        "name": account.name,
        "blog": "",
        **dict.fromkeys(empty),
        "public_repos": owned,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": account.created_at,
        "updated_at": account.created_at,
    }


def collaborator(hub: Hub, account: Account, role: Role) -> Json:
    """The answer of the permission endpoint."""
    rights = {
        "admin": role >= Role.ADMIN,
        "maintain": role >= Role.MAINTAIN,
        "push": role >= Role.WRITE,
        "triage": role >= Role.TRIAGE,
        "pull": role >= Role.READ,
    }
    return {
        "permission": role.permission,
        "user": {**user(hub, account), "permissions": rights, "role_name": role.word},
        "role_name": role.word,
    }


def app(hub: Hub, record: App) -> Json:
    """integration."""
    return {
        "id": record.id,
        "client_id": f"Iv23li{record.id:014d}",
        "slug": record.slug,
        "node_id": node_id("A", record.id),
        "owner": user(hub, record.owner),
        "name": record.name,
        "description": "",
        "external_url": record.webhook_url or hub.base_url,
        "html_url": f"{hub.base_url}/apps/{record.slug}",
        "created_at": record.created_at,
        "updated_at": record.created_at,
        "permissions": dict(record.permissions),
        "events": list(record.events),
    }


def installation(hub: Hub, record: Installation) -> Json:
    at = api(hub, f"/app/installations/{record.id}")
    return {
        "id": record.id,
        "client_id": f"Iv23li{record.app.id:014d}",
        "account": user(hub, record.account),
        "repository_selection": "all" if record.repositories is None else "selected",
        "access_tokens_url": f"{at}/access_tokens",
        "repositories_url": api(hub, "/installation/repositories"),
        "html_url": f"{hub.base_url}/settings/installations/{record.id}",
        "app_id": record.app.id,
        "app_slug": record.app.slug,
        "target_id": record.account.id,
        "target_type": record.account.kind.value,
        "permissions": dict(record.app.permissions),
        "events": list(record.app.events),
        "created_at": record.created_at,
        "updated_at": record.created_at,
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": None,
        "suspended_at": None,
    }


def installation_token(hub: Hub, token: Token) -> Json:
    assert token.installation is not None and token.expires_at is not None
    body: Json = {
        "token": token.text,
        "expires_at": iso(token.expires_at),
        "permissions": dict(token.permissions),
        "repository_selection": "all" if token.repositories is None else "selected",
    }
    if token.repositories is not None:
        chosen = hub.covered(token.installation, token.repositories)
        body["repositories"] = [repository(hub, r) for r in chosen]
    return body


_REPO_LINKS = {
    "forks_url": "/forks",
    "keys_url": "/keys{/key_id}",
    "collaborators_url": "/collaborators{/collaborator}",
    "teams_url": "/teams",
    "hooks_url": "/hooks",
    "issue_events_url": "/issues/events{/number}",
    "events_url": "/events",
    "assignees_url": "/assignees{/user}",
    "branches_url": "/branches{/branch}",
    "tags_url": "/tags",
    "blobs_url": "/git/blobs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "trees_url": "/git/trees{/sha}",
    "statuses_url": "/statuses/{sha}",
    "languages_url": "/languages",
    "stargazers_url": "/stargazers",
    "contributors_url": "/contributors",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "commits_url": "/commits{/sha}",
    "git_commits_url": "/git/commits{/sha}",
    "comments_url": "/comments{/number}",
    "issue_comment_url": "/issues/comments{/number}",
    "contents_url": "/contents/{+path}",
    "compare_url": "/compare/{base}...{head}",
    "merges_url": "/merges",
    "archive_url": "/{archive_format}{/ref}",
    "downloads_url": "/downloads",
    "issues_url": "/issues{/number}",
    "pulls_url": "/pulls{/number}",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "labels_url": "/labels{/name}",
    "releases_url": "/releases{/id}",
    "deployments_url": "/deployments",
}


def repository(hub: Hub, record: Repository) -> Json:
    """repository (as it stands inside other objects and webhooks)."""
    open_threads = sum(1 for t in record.threads.values() if t.state == "open")
    html = repo_html(hub, record)
    host = hub.base_url.partition("://")[2]
    return {
        "id": record.id,
        "node_id": node_id("R", record.id),
        "name": record.name,
        "full_name": record.full_name,
        "private": record.private,
        "owner": user(hub, record.owner),
        "html_url": html,
        "description": record.description or None,
        "fork": False,
        "url": repo_api(hub, record),
        **{key: repo_api(hub, record, path) for key, path in _REPO_LINKS.items()},
        "created_at": record.created_at,
        "updated_at": record.pushed_at,
        "pushed_at": record.pushed_at,
        "git_url": f"git://{host}/{record.full_name}.git",
        "ssh_url": f"git@{host.partition(':')[0]}:{record.full_name}.git",
        "clone_url": f"{html}.git",
        "svn_url": html,
        "homepage": None,
        "size": 0,
        "stargazers_count": 0,
        "watchers_count": 0,
        "language": None,
        "has_issues": True,
        "has_projects": True,
        "has_downloads": True,
        "has_wiki": False,
        "has_pages": False,
        "has_discussions": False,
        "forks_count": 0,
        "mirror_url": None,
        "archived": False,
        "disabled": False,
        "open_issues_count": open_threads,
        "license": None,
        "allow_forking": True,
        "is_template": False,
        "web_commit_signoff_required": False,
        "topics": [],
        "visibility": "private" if record.private else "public",
        "forks": 0,
        "open_issues": open_threads,
        "watchers": 0,
        "default_branch": record.default_branch,
    }


def full_repository(hub: Hub, record: Repository, role: Role) -> Json:
    rights = collaborator(hub, record.owner, role)["user"]["permissions"]
    return {
        **repository(hub, record),
        "permissions": rights,
        **({"organization": user(hub, record.owner)} if record.owner.kind == "Organization" else {}),
        "custom_properties": {},
        "temp_clone_token": "",
        "allow_squash_merge": True,
        "allow_merge_commit": True,
        "allow_rebase_merge": True,
        "allow_auto_merge": False,
        "delete_branch_on_merge": False,
        "allow_update_branch": False,
        "network_count": 0,
        "subscribers_count": 0,
    }


def label(hub: Hub, record: Repository, item: Label) -> Json:
    return {
        "id": item.id,
        "node_id": node_id("LA", item.id),
        "url": repo_api(hub, record, f"/labels/{item.name}"),
        "name": item.name,
        "color": item.color,
        "default": False,
        "description": item.description or "",
    }


def reaction(hub: Hub, item: Reaction) -> Json:
    return {
        "id": item.id,
        "node_id": node_id("REA", item.id),
        "user": user(hub, item.account),
        "content": item.content,
        "created_at": item.created_at,
    }


def reaction_rollup(url: str, items: list[Reaction]) -> Json:
    counts = {content: sum(1 for r in items if r.content == content) for content in REACTIONS}
    return {"url": f"{url}/reactions", "total_count": len(items), **counts}
