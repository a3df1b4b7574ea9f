"""The only way out of a sandbox: a CONNECT proxy on the host, on a listener planted into its private network.

Set-up reaches the allow-listed hosts through it and nothing else. Checked, in this order: the request is CONNECT
to port 443; the host is on the list; it resolves to addresses that are all global, or all inside the network that the
operator pinned it to; the checked address is the one that is dialled; the first bytes are a TLS ClientHello whose
server name is that very host. Whoever fails a check gets a status line with a hint, and stands in `refused`.

Must never: resolve twice, follow a redirect, speak plain HTTP, or serve a command without a list.

Races. A name that resolves differently the second time: there is no second time. A host behind a shared address:
the server name decides, not the address.
"""

import asyncio
import contextlib
import ipaddress
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from bot.domain import limits
from bot.log import LateLog
from bot.sandbox.contract import EgressPolicy
from bot.sandbox.tls_hello import HELLO_BYTES, Hello, Incomplete, parse_hello


@dataclass(frozen=True)
class Outside:
    """The world behind the proxy: how a name becomes addresses, and on which port servers listen."""

    resolve: Callable[[str], Awaitable[tuple[str, ...]]]
    port: int = 443


_CONNECT: Final = re.compile(rb"CONNECT ([A-Za-z0-9.-]{1,253}):(\d{1,5}) HTTP/1\.[01]\r\n")
_HTTPS: Final = 443
_CHUNK: Final = 65_536
_IDLE_S: Final = 120.0  # no byte in either direction: the other end is gone

log = LateLog()


@dataclass(frozen=True)
class Denied:
    """`status` for the client, `reason` for it and for the log."""

    status: int
    reason: str


@dataclass
class EgressLog:
    """What one command did through the proxy: bytes by host, and what it was refused."""

    reached: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.reached.values())


# -- decisions, pure ----------------------------------------------------------------------------------------


def parse_connect(head: bytes) -> tuple[str, int] | Denied:
    """Host in lower case and port, from a whole request head."""
    found = _CONNECT.match(head)
    if found is None:
        return Denied(405, "Only CONNECT is served here: use https, plain http is not let out.")
    return found[1].decode().lower().rstrip("."), int(found[2])


def decide_host(policy: EgressPolicy, host: str, port: int) -> Denied | None:
    """None: on the list. `*.example.org` stands for one label."""
    if port != _HTTPS:
        return Denied(403, f"Port {port} is not let out, only {_HTTPS}.")
    if any(_fits(pattern.lower(), host) for pattern in policy.hosts):
        return None
    return Denied(403, f"{host} is not on the allow-list. It can be added: {policy.where}.")


def decide_addresses(policy: EgressPolicy, host: str, addresses: tuple[str, ...]) -> str | Denied:
    """The address to dial. One bad address among good ones refuses all: nobody sets that up by mistake."""
    if not addresses:
        return Denied(502, f"{host} does not resolve.")
    pinned = policy.pins.get(host)
    network = ipaddress.ip_network(pinned, strict=False) if pinned else None
    for text in addresses:
        address = ipaddress.ip_address(text)
        if network is not None:
            if address.version != network.version or address not in network:
                return Denied(403, f"{host} resolves to {text}, outside of the network it is pinned to.")
        elif not _is_public(address):
            return Denied(
                403,
                f"{host} resolves to {text}, which is no public address. If that is right (a mirror inside a "
                f"company), the operator pins it: PULLWRIGHT_EGRESS_PINS={host}=NETWORK.",
            )
    return addresses[0]


_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last four bytes are an IPv4 address
_EMBEDDING: Final = (ipaddress.IPv6Network("2002::/16"), ipaddress.IPv6Network("2001::/32"))  # 6to4, Teredo


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Globally routed, and no other spelling of an address that is not: tunnels lead where they like."""
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in _EMBEDDING):
            return False
        inner = address.ipv4_mapped
        if address in _NAT64:
            inner = ipaddress.IPv4Address(address.packed[-4:])
        if inner is not None:
            return _is_public(inner)
    return address.is_global and not address.is_multicast


def _fits(pattern: str, host: str) -> bool:
    if pattern.startswith("*."):
        label, dot, rest = host.partition(".")
        return bool(label and dot) and rest == pattern[2:]
    return host == pattern


# -- the server ---------------------------------------------------------------------------------------------


@asynccontextmanager
async def serve(
    listener: socket.socket, policy: EgressPolicy, outside: Outside | None = None
) -> AsyncIterator[EgressLog]:
    """Answer on `listener` while entered; at the end every connection is cut. Gives the log."""
    seen = EgressLog()
    running: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            running.add(task)
        try:
            await _Connection(policy, seen, outside or Outside(resolve_host), reader, writer).run()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            log.debug("egress.connection_ended", why=type(error).__name__)
        finally:
            writer.close()
            if task is not None:
                running.discard(task)

    listener.setblocking(False)
    server = await asyncio.start_server(handle, sock=listener, limit=limits.PROXY_HEADER_BYTES)
    try:
        yield seen
    finally:
        server.close()
        for task in tuple(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for host, reason in seen.refused.items():
            log.warning("egress.refused", host=host, reason=reason)
        if seen.reached:
            log.info("egress.reached", **{"hosts": dict(seen.reached)})


async def resolve_host(host: str) -> tuple[str, ...]:
    """Every address of a name, by the host's own resolver."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, _HTTPS, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass
