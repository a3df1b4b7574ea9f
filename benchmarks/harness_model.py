"""A model without intelligence, for measuring harnesses: it answers at once with the next command of a list, in a
process of its own, and notes when each request came and how much of it was new.

Speaks Responses and Chat Completions, streamed or not, to whatever shell-like tool the request offers. Tokens are
bytes / 4 of the texts of a prompt (names of fields left out), so figures of different harnesses compare; "cached" is
what a request shares with the one before, from its first byte on.
"""

import json
import multiprocessing
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any

from tests.model_server.script import Call, Fault, Reply
from tests.model_server.seen import Seen
from tests.model_server.streams import chat_chunks, response_events, shape_of

JsonObject = dict[str, Any]

WINDOW = 128_000
"""Tokens of the longest prompt that is taken."""

SILENCE_S = 600.0
_SHELLS = ("shell", "bash", "exec_command", "shell_command")
_MINI_MARK = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
_SUMMARY = re.compile(r"hand-?over note|handoff summary|context checkpoint", re.IGNORECASE)
_NO_TEXT = frozenset({"type", "role", "id", "call_id", "tool_call_id", "status", "encrypted_content"})
_ERRORS = {
    Fault.RATE_LIMIT_BARE: (429, "rate_limit_exceeded", "Slow down."),
    Fault.SERVER_ERROR: (500, "server_error", "Oops."),
    Fault.OVERFLOW: (400, "context_length_exceeded", "Your input exceeds the context window of this model."),
}


@dataclass(frozen=True)
class Plan:
    """`commands`: one a turn, then the end. `fault`: what requests meet, for ever or so many of them."""

    commands: tuple[str, ...] = ()
    fault: Fault | None = None
    times: int = 1_000_000


@dataclass(frozen=True)
class Asked:
    """One request. Times are seconds of the monotonic clock, which all processes share."""

    arrived: float
    answered: float  # 0: not yet
    tokens: int
    cached: int
    before: int  # tokens of the request before
    tool_tokens: int
    summary: bool  # the harness asked for a summary of its conversation


@dataclass
class ModelProcess:
    """`with ModelProcess(plan) as model:` serves at `model.url`; `so_far()` tells what was asked."""

    plan: Plan
    url: str = field(default="", init=False)

    def __enter__(self) -> "ModelProcess":
        context = multiprocessing.get_context("spawn")
        self._ends, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(self.plan, theirs), daemon=True)
        self._process.start()
        self.url = f"http://127.0.0.1:{self._ends.recv()}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()

    def so_far(self) -> tuple[Asked, ...]:
        """Every request that came. One that is not answered yet has the time 0."""
        self._ends.send("tell")
        return tuple(self._ends.recv())


def _serve(plan: Plan, ends: Connection) -> None:
    state = _State(plan)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(state))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    ends.send(server.server_address[1])
    try:
        while ends.recv():
            ends.send(list(state.asked))
    except EOFError:
        os._exit(0)  # the benchmark is gone


@dataclass
class _State:
    plan: Plan
    asked: list[Asked] = field(default_factory=list)
    turn: int = 0
    faults: int = 0
    last: bytes = b""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, seen: Seen, arrived: float) -> Asked:
        """Measure a request against the one before. Not answered yet."""
        tools = json.dumps(seen.body.get("tools", ()))
        items = [seen.body.get("instructions") or "", *seen.items]
        prompt = f"{tools}{''.join(text for item in items for text in _texts(item))}".encode()
        with self.lock:
            before, self.last = self.last, prompt
        shared = _count_shared(before, prompt)
        summary = _SUMMARY.search(" ".join(_texts(seen.items[-1]))) is not None
        sizes = (len(prompt) // 4, shared // 4, len(before) // 4, len(tools.encode()) // 4)
        return Asked(arrived, 0.0, *sizes, summary=summary)

    def decide(self, seen: Seen, asked: Asked) -> tuple[Reply, Fault | None]:
        with self.lock:
            if asked.tokens > WINDOW:
                return Reply(), Fault.OVERFLOW
            if asked.summary:
                return Reply("It goes on as planned: run the next command."), None
            if self.plan.fault and self.faults < self.plan.times:
                self.faults += 1
                return _harmed(seen, self.plan.fault)
            turn, self.turn = self.turn, self.turn + 1
        if turn < len(self.plan.commands):
            return Reply("", (_command(seen, self.plan.commands[turn]),)), None
        return _end(seen), None


def _count_shared(before: bytes, after: bytes) -> int:
    """Bytes that both begin with."""
    low, high = 0, min(len(before), len(after))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if before[:middle] == after[:middle] else (low, middle - 1)
    return low


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for name, part in value.items() if name not in _NO_TEXT for text in _texts(part))
    elif isinstance(value, list):
        yield from (text for part in value for text in _texts(part))


