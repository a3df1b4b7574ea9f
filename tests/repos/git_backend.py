"""Git's own server, `git http-backend`, on loopback: the CGI behind a few lines of HTTP, with a token."""

import base64
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOKEN = "ghs_7_a.b-c_d"


@dataclass
class Backend:
    """`protocols`: what clients asked for, request by request."""

    root: Path
    url: str
    protocols: list[str] = field(default_factory=list)

    def git(self, name: str, *arguments: str) -> str:
        """Git itself in the bare repository `name`; what it says."""
        command = ["git", "-C", str(self.root / name), *arguments]
        return subprocess.run(
            command, check=True, capture_output=True, text=True, env=environment()
        ).stdout.strip()


def environment(**more: str) -> dict[str, str]:
    """Nothing of this machine's user or system gets in."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        **more,
    }


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def serving_git(root: Path) -> Iterator[Backend]:
    """Every bare repository below `root`; fetching and pushing need the token."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._run(b"")

        def do_POST(self) -> None:
            self._run(self._body())

        def _body(self) -> bytes:
            if self.headers.get("transfer-encoding") != "chunked":
                return self.rfile.read(int(self.headers["content-length"]))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _run(self, body: bytes) -> None:
            made.protocols.append(self.headers.get("git-protocol", ""))
            wanted = "Basic " + base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
            if self.headers.get("authorization") != wanted:
                self._answer(401, [("WWW-Authenticate", 'Basic realm="GitHub"')], b"")
                return
            path, _, query = self.path.partition("?")
            ran = subprocess.run(
                ["git", "http-backend"],
                input=body,
                capture_output=True,
                check=False,  # a refusal is an answer with an exit code of its own
                env=environment(
                    GIT_PROJECT_ROOT=str(root),
                    GIT_HTTP_EXPORT_ALL="1",
                    GIT_PROTOCOL=self.headers.get("git-protocol", ""),
                    REQUEST_METHOD=self.command,
                    PATH_INFO=path,
                    QUERY_STRING=query,
                    CONTENT_TYPE=self.headers.get("content-type", ""),
                    CONTENT_LENGTH=str(len(body)),
                    HTTP_CONTENT_ENCODING=self.headers.get("content-encoding", ""),
                    REMOTE_USER="x-access-token",
                    REMOTE_ADDR="127.0.0.1",
                ),
            )
            head, _, content = ran.stdout.partition(b"\r\n\r\n")
            lines = [line.split(": ", 1) for line in head.decode().split("\r\n")]
            given = [(name, value) for name, value in lines if name != "Status"]
            status = next((int(value.split()[0]) for name, value in lines if name == "Status"), 200)
            self._answer(status, given, content)

        def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
            self.send_response(status)
            for name, value in (*headers, ("Content-Length", str(len(content)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with serving(Handler) as url:
        made = Backend(root, url)
        yield made
