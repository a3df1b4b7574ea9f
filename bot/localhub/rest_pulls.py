"""REST: pull requests."""

from bot.localhub import actions_git, actions_threads
from bot.localhub.api import Call, Route
from bot.localhub.auth import CallerKind
from bot.localhub.records import Pull, Role, Thread
from bot.localhub.replies import CREATED, Refused, Reply, forbidden, invalid, not_found, unprocessable
from bot.localhub.rest_git import DIFF_MEDIA, diff_reply
from bot.localhub.shapes import repo_html
from bot.localhub.shapes_git import commit, diff_entry
from bot.localhub.shapes_threads import pull_request, pull_simple

_COMMITS_LISTED = 250  # GitHub's cap for the commits of a pull request


def _pull(call: Call) -> tuple[Thread, Pull]:
    thread = call.thread()
    if thread.pull is None:
        raise not_found()
    return thread, thread.pull


def list_pulls(call: Call) -> Reply:
    """Newest first; filters `state`, `head` (owner:branch), `base`."""
    record, query = call.repository, call.query
    state, head, base = query.get("state", "open"), query.get("head"), query.get("base")
    found = [
        t
        for t in record.threads.values()
        if t.pull
        and state in ("all", t.state)
        # As on GitHub, a head without an owner is no filter at all.
        and (not head or ":" not in head or head == f"{record.owner.login}:{t.pull.head_ref}")
        and base in (None, t.pull.base_ref)
    ]
    found.sort(key=lambda t: t.number, reverse=query.get("direction", "desc") != "asc")
    return Reply(call.page(found, lambda t: pull_simple(call.hub, record, t)))


def create_pull(call: Call) -> Reply:
    body = call.json()
    for name in ("head", "base"):
        if not isinstance(body.get(name), str):
            raise invalid("PullRequest", name, "missing_field")
    text = body.get("body")
    new = actions_git.NewPull(
        str(body.get("title") or ""),
        None if text is None else str(text),
        body["head"],
        body["base"],
        body.get("draft") is True,
        body.get("maintainer_can_modify") is not False,
    )
    thread = actions_git.create_pull(call.hub, call.repository, call.actor, new)
    return Reply(pull_request(call.hub, call.repository, thread), CREATED)


def get_pull(call: Call) -> Reply:
    thread, pull = _pull(call)
    if call.accepts(*DIFF_MEDIA):
        root = call.repository.git.compare(pull.base_sha, pull.head_sha).merge_base
        return diff_reply(call, root, pull.head_sha)
    return Reply(pull_request(call.hub, call.repository, thread))


def edit_pull(call: Call) -> Reply:
    thread, pull = _pull(call)
    account = call.actor.account
    own = call.caller.kind is not CallerKind.PERSON or account.id == thread.author.id
    if not own and call.hub.role(account, call.repository) < Role.WRITE:
        raise forbidden("Must have push access to repository")
    body = call.json()
    if isinstance(body.get("base"), str) and body["base"] != pull.base_ref:
        actions_git.change_base(call.hub, call.repository, thread, call.actor, body["base"])
    actions_threads.edit_thread(call.hub, call.repository, thread, call.actor, body)
    return Reply(pull_request(call.hub, call.repository, thread))


def list_files(call: Call) -> Reply:
    _, pull = _pull(call)
    git = call.repository.git
    root = git.compare(pull.base_sha, pull.head_sha).merge_base
    changes = git.changes(root, pull.head_sha)
    return Reply(call.page(changes, lambda c: diff_entry(call.hub, call.repository, pull.head_sha, c)))


def list_commits(call: Call) -> Reply:
    _, pull = _pull(call)
    git = call.repository.git
    shas = git.compare(pull.base_sha, pull.head_sha).ahead[:_COMMITS_LISTED]
    infos = [info for sha in shas if (info := git.commit(sha))]
    return Reply(call.page(infos, lambda i: commit(call.hub, call.repository, i)))


def merge(call: Call) -> Reply:
    """Merge, squash or rebase: here all three make one commit with the head's tree on the base branch."""
    thread, pull = _pull(call)
    body = call.json()
    if thread.state != "open" or pull.draft:
        raise Refused(405, "Pull Request is not mergeable")
    if body.get("sha") not in (None, pull.head_sha):
        raise Refused(409, "Head branch was modified. Review and try the merge again.")
    title = str(body.get("commit_title") or f"{thread.title} (#{thread.number})")
    sha = actions_git.merge(call.hub, call.repository, thread, call.actor, title)
    return Reply({"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


def update_branch(call: Call) -> Reply:
    """GitHub answers before it merges the base in; so does this, and a merge that is not needed changes nothing."""
    thread, pull = _pull(call)
    if call.json().get("expected_head_sha") not in (None, pull.head_sha):
        raise unprocessable(f"expected head sha didn't match current head ref. {pull.head_sha}")
    actions_git.update_branch(call.hub, call.repository, thread, call.actor)
    return Reply(
        {"message": "Updating pull request branch.", "url": repo_html(call.hub, call.repository)}, 202
    )


_READ, _WRITE = ("pull_requests:read",), ("pull_requests:write",)
_PULLS = "/repos/{owner}/{repo}/pulls"
ROUTES = (
    Route("GET", _PULLS, list_pulls, _READ),
    Route("POST", _PULLS, create_pull, _WRITE),
    Route("GET", _PULLS + "/{number:int}", get_pull, _READ),
    Route("PATCH", _PULLS + "/{number:int}", edit_pull, _WRITE),
    Route("PUT", _PULLS + "/{number:int}/merge", merge, ("contents:write",)),
    Route("PUT", _PULLS + "/{number:int}/update-branch", update_branch, _WRITE),
    Route("GET", _PULLS + "/{number:int}/files", list_files, _READ),
    Route("GET", _PULLS + "/{number:int}/commits", list_commits, _READ),
)
