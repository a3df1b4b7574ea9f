"""`pullwright serve`: the webhook receiver; with `--worker` a worker beside it as a second process.

When it listens, `receiver.json` in the data directory holds its address: with port 0 nobody else knows it.
"""

import json
import socket
from pathlib import Path

import uvicorn

from bot.cli.supervise import STOP_WITHIN_S, Supervisor
from bot.compose import build_webhook, ensure_data_dir
from bot.log import configure_log
from bot.settings import Settings, host_environment, load_settings


def run_serve(with_worker: bool) -> int:
    """Serve until SIGTERM. Raises SettingsFault and StoreFault before anything is started."""
    configure_log()
    settings = load_settings()
    if with_worker:
        return _serve_both(settings.drain_s)
    data_dir = ensure_data_dir(settings)
    listener = open_listener(settings.host, settings.port)
    write_whole(data_dir / "receiver.json", json.dumps({"url": _url(settings, listener)}))
    config = uvicorn.Config(
        build_webhook(settings),
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        proxy_headers=False,  # nothing here asks who sent it: the signature tells
    )
    uvicorn.Server(config).run(sockets=[listener])
    return 0


def open_listener(host: str, port: int) -> socket.socket:
    """A listening socket whose answers leave at once. An event loop sees to that only for sockets that it made itself;
    for others the second half of an answer waits 40 ms for the first one's acknowledgement."""
    listener = socket.create_server((host, port))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited by its connections
    return listener


def write_whole(path: Path, text: str) -> None:
    """The whole file or none of it: whoever waits for it reads all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    part.replace(path)


def _serve_both(drain_s: float) -> int:
    """Two processes on one database; when one ends, both end, and whoever supervises us starts us again."""
    environment = host_environment(None)
    with Supervisor(stop_within_s=STOP_WITHIN_S + drain_s) as supervisor:
        # Stopped the other way round: while a worker ends its tasks, what GitHub sends is still stored.
        supervisor.start("receiver", ["serve"], environment)
        supervisor.start("worker", ["worker"], environment)
        return supervisor.run_until_signal()


def _url(settings: Settings, listener: socket.socket) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{listener.getsockname()[1]}"
