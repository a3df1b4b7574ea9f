"""The planted proxy, asked from inside: every way around the list that is known, and the one way through it."""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.sandbox.contract import EgressPolicy
from bot.sandbox.egress import EgressLog, Outside
from tests.hostile.backends import Prober
from tests.hostile.cage import Backend
from tests.hostile.points import point
from tests.sandbox.test_egress import HOST, certificate

POLICY = EgressPolicy(
    (
        HOST,
        "*.mirror.example",
        "open.example",
        "mixed.example",
        "metadata.example",
        "turning.example",
        "mapped.example",
    ),
    pins={HOST: "127.0.0.0/8"},
)

_ASK = """
import socket, sys
def ask(request, more=b""):
    one = socket.create_connection(("127.0.0.1", 3128), 5); one.settimeout(15)
    one.sendall(request)
    got = one.recv(4096)
    if more and b" 200 " in got:
        one.sendall(more)
        try: got = one.recv(4096)
        except ConnectionError: got = b""
        print("cut" if not got else "through")
    else:
        print(got.split(b" ")[1].decode() if got.startswith(b"HTTP") else repr(got[:40]))
"""


@dataclass
class World:
    """The world behind the proxy: one TLS server, a resolver that counts and can be turned."""

    port: int
    trust: Path
    asked: list[str] = field(default_factory=list)

    async def resolve(self, host: str) -> tuple[str, ...]:
        self.asked.append(host)
        table = {
            HOST: ("127.0.0.1",),
            "open.example": ("127.0.0.1",),
            "mixed.example": ("93.184.216.34", "10.0.0.1"),
            "metadata.example": ("169.254.169.254",),
            "mapped.example": ("::ffff:127.0.0.1",),
            "turning.example": ("127.0.0.99",) if self.asked.count(host) > 1 else ("127.0.0.1",),
        }
        return table.get(host, ("10.0.0.1",))


@asynccontextmanager
async def outside(tmp_path: Path) -> AsyncIterator[World]:
    public, private = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context)
    try:
        yield World(server.sockets[0].getsockname()[1], public)
    finally:
        server.close()


async def ask(
    backend: Backend, tmp_path: Path, program: str, policy: EgressPolicy = POLICY
) -> tuple[list[str], EgressLog, World]:
    """What a program inside prints, with the proxy planted."""
    async with outside(tmp_path) as world:
        prober = Prober(backend, Outside(world.resolve, world.port))
        said, log = await prober.run(
            _ASK + program, policy, {"/pullwright/trust.pem": world.trust.read_bytes()}
        )
    return said.split(), log, world


REFUSED = (
    ("an unlisted host", b"CONNECT evil.example:443 HTTP/1.1\r\n\r\n", "403"),
    ("another port", f"CONNECT {HOST}:22 HTTP/1.1\r\n\r\n".encode(), "403"),
    ("a huge port", f"CONNECT {HOST}:65979 HTTP/1.1\r\n\r\n".encode(), "403"),  # 65536 + 443
    ("an address", b"CONNECT 127.0.0.1:443 HTTP/1.1\r\n\r\n", "403"),
    ("a decimal address", b"CONNECT 2130706433:443 HTTP/1.1\r\n\r\n", "403"),
    ("a hexadecimal address", b"CONNECT 0x7f000001:443 HTTP/1.1\r\n\r\n", "403"),
    ("an octal address", b"CONNECT 0177.0.0.1:443 HTTP/1.1\r\n\r\n", "403"),
    ("a short address", b"CONNECT 127.1:443 HTTP/1.1\r\n\r\n", "403"),
    ("an IPv6 address", b"CONNECT [::1]:443 HTTP/1.1\r\n\r\n", "405"),
    ("a mapped address", b"CONNECT [::ffff:127.0.0.1]:443 HTTP/1.1\r\n\r\n", "405"),
    ("user information", f"CONNECT {HOST}@evil.example:443 HTTP/1.1\r\n\r\n".encode(), "405"),
    ("a password", f"CONNECT a:b@{HOST}:443 HTTP/1.1\r\n\r\n".encode(), "405"),
    ("a null byte", f"CONNECT evil.example\0.{HOST}:443 HTTP/1.1\r\n\r\n".encode(), "405"),
    ("a blank", f"CONNECT evil.example {HOST}:443 HTTP/1.1\r\n\r\n".encode(), "405"),
    ("a line break", f"CONNECT evil.example\r\n{HOST}:443 HTTP/1.1\r\n\r\n".encode(), "405"),
    ("a suffix", f"CONNECT {HOST}.evil.example:443 HTTP/1.1\r\n\r\n".encode(), "403"),
    ("a prefix", f"CONNECT evil{HOST}:443 HTTP/1.1\r\n\r\n".encode(), "403"),
    ("two labels for a wildcard", b"CONNECT a.b.mirror.example:443 HTTP/1.1\r\n\r\n", "403"),
    ("no label for a wildcard", b"CONNECT mirror.example:443 HTTP/1.1\r\n\r\n", "403"),
    ("the wildcard itself", b"CONNECT *.mirror.example:443 HTTP/1.1\r\n\r\n", "405"),
    ("plain HTTP", f"GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode(), "405"),
    ("plain HTTP by POST", f"POST http://{HOST}/ HTTP/1.1\r\n\r\n".encode(), "405"),
    ("a private answer", b"CONNECT a.mirror.example:443 HTTP/1.1\r\n\r\n", "403"),
    ("a mixed answer", b"CONNECT mixed.example:443 HTTP/1.1\r\n\r\n", "403"),
    ("a metadata answer", b"CONNECT metadata.example:443 HTTP/1.1\r\n\r\n", "403"),
    ("a mapped answer", b"CONNECT mapped.example:443 HTTP/1.1\r\n\r\n", "403"),
    ("a loopback answer", b"CONNECT open.example:443 HTTP/1.1\r\n\r\n", "403"),
)


@point(40)
async def test_every_way_around_the_list_is_refused(backend: Backend, tmp_path: Path) -> None:
    program = "".join(f"ask({request!r})\n" for _, request, _ in REFUSED)
    said, log, _ = await ask(backend, tmp_path, program)
    found = dict(zip([name for name, _, _ in REFUSED], said, strict=True))
    assert found == {name: status for name, _, status in REFUSED}
    assert log.reached == {}


@point(40, 41)
async def test_the_listed_host_is_reached_by_tls(backend: Backend, tmp_path: Path) -> None:
    """The twin of all of them."""
    program = f"""
import ssl
one = socket.create_connection(("127.0.0.1", 3128), 5)
one.sendall(b"CONNECT {HOST}:443 HTTP/1.1\\r\\n\\r\\n"); one.recv(4096)
context = ssl.create_default_context(cafile="/pullwright/trust.pem")
with context.wrap_socket(one, server_hostname="{HOST}") as secure:
    secure.sendall(b"hello\\n"); print(secure.recv(64).decode())
"""
    said, log, world = await ask(backend, tmp_path, program)
    assert said == ["HELLO"]
    assert log.reached[HOST] > 500
    assert log.refused == {}
    assert world.asked == [HOST]  # once: the address that was checked is the one that was dialled


@point(40)
async def test_what_follows_must_be_tls_for_that_host(backend: Backend, tmp_path: Path) -> None:
    connect = f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode()
    hello = b"\x16\x03\x01" + struct.pack(">H", 50) + bytes(50)
    program = "".join(
        f"ask({connect!r}, {more!r})\n"
        for more in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"SSH-2.0-x\r\n", hello, b"\x80\x2e\x01\x00\x02")
    )
    said, log, _ = await ask(backend, tmp_path, program)
    assert said == ["cut"] * 4
    assert log.reached == {}


