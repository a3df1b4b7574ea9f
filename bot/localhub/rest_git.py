"""REST: branches, commits, contents, comparisons, refs and git objects."""

import base64
import binascii
import re

from bot.localhub import actions_git as act
from bot.localhub.api import Call, Route
from bot.localhub.gitstore import CommitInfo, Signature
from bot.localhub.records import Json
from bot.localhub.replies import CREATED, NO_CONTENT, Refused, Reply, invalid, not_found, unprocessable
from bot.localhub.shapes import node_id, repo_api, repo_html
from bot.localhub.shapes_git import (
    branch,
    commit,
    content,
    diff_entry,
    git_commit,
    git_ref,
    tree_entry,
    wrapped_base64,
)
from bot.localhub.state import from_iso

DIFF_MEDIA = ("application/vnd.github.diff", "application/vnd.github.v3.diff")
RAW_MEDIA = ("application/vnd.github.raw", "application/vnd.github.v3.raw")
_FILES_IN_COMPARISON = 300  # GitHub's cap


def diff_reply(call: Call, old: str | None, new: str) -> Reply:
    """The plain unified diff."""
    text = b"".join(change.diff for change in call.repository.git.changes(old, new))
    return Reply(text, media="application/vnd.github.diff; charset=utf-8")


def _commit(call: Call, revision: str) -> CommitInfo:
    sha = call.repository.git.resolve(revision)
    info = call.repository.git.commit(sha) if sha else None
    if info is None:
        raise unprocessable(f"No commit found for SHA: {revision}")
    return info


def list_branches(call: Call) -> Reply:
    record = call.repository
    items = list(record.git.branches().items())
    return Reply(
        call.page(
            items,
            lambda item: {
                "name": item[0],
                "commit": {"sha": item[1], "url": repo_api(call.hub, record, f"/commits/{item[1]}")},
                "protected": False,
            },
        )
    )


def get_branch(call: Call) -> Reply:
    name = str(call.params["branch"])
    sha = call.repository.git.ref(f"refs/heads/{name}")
    info = call.repository.git.commit(sha) if sha else None
    if info is None:
        raise Refused(404, "Branch not found")
    return Reply(branch(call.hub, call.repository, name, info))


def list_commits(call: Call) -> Reply:
    record = call.repository
    start = _commit(call, call.query.get("sha", record.default_branch))
    return Reply(call.page(record.git.log(start.sha, 1000), lambda i: commit(call.hub, record, i)))


def get_commit(call: Call) -> Reply:
    record = call.repository
    info = _commit(call, str(call.params["ref"]))
    parent = info.parents[0] if info.parents else None
    if call.accepts(*DIFF_MEDIA):
        return diff_reply(call, parent, info.sha)
    changes = record.git.changes(parent, info.sha)
    added, removed = sum(c.additions for c in changes), sum(c.deletions for c in changes)
    stats = {"total": added + removed, "additions": added, "deletions": removed}
    files = [diff_entry(call.hub, record, info.sha, c) for c in changes]
    return Reply({**commit(call.hub, record, info), "stats": stats, "files": files})


def get_contents(call: Call) -> Reply:
    record, path = call.repository, str(call.params.get("path", "")).strip("/")
    ref = call.query.get("ref", record.default_branch)
    sha = record.git.resolve(ref)
    if sha is None:
        raise Refused(404, f"No commit found for the ref {ref}")
    entry = record.git.entry_at(sha, path)
    if entry is None:
        raise not_found()
    if entry.kind == "tree":
        listed = record.git.entries(entry.sha) or []
        prefix = f"{path}/" if path else ""
        return Reply([content(call.hub, record, ref, prefix + e.path, e) for e in listed])
    shown = content(call.hub, record, ref, path, entry)
    raw = record.git.blob(entry.sha)
    if raw is None:
        return Reply({**shown, "submodule_git_url": None})
    if call.accepts(*RAW_MEDIA):
        return Reply(raw, media="application/vnd.github.raw; charset=utf-8")
    if shown["type"] == "symlink":
        return Reply({**shown, "target": raw.decode(errors="replace")})
    return Reply({**shown, "content": wrapped_base64(raw), "encoding": "base64"})


