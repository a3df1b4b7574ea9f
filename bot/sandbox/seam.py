"""What set-up and workspaces share: one command in a sandbox over given layers, with or without a proxy.

It must never decide anything: which layers, which hosts, how long are the caller's business. Implemented by
`bot.sandbox.runner` (bubblewrap) and `bot.sandbox.container`; set-up takes `run` as a value and so needs neither.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from bot.sandbox.contract import Command, CommandResult, EgressPolicy
from bot.sandbox.output import Output

PROXY_ADDRESS: Final = ("127.0.0.1", 3128)
"""Where the planted listener is reached inside the sandbox. 3128 is the customary port of HTTP proxies."""

CA_BUNDLE_PATH: Final = "/pullwright/ca.pem"
"""Where the operator's CA bundle lies inside, read-only, when the policy has one."""

PROXY_VARIABLES: Final = {
    "HTTPS_PROXY": f"http://{PROXY_ADDRESS[0]}:{PROXY_ADDRESS[1]}",
    "https_proxy": f"http://{PROXY_ADDRESS[0]}:{PROXY_ADDRESS[1]}",
    "HTTP_PROXY": f"http://{PROXY_ADDRESS[0]}:{PROXY_ADDRESS[1]}",
    "http_proxy": f"http://{PROXY_ADDRESS[0]}:{PROXY_ADDRESS[1]}",
    "NO_PROXY": "localhost,127.0.0.1,::1",
    "no_proxy": "localhost,127.0.0.1,::1",
}
"""Set inside whenever a listener is planted. HTTP too: plain HTTP is then refused with a hint, not lost."""

CA_VARIABLES: Final = (
    "SSL_CERT_FILE",  # OpenSSL, Go, Python's ssl
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO",
)
"""Set to CA_BUNDLE_PATH whenever a policy with a bundle is served."""


@dataclass(frozen=True)
class Mounts:
    """The writable view of one command. All are host directories; writable ones belong to the sandbox's uid
    (`trees.make_owned`).

    `lowers`: layers of /workspace, topmost first, never written. `upper`: a directory that receives every
    change below its `upper/` (its `work/` is the kernel's). `env_lower`: /env, read-only, unless `env_upper` is
    given: then that directory itself is /env and is written to (set-up only). Neither: /env is empty.
    """

    lowers: tuple[Path, ...]
    upper: Path
    env_lower: Path | None = None
    env_upper: Path | None = None
    image: str = ""  # container back end: which image; "": the operator's

    @property
    def changes(self) -> Path:
        """The layer that holds what was written (whiteouts are character devices 0/0, `user.overlay.*`)."""
        return self.upper / "upper"


class RunInSandbox(Protocol):
    async def __call__(
        self, mounts: Mounts, command: Command, egress: EgressPolicy | None = None
    ) -> CommandResult:
        """Run `command` over `mounts`; back only when every process that it started is dead.

        With an `egress` whose hosts are not empty a listener is planted at PROXY_ADDRESS, served by
        `bot.sandbox.egress.serve(listener, policy)` for as long as the command lives, and PROXY_VARIABLES
        (and CA_VARIABLES) are set. Otherwise there is no network at all. Raises SandboxUnavailable.
        """
        ...


@dataclass(frozen=True)
class Channel:
    """`stdin`: the read end of a pipe, for the program. `output`: hears what it writes."""

    stdin: int
    output: Output


class CommandRunner(Protocol):
    """What a workspace and the preflight need of a back end.

    `copies`: /workspace is the plain folder `Mounts.changes`, laid out from the layers, and no overlay of them.
    `interpreter`: the Python inside. `uid`: whom commands run as on the host; None: ourselves.
    """

    @property
    def copies(self) -> bool: ...
    @property
    def interpreter(self) -> str: ...
    @property
    def uid(self) -> int | None: ...

    async def run(
        self, mounts: Mounts, command: Command, egress: EgressPolicy | None = None
    ) -> CommandResult:
        """See `RunInSandbox`."""
        ...

    async def execute(
        self, mounts: Mounts, command: Command, argv: tuple[str, ...], egress: EgressPolicy | None = None
    ) -> CommandResult:
        """`run` with an argv in place of the script."""
        ...

    async def converse(
        self, mounts: Mounts, command: Command, argv: tuple[str, ...], channel: Channel
    ) -> CommandResult:
        """`execute` with a program that is spoken to while it runs. The channel's `stdin` is closed here. Raises
        ForModel where the back end can't do that."""
        ...

    def prepare(self, mounts: Mounts, files: Mapping[str, bytes]) -> None:
        """A command with at most these files will follow, or nothing: what it needs may be made meanwhile."""
        ...

    async def let_go(self) -> None:
        """Back when nothing that was made ahead holds the layers."""
        ...
