"""Reads a request's body within bounds that hold before anybody knows who sends it.

Races and abuse, and how each is closed:
- A length that lies: the bytes that come are counted, whatever Content-Length says.
- Many large bodies at once, unsigned: all bodies together stay under one budget; more is refused, not buffered.
- A sender that never ends: one body has so many seconds.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import Request
from starlette.requests import ClientDisconnect

from bot.domain import limits


class BodyRefused(Exception):
    """The body was not read to its end; nothing was stored. `status` and `message` are the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass
class Bodies:
    """One for the application, used in its event loop only. Bytes and seconds."""

    each: int = limits.WEBHOOK_BODY_BYTES
    together: int = limits.WEBHOOK_BUFFER_BYTES
    read_s: float = limits.WEBHOOK_READ_S
    _held: int = field(default=0, init=False)

    @asynccontextmanager
    async def reading(self, request: Request) -> AsyncIterator[bytes]:
        """The whole body, counted against the budget until the block is left. Raises BodyRefused."""
        body = bytearray()
        try:
            yield await self._read(request, body)
        finally:
            self._held -= len(body)

    async def _read(self, request: Request, body: bytearray) -> bytes:
        if _declared(request) > self.each:
            raise self._too_large()
        try:
            async with asyncio.timeout(self.read_s):
                async for piece in request.stream():
                    self._admit(len(body) + len(piece), len(piece))
                    body += piece
        except TimeoutError as error:
            raise BodyRefused(408, f"The body did not come within {self.read_s:g} seconds.") from error
        except ClientDisconnect as error:
            raise BodyRefused(400, "The body ended early.") from error
        return bytes(body)

    def _admit(self, size: int, more: int) -> None:
        if size > self.each:
            raise self._too_large()
        if self._held + more > self.together:
            raise BodyRefused(503, "Too much is being received. Redeliver it.")
        self._held += more

    def _too_large(self) -> BodyRefused:
        return BodyRefused(413, f"The body is larger than {self.each} bytes.")


def _declared(request: Request) -> int:
    """Content-Length; 0 when it is missing or no number (the bytes are counted anyway)."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 20 else 0