def put_contents(call: Call) -> Reply:
    """One file in one commit; `sha` is the blob that is replaced, 409 when it is another one by now."""
    record, path, body = call.repository, str(call.params["path"]).strip("/"), call.json()
    branch = str(body.get("branch") or record.default_branch)
    tip = record.git.ref(f"refs/heads/{branch}")
    if tip is None:
        raise Refused(404, f"Branch {branch} not found")
    try:
        raw = base64.b64decode(str(body.get("content")), validate=False)
    except binascii.Error:
        raise unprocessable("content is not valid Base64") from None
    old = record.git.entry_at(tip, path)
    if old is not None and body.get("sha") != old.sha:
        if body.get("sha") is None:
            raise unprocessable('Invalid request.\n\n"sha" wasn\'t supplied.')
        raise Refused(409, f"{path} does not match {body['sha']}")
    before = _commit(call, tip)
    entries = record.git.entries(before.tree, recursive=True) or []
    files = {e.path: (e.mode, e.sha) for e in entries if e.kind != "tree"}
    files[path] = (old.mode if old else 0o100644, record.git.add_blob(raw))
    who = _signature(call, body.get("committer"), None)
    author = _signature(call, body.get("author"), who)
    sha = record.git.add_commit(
        record.git.add_tree(files), [tip], str(body.get("message") or ""), author, who
    )
    act.update_ref(call.hub, record, call.actor, f"refs/heads/{branch}", sha, force=False)
    entry, info = record.git.entry_at(sha, path), _commit(call, sha)
    assert entry is not None
    shown = content(call.hub, record, branch, path, entry)
    return Reply({"content": shown, "commit": git_commit(call.hub, record, info)}, 200 if old else CREATED)


def compare(call: Call) -> Reply:
    record, git = call.repository, call.repository.git
    base_name, dots, head_name = str(call.params["basehead"]).partition("...")
    base, head = (git.resolve(name.rpartition(":")[2]) for name in (base_name, head_name))
    if not dots or base is None or head is None:
        raise not_found()
    result = git.compare(base, head)
    if call.accepts(*DIFF_MEDIA):
        return diff_reply(call, result.merge_base, head)
    base_info, root = git.commit(base), git.commit(result.merge_base or base)
    assert base_info is not None and root is not None
    status = {
        (True, True): "diverged",
        (True, False): "ahead",
        (False, True): "behind",
        (False, False): "identical",
    }[bool(result.ahead), bool(result.behind)]
    html = repo_html(call.hub, record, f"/compare/{base_name}...{head_name}")
    infos = [info for sha in result.ahead if (info := git.commit(sha))]
    body: Json = {
        "url": repo_api(call.hub, record, f"/compare/{base_name}...{head_name}"),
        "html_url": html,
        "permalink_url": repo_html(call.hub, record, f"/compare/{base[:7]}...{head[:7]}"),
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "base_commit": commit(call.hub, record, base_info),
        "merge_base_commit": commit(call.hub, record, root),
        "status": status,
        "ahead_by": len(result.ahead),
        "behind_by": result.behind,
        "total_commits": len(result.ahead),
        "commits": call.page(infos, lambda i: commit(call.hub, record, i)),
    }
    changes = git.changes(result.merge_base, head)[:_FILES_IN_COMPARISON]
    body["files"] = [diff_entry(call.hub, record, head, c) for c in changes]
    return Reply(body)


# -- refs -----------------------------------------------------------------------------------------------------
def get_ref(call: Call) -> Reply:
    name = f"refs/{call.params['ref']}"
    sha = call.repository.git.ref(name)
    if sha is None and not call.repository.git.refs():
        raise Refused(409, "Git Repository is empty.")
    if sha is None:
        raise not_found()
    return Reply(git_ref(call.hub, call.repository, name, sha))


def matching_refs(call: Call) -> Reply:
    prefix = f"refs/{call.params.get('ref', '')}"
    found = [(n, s) for n, s in call.repository.git.refs().items() if n.startswith(prefix)]
    return Reply(call.page(found, lambda item: git_ref(call.hub, call.repository, *item)))


