"""GitHub's GraphQL, as far as REST has no word for it: review threads, drafts, minimised comments.

`github.graphql` is a cut of the official schema; graphql-core reads and runs the documents. Errors stand in the
answer with status 200, as GitHub sends them.
"""

import base64
import binascii
from importlib.resources import files
from typing import Any, Final

from graphql import GraphQLError, GraphQLResolveInfo, GraphQLSchema, build_schema, graphql_sync

from bot.localhub import actions_reviews as act
from bot.localhub.api import ANYBODY, Call
from bot.localhub.auth import CallerKind, require_permission, require_repository
from bot.localhub.records import Account, Comment, Json, Pull, Repository, Review, ReviewComment, Thread
from bot.localhub.replies import Refused, Reply, bad_credentials
from bot.localhub.shapes import node_id
from bot.localhub.shapes_reviews import review_comment as comment_shape
from bot.localhub.shapes_threads import association

NEEDS: Final = (ANYBODY,)  # the caller's rights are asked for each object
_PAGE: Final = 100
Info = GraphQLResolveInfo[Call]
_WRITE: Final = ("pull_requests:write",)
_REACTIONS: Final = {
    "+1": "THUMBS_UP",
    "-1": "THUMBS_DOWN",
    "confused": "CONFUSED",
    "eyes": "EYES",
    "heart": "HEART",
    "hooray": "HOORAY",
    "laugh": "LAUGH",
    "rocket": "ROCKET",
}
"""REST's words and GraphQL's."""


def answer(call: Call) -> Reply:
    """POST /graphql. 401 without credentials, 200 with `data` and `errors` otherwise."""
    if call.caller.kind is CallerKind.ANONYMOUS:
        raise bad_credentials()
    body = call.json()
    result = graphql_sync(
        _schema(),
        str(body.get("query") or ""),
        root_value={},
        context_value=call,
        variable_values=body.get("variables") or {},
        operation_name=body.get("operationName"),
    )
    shown: Json = {}
    if result.data is not None:
        shown["data"] = result.data
    if result.errors:
        shown["errors"] = [_error(e) for e in result.errors]
    return Reply(shown)


def _error(error: GraphQLError) -> Json:
    shown: Json = {"message": error.message}
    if error.path:
        shown["path"] = list(error.path)
    kind = (error.extensions or {}).get("type")
    return {"type": kind, **shown} if kind else shown


def _schema() -> GraphQLSchema:
    schema = build_schema(files("bot.localhub").joinpath("github.graphql").read_text())
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    schema.query_type.fields["repository"].resolve = _repository
    changes = schema.mutation_type.fields
    changes["resolveReviewThread"].resolve = lambda _r, info, input: _resolve(info, input, resolved=True)
    changes["unresolveReviewThread"].resolve = lambda _r, info, input: _resolve(info, input, resolved=False)
    changes["markPullRequestReadyForReview"].resolve = lambda _r, info, input: _draft(
        info, input, draft=False
    )
    changes["convertPullRequestToDraft"].resolve = lambda _r, info, input: _draft(info, input, draft=True)
    changes["minimizeComment"].resolve = _minimise
    for name, shaped in (("Actor", _actor_type), ("Minimizable", lambda *_: "IssueComment")):
        schema.type_map[name].resolve_type = shaped  # type: ignore[attr-defined]
    return schema


def _actor_type(value: Json, *_rest: object) -> str:
    return str(value["kind"])


def _not_found(what: str) -> GraphQLError:
    return GraphQLError(what, extensions={"type": "NOT_FOUND"})


def _repository(_root: object, info: Info, owner: str, name: str, **_rest: object) -> Json:
    call: Call = info.context
    try:
        record = require_repository(call.hub, call.caller, call.hub.repository(f"{owner}/{name}"))
    except Refused:
        words = f"Could not resolve to a Repository with the name '{owner}/{name}'."
        raise _not_found(words) from None

    def pull_request(_info: Info, number: int) -> Json:
        thread = record.threads.get(number)
        if thread is None or thread.pull is None:
            raise _not_found(f"Could not resolve to a PullRequest with the number of {number}.")
        return _pull(call, record, thread)

    return {
        "id": node_id("R", record.id),
        "issues": _threads(call, record, pulls=False),
        "nameWithOwner": record.full_name,
        "pullRequest": pull_request,
        "pullRequests": _threads(call, record, pulls=True),
    }


