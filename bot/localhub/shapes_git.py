"""GitHub's JSON for refs, objects, commits, comparisons and files. Pure."""

import base64
from typing import Any

from bot.localhub.gitstore import CommitInfo, Entry, FileChange, Signature
from bot.localhub.records import Json, Repository
from bot.localhub.shapes import node_id, repo_api, repo_html, user
from bot.localhub.state import Hub, iso


def git_ref(hub: Hub, record: Repository, name: str, sha: str) -> Json:
    kind = record.git.kind(sha) or "commit"
    return {
        "ref": name,
        "node_id": node_id("REF", f"{record.id}:{name}"),
        "url": repo_api(hub, record, f"/git/{name}"),
        "object": {"sha": sha, "type": kind, "url": repo_api(hub, record, f"/git/{kind}s/{sha}")},
    }


def git_user(signature: Signature) -> Json:
    return {"name": signature.name, "email": signature.email, "date": iso(signature.when)}


def _verification(record: Repository, info: CommitInfo) -> Json:
    if info.sha in record.signed_commits:
        return {
            "verified": True,
            "reason": "valid",
            "signature": "-----BEGIN PGP SIGNATURE-----\n\nlocalhub\n-----END PGP SIGNATURE-----\n",
            "payload": info.message,
            "verified_at": iso(info.committer.when),
        }
    empty = dict.fromkeys(("signature", "payload", "verified_at"))
    return {"verified": False, "reason": "unsigned", **empty}


def git_commit(hub: Hub, record: Repository, info: CommitInfo) -> Json:
    """git-commit, of the git data API."""
    return {
        "sha": info.sha,
        "node_id": node_id("C", info.sha),
        "url": repo_api(hub, record, f"/git/commits/{info.sha}"),
        "html_url": repo_html(hub, record, f"/commit/{info.sha}"),
        "author": git_user(info.author),
        "committer": git_user(info.committer),
        "tree": {"sha": info.tree, "url": repo_api(hub, record, f"/git/trees/{info.tree}")},
        "message": info.message,
        "parents": [
            {
                "sha": parent,
                "url": repo_api(hub, record, f"/git/commits/{parent}"),
                "html_url": repo_html(hub, record, f"/commit/{parent}"),
            }
            for parent in info.parents
        ],
        "verification": _verification(record, info),
    }


def git_commit_short(record: Repository, sha: str) -> Json:
    """simple-commit, as it stands in check suites and workflow runs."""
    info = record.git.commit(sha)
    assert info is not None
    people = {
        side: {"name": who.name, "email": who.email}
        for side, who in (("author", info.author), ("committer", info.committer))
    }
    return {
        "id": sha,
        "tree_id": info.tree,
        "message": info.message,
        "timestamp": iso(info.committer.when),
        **people,
    }


def commit(hub: Hub, record: Repository, info: CommitInfo) -> Json:
    """commit, of the repository API."""
    at = repo_api(hub, record, f"/commits/{info.sha}")
    return {
        "sha": info.sha,
        "node_id": node_id("C", info.sha),
        "commit": {
            "author": git_user(info.author),
            "committer": git_user(info.committer),
            "message": info.message,
            "tree": {"sha": info.tree, "url": repo_api(hub, record, f"/git/trees/{info.tree}")},
            "url": repo_api(hub, record, f"/git/commits/{info.sha}"),
            "comment_count": 0,
            "verification": _verification(record, info),
        },
        "url": at,
        "html_url": repo_html(hub, record, f"/commit/{info.sha}"),
        "comments_url": f"{at}/comments",
        "author": _account_of(hub, info.author),
        "committer": _account_of(hub, info.committer),
        "parents": [
            {
                "sha": parent,
                "url": repo_api(hub, record, f"/commits/{parent}"),
                "html_url": repo_html(hub, record, f"/commit/{parent}"),
            }
            for parent in info.parents
        ],
    }


def _account_of(hub: Hub, signature: Signature) -> Json | None:
    """GitHub joins commits to accounts by e-mail; ours are `<id>+<login>@users.noreply.<host>`."""
    local, _, host = signature.email.partition("@")
    account = hub.account(local.partition("+")[2]) if host.startswith("users.noreply.") else None
    return user(hub, account) if account else None


def branch(hub: Hub, record: Repository, name: str, info: CommitInfo) -> Json:
    """branch-with-protection; no branch of the hub is protected."""
    at = repo_api(hub, record, f"/branches/{name}")
    return {
        "name": name,
        "commit": commit(hub, record, info),
        "_links": {"self": at, "html": repo_html(hub, record, f"/tree/{name}")},
        "protected": False,
        "protection": {
            "enabled": False,
            "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []},
        },
        "protection_url": f"{at}/protection",
    }


def diff_entry(hub: Hub, record: Repository, sha: str, change: FileChange) -> Json:
    body: Json = {
        "sha": change.sha,
        "filename": change.path,
        "status": change.status,
        "additions": change.additions,
        "deletions": change.deletions,
        "changes": change.additions + change.deletions,
        "blob_url": repo_html(hub, record, f"/blob/{sha}/{change.path}"),
        "raw_url": repo_html(hub, record, f"/raw/{sha}/{change.path}"),
        "contents_url": repo_api(hub, record, f"/contents/{change.path}?ref={sha}"),
    }
    if change.patch is not None:
        body["patch"] = change.patch
    if change.previous_path is not None:
        body["previous_filename"] = change.previous_path
    return body


def tree_entry(hub: Hub, record: Repository, entry: Entry) -> Json:
    body: Json = {"path": entry.path, "mode": f"{entry.mode:06o}", "type": entry.kind, "sha": entry.sha}
    if entry.size is not None:
        body["size"] = entry.size
    if entry.kind != "commit":
        body["url"] = repo_api(hub, record, f"/git/{entry.kind}s/{entry.sha}")
    return body


def wrapped_base64(content: bytes) -> str:
    """GitHub breaks base64 after 60 characters."""
    text = base64.b64encode(content).decode()
    return "".join(text[i : i + 60] + "\n" for i in range(0, len(text), 60))


def content(hub: Hub, record: Repository, ref: str, path: str, entry: Entry) -> Json:
    """One entry of content-directory; a file's own answer adds `content` and `encoding`."""
    kind = {"tree": "dir", "commit": "submodule"}.get(entry.kind, "file")
    if entry.mode == 0o120000:
        kind = "symlink"
    at = repo_api(hub, record, f"/contents/{path}?ref={ref}")
    git = repo_api(hub, record, f"/git/{'trees' if kind == 'dir' else 'blobs'}/{entry.sha}")
    html = repo_html(hub, record, f"/{'tree' if kind == 'dir' else 'blob'}/{ref}/{path}")
    download: Any = repo_html(hub, record, f"/raw/{ref}/{path}") if kind in ("file", "symlink") else None
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": entry.sha,
        "size": entry.size or 0,
        "url": at,
        "html_url": html,
        "git_url": git,
        "download_url": download,
        "type": kind,
        "_links": {"self": at, "git": git, "html": html},
    }
