"""A model server on loopback with real sockets: both wires, scripted turns, faults on order.

    with ModelServer([Call("shell", {"command": "ls"}), Say("done")], {1: [Fault.CUT_STREAM]}) as server:
        ...                                  # OPENAI_BASE_URL = server.url
        server.check(compactions=0)          # every request was valid and began with the one before

A reply is a function of the request alone (the turn is the number of replies in it), so a worker that was
killed and restarted gets the same answer again. After a compaction a request holds fewer replies; a script
that has to go on from there is a function: `ModelServer(lambda seen: ...)`. Requests beyond the script get a
submission that gives up. One server is one conversation: `extends` is judged between requests in a row.
"""

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from tests.model_server.script import Call, Fault, Plan, Turn, parts_of
from tests.model_server.seen import Seen, extends, find_faults
from tests.model_server.streams import chat_chunks, response_events, shape_of

JsonObject = dict[str, Any]

OUT_OF_SCRIPT = Call("submit", {"outcome": "blocked", "title": "Out of script", "summary": "Out of script."})

_STATUS: dict[Fault, tuple[int, str, str]] = {
    Fault.RATE_LIMIT: (429, "rate_limit_exceeded", "Slow down."),
    Fault.RATE_LIMIT_BARE: (429, "rate_limit_exceeded", "Slow down."),
    Fault.QUOTA: (429, "insufficient_quota", "You exceeded your current quota."),
    Fault.UNAUTHORISED: (401, "invalid_api_key", "Incorrect API key."),
    Fault.NOT_FOUND: (404, "model_not_found", "The model does not exist."),
    Fault.BAD_REQUEST: (400, "invalid_value", "Something is wrong."),
    Fault.SERVER_ERROR: (500, "server_error", "Oops."),
    Fault.UNAVAILABLE: (503, "", "Maintenance."),
    Fault.OVERLOADED: (529, "overloaded_error", "Overloaded."),
    Fault.OVERFLOW: (400, "context_length_exceeded", "Your input exceeds the context window."),
}


@dataclass
class ModelServer:
    """`script`: turns, or a function of the request. `before(turn)` runs before a reply goes out: a place to
    wait or to kill something. `refused_fields`: a 400 names the first of these that a request has.
    `wires`: paths that exist; another is answered 404."""

    script: Sequence[Turn] | Callable[[Seen], Turn]
    faults: Plan = field(default_factory=dict)
    before: Callable[[int], None] = lambda turn: None
    refused_fields: frozenset[str] = frozenset()
    wires: frozenset[str] = frozenset({"/v1/responses", "/v1/chat/completions"})
    models: tuple[JsonObject, ...] = ({"id": "model-1"},)
    idle_s: float = 30.0  # how long a silent stream is held open
    seen: list[Seen] = field(default_factory=list, init=False)
    complaints: list[str] = field(default_factory=list, init=False)
    breaks: list[int] = field(default_factory=list, init=False)
    served: list[Fault | None] = field(default_factory=list, init=False)

    def __enter__(self) -> "ModelServer":
        self._lock = threading.Lock()
        self._met: dict[int, int] = {}
        self._last: Seen | None = None
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def requests(self) -> list[JsonObject]:
        """The bodies, in the order of their coming."""
        return [seen.body for seen in self.seen]

    def check(self, compactions: int = 0) -> None:
        """Fails when any request was invalid, or when the conversation was changed more often than announced."""
        assert not self.complaints, "\n".join(self.complaints)
        assert len(self.breaks) == compactions, (
            f"requests {self.breaks} do not begin with the one before; {compactions} compactions were announced"
        )

    def turn_for(self, seen: Seen) -> Turn:
        if callable(self.script):
            return self.script(seen)
        return self.script[seen.turn] if seen.turn < len(self.script) else OUT_OF_SCRIPT

    # -- what the handler calls -----------------------------------------------------------------------------

    def take(self, seen: Seen) -> tuple[Fault | None, int]:
        """Judge a request. Returns the fault it meets and the bytes that it shares with the one before."""
        with self._lock:
            number = len(self.seen)
            self.seen.append(seen)
            self.complaints += [f"request {number + 1}: {fault}" for fault in find_faults(seen)]
            last = self._last
            if last is not None and last.path == seen.path and not extends(last, seen):
                self.breaks.append(number + 1)
            met = self._met.get(seen.turn, 0)
            planned = self.faults.get(seen.turn, ())
            fault = planned[met] if met < len(planned) else None
            self._met[seen.turn] = met + 1
            self.served.append(fault)
            self._last = seen
            shared = len(last.raw) if last is not None and extends(last, seen) else 0
            return fault, shared

    def forget_last(self) -> None:
        """After a refused field the next request may look otherwise."""
        with self._lock:
            self._last = None

    def wait_silently(self) -> None:
        self._closing.wait(self.idle_s)

    def ping_for_ever(self, write: Callable[[bytes], None]) -> None:
        until = time.monotonic() + self.idle_s
        while time.monotonic() < until and not self._closing.wait(0.02):
            write(b": ping\n\n")


