"""REST: issues, their comments, reactions and labels."""

from bot.localhub import actions_threads as act
from bot.localhub.api import THREAD_READ, THREAD_WRITE, Call, Route
from bot.localhub.auth import CallerKind
from bot.localhub.records import Comment, Json, Reaction, Role, Thread
from bot.localhub.replies import CREATED, NO_CONTENT, Reply, forbidden, invalid, not_found
from bot.localhub.shapes import label, reaction
from bot.localhub.shapes_threads import comment, issue


def list_issues(call: Call) -> Reply:
    """Newest first; pull requests are issues too. Filters: state, labels, creator, since, sort, direction."""
    query = call.query
    state = query.get("state", "open")
    wanted = {name for name in query.get("labels", "").split(",") if name}
    found = [
        t
        for t in call.repository.threads.values()
        if state in ("all", t.state)
        and wanted <= set(t.labels)
        and query.get("creator", t.author.login).lower() == t.author.login.lower()
        and t.updated_at >= query.get("since", "")
    ]
    by_update = query.get("sort") == "updated"
    found.sort(
        key=lambda t: (t.updated_at if by_update else t.created_at, t.number),
        reverse=query.get("direction", "desc") != "asc",
    )
    return Reply(call.page(found, lambda t: issue(call.hub, call.repository, t)))


def create_issue(call: Call) -> Reply:
    body = call.json()
    text = body.get("body")
    thread = act.open_issue(
        call.hub,
        call.repository,
        call.actor,
        str(body.get("title") or ""),
        None if text is None else str(text),
    )
    act.add_labels(call.hub, call.repository, thread, call.actor, _names(body.get("labels", [])))
    return Reply(issue(call.hub, call.repository, thread), CREATED)


def get_issue(call: Call) -> Reply:
    return Reply(issue(call.hub, call.repository, call.thread()))


def edit_issue(call: Call) -> Reply:
    thread = call.thread()
    _require_author_or_write(call, thread.author.id)
    body = call.json()
    act.edit_thread(call.hub, call.repository, thread, call.actor, body)
    if "labels" in body:
        wanted = _names(body["labels"])
        for name in [n for n in thread.labels if n not in wanted]:
            act.remove_label(call.hub, call.repository, thread, call.actor, name)
        act.add_labels(call.hub, call.repository, thread, call.actor, wanted)
    return Reply(issue(call.hub, call.repository, thread))


def list_comments(call: Call) -> Reply:
    """Oldest first; `since` keeps what was updated at or after that time."""
    thread = call.thread()
    found = [c for c in thread.comments if c.updated_at >= call.query.get("since", "")]
    return Reply(call.page(found, lambda c: comment(call.hub, call.repository, thread, c)))


def list_repository_comments(call: Call) -> Reply:
    """Of all threads. `since` as above; sorted by time of creation or update."""
    query = call.query
    found = [
        (thread, c)
        for thread in call.repository.threads.values()
        for c in thread.comments
        if c.updated_at >= query.get("since", "")
    ]
    by_update = query.get("sort") == "updated"
    found.sort(
        key=lambda one: (one[1].updated_at if by_update else one[1].created_at, one[1].id),
        reverse=query.get("direction", "desc") != "asc",
    )
    return Reply(call.page(found, lambda one: comment(call.hub, call.repository, *one)))


def create_comment(call: Call) -> Reply:
    thread = call.thread()
    body = call.json().get("body")
    if not isinstance(body, str):
        raise invalid("IssueComment", "body", "missing_field")
    new = act.create_comment(call.hub, call.repository, thread, call.actor, body)
    return Reply(comment(call.hub, call.repository, thread, new), CREATED)


def get_comment(call: Call) -> Reply:
    thread, found = call.comment()
    return Reply(comment(call.hub, call.repository, thread, found))


def edit_comment(call: Call) -> Reply:
    found = call.comment()
    _require_author_or_write(call, found[1].author.id)
    body = call.json().get("body")
    if not isinstance(body, str):
        raise invalid("IssueComment", "body", "missing_field")
    act.edit_comment(call.hub, call.repository, found, call.actor, body)
    return Reply(comment(call.hub, call.repository, *found))


def delete_comment(call: Call) -> Reply:
    found = call.comment()
    _require_author_or_write(call, found[1].author.id)
    act.delete_comment(call.hub, call.repository, found, call.actor)
    return NO_CONTENT


def _require_author_or_write(call: Call, author_id: int) -> None:
    """A person may edit what is theirs, or anything with the write role; an App's permission was checked."""
    account = call.actor.account
    own = call.caller.kind is not CallerKind.PERSON or account.id == author_id
    if not own and call.hub.role(account, call.repository) < Role.WRITE:
        raise forbidden("Must have admin rights to Repository.")


def _reactions(call: Call) -> list[Reaction]:
    return call.comment()[1].reactions if "comment_id" in call.params else call.thread().reactions


def list_reactions(call: Call) -> Reply:
    wanted = call.query.get("content")
    found = [r for r in _reactions(call) if wanted in (None, r.content)]
    return Reply(call.page(found, lambda r: reaction(call.hub, r)))


