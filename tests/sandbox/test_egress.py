"""The way out: what is let through, what is refused, over real TLS on loopback."""

import asyncio
import datetime
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import limits
from bot.sandbox.contract import EgressPolicy
from bot.sandbox.egress import Denied, EgressLog, Outside, decide_addresses, decide_host, parse_connect, serve
from bot.sandbox.tls_hello import Hello, Incomplete, NotTls, parse_hello

HOST = "files.example.org"
POLICY = EgressPolicy((HOST, "*.mirror.example"), pins={HOST: "127.0.0.0/8"})


# -- pure ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"CONNECT Files.Example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n", (HOST, 443)),
        (b"CONNECT a.b:80 HTTP/1.0\r\n\r\n", ("a.b", 80)),
        (b"GET http://a.b/ HTTP/1.1\r\n\r\n", 405),
        (b"CONNECT a b:443 HTTP/1.1\r\n\r\n", 405),
        (b"CONNECT :443 HTTP/1.1\r\n\r\n", 405),
        (b"\x16\x03\x01", 405),
    ],
)
def test_only_connect_is_understood(head: bytes, found: object) -> None:
    asked = parse_connect(head)
    assert (asked.status if isinstance(asked, Denied) else asked) == found


@pytest.mark.parametrize(
    ("host", "port", "let"),
    [
        (HOST, 443, True),
        (HOST, 22, False),
        ("a.mirror.example", 443, True),
        ("a.b.mirror.example", 443, False),
        ("mirror.example", 443, False),
        (".mirror.example", 443, False),
        ("evil.org", 443, False),
        ("files.example.org.evil.org", 443, False),
    ],
)
def test_hosts_are_let_out_by_the_list_alone(host: str, port: int, let: bool) -> None:
    assert (decide_host(POLICY, host, port) is None) is let


@pytest.mark.parametrize(
    ("host", "addresses", "dialled"),
    [
        ("public.example", ("93.184.216.34",), "93.184.216.34"),
        ("public.example", ("93.184.216.34", "10.0.0.1"), None),
        ("public.example", ("127.0.0.1",), None),
        ("public.example", ("169.254.169.254",), None),
        ("public.example", ("::1",), None),
        ("public.example", ("::ffff:10.0.0.1",), None),
        ("public.example", ("224.0.0.1",), None),
        ("public.example", ("100.64.0.1",), None),
        ("public.example", ("2002:a00:1::",), None),
        ("public.example", ("2001:0:5db8:d822::1",), None),
        ("public.example", ("64:ff9b::7f00:1",), None),
        ("public.example", ("64:ff9b::5db8:d822",), "64:ff9b::5db8:d822"),
        ("public.example", ("fd00::1",), None),
        ("public.example", ("2606:4700::1111",), "2606:4700::1111"),
        ("public.example", (), None),
        (HOST, ("127.0.0.5",), "127.0.0.5"),
        (HOST, ("93.184.216.34",), None),
        (HOST, ("127.0.0.5", "::1"), None),
    ],
)
def test_every_address_must_be_public_or_where_it_is_pinned(
    host: str, addresses: tuple[str, ...], dialled: str | None
) -> None:
    found = decide_addresses(POLICY, host, addresses)
    assert (None if isinstance(found, Denied) else found) == dialled


def test_a_private_address_names_the_remedy() -> None:
    found = decide_addresses(POLICY, "mirror.corp", ("10.1.2.3",))
    assert isinstance(found, Denied)
    assert "PULLWRIGHT_EGRESS_PINS=mirror.corp=" in found.reason