def _handler_of(server: ModelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/v1/models":
                _send_json(self, 200, {"object": "list", "data": list(server.models)})
            else:
                _send_json(self, 404, {"detail": "Not Found"})

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            if self.path not in server.wires:
                _send_json(self, 404, {"detail": "Not Found"})
                return
            try:
                _answer(self, server, Seen(self.path, raw, json.loads(raw)))
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the other side has gone: killed, or out of patience

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler


def _answer(handler: BaseHTTPRequestHandler, server: ModelServer, seen: Seen) -> None:
    for name in sorted(server.refused_fields):
        if name in seen.body:
            server.forget_last()
            message = f"Unrecognized request argument supplied: {name}"
            _send_json(handler, 400, {"error": {"code": "unknown_parameter", "message": message}})
            return
    fault, shared = server.take(seen)
    server.before(seen.turn)
    if fault is Fault.DROPPED:
        handler.close_connection = True
        return
    if fault is Fault.BAD_GATEWAY:
        _send(handler, 502, "text/html", b"<html><h1>502 Bad Gateway</h1></html>" + b"<!-- pad -->" * 200)
        return
    if fault in _STATUS:
        status, code, message = _STATUS[fault]
        headers = {"retry-after": "0"} if fault is Fault.RATE_LIMIT else {}
        _send_json(handler, status, {"error": {"code": code, "message": message}}, headers)
        return
    shape = shape_of(parts_of(server.turn_for(seen)), seen, fault, shared)
    events = response_events(shape, seen) if seen.responses else chat_chunks(shape)
    _stream(handler, server, seen, [*events], fault)


def _stream(
    handler: BaseHTTPRequestHandler,
    server: ModelServer,
    seen: Seen,
    events: list[JsonObject],
    fault: Fault | None,
) -> None:
    """No length: the end of the connection is the end of the body, so a cut one is a cut one."""
    handler.close_connection = True
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    if fault is Fault.CUT_STREAM:
        handler.send_header("content-length", "1000000")  # more than comes
    handler.end_headers()
    half = max(1, len(events) // 2)
    broken = {
        Fault.OVERFLOW_IN_STREAM: _error("context_length_exceeded", "Your input exceeds the context window."),
        Fault.FAILED_IN_STREAM: _error("server_error", "An error occurred."),
    }
    match fault:
        case Fault.OVERFLOW_IN_STREAM | Fault.FAILED_IN_STREAM:
            failed = {"type": "response.failed", "response": {"status": "failed", **broken[fault]}}
            _write_events(handler, [failed if seen.responses else broken[fault]])
        case Fault.CUT_STREAM:
            _write_events(handler, events[:half])
        case Fault.EMPTY_STREAM:
            return
        case Fault.IDLE_STREAM:
            _write_events(handler, events[:half])
            server.wait_silently()
        case Fault.PINGS_ONLY:
            server.ping_for_ever(handler.wfile.write)
        case Fault.BAD_CHUNK:
            _write_events(handler, events[:half])
            handler.wfile.write(b"data: {oops\n\n")
        case Fault.BAD_BYTES:
            _write_events(handler, events[:half])
            handler.wfile.write(b'data: {"model": "\xff\xfe"}\n\n')
        case _:
            _write_events(handler, events)
            handler.wfile.write(b"" if seen.responses else b"data: [DONE]\n\n")


def _error(code: str, message: str) -> JsonObject:
    return {"error": {"code": code, "message": message}}


def _write_events(handler: BaseHTTPRequestHandler, events: Sequence[JsonObject]) -> None:
    for event in events:
        name = f"event: {event['type']}\n" if "type" in event else ""
        handler.wfile.write(f"{name}data: {json.dumps(event)}\n\n".encode())


def _send_json(
    handler: BaseHTTPRequestHandler, status: int, body: JsonObject, headers: dict[str, str] | None = None
) -> None:
    _send(handler, status, "application/json", json.dumps(body).encode(), headers)


def _send(
    handler: BaseHTTPRequestHandler,
    status: int,
    kind: str,
    content: bytes,
    headers: dict[str, str] | None = None,
) -> None:
    handler.close_connection = True
    handler.send_response(status)
    for name, value in {"content-type": kind, "content-length": str(len(content)), **(headers or {})}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)