def _threads(call: Call, record: Repository, *, pulls: bool) -> Any:
    """A list of issues, or of pull requests, in the order that is asked for."""

    def resolve(info: Info, first: int | None = None, after: str | None = None, **asked: Any) -> Json:
        _readable(call, record, "pull_requests:read" if pulls else "issues:read")
        order = asked.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
        key = "updated_at" if order["field"] == "UPDATED_AT" else "created_at"
        states = asked.get("states") or ["OPEN", "CLOSED", "MERGED"]
        found = [
            one for one in record.threads.values() if bool(one.pull) == pulls and _state_of(one) in states
        ]
        found.sort(key=lambda one: (getattr(one, key), one.number), reverse=order["direction"] == "DESC")
        shape = _pull if pulls else _issue
        page: Json = _connection([shape(call, record, one) for one in found])(info, first, after)
        return page

    return resolve


def _state_of(thread: Thread) -> str:
    if thread.pull and thread.pull.merged_at:
        return "MERGED"
    return thread.state.upper()


def _issue(call: Call, record: Repository, thread: Thread) -> Json:
    """What an issue and a pull request have in common."""
    return {
        "author": _actor(thread.author),
        "authorAssociation": association(call.hub, record, thread.author),
        "body": thread.body or "",
        "createdAt": thread.created_at,
        "id": node_id("I", thread.id),
        "labels": _connection([{"id": node_id("LA", name), "name": name} for name in thread.labels]),
        "number": thread.number,
        "title": thread.title,
        "updatedAt": thread.updated_at,
    }


def _rollup(call: Call, record: Repository, sha: str) -> Json | None:
    """Of the check runs alone."""
    runs = call.hub.check_runs_for(record, sha)
    if not runs:
        return None
    said = {run.conclusion for run in runs}
    state = "PENDING" if None in said else "FAILURE" if said & {"failure", "timed_out"} else "SUCCESS"
    return {"id": node_id("SCR", sha), "state": state}


def _pull(call: Call, record: Repository, thread: Thread) -> Json:
    pull = _pull_of(thread)
    pending = {r.id for r in pull.reviews if r.state == "PENDING"}
    firsts = [c for c in pull.review_comments if c.in_reply_to is None and c.review_id not in pending]
    opinions = [one for one in pull.reviews if one.state in ("APPROVED", "CHANGES_REQUESTED")]
    return {
        **_issue(call, record, thread),
        "id": node_id("PR", thread.id),
        "isCrossRepository": pull.fork is not None,
        "isDraft": pull.draft,
        "latestOpinionatedReviews": _connection([_review(one) for one in opinions]),
        "mergeable": "MERGEABLE" if thread.state == "open" else "UNKNOWN",
        "reviews": _connection([_review(one) for one in pull.reviews if one.id not in pending]),
        "reviewThreads": _connection([_thread(call, record, thread, first) for first in firsts]),
        "statusCheckRollup": lambda _info: _rollup(call, record, pull.head_sha),
    }


def _review(item: Review) -> Json:
    return {
        "id": node_id("PRR", item.id),
        "fullDatabaseId": str(item.id),
        "lastEditedAt": item.edited_at,
        "state": item.state,
    }


def _pull_of(thread: Thread) -> Pull:
    assert thread.pull is not None
    return thread.pull


def _thread(call: Call, record: Repository, thread: Thread, first: ReviewComment) -> Json:
    pull = _pull_of(thread)
    comments = [c for c in pull.review_comments if first.id in (c.id, c.in_reply_to)]
    resolver = pull.resolved.get(first.id)
    return {
        "id": node_id("PRRT", first.id),
        "path": first.anchor.path,
        "line": first.anchor.line,
        "isOutdated": first.commit_id != pull.head_sha,
        "isResolved": resolver is not None,
        "resolvedBy": _user(resolver) if resolver else None,
        "comments": _connection([_comment(call, record, thread, c) for c in comments]),
    }


def _comment(call: Call, record: Repository, thread: Thread, item: ReviewComment) -> Json:
    def reactions(_info: Info, first: int | None = None, content: str | None = None) -> Json:
        word = {value: key for key, value in _REACTIONS.items()}.get(content or "")
        given = [r for r in item.reactions if word in (None, r.content)]
        shown = [
            {"id": node_id("REA", r.id), "content": _REACTIONS[r.content], "user": _user(r.account)}
            for r in given
        ]
        page: Json = _connection(shown)(_info, first)
        return page

    return {
        "id": node_id("PRRC", item.id),
        "fullDatabaseId": str(item.id),
        "author": _actor(item.author),
        "body": item.body,
        "path": item.anchor.path,
        "createdAt": item.created_at,
        "reactions": reactions,
        "url": str(comment_shape(call.hub, record, thread, item)["html_url"]),
    }


