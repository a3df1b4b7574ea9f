"""The REST API's frame: a route table with the permission of each route beside it, and the dispatcher.

A handler gets a `Call` whose caller and repository were checked already, runs in a thread under `Hub.lock`, and
returns a `Reply` or raises `Refused`. Each request is written to the hub's request log with its final status.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from bot.localhub.auth import ANONYMOUS, Caller, CallerKind, identify, require_permission, require_repository
from bot.localhub.faults import BrokenOff
from bot.localhub.records import Actor, Comment, Exchange, Json, Repository, RequestRecord, Thread
from bot.localhub.replies import (
    PAGE_SIZE,
    PAGE_SIZE_MAX,
    Refused,
    Reply,
    bad_credentials,
    forbidden,
    not_found,
)
from bot.localhub.shapes import API_PREFIX
from bot.localhub.state import Hub

APP: Final = "app"  # needs: a JWT
INSTALLATION: Final = "installation"  # needs: an installation token
ANYBODY: Final = "anybody"
THREAD_READ: Final = "thread:read"  # issues for an issue; issues or pull_requests for a pull request
THREAD_WRITE: Final = "thread:write"
_RATE_LIMIT = 5000
_CURSOR: Final = "v1_"  # as GitHub's begin
_T = TypeVar("_T")


@dataclass
class Call:
    """One authorised request."""

    hub: Hub
    method: str
    path: str
    params: Mapping[str, Any]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes
    caller: Caller = ANONYMOUS
    found: Repository | None = None
    link_headers: dict[str, str] = field(default_factory=dict)

    @property
    def repository(self) -> Repository:
        assert self.found is not None
        return self.found

    @property
    def actor(self) -> Actor:
        return self.caller.actor()

    def json(self) -> Json:
        """The request's JSON object; Refused (400) when it is none."""
        body = self.json_or_list()
        if not isinstance(body, dict):
            raise Refused(400, "Body should be a JSON object")
        return body

    def json_or_list(self) -> Any:
        """Whatever JSON the request holds; nothing is an empty object. Refused (400) when it can't be parsed."""
        try:
            return json.loads(self.raw or b"{}")
        except ValueError:
            raise Refused(400, "Problems parsing JSON") from None

    def accepts(self, *media: str) -> bool:
        return any(m in self.headers.get("accept", "") for m in media)

    def thread(self) -> Thread:
        """The issue or pull request named by the path; 404 when there is none."""
        thread = self.repository.threads.get(int(self.params["number"]))
        if thread is None:
            raise not_found()
        return thread

    def comment(self) -> tuple[Thread, Comment]:
        found = self.hub.find_comment(self.repository, int(self.params["comment_id"]))
        if found is None:
            raise not_found()
        return found

    def page(self, items: Sequence[_T], shape: Callable[[_T], Any]) -> list[Any]:
        """The asked-for page of a list, shaped; the reply gets the Link header."""
        size = _number(self.query.get("per_page"), PAGE_SIZE, PAGE_SIZE_MAX)
        page = _number(self.query.get("page"), 1, None)
        last = max(1, -(-len(items) // size))
        wanted = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        if page >= last:
            wanted = {k: v for k, v in wanted.items() if k in ("prev", "first") and page > 1}
        elif page <= 1:
            wanted = {k: wanted[k] for k in ("next", "last")}
        links = [
            f'<{self.hub.base_url}{self.path}?{urlencode({**self.query, "page": n})}>; rel="{rel}"'
            for rel, n in wanted.items()
        ]
        if links:
            self.link_headers["Link"] = ", ".join(links)
        return [shape(item) for item in items[(page - 1) * size : page * size]]

    def run_of(
        self, items: Sequence[_T], number: Callable[[_T], int], shape: Callable[[_T], Any]
    ) -> list[Any]:
        """As `page`, for the lists that GitHub pages by a cursor: the id of the last item that was seen."""
        size = _number(self.query.get("per_page"), PAGE_SIZE, PAGE_SIZE_MAX)
        seen = self.query.get("cursor", "").removeprefix(_CURSOR)
        if seen.isdigit():
            items = [item for item in items if number(item) < int(seen)]
        if len(items) > size:
            query = urlencode({**self.query, "cursor": f"{_CURSOR}{number(items[size - 1])}"})
            self.link_headers["Link"] = f'<{self.hub.base_url}{self.path}?{query}>; rel="next"'
        return [shape(item) for item in items[:size]]


Handler = Callable[[Call], Reply]


@dataclass(frozen=True)
class Route:
    """`path` below the API prefix, in Starlette's syntax; `needs`: one of them is enough."""

    method: str
    path: str
    handler: Handler
    needs: tuple[str, ...]


_BY_NAME: Final = "/repos/{owner}/{repo}"
_BY_ID: Final = "/repositories/{repository_id:int}"  # where GitHub's redirects after a rename lead


def install_routes(app: FastAPI, hub: Hub, routes: Sequence[Route], prefix: str = API_PREFIX) -> None:
    """Put the API's routes on the application, in order: the first match wins."""
    by_path: dict[str, list[Route]] = {}
    for route in routes:
        by_path.setdefault(route.path, []).append(route)
        if route.path.startswith(_BY_NAME):
            by_path.setdefault(_BY_ID + route.path.removeprefix(_BY_NAME), []).append(route)
    for path, alternatives in by_path.items():
        endpoint = _endpoint(hub, {r.method: r for r in alternatives})
        app.add_route(prefix + path, endpoint, methods=[r.method for r in alternatives])
    anything = ["GET", "POST", "PATCH", "PUT", "DELETE"]
    app.add_route(prefix + "/{rest:path}", _endpoint(hub, {}), methods=anything)


def _endpoint(hub: Hub, routes: Mapping[str, Route]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        call = Call(
            hub,
            request.method,
            request.url.path,
            dict(request.path_params),
            dict(request.query_params),
            request.headers,
            await request.body(),
        )
        return await run_in_threadpool(_answer, call, routes.get(method))

    return endpoint


def _answer(call: Call, route: Route | None) -> Response:
    fault = call.hub.faults.take(call.method, call.path)
    reply = Reply() if fault is not None and fault.takes_the_place else _perform(call, route)
    if fault is not None:
        fault.happens()
    if fault is not None and fault.replaces_the_answer:
        reply = Reply(dict(fault.body), fault.status or 200, dict(fault.headers))
    with call.hub.lock:
        response = BrokenOff() if fault is not None and fault.drop else _response(call, reply)
        for watch in call.hub.watchers:
            watch(_exchange(call, response, fault is not None))
        login = call.caller.account.login if call.caller.account else ""
        call.hub.requests.append(
            RequestRecord(call.method, call.path, response.status_code, call.caller.kind.value, login)
        )
    return response


def _exchange(call: Call, response: Response, faulty: bool) -> Exchange:
    return Exchange(
        call.method,
        call.path.removeprefix(API_PREFIX),
        call.query,
        call.headers.get("user-agent", ""),
        call.raw,
        response.status_code,
        bytes(response.body),
        faulty,
    )


def _perform(call: Call, route: Route | None) -> Reply:
    with call.hub.lock:
        try:
            call.caller = identify(call.hub, call.headers.get("authorization", ""))
            if route is None:
                raise not_found()
            _authorise(call, route.needs)
            reply = route.handler(call)
            return replace(reply, headers={**reply.headers, **call.link_headers})
        except Refused as refused:
            return Reply(refused.body(), refused.status, refused.headers)


def _authorise(call: Call, needs: tuple[str, ...]) -> None:
    if ANYBODY in needs:
        return
    if APP in needs:
        if call.caller.kind is not CallerKind.APP:
            raise Refused(401, "A JSON web token could not be decoded")
    elif INSTALLATION in needs:
        if call.caller.kind is CallerKind.ANONYMOUS:
            raise bad_credentials()
        if call.caller.kind is not CallerKind.INSTALLATION:
            raise forbidden("You must authenticate with an installation access token in order to do this.")
    if "repository_id" in call.params:
        named = call.hub.repositories.get(int(call.params["repository_id"]))
    elif "owner" in call.params:
        named = _named(call)
    else:
        return
    call.found = require_repository(call.hub, call.caller, named)
    if APP not in needs:
        require_permission(call.hub, call.caller, call.found, _expanded(call, needs))


def _named(call: Call) -> Repository | None:
    """The repository by its name; Refused with the way to the new one when it has been renamed: 301 for reads,
    307 for writes, as recorded from GitHub."""
    name = f"{call.params['owner']}/{call.params['repo']}"
    moved = call.hub.renamed(name)
    if moved is None or call.hub.repository(name) is not None:
        return call.hub.repository(name)
    require_repository(call.hub, call.caller, moved)
    rest = call.path.removeprefix(f"{API_PREFIX}/repos/{name}")
    at = f"{call.hub.base_url}{API_PREFIX}/repositories/{moved.id}{rest}"
    reading = call.method in ("GET", "HEAD")
    refused = Refused(301 if reading else 307, "Moved Permanently" if reading else "Temporary Redirect")
    refused.headers["location"] = at
    refused.extra["url"] = at
    raise refused


def _expanded(call: Call, needs: tuple[str, ...]) -> tuple[str, ...]:
    """`thread:write` is `issues:write`, and on a pull request also `pull_requests:write`."""
    if not any(need.startswith("thread:") for need in needs):
        return needs
    if "number" in call.params:
        thread = call.thread()
    else:
        thread, _ = call.comment()
    level = needs[0].partition(":")[2]
    return (f"issues:{level}", f"pull_requests:{level}") if thread.pull else (f"issues:{level}",)


def _response(call: Call, reply: Reply) -> Response:
    used = call.hub.new_id(f"used by {call.caller.kind}")
    headers = {
        "x-github-request-id": call.hub.request_id(),
        "x-github-media-type": "github.v3; format=json",
        "x-ratelimit-limit": str(_RATE_LIMIT),
        "x-ratelimit-remaining": str(max(0, _RATE_LIMIT - used)),
        "x-ratelimit-used": str(used),
        "x-ratelimit-reset": str(int(call.hub.clock()) + 3600),
        "x-ratelimit-resource": "core",
        "date": _http_date(call.hub),
        **reply.headers,
    }
    if reply.body is None:
        return Response(status_code=reply.status, headers=headers)
    content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
    if call.method in ("GET", "HEAD") and reply.status == 200:
        etag = f'W/"{hashlib.sha256(content).hexdigest()}"'
        headers["etag"] = etag
        if call.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
    return Response(content, reply.status, headers, media_type=reply.media)


def _http_date(hub: Hub) -> str:
    return formatdate(hub.clock(), usegmt=True)


def _number(text: str | None, default: int, most: int | None) -> int:
    try:
        number = max(1, int(text or default))
    except ValueError:
        return default
    return number if most is None else min(number, most)