def client_hello(name: str | None) -> bytes:
    """What Python's own TLS client sends first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def test_the_server_name_is_read_from_a_real_hello() -> None:
    assert parse_hello(client_hello("Files.Example.ORG")) == Hello(HOST)
    assert parse_hello(client_hello(None)) == Hello("")


def test_a_veiled_name_is_told() -> None:
    """An encrypted ClientHello names one host for show and asks for another."""
    hello = client_hello(HOST)
    veil = b"\xfe\x0d\x00\x01\x00"
    at = hello.index(HOST.encode()) + len(HOST)  # the server name's extension ends here
    longer = bytearray(hello[:at] + veil + hello[at:])
    extensions = (
        hello.index(b"\x00\x00" + (len(HOST) + 5).to_bytes(2, "big")) - 2
    )  # server name comes first here
    for place, width in ((3, 2), (6, 3), (extensions, 2)):
        size = int.from_bytes(longer[place : place + width], "big") + len(veil)
        longer[place : place + width] = size.to_bytes(width, "big")
    assert parse_hello(bytes(longer)) == Hello(HOST, is_veiled=True)


@given(st.integers(0, 600))
def test_half_a_hello_is_incomplete(size: int) -> None:
    hello = client_hello(HOST)
    assert isinstance(parse_hello(hello[:size]), Incomplete if size < len(hello) else Hello)


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: b"\x16\x03\x01\x00\x40" + tail))
def test_no_bytes_break_the_reading(data: bytes) -> None:
    assert isinstance(parse_hello(data), Hello | NotTls | Incomplete)


# -- over the wire ------------------------------------------------------------------------------------------


def certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "cert.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return public, private


@asynccontextmanager
async def world(
    tmp_path: Path, policy: EgressPolicy = POLICY
) -> AsyncIterator[tuple[int, EgressLog, ssl.SSLContext]]:
    """A TLS server that echoes in capitals, and the proxy before it: the proxy's port, its log, a client context."""
    public, private = certificate(tmp_path)
    inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    inside.load_cert_chain(public, private)

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=inside)
    port = server.sockets[0].getsockname()[1]

    async def resolve(host: str) -> tuple[str, ...]:
        return ("127.0.0.1",) if host == HOST else ("10.0.0.1",)

    listener = socket.create_server(("127.0.0.1", 0))
    async with serve(listener, policy, Outside(resolve, port)) as log:
        yield listener.getsockname()[1], log, ssl.create_default_context(cafile=str(public))
    server.close()


async def ask(port: int, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    return reader, writer, await reader.readline()


CONNECT = f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n".encode()


async def test_a_listed_host_is_reached_over_tls(tmp_path: Path) -> None:
    async with world(tmp_path) as (port, log, trust):
        reader, writer, status = await ask(port, CONNECT)
        assert b" 200 " in status
        await reader.readline()
        await writer.start_tls(trust, server_hostname=HOST)
        writer.write(b"hello\n")
        assert await reader.readline() == b"HELLO\n"
        writer.close()
    assert log.reached[HOST] > 500
    assert log.refused == {}


async def test_another_name_in_the_hello_is_cut_off(tmp_path: Path) -> None:
    async with world(tmp_path) as (port, log, trust):
        reader, writer, _ = await ask(port, CONNECT)
        await reader.readline()
        trust.check_hostname = False
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await writer.start_tls(trust, server_hostname="evil.org")
        writer.close()
    assert "evil.org" in log.refused[HOST]
    assert log.reached == {}


async def test_what_is_no_tls_is_cut_off(tmp_path: Path) -> None:
    async with world(tmp_path) as (port, log, _trust):
        reader, writer, _ = await ask(port, CONNECT)
        await reader.readline()
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await reader.read() == b""
        writer.close()
    assert "no TLS" in log.refused[HOST]


@pytest.mark.parametrize(
    ("request_", "status", "hint"),
    [
        (b"GET http://files.example.org/ HTTP/1.1\r\n\r\n", 405, "use https"),
        (b"CONNECT evil.org:443 HTTP/1.1\r\n\r\n", 403, "PULLWRIGHT_EGRESS_HOSTS"),
        (b"CONNECT files.example.org:22 HTTP/1.1\r\n\r\n", 403, "Port 22"),
        (b"CONNECT a.mirror.example:443 HTTP/1.1\r\n\r\n", 403, "PULLWRIGHT_EGRESS_PINS"),
    ],
)
async def test_a_refusal_says_why(tmp_path: Path, request_: bytes, status: int, hint: str) -> None:
    async with world(tmp_path) as (port, log, _trust):
        reader, writer, line = await ask(port, request_)
        said = line + await reader.read()
        writer.close()
    assert f" {status} ".encode() in line
    assert hint.encode() in said
    assert len(log.refused) == 1


async def test_an_endless_head_is_ended(tmp_path: Path) -> None:
    async with world(tmp_path) as (port, log, _trust):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"CONNECT " + b"x" * (2 * limits.PROXY_HEADER_BYTES))
        with pytest.raises(ConnectionError):  # noqa: PT012 - either of them meets the end
            assert await reader.read() == b""
            raise ConnectionError
        writer.close()
    assert log.reached == {}


async def test_a_dead_server_is_told(tmp_path: Path) -> None:
    async def resolve(_host: str) -> tuple[str, ...]:
        return ("127.0.0.1",)

    listener = socket.create_server(("127.0.0.1", 0))
    async with serve(listener, POLICY, Outside(resolve, 1)) as log:
        _, writer, status = await ask(listener.getsockname()[1], CONNECT)
        writer.close()
    assert b" 502 " in status
    assert "does not answer" in log.refused[HOST]


def test_the_documentation_networks_are_not_public() -> None:
    assert not ipaddress.ip_address("203.0.113.80").is_global