class _Connection:
    policy: EgressPolicy
    log: EgressLog
    outside: Outside
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def run(self) -> None:
        async with asyncio.timeout(limits.PROXY_HEADER_TIMEOUT_S):
            head = await self.reader.readuntil(b"\r\n\r\n")
        asked = parse_connect(head)
        if isinstance(asked, Denied):
            await self._deny("(no CONNECT)", asked)
            return
        host, port = asked
        address = decide_host(self.policy, host, port) or decide_addresses(
            self.policy, host, await self.outside.resolve(host)
        )
        if isinstance(address, Denied):
            await self._deny(host, address)
            return
        await self._tunnel(host, address)

    async def _tunnel(self, host: str, address: str) -> None:
        """Connect first, so that a dead server is told; then the hello decides whether a byte goes on."""
        try:
            async with asyncio.timeout(limits.PROXY_CONNECT_TIMEOUT_S):
                upstream_reader, upstream = await asyncio.open_connection(address, self.outside.port)
        except (OSError, TimeoutError) as error:
            await self._deny(host, Denied(502, f"{host} does not answer ({type(error).__name__})."))
            return
        try:
            self.writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await self.writer.drain()
            hello = await self._read_hello(host)
            if hello is None:
                return
            upstream.write(hello)
            self.log.reached[host] = self.log.reached.get(host, 0) + len(hello)
            await self._pump(host, upstream_reader, upstream)
        finally:
            upstream.close()

    async def _read_hello(self, host: str) -> bytes | None:
        data = b""
        async with asyncio.timeout(limits.PROXY_HEADER_TIMEOUT_S):
            while isinstance(found := parse_hello(data), Incomplete) and len(data) <= HELLO_BYTES:
                piece = await self.reader.read(_CHUNK)
                if not piece:
                    return None
                data += piece
        if isinstance(found, Hello) and found.server_name == host and not found.is_veiled:
            return data
        named = found.server_name if isinstance(found, Hello) else "no TLS"
        if isinstance(found, Hello) and found.is_veiled:
            named = "a name that it hides (encrypted ClientHello)"
        self.log.refused[host] = f"the connection was for {named or 'no name'}, not for {host}"
        return None

    async def _pump(
        self, host: str, upstream_reader: asyncio.StreamReader, upstream: asyncio.StreamWriter
    ) -> None:
        """Both directions until one ends; the whole set-up has one cap on bytes."""
        ways = (
            asyncio.create_task(self._copy(host, self.reader, upstream)),
            asyncio.create_task(self._copy(host, upstream_reader, self.writer)),
        )
        try:
            await asyncio.gather(*ways)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _copy(self, host: str, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while True:
            async with asyncio.timeout(_IDLE_S):
                piece = await source.read(_CHUNK)
            if not piece:
                break
            self.log.reached[host] = self.log.reached.get(host, 0) + len(piece)
            if self.log.total > limits.PROXY_TASK_BYTES:
                self.log.refused[host] = f"more than {limits.PROXY_TASK_BYTES} bytes went through"
                raise OSError("the cap on bytes is reached")
            sink.write(piece)
            await sink.drain()
        with contextlib.suppress(OSError):
            if sink.can_write_eof():
                sink.write_eof()

    async def _deny(self, host: str, denied: Denied) -> None:
        self.log.refused[host] = denied.reason
        body = f"{denied.reason}\n".encode()
        head = f"HTTP/1.1 {denied.status} {denied.reason[:120]}\r\nContent-Length: {len(body)}\r\n"
        self.writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
        await self.writer.drain()
