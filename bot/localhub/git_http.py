"""Git's smart HTTP over the hub's bare repositories, served by dulwich's own handlers (protocol v0).

A fetch may ask for any commit the repository has, not only for branch tips, as GitHub allows. A push is
compare-and-swap on each ref: it happens under `Hub.lock`, and a ref that moved since the client looked is refused
(dulwich by itself would answer "ok" and change nothing). Pushes to `refs/pull/*` are refused.

Races: REST and git both change refs under the one lock; fetches read without it and see each ref before or after.
"""

import gzip
import zlib
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any, Final

from dulwich.errors import GitProtocolError, HookError
from dulwich.objects import Commit, ObjectID
from dulwich.protocol import ReceivableProtocol
from dulwich.refs import Ref
from dulwich.repo import Repo
from dulwich.server import BackendRepo, DictBackend, ReceivePackHandler, UploadPackHandler
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from bot.localhub.actions_git import after_ref_change
from bot.localhub.auth import ANONYMOUS, Caller, CallerKind, identify, may_use_git, require_repository
from bot.localhub.faults import BrokenOff
from bot.localhub.gitstore import ZERO_SHA
from bot.localhub.records import Repository, RequestRecord
from bot.localhub.replies import Refused
from bot.localhub.state import Hub

_UPLOAD: Final = "git-upload-pack"
_RECEIVE: Final = "git-receive-pack"
_NO_CACHE: Final = {"Cache-Control": "no-cache, max-age=0, must-revalidate"}
_LINE_BYTES: Final = 65_515  # of content in one line of git's protocol
_BODY_BYTES: Final = 512 * 1024 * 1024  # of one unpacked request: what a demo may push


class _Upload(UploadPackHandler):
    def capabilities(self) -> list[bytes]:
        return [*super().capabilities(), b"allow-tip-sha1-in-want", b"allow-reachable-sha1-in-want"]


class _ServedRepo(Repo):
    """The repository as a client may see it: `wanted` commits count as advertised when they exist."""

    wanted: tuple[bytes, ...] = ()

    def get_refs(self) -> dict[Ref, ObjectID]:
        refs = dict(super().get_refs())
        for sha in self.wanted:
            if ObjectID(sha) in self.object_store and isinstance(self[sha], Commit):
                refs[Ref(b"refs/wanted/" + sha)] = ObjectID(sha)
        return refs


class _Lines(ReceivableProtocol):
    def write_sideband(self, channel: int, blob: bytes) -> None:
        """In one walk over `blob`: the library copies the rest for each line, which takes hours for 200 MB."""
        rest = memoryview(blob)
        for at in range(0, len(rest), _LINE_BYTES):
            self.write_pkt_line(bytes([channel]) + rest[at : at + _LINE_BYTES])


class _UpdateHook:
    """Refuses what may not be pushed; runs for each ref, under the lock, after the objects arrived."""

    def __init__(self, record: Repository) -> None:
        self._record = record

    def execute(self, name: bytes, old: bytes, new: bytes) -> tuple[bytes, bytes]:
        ref = name.decode(errors="replace")
        if not ref.startswith(("refs/heads/", "refs/tags/")):
            raise HookError("deny updating a hidden ref")
        if (self._record.git.ref(ref) or ZERO_SHA) != old.decode():
            raise HookError("fetch first: the ref is not what the client saw")
        if new.decode() != ZERO_SHA and self._record.git.kind(new.decode()) is None:
            raise HookError("missing necessary objects")
        if new.decode() == ZERO_SHA and ref == f"refs/heads/{self._record.default_branch}":
            raise HookError("refusing to delete the current branch: " + ref)
        return b"", b""


class _PostReceiveHook:
    """Collects what was updated; webhooks go out when the handler is done."""

    def __init__(self) -> None:
        self.updated: list[tuple[str, str, str]] = []

    def execute(self, refs: Sequence[tuple[bytes, bytes, bytes]]) -> bytes:
        self.updated = [(ref.decode(), old.decode(), new.decode()) for old, new, ref in refs]
        return b""


def install_git(app: FastAPI, hub: Hub) -> None:
    """Put the three smart HTTP endpoints on the application."""

    async def info_refs(request: Request) -> Response:
        return await run_in_threadpool(_with_faults, hub, request, lambda: _info_refs(hub, request))

    async def service(request: Request) -> Response:
        raw = await request.body()
        return await run_in_threadpool(_with_faults, hub, request, lambda: _service(hub, request, raw))

    base = "/{owner}/{repo}.git"
    app.add_route(base + "/info/refs", info_refs, methods=["GET"])
    app.add_route(base + "/{service:path}", service, methods=["POST"])


def _with_faults(hub: Hub, request: Request, answer: Callable[[], Response]) -> Response:
    fault = hub.faults.take(request.method, request.url.path)
    if fault is None or not fault.takes_the_place:
        whole = answer()
    if fault is not None:
        fault.happens()
    if fault is None or not fault.replaces_the_answer:
        return whole
    return BrokenOff() if fault.drop else Response(b"", fault.status, dict(fault.headers))