def create_ref(call: Call) -> Reply:
    body = call.json()
    name, sha = str(body.get("ref", "")), str(body.get("sha", ""))
    act.create_ref(call.hub, call.repository, call.actor, name, sha)
    return Reply(git_ref(call.hub, call.repository, name, sha), CREATED)


def update_ref(call: Call) -> Reply:
    body, name = call.json(), f"refs/{call.params['ref']}"
    sha, force = str(body.get("sha", "")), body.get("force") is True
    act.update_ref(call.hub, call.repository, call.actor, name, sha, force=force)
    return Reply(git_ref(call.hub, call.repository, name, sha))


def delete_ref(call: Call) -> Reply:
    act.delete_ref(call.hub, call.repository, call.actor, f"refs/{call.params['ref']}")
    return NO_CONTENT


# -- objects --------------------------------------------------------------------------------------------------
def get_blob(call: Call) -> Reply:
    record, sha = call.repository, str(call.params["sha"])
    raw = record.git.blob(sha)
    if raw is None:
        raise not_found()
    if call.accepts(*RAW_MEDIA):
        return Reply(raw, media="application/vnd.github.raw; charset=utf-8")
    return Reply(
        {
            "sha": sha,
            "node_id": node_id("B", sha),
            "size": len(raw),
            "url": repo_api(call.hub, record, f"/git/blobs/{sha}"),
            "content": wrapped_base64(raw),
            "encoding": "base64",
        }
    )


def create_blob(call: Call) -> Reply:
    body = call.json()
    text = body.get("content")
    if not isinstance(text, str):
        raise invalid("Blob", "content", "missing_field")
    try:
        raw = base64.b64decode(text) if body.get("encoding") == "base64" else text.encode()
    except binascii.Error:
        raise unprocessable("content is not valid Base64") from None
    sha = call.repository.git.add_blob(raw)
    return Reply({"sha": sha, "url": repo_api(call.hub, call.repository, f"/git/blobs/{sha}")}, CREATED)


def _tree_reply(call: Call, sha: str, recursive: bool, status: int = 200) -> Reply:
    listed = call.repository.git.entries(sha, recursive)
    if listed is None:
        raise not_found()
    return Reply(
        {
            "sha": sha,
            "url": repo_api(call.hub, call.repository, f"/git/trees/{sha}"),
            "tree": [tree_entry(call.hub, call.repository, e) for e in listed],
            "truncated": False,
        },
        status,
    )


def get_tree(call: Call) -> Reply:
    """By tree id, or by anything that names a commit."""
    name = str(call.params["sha"])
    info = call.repository.git.commit(call.repository.git.resolve(name) or "")
    return _tree_reply(call, info.tree if info else name, bool(call.query.get("recursive")))


def create_tree(call: Call) -> Reply:
    """Entries over `base_tree`; `sha: null` removes a path, `content` makes a blob."""
    body, git = call.json(), call.repository.git
    files: dict[str, tuple[int, str]] = {}
    if body.get("base_tree"):
        base = git.commit(str(body["base_tree"]))
        listed = git.entries(base.tree if base else str(body["base_tree"]), recursive=True)
        if listed is None:
            raise unprocessable("base_tree is not a valid tree oid")
        files = {e.path: (e.mode, e.sha) for e in listed if e.kind != "tree"}
    for item in body.get("tree") or []:
        _apply(call, files, item)
    if not files:
        raise unprocessable("Invalid tree info")
    return _tree_reply(call, git.add_tree(files), False, CREATED)


def _apply(call: Call, files: dict[str, tuple[int, str]], item: Json) -> None:
    git, path = call.repository.git, str(item.get("path") or "")
    if not path or path.startswith("/") or {"", ".", "..", ".git"} & set(path.split("/")):
        raise unprocessable("tree.path contains a malformed path component")
    if "content" in item:
        sha: str | None = git.add_blob(str(item["content"]).encode())
    else:
        sha = item.get("sha")
    below = [p for p in files if p == path or p.startswith(path + "/")]
    for old in below:
        del files[old]
    if sha is None:
        if not below:
            raise unprocessable("GitRPC::BadObjectState")
        return
    if item.get("mode") not in ("100644", "100755", "040000", "160000", "120000"):
        raise unprocessable("tree.mode must be one of: 100644, 100755, 040000, 160000, 120000")
    if item["mode"] == "040000":
        for entry in git.entries(sha, recursive=True) or []:
            if entry.kind != "tree":
                files[f"{path}/{entry.path}"] = (entry.mode, entry.sha)
        return
    if item["mode"] != "160000" and git.kind(sha) != "blob":
        raise unprocessable(f"tree.sha {sha} is not a valid blob")
    files[path] = (int(item["mode"], 8), sha)