@point(40)
async def test_another_name_in_the_hello_is_cut(backend: Backend, tmp_path: Path) -> None:
    program = f"""
import ssl
for name in ("evil.example", "127.0.0.1", None):
    one = socket.create_connection(("127.0.0.1", 3128), 5)
    one.sendall(b"CONNECT {HOST}:443 HTTP/1.1\\r\\n\\r\\n"); one.recv(4096)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
    try: context.wrap_socket(one, server_hostname=name); print("through")
    except OSError: print("cut")
"""
    said, log, _ = await ask(backend, tmp_path, program)
    assert said == ["cut"] * 3
    assert log.reached == {}


@point(40)
async def test_a_name_that_turns_after_the_check_is_dialled_as_checked(
    backend: Backend, tmp_path: Path
) -> None:
    policy = EgressPolicy(("turning.example",), pins={"turning.example": "127.0.0.0/8"})
    program = 'ask(b"CONNECT turning.example:443 HTTP/1.1\\r\\n\\r\\n")'
    said, _, world = await ask(backend, tmp_path, program, policy)
    assert said == ["200"]  # nobody listens where the name leads the second time
    assert world.asked == ["turning.example"]


@point(40)
async def test_a_slow_head_is_ended(backend: Backend, tmp_path: Path) -> None:
    program = """
import time
one = socket.create_connection(("127.0.0.1", 3128), 5); one.settimeout(20)
one.sendall(b"CONNECT "); began = time.monotonic()
try: got = one.recv(100)
except ConnectionError: got = b""
print("ended" if got == b"" and time.monotonic() - began < 18 else "open")
"""
    said, _, _ = await ask(backend, tmp_path, program)
    assert said == ["ended"]


@point(40)
async def test_other_roads_stay_closed_while_the_proxy_is_there(backend: Backend, tmp_path: Path) -> None:
    program = """
for where in (("127.0.0.1", 443), ("93.184.216.34", 443), ("169.254.169.254", 80), ("10.0.0.1", 3128)):
    try: socket.create_connection(where, 0.5); print("open")
    except OSError: print("closed")
try: socket.getaddrinfo("files.example.org", 443); print("open")
except OSError: print("closed")
"""
    said, _, _ = await ask(backend, tmp_path, program)
    assert said == ["closed"] * 5


@point(41)
async def test_an_empty_list_plants_nothing(backend: Backend, tmp_path: Path) -> None:
    program = """
try: socket.create_connection(("127.0.0.1", 3128), 0.5); print("open")
except OSError: print("closed")
"""
    said, _, _ = await ask(backend, tmp_path, program, EgressPolicy())
    assert said == ["closed"]


def test_the_list_of_tricks_has_no_doubles() -> None:
    assert len({request for _, request, _ in REFUSED}) == len(REFUSED)


pytestmark = pytest.mark.hostile