def _admit(hub: Hub, request: Request, service: str) -> tuple[Caller, Repository] | Response:
    """The caller and the repository, or the answer that refuses: 401 asks for credentials, 403 and 404 are final."""
    try:
        caller = identify(hub, request.headers.get("authorization", ""))
    except Refused:
        return _text(401, "remote: Invalid username or token.", {"WWW-Authenticate": 'Basic realm="GitHub"'})
    name = f"{request.path_params['owner']}/{request.path_params['repo']}"
    named, moved = hub.repository(name), hub.renamed(name)
    if named is None and moved is not None:
        rest = request.url.path.partition(".git")[2]
        query = f"?{request.url.query}" if request.url.query else ""
        return Response(b"", 301, {"Location": f"{hub.base_url}/{moved.full_name}.git{rest}{query}"})
    write = service == _RECEIVE
    if caller.kind is CallerKind.ANONYMOUS and (write or named is None or named.private):
        return _text(401, "Authentication required.", {"WWW-Authenticate": 'Basic realm="GitHub"'})
    try:
        record = require_repository(hub, caller, named)
    except Refused:
        return _text(404, "Repository not found.")
    if not may_use_git(hub, caller, record, write):
        return _text(403, "Write access to repository not granted." if write else "Read access not granted.")
    return caller, record


def _info_refs(hub: Hub, request: Request) -> Response:
    service = request.query_params.get("service", "")
    if service not in (_UPLOAD, _RECEIVE):
        return _text(403, "Please upgrade your git client.")
    with hub.lock:
        admitted = _admit(hub, request, service)
        if isinstance(admitted, Response):
            return _logged(hub, request, ANONYMOUS, admitted)
        caller, record = admitted
        out = BytesIO()
        with _open(record) as repo:
            handler = _handler(service, repo, BytesIO(), out, advertise=True)
            handler.proto.write_pkt_line(f"# service={service}\n".encode())
            handler.proto.write_pkt_line(None)
            handler.handle()
        media = f"application/x-{service}-advertisement"
        return _logged(hub, request, caller, Response(out.getvalue(), 200, _NO_CACHE, media))


def _service(hub: Hub, request: Request, raw: bytes) -> Response:
    service = str(request.path_params["service"])
    if service not in (_UPLOAD, _RECEIVE):
        return _text(404, "Not Found")
    with hub.lock:
        admitted = _admit(hub, request, service)
    if isinstance(admitted, Response):
        return _logged(hub, request, ANONYMOUS, admitted)
    caller, record = admitted
    try:
        body = _unpacked(raw, request.headers.get("content-encoding", ""))
        run = _receive if service == _RECEIVE else _upload
        out = run(hub, caller, record, body)
    except (GitProtocolError, ValueError, KeyError, zlib.error, OSError) as error:
        return _logged(hub, request, caller, _text(400, f"{type(error).__name__}: {error}"))
    answer = Response(out, 200, _NO_CACHE, f"application/x-{service}-result")
    return _logged(hub, request, caller, answer)


def _unpacked(raw: bytes, encoding: str) -> bytes:
    if encoding not in ("gzip", "x-gzip"):
        return raw
    with gzip.GzipFile(fileobj=BytesIO(raw)) as packed:
        body = packed.read(_BODY_BYTES + 1)
    if len(body) > _BODY_BYTES:
        raise ValueError("request too large")
    return body


def _upload(_hub: Hub, _caller: Caller, record: Repository, body: bytes) -> bytes:
    out = BytesIO()
    with _open(record) as repo:
        repo.wanted = _wants(body)
        _handler(_UPLOAD, repo, BytesIO(body), out).handle()
    return out.getvalue()


def _wants(body: bytes) -> tuple[bytes, ...]:
    """The object ids of the leading `want` lines of a fetch request."""
    found, at = [], 0
    while body[at + 4 : at + 9] == b"want ":
        found.append(body[at + 9 : at + 49])
        at += int(body[at : at + 4], 16)
    return tuple(found)


def _receive(hub: Hub, caller: Caller, record: Repository, body: bytes) -> bytes:
    out, updated = BytesIO(), _PostReceiveHook()
    with hub.lock, _open(record) as repo:
        hooks: Any = repo.hooks
        hooks.pop("pre-receive", None)
        hooks["update"], hooks["post-receive"] = _UpdateHook(record), updated
        _handler(_RECEIVE, repo, BytesIO(body), out).handle()
        for name, old, new in updated.updated:
            after_ref_change(hub, record, caller.actor(), name, old, new)
    return out.getvalue()


def _open(record: Repository) -> _ServedRepo:
    return _ServedRepo(str(record.git.path))


def _handler(
    service: str, repo: Repo, source: BytesIO, out: BytesIO, advertise: bool = False
) -> UploadPackHandler | ReceivePackHandler:
    kind = _Upload if service == _UPLOAD else ReceivePackHandler
    served: dict[str, BackendRepo] = {"/": repo}
    backend = DictBackend(served)
    proto = _Lines(source.read, out.write)
    return kind(backend, ["/"], proto, stateless_rpc=True, advertise_refs=advertise)


def _text(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return Response(text, status, headers, "text/plain")


def _logged(hub: Hub, request: Request, caller: Caller, answer: Response) -> Response:
    login = caller.account.login if caller.account else ""
    query = f"?{request.url.query}" if request.url.query else ""
    path = request.url.path + query
    with hub.lock:
        hub.requests.append(RequestRecord(request.method, path, answer.status_code, caller.kind.value, login))
    return answer