def get_git_commit(call: Call) -> Reply:
    info = call.repository.git.commit(str(call.params["sha"]))
    if info is None:
        raise not_found()
    return Reply(git_commit(call.hub, call.repository, info))


def create_commit(call: Call) -> Reply:
    body, record = call.json(), call.repository
    tree, parents = str(body.get("tree", "")), [str(p) for p in body.get("parents") or []]
    if record.git.kind(tree) != "tree":
        raise unprocessable("Tree SHA does not exist")
    if any(record.git.kind(p) != "commit" for p in parents):
        raise unprocessable("Parent SHA does not exist or is not a commit object")
    if not isinstance(body.get("message"), str):
        raise invalid("Commit", "message", "missing_field")
    author = _signature(call, body.get("author"), None)
    committer = _signature(call, body.get("committer"), author)
    sha = record.git.add_commit(tree, parents, body["message"], author, committer)
    if call.actor.app is not None and not body.get("author") and not body.get("committer"):
        record.signed_commits.add(sha)
    info = record.git.commit(sha)
    assert info is not None
    return Reply(git_commit(call.hub, record, info), CREATED)


def _signature(call: Call, given: object, default: Signature | None) -> Signature:
    account = call.actor.account
    now = int(call.hub.clock())
    if not isinstance(given, dict):
        email = f"{account.id}+{account.login}@users.noreply.localhost"
        return default or Signature(account.login, email, now)
    name, email = str(given.get("name", "")), str(given.get("email", ""))
    if not name or not email or re.search(r"[<>\n]", name + email):
        raise invalid("Commit", "author", "invalid")
    try:
        return Signature(name, email, from_iso(str(given["date"])) if given.get("date") else now)
    except ValueError:
        raise invalid("Commit", "date", "invalid") from None


_READ, _WRITE = ("contents:read",), ("contents:write",)
_REPO = "/repos/{owner}/{repo}"
_GIT = _REPO + "/git"
ROUTES = (
    Route("GET", _REPO + "/branches", list_branches, _READ),
    Route("GET", _REPO + "/branches/{branch:path}", get_branch, _READ),
    Route("GET", _REPO + "/contents", get_contents, _READ),
    Route("GET", _REPO + "/contents/{path:path}", get_contents, _READ),
    Route("PUT", _REPO + "/contents/{path:path}", put_contents, _WRITE),
    Route("GET", _REPO + "/compare/{basehead:path}", compare, _READ),
    Route("GET", _REPO + "/commits", list_commits, _READ),
    Route("GET", _GIT + "/ref/{ref:path}", get_ref, _READ),
    Route("GET", _GIT + "/matching-refs/{ref:path}", matching_refs, _READ),
    Route("POST", _GIT + "/refs", create_ref, _WRITE),
    Route("GET", _GIT + "/refs/{ref:path}", get_ref, _READ),
    Route("PATCH", _GIT + "/refs/{ref:path}", update_ref, _WRITE),
    Route("DELETE", _GIT + "/refs/{ref:path}", delete_ref, _WRITE),
    Route("POST", _GIT + "/blobs", create_blob, _WRITE),
    Route("GET", _GIT + "/blobs/{sha}", get_blob, _READ),
    Route("POST", _GIT + "/trees", create_tree, _WRITE),
    Route("GET", _GIT + "/trees/{sha:path}", get_tree, _READ),
    Route("POST", _GIT + "/commits", create_commit, _WRITE),
    Route("GET", _GIT + "/commits/{sha}", get_git_commit, _READ),
)
# Last of all routes: a ref may hold slashes, so it would swallow `/commits/<ref>/check-runs`.
LAST_ROUTES = (Route("GET", _REPO + "/commits/{ref:path}", get_commit, _READ),)
