"""The hub as an HTTP server on loopback: in a thread for tests (`HubServer`), as a process for the demo (`serve`).

Only requests whose Host is a loopback name are answered, so that no web page can reach it by DNS rebinding.
"""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response

from bot.errors import Bug
from bot.localhub import (
    graphql,
    manifest,
    rest_actions,
    rest_app,
    rest_checks,
    rest_git,
    rest_issues,
    rest_pulls,
    rest_reviews,
)
from bot.localhub.api import Route, install_routes
from bot.localhub.control import install_control
from bot.localhub.git_http import install_git
from bot.localhub.manifest import install_manifest_pages
from bot.localhub.pages import install_pages
from bot.localhub.seed import Seed
from bot.localhub.shapes import API_PREFIX
from bot.localhub.state import Hub

HOST = "127.0.0.1"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_START_WITHIN_S = 10.0
_ANSWER_WITHIN_S = 2.0  # what a request that runs may still take when the hub ends


def build_app(hub: Hub, control_token: str = "") -> FastAPI:
    """The whole application. Without a control token there is no control API."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @app.middleware("http")
    async def only_loopback(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        if (request.url.hostname or "") not in _LOOPBACK:
            return PlainTextResponse("This hub answers to loopback names only.", 403)
        return await proceed(request)

    install_routes(
        app,
        hub,
        (
            *rest_app.ROUTES,
            *manifest.ROUTES,
            *rest_issues.ROUTES,
            *rest_git.ROUTES,
            *rest_reviews.ROUTES,
            *rest_pulls.ROUTES,
            *rest_checks.ROUTES,
            *rest_actions.ROUTES,
            *rest_git.LAST_ROUTES,
        ),
    )
    install_routes(app, hub, (Route("POST", "/graphql", graphql.answer, graphql.NEEDS),), "/api")
    if control_token:
        install_control(app, Seed(hub), control_token)
    install_git(app, hub)
    install_manifest_pages(app, hub)
    install_pages(app, hub)
    return app


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Else each answer waits 40 ms for its second half.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind((HOST, port))
    return listener


class _PromptServer(uvicorn.Server):
    """Ends when it is told, not at the next look: uvicorn's look and its pause are 0.15 s for each hub of the tests."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def end(self) -> None:
        """From any thread. The flag first: who comes to wait after it does not begin to."""
        self.should_exit = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._told.set)

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        if not await self.on_tick(0):  # the headers of every answer, and the flag
            await self._told.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        until = time.monotonic() + _ANSWER_WITHIN_S
        state = self.server_state
        while (state.connections or state.tasks) and time.monotonic() < until:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.002)
        for task in state.tasks:
            task.cancel()


def _config(hub: Hub, listener: socket.socket, control_token: str) -> uvicorn.Config:
    hub.base_url = f"http://{HOST}:{listener.getsockname()[1]}"
    return uvicorn.Config(
        build_app(hub, control_token),
        log_config=None,
        access_log=False,
        lifespan="off",
        loop="asyncio",
        ws="none",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=int(_ANSWER_WITHIN_S),
    )


class HubServer:
    """The hub in a thread. `with HubServer(Hub(path, clock)) as server: server.seed...; server.api_url`."""

    def __init__(self, hub: Hub, port: int = 0, control_token: str = "") -> None:
        self.hub = hub
        self.seed = Seed(hub)
        self._port, self._control_token = port, control_token

    @property
    def url(self) -> str:
        """Pages and git: `<url>/<owner>/<name>.git`."""
        return self.hub.base_url

    @property
    def api_url(self) -> str:
        """PyGithub's `base_url`."""
        return self.hub.base_url + API_PREFIX

    def git_url(self, full_name: str) -> str:
        return f"{self.hub.base_url}/{full_name}.git"

    def __enter__(self) -> "HubServer":
        listener = _listen(self._port)
        self._server = _PromptServer(_config(self.hub, listener, self._control_token))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="hub-server", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + _START_WITHIN_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise Bug("the local hub did not start")
            time.sleep(0.005)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.end()
        self._thread.join(_START_WITHIN_S)
        self.hub.close()


def serve(hub: Hub, port: int = 0, control_token: str = "", ready: Path | None = None) -> None:
    """Run as this process until SIGTERM or SIGINT.

    When it listens, `ready` is written (whole or not at all) with `{"url": ..., "api_url": ...}`.
    """
    listener = _listen(port)
    listener.listen(128)
    server = uvicorn.Server(_config(hub, listener, control_token))
    if ready is not None:
        part = ready.with_name(ready.name + ".part")
        part.write_text(json.dumps({"url": hub.base_url, "api_url": hub.base_url + API_PREFIX}))
        part.replace(ready)
    try:
        server.run(sockets=[listener])
    finally:
        hub.close()
