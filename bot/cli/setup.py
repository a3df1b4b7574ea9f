"""`pullwright setup`: create the GitHub App by one click and store its secrets, encrypted.

Serves nothing but the manifest flow, behind a token that is printed here, and ends when the App exists.
"""

import secrets
import socket
import time
from dataclasses import dataclass

import uvicorn
from rich.console import Console

from bot.errors import SettingsFault
from bot.forge.app import convert_manifest
from bot.log import configure_log
from bot.settings import vault_place
from bot.vault import AppSecrets, seal, unseal
from bot.webhook.setup_pages import Created, SetupFlow, build_setup

_GITHUB = "https://github.com"


@dataclass(frozen=True)
class SetupOptions:
    """`github`: its pages, for Enterprise Server `https://HOST`. `url`: where a browser reaches this machine."""

    github: str = _GITHUB
    listen: str = "127.0.0.1:8000"
    url: str = ""
    webhook_url: str = ""
    replace: bool = False


def api_of(web_url: str) -> str:
    """The API that belongs to a GitHub's pages."""
    return "https://api.github.com" if web_url == _GITHUB else f"{web_url}/api/v3"


def _listen(address: str) -> socket.socket:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        raise SettingsFault(f"`{address}` is no address with a port.", "Write it as 127.0.0.1:8000.")
    try:
        return socket.create_server((host or "127.0.0.1", int(port)))
    except OSError as error:
        raise SettingsFault(
            f"{address} can't be listened on: {error}.", "Choose another one: --listen."
        ) from error


def run_setup(options: SetupOptions, console: Console | None = None) -> int:
    """Serve until the App exists. Exit code 1: one is stored already, and --replace was not given."""
    configure_log()
    screen = console or Console()
    data_dir, key = vault_place()
    known = unseal(data_dir, key)
    if known is not None and not options.replace:
        screen.print(
            f"{data_dir} holds the App [b]{known.slug}[/b] already. To create another one: `--replace`."
        )
        return 1
    listener = _listen(options.listen)
    host, port = listener.getsockname()[:2]
    web_url, own_url = options.github.rstrip("/"), (options.url or f"http://{host}:{port}").rstrip("/")
    made: list[Created] = []
    server: list[uvicorn.Server] = []

    def create(code: str) -> Created:
        found = convert_manifest(api_of(web_url), code, time.time, time.sleep)
        sealed = AppSecrets(
            found.app_id,
            found.slug,
            found.html_url,
            found.private_key,
            found.webhook_secret,
            found.client_id,
            found.client_secret,
            api_of(web_url),
            web_url,
        )
        seal(sealed, data_dir, key)
        return Created(found.slug, found.html_url)

    def done(created: Created) -> None:
        made.append(created)
        server[0].should_exit = True

    token = secrets.token_urlsafe(32)
    flow = SetupFlow(
        web_url, own_url, options.webhook_url, token, create, lambda: secrets.token_urlsafe(32), done
    )
    config = uvicorn.Config(
        build_setup(flow), log_config=None, access_log=False, server_header=False, ws="none"
    )
    server.append(uvicorn.Server(config))
    address = f"{own_url}/setup?token={token}"
    screen.print("Open this address in a browser; it works once:\n")
    screen.print(f"  {address}\n", soft_wrap=True, highlight=False)
    server[0].run(sockets=[listener])
    if not made:
        return 1
    screen.print(f"[b]{made[0].slug}[/b] exists; its secrets are in {data_dir}, encrypted with {key}.")
    screen.print(f"Install it: {made[0].html_url}/installations/new", soft_wrap=True, highlight=False)
    screen.print("Then: `pullwright doctor`, `pullwright serve --worker`.")
    return 0
