"""REST: reviews of pull requests, their comments, and who is asked for one."""

from bot.localhub import actions_reviews as act
from bot.localhub.actions_threads import react
from bot.localhub.api import Call, Route
from bot.localhub.records import Review, ReviewComment
from bot.localhub.replies import CREATED, Reply, not_found
from bot.localhub.shapes import reaction, user
from bot.localhub.shapes_reviews import review, review_comment
from bot.localhub.shapes_threads import pull_simple


def _place(call: Call) -> act.Place:
    thread = call.thread()
    if thread.pull is None:
        raise not_found()
    return act.Place(call.hub, call.repository, thread, thread.pull, call.actor)


def _comment(call: Call) -> tuple[act.Place, ReviewComment]:
    """The review comment named by the path, wherever in the repository it is."""
    wanted = int(call.params["review_comment_id"])
    for thread in call.repository.threads.values():
        for comment in thread.pull.review_comments if thread.pull else ():
            if comment.id == wanted and thread.pull:
                return act.Place(call.hub, call.repository, thread, thread.pull, call.actor), comment
    raise not_found()


def _review(call: Call, place: act.Place) -> Review:
    found = next((r for r in place.pull.reviews if r.id == int(call.params["review_id"])), None)
    if found is None or (found.state == "PENDING" and found.author.id != call.actor.account.id):
        raise not_found()
    return found


def _review_reply(call: Call, place: act.Place, item: Review) -> Reply:
    return Reply(review(call.hub, call.repository, place.thread, item))


def _comment_shape(call: Call, place: act.Place, item: ReviewComment) -> dict[str, object]:
    return review_comment(call.hub, call.repository, place.thread, item)


def list_reviews(call: Call) -> Reply:
    """Oldest first; a pending one is its author's alone."""
    place = _place(call)
    me = call.actor.account.id
    seen = [r for r in place.pull.reviews if r.state != "PENDING" or r.author.id == me]
    return Reply(call.page(seen, lambda r: review(call.hub, call.repository, place.thread, r)))


def create_review(call: Call) -> Reply:
    place = _place(call)
    return _review_reply(call, place, act.create_review(place, call.json()))


def get_review(call: Call) -> Reply:
    place = _place(call)
    return _review_reply(call, place, _review(call, place))


def submit_review(call: Call) -> Reply:
    place, body = _place(call), call.json()
    found = _review(call, place)
    act.submit_review(place, found, body.get("event"), body.get("body"))
    return _review_reply(call, place, found)


def list_review_comments(call: Call) -> Reply:
    """The comments of one review; this list alone has no line numbers, only positions."""
    place = _place(call)
    found = act.comments_of(place.pull, _review(call, place))
    return Reply(call.page(found, lambda c: _comment_shape(call, place, c)))


def list_comments(call: Call) -> Reply:
    """Oldest first; comments of pending reviews are not in it."""
    place = _place(call)
    pending = {r.id for r in place.pull.reviews if r.state == "PENDING"}
    seen = [
        c
        for c in place.pull.review_comments
        if c.review_id not in pending and c.updated_at >= call.query.get("since", "")
    ]
    return Reply(call.page(seen, lambda c: _comment_shape(call, place, c)))


def create_comment(call: Call) -> Reply:
    place = _place(call)
    return Reply(_comment_shape(call, place, act.create_comment(place, call.json())), CREATED)


def create_reply(call: Call) -> Reply:
    place = _place(call)
    made = act.reply(place, int(call.params["review_comment_id"]), call.json().get("body"))
    return Reply(_comment_shape(call, place, made), CREATED)


def get_comment(call: Call) -> Reply:
    return Reply(_comment_shape(call, *_comment(call)))


def edit_comment(call: Call) -> Reply:
    place, comment = _comment(call)
    act.edit_comment(place, comment, call.json().get("body"))
    return Reply(_comment_shape(call, place, comment))


def create_reaction(call: Call) -> Reply:
    place, comment = _comment(call)
    made, is_new = react(call.hub, comment.reactions, place.actor, call.json().get("content"))
    return Reply(reaction(call.hub, made), CREATED if is_new else 200)


def list_requested(call: Call) -> Reply:
    place = _place(call)
    return Reply({"users": [user(call.hub, a) for a in place.pull.requested], "teams": []})


def _logins(call: Call) -> list[str]:
    given = call.json().get("reviewers")
    return [str(login) for login in given] if isinstance(given, list) else []


def request_reviewers(call: Call) -> Reply:
    place = _place(call)
    act.request_reviewers(place, _logins(call))
    return Reply(pull_simple(call.hub, call.repository, place.thread), CREATED)


def remove_reviewers(call: Call) -> Reply:
    place = _place(call)
    act.remove_reviewers(place, _logins(call))
    return Reply(pull_simple(call.hub, call.repository, place.thread))


_READ, _WRITE = ("pull_requests:read",), ("pull_requests:write",)
_PULLS = "/repos/{owner}/{repo}/pulls"
_COMMENT = _PULLS + "/comments/{review_comment_id:int}"
_PULL = _PULLS + "/{number:int}"
_REVIEW = _PULL + "/reviews/{review_id:int}"
_REQUESTED = _PULL + "/requested_reviewers"
ROUTES = (
    Route("GET", _COMMENT, get_comment, _READ),
    Route("PATCH", _COMMENT, edit_comment, _WRITE),
    Route("POST", _COMMENT + "/reactions", create_reaction, _WRITE),
    Route("GET", _PULL + "/reviews", list_reviews, _READ),
    Route("POST", _PULL + "/reviews", create_review, _WRITE),
    Route("GET", _REVIEW, get_review, _READ),
    Route("POST", _REVIEW + "/events", submit_review, _WRITE),
    Route("GET", _REVIEW + "/comments", list_review_comments, _READ),
    Route("GET", _PULL + "/comments", list_comments, _READ),
    Route("POST", _PULL + "/comments", create_comment, _WRITE),
    Route("POST", _PULL + "/comments/{review_comment_id:int}/replies", create_reply, _WRITE),
    Route("GET", _REQUESTED, list_requested, _READ),
    Route("POST", _REQUESTED, request_reviewers, _WRITE),
    Route("DELETE", _REQUESTED, remove_reviewers, _WRITE),
)
