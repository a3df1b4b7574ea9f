"""Reads the server name out of the first bytes of a TLS connection (RFC 8446 and RFC 6066). Pure.

Bytes that are no ClientHello are told apart from a ClientHello that is not complete yet.
"""

from dataclasses import dataclass
from typing import Final

HELLO_BYTES: Final = 16_384 + 5
"""One TLS record: a ClientHello is under 2 KB, with post-quantum key shares included."""
_HANDSHAKE: Final = 22
_CLIENT_HELLO: Final = 1
_SERVER_NAME: Final = 0
_HOST_NAME: Final = 0
_ENCRYPTED_HELLO: Final = 0xFE0D  # RFC 9849


@dataclass(frozen=True)
class Incomplete:
    """More bytes are needed to tell."""


@dataclass(frozen=True)
class NotTls:
    """These bytes do not begin a TLS connection."""


@dataclass(frozen=True)
class Hello:
    """`server_name` in lower case; empty when the client names none. `is_veiled`: the name that counts is
    encrypted, and this one is for show."""

    server_name: str
    is_veiled: bool = False


def parse_hello(data: bytes) -> Hello | NotTls | Incomplete:
    """What the bytes that a client sent first are."""
    if not data:
        return Incomplete()
    if data[0] != _HANDSHAKE or (len(data) > 1 and data[1] != 3):
        return NotTls()
    if len(data) < 5:
        return Incomplete()
    size = int.from_bytes(data[3:5], "big")
    if size == 0 or size > HELLO_BYTES - 5:
        return NotTls()
    if len(data) < 5 + size:
        return Incomplete()
    try:
        return _read_hello(_Reader(data[5 : 5 + size]))
    except (IndexError, UnicodeDecodeError):
        return NotTls()


class _Reader:
    """Bytes from the front; IndexError beyond the end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        if count < 0 or self._at + count > len(self._data):
            raise IndexError
        piece = self._data[self._at : self._at + count]
        self._at += count
        return piece

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")

    def block(self, width: int) -> "_Reader":
        """A length of `width` bytes and so many bytes."""
        return _Reader(self.take(self.number(width)))

    @property
    def empty(self) -> bool:
        return self._at >= len(self._data)


def _read_hello(record: _Reader) -> Hello | NotTls:
    if record.number(1) != _CLIENT_HELLO:
        return NotTls()
    hello = record.block(3)
    hello.take(2 + 32)  # version, random
    hello.block(1)  # session id
    hello.block(2)  # cipher suites
    hello.block(1)  # compression
    if hello.empty:
        return Hello("")
    extensions = hello.block(2)
    server_name, is_veiled = "", False
    while not extensions.empty:
        kind, content = extensions.number(2), extensions.block(2)
        if kind == _SERVER_NAME and not server_name:
            server_name = _first_host(content.block(2))
        is_veiled = is_veiled or kind == _ENCRYPTED_HELLO
    return Hello(server_name, is_veiled)


def _first_host(names: _Reader) -> str:
    while not names.empty:
        kind, name = names.number(1), names.block(2)
        if kind == _HOST_NAME:
            return name.take(len(name._data)).decode("ascii").lower().rstrip(".")
    return ""