def _user(account: Account) -> Json | None:
    """Where the schema wants a User: a bot is none."""
    return _actor(account) if account.kind == "User" else None


def _actor(account: Account) -> Json:
    kind = "Bot" if account.kind == "Bot" else "User"
    # GraphQL tells a bot's login without the suffix that REST has.
    number = {"id": node_id("U", account.id), "databaseId": account.id}
    return {"kind": kind, **number, "login": account.login.removesuffix("[bot]")}


def _connection(items: list[Json]) -> Any:
    """A page of a list; the cursor is the place behind the last item."""

    def resolve(_info: Info, first: int | None = None, after: str | None = None) -> Json:
        if first is None:
            raise GraphQLError(
                "You must provide a `first` or `last` value to properly paginate the connection.",
                extensions={"type": "MISSING_PAGINATION_BOUNDARIES"},
            )
        start = int(after or 0)
        end = start + min(first, _PAGE)
        more = end < len(items)
        page = {"hasNextPage": more, "endCursor": str(min(end, len(items)))}
        return {"nodes": items[start:end], "totalCount": len(items), "pageInfo": page}

    return resolve


def _number(kind: str, given: str) -> int:
    """The number in a node id. Raises GraphQLError for one of another kind, or none at all."""
    head, _, tail = given.partition("_")
    try:
        number = int(base64.urlsafe_b64decode(tail + "=" * (-len(tail) % 4)))
    except (ValueError, binascii.Error):
        number = -1
    if head != kind or number < 0:
        raise _not_found(f"Could not resolve to a node with the global id of '{given}'")
    return number


def _readable(call: Call, record: Repository, need: str) -> None:
    try:
        require_permission(call.hub, call.caller, record, (need,))
    except Refused as refused:
        raise GraphQLError(refused.message, extensions={"type": "FORBIDDEN"}) from None


def _writable(call: Call, record: Repository, needs: tuple[str, ...] = _WRITE) -> None:
    try:
        require_repository(call.hub, call.caller, record)
        require_permission(call.hub, call.caller, record, needs)
    except Refused as refused:
        raise GraphQLError(refused.message, extensions={"type": "FORBIDDEN"}) from None


def _resolve(info: Info, given: Json, *, resolved: bool) -> Json:
    call: Call = info.context
    wanted = _number("PRRT", given["threadId"])
    for record in call.hub.repositories.values():
        for thread in record.threads.values():
            for comment in thread.pull.review_comments if thread.pull else ():
                if thread.pull and comment.id == wanted and comment.in_reply_to is None:
                    # GitHub asks for `contents: write` here, where one expects pull_requests.
                    _writable(call, record, ("contents:write",))
                    place = act.Place(call.hub, record, thread, thread.pull, call.actor)
                    act.resolve(place, comment, resolved)
                    return _payload(given, thread=_thread(call, record, thread, comment))
    raise _not_found(f"Could not resolve to a node with the global id of '{given['threadId']}'")


def _draft(info: Info, given: Json, *, draft: bool) -> Json:
    call: Call = info.context
    wanted = _number("PR", given["pullRequestId"])
    for record in call.hub.repositories.values():
        for thread in record.threads.values():
            if thread.pull and wanted in (thread.id, thread.pull.id):
                _writable(call, record)
                act.set_draft(act.Place(call.hub, record, thread, thread.pull, call.actor), draft)
                return _payload(given, pullRequest=_pull(call, record, thread))
    raise _not_found(f"Could not resolve to a node with the global id of '{given['pullRequestId']}'")


def _minimise(_root: object, info: Info, input: Json) -> Json:
    call: Call = info.context
    wanted = _number("IC", input["subjectId"])
    for record in call.hub.repositories.values():
        found = call.hub.find_comment(record, wanted)
        if found is not None:
            _writable(call, record, ("issues:write",))
            found[1].minimized = str(input["classifier"]).lower().replace("_", "-")
            return _payload(input, minimizedComment=_issue_comment(found[1]))
    raise _not_found(f"Could not resolve to a node with the global id of '{input['subjectId']}'")


def _issue_comment(comment: Comment) -> Json:
    return {
        "id": node_id("IC", comment.id),
        "author": _actor(comment.author),
        "body": comment.body,
        "createdAt": comment.created_at,
        "isMinimized": comment.minimized is not None,
        "minimizedReason": comment.minimized,
        "lastEditedAt": comment.updated_at if comment.earlier_bodies else None,
    }


def _payload(given: Json, **shown: object) -> Json:
    return {"clientMutationId": given.get("clientMutationId"), **shown}
