"""A model server for stories: an OpenAI-compatible endpoint on loopback whose replies are scripted.

A reply is a function of the request alone (the turn is the number of assistant messages in it), so a worker that
was killed and restarted gets the same answer again, as a real model's log would show it.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Say:
    """Text without a call."""

    text: str


@dataclass(frozen=True)
class Call:
    name: str
    arguments: JsonObject


def shell(command: str) -> Call:
    return Call("shell", {"command": command})


def edit(path: str, old: str, new: str) -> Call:
    return Call("edit", {"path": path, "old_string": old, "new_string": new})


def write(path: str, content: str) -> Call:
    return Call("write_file", {"path": path, "content": content})


def submit(outcome: str = "fixed", **more: Any) -> Call:
    return Call("submit", {"outcome": outcome, "title": "Add, not subtract", "summary": "Why.", **more})


Turn = Say | Call
Before = Callable[[int], None]


@dataclass
class StoryModel:
    """`with StoryModel([...]) as model: model.url`. `before(turn)` runs before a reply goes out: a place to
    wait or to kill something. Requests beyond the script get a submission that gives up."""

    turns: list[Turn]
    before: Before = lambda turn: None
    requests: list[JsonObject] = field(default_factory=list)

    def __enter__(self) -> "StoryModel":
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                body = json.loads(self.rfile.read(length))
                model.requests.append(body)
                turn = sum(message["role"] == "assistant" for message in body["messages"])
                model.before(turn)
                content = render_stream(model.reply(turn), turn)
                try:
                    self.send_response(200)
                    self.send_header("content-type", "text/event-stream")
                    self.send_header("content-length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except (BrokenPipeError, ConnectionResetError):
                    return  # the worker was killed while it waited

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def reply(self, turn: int) -> Turn:
        return self.turns[turn] if turn < len(self.turns) else submit("blocked", summary="Out of script.")


def render_stream(turn: Turn, number: int) -> bytes:
    """One reply as server-sent events."""
    if isinstance(turn, Say):
        delta: JsonObject = {"content": turn.text}
        finish = "stop"
    else:
        function = {"name": turn.name, "arguments": json.dumps(turn.arguments)}
        delta = {"tool_calls": [{"index": 0, "id": f"call_{number + 1}", "function": function}]}
        finish = "tool_calls"
    usage = {"prompt_tokens": 1000, "completion_tokens": 50}
    chunks = [
        {"model": "story", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {"model": "story", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]},
        {"model": "story", "choices": [], "usage": usage},
    ]
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return "".join([*lines, "data: [DONE]\n\n"]).encode()