def create_reaction(call: Call) -> Reply:
    made, is_new = act.react(call.hub, _reactions(call), call.actor, call.json().get("content"))
    return Reply(reaction(call.hub, made), CREATED if is_new else 200)


def delete_reaction(call: Call) -> Reply:
    reactions = _reactions(call)
    found = next((r for r in reactions if r.id == int(call.params["reaction_id"])), None)
    if found is None or found.account.id != call.actor.account.id:
        raise not_found()
    reactions.remove(found)
    return NO_CONTENT


def _names(raw: object) -> list[str]:
    """Label names from any of the accepted forms: names, or objects with a name."""
    items = raw if isinstance(raw, list) else []
    return [str(item["name"]) if isinstance(item, dict) else str(item) for item in items]


def _labels_reply(call: Call, thread: Thread) -> Reply:
    record = call.repository
    return Reply(call.page(thread.labels, lambda name: label(call.hub, record, record.labels[name])))


def list_issue_labels(call: Call) -> Reply:
    return _labels_reply(call, call.thread())


def add_issue_labels(call: Call) -> Reply:
    """`{"labels": [...]}`, or a bare list as real GitHub accepts too."""
    thread = call.thread()
    raw = call.json_or_list()
    names = _names(raw if isinstance(raw, list) else raw.get("labels"))
    act.add_labels(call.hub, call.repository, thread, call.actor, names)
    return _labels_reply(call, thread)


def remove_issue_label(call: Call) -> Reply:
    thread = call.thread()
    act.remove_label(call.hub, call.repository, thread, call.actor, str(call.params["name"]))
    return _labels_reply(call, thread)


def list_timeline(call: Call) -> Reply:
    """The comments of a thread, oldest first: the part of GitHub's timeline that this hub remembers."""
    thread, record = call.thread(), call.repository

    def shown(item: Comment) -> Json:
        shape = comment(call.hub, record, thread, item)
        return {"event": "commented", "actor": shape["user"], **shape}

    return Reply(call.page(thread.comments, shown))


def list_labels(call: Call) -> Reply:
    items = list(call.repository.labels.values())
    return Reply(call.page(items, lambda x: label(call.hub, call.repository, x)))


def create_label(call: Call) -> Reply:
    body = call.json()
    name = str(body.get("name") or "")
    if not name:
        raise invalid("Label", "name", "missing_field")
    if any(x.name.lower() == name.lower() for x in call.repository.labels.values()):
        raise invalid("Label", "name", "already_exists")
    item = act.ensure_label(call.hub, call.repository, name, str(body.get("color") or "ededed"))
    item.description = body.get("description")
    return Reply(label(call.hub, call.repository, item), CREATED)


_READ, _WRITE = (THREAD_READ,), (THREAD_WRITE,)
_ISSUES_READ, _ISSUES_WRITE = ("issues:read", "pull_requests:read"), ("issues:write",)
_REPO = "/repos/{owner}/{repo}"
_COMMENT = _REPO + "/issues/comments/{comment_id:int}"
_ISSUE = _REPO + "/issues/{number:int}"
ROUTES = (
    Route("GET", _REPO + "/issues", list_issues, _ISSUES_READ),
    Route("POST", _REPO + "/issues", create_issue, _ISSUES_WRITE),
    Route("GET", _REPO + "/issues/comments", list_repository_comments, _ISSUES_READ),
    Route("GET", _COMMENT, get_comment, _READ),
    Route("PATCH", _COMMENT, edit_comment, _WRITE),
    Route("DELETE", _COMMENT, delete_comment, _WRITE),
    Route("GET", _COMMENT + "/reactions", list_reactions, _READ),
    Route("POST", _COMMENT + "/reactions", create_reaction, _WRITE),
    Route("DELETE", _COMMENT + "/reactions/{reaction_id:int}", delete_reaction, _WRITE),
    Route("GET", _ISSUE, get_issue, _READ),
    Route("PATCH", _ISSUE, edit_issue, _WRITE),
    Route("GET", _ISSUE + "/comments", list_comments, _READ),
    Route("POST", _ISSUE + "/comments", create_comment, _WRITE),
    Route("GET", _ISSUE + "/reactions", list_reactions, _READ),
    Route("POST", _ISSUE + "/reactions", create_reaction, _WRITE),
    Route("DELETE", _ISSUE + "/reactions/{reaction_id:int}", delete_reaction, _WRITE),
    Route("GET", _ISSUE + "/timeline", list_timeline, _READ),
    Route("GET", _ISSUE + "/labels", list_issue_labels, _READ),
    Route("POST", _ISSUE + "/labels", add_issue_labels, _WRITE),
    Route("DELETE", _ISSUE + "/labels/{name}", remove_issue_label, _WRITE),
    Route("GET", _REPO + "/labels", list_labels, _ISSUES_READ),
    Route("POST", _REPO + "/labels", create_label, _ISSUES_WRITE),
)