def _tools(seen: Seen) -> dict[str, JsonObject]:
    """By name, each with its properties."""
    found = {}
    for tool in seen.body.get("tools", ()):
        inner = tool.get("function", tool)
        found[str(inner.get("name"))] = (inner.get("parameters") or {}).get("properties", {})
    return found


def _command(seen: Seen, command: str) -> Call:
    """In the words of the harness that asks."""
    tools = _tools(seen)
    name = next((name for name in _SHELLS if name in tools), "shell")
    key = "cmd" if "cmd" in tools.get(name, {}) else "command"
    is_list = tools.get(name, {}).get(key, {}).get("type") == "array"
    more = {"description": "Reads."} if "description" in tools.get(name, {}) else {}
    return Call(name, {key: ["bash", "-lc", command] if is_list else command, **more})


def _end(seen: Seen) -> Reply:
    if "submit" in _tools(seen):
        return Reply("", (Call("submit", {"outcome": "blocked", "title": "Over", "summary": "Over."}),))
    if _MINI_MARK in seen.raw.decode():
        return Reply("", (_command(seen, f"echo {_MINI_MARK}"),))
    return Reply("Over.")


def _harmed(seen: Seen, fault: Fault) -> tuple[Reply, Fault | None]:
    call = _command(seen, "ls")
    match fault:
        case Fault.BAD_ARGUMENTS:
            return Reply("", (Call(call.name, '{"command": "ls'),)), None
        case Fault.UNKNOWN_TOOL:
            return Reply("", (Call("teleport", {"to": "there"}),)), None
        case Fault.EMPTY:
            return Reply(), None
        case _:
            return Reply("", (call,)), fault


def _handler_of(state: _State) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def parse_request(self) -> bool:
            self.arrived = time.monotonic()
            return super().parse_request()

        def do_GET(self) -> None:
            _send(self, 200, {"object": "list", "data": [{"id": "gpt-5", "object": "model"}]})

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            seen = Seen(self.path.partition("?")[0], raw, json.loads(raw))
            asked = state.take(seen, self.arrived)
            place = len(state.asked)
            state.asked.append(asked)
            try:
                _answer(self, seen, asked, *state.decide(seen, asked))
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            state.asked[place] = replace(asked, answered=time.monotonic())

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler


def _answer(
    handler: BaseHTTPRequestHandler, seen: Seen, asked: Asked, reply: Reply, fault: Fault | None
) -> None:
    if fault in _ERRORS:
        status, code, message = _ERRORS[fault]
        _send(handler, status, {"error": {"code": code, "type": code, "message": message}})
        return
    if fault is Fault.IDLE_STREAM:
        handler.close_connection = True
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.end_headers()
        time.sleep(SILENCE_S)
        return
    number = time.monotonic_ns()
    calls = tuple(Call(one.name, one.arguments, f"call_{number}_{at}") for at, one in enumerate(reply.calls))
    shape = shape_of(Reply(reply.text, calls), seen, fault, 4 * asked.cached)
    shape = replace(shape, usage=(asked.tokens, asked.cached, 50))
    if not seen.body.get("stream"):
        _send(handler, 200, _whole([*chat_chunks(shape)], asked))
        return
    events = [*response_events(shape, seen)] if seen.responses else [*chat_chunks(shape)]
    end = b"" if seen.responses else b"data: [DONE]\n\n"
    _send_bytes(handler, 200, "text/event-stream", b"".join(map(_line, events)) + end)


def _whole(chunks: list[JsonObject], asked: Asked) -> JsonObject:
    """A reply of Chat Completions that is not streamed."""
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    calls: list[JsonObject] = []
    for piece in (piece for delta in deltas for piece in delta.get("tool_calls", ())):
        if "id" in piece:
            calls.append({"id": piece["id"], "type": "function", "function": dict(piece["function"])})
        else:
            calls[piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]
    message: JsonObject = {"role": "assistant"}
    for name in ("content", "refusal"):
        message[name] = "".join(delta.get(name, "") for delta in deltas) or None
    if calls:
        message["tool_calls"] = calls
    usage = {"prompt_tokens": asked.tokens, "completion_tokens": 50, "total_tokens": asked.tokens + 50}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    head = {"id": "chat-1", "object": "chat.completion", "created": 0, "model": "gpt-5"}
    return {**head, "choices": [choice], "usage": usage}


def _line(event: JsonObject) -> bytes:
    name = f"event: {event['type']}\n" if "type" in event else ""
    return f"{name}data: {json.dumps(event)}\n\n".encode()


def _send(handler: BaseHTTPRequestHandler, status: int, body: JsonObject) -> None:
    _send_bytes(handler, status, "application/json", json.dumps(body).encode())


def _send_bytes(handler: BaseHTTPRequestHandler, status: int, kind: str, content: bytes) -> None:
    handler.send_response(status)
    handler.send_header("content-type", kind)
    handler.send_header("content-length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)
