"""The HTTP edge for GitHub: check the signature on the raw bytes, store, answer. Decides nothing else.

| request | answer |
|---|---|
| signed, new | 202 after the row is on disk |
| signed, known delivery id | 200 |
| signed, an event that is never acted on | 202, stored with its reason later by the intake |
| no or wrong signature | 401, one short line in the log, nothing stored, the body not shown |
| headers missing | 400 |
| body over WEBHOOK_BODY_BYTES | 413 before it is read to the end |
| database busy | 503: GitHub shows the delivery as failed, it can be redelivered |

Must never: answer 2xx before the commit (law 1), or log a body.
"""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from bot.domain import limits
from bot.domain.ids import DeliveryId
from bot.errors import RetryLater
from bot.store.deliveries import Delivery, Inbox, Stored
from bot.webhook.signature import is_signed

log = structlog.get_logger()

_DELIVERY_ID = re.compile(r"[A-Za-z0-9-]{1,100}")  # GitHub sends a UUID
_EVENT = re.compile(r"[a-z_]{1,100}")


class _TooLarge(Exception):
    """The body is over the cap."""


def build_receiver(inbox: Inbox, secrets: tuple[bytes, ...], now: Callable[[], float]) -> FastAPI:
    """The application. `secrets` is never empty: the settings refuse to start without one (law 9)."""

    @asynccontextmanager
    async def opened(_app: FastAPI) -> AsyncIterator[None]:
        async with inbox:
            yield

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=opened)

    async def receive(request: Request) -> Response:
        try:
            body = await _read_body(request)
        except _TooLarge:
            return _answer(413, f"The body is larger than {limits.WEBHOOK_BODY_BYTES} bytes.")
        if not is_signed(body, request.headers.get("x-hub-signature-256", ""), secrets):
            log.warning("webhook.bad_signature", bytes=len(body))
            return _answer(401, "The signature does not fit. Check the webhook secret.")
        name, event = request.headers.get("x-github-delivery", ""), request.headers.get("x-github-event", "")
        if not _DELIVERY_ID.fullmatch(name) or not _EVENT.fullmatch(event):
            return _answer(400, "X-GitHub-Delivery and X-GitHub-Event are needed.")
        try:
            stored = await inbox.store(Delivery(DeliveryId(name), event, body, now()))
        except RetryLater as fault:
            log.warning("webhook.not_stored", delivery=name, reason=str(fault))
            return _answer(503, "Not stored. Redeliver it.")
        log.info("webhook.stored", delivery=name, github_event=event, known=stored is Stored.KNOWN)
        return JSONResponse(
            {"delivery": name, "stored": stored.value}, 200 if stored is Stored.KNOWN else 202
        )

    async def health(_request: Request) -> Response:
        return JSONResponse({"ok": True})

    app.add_route("/webhook", receive, methods=["POST"])
    app.add_route("/healthz", health, methods=["GET"])
    return app


async def _read_body(request: Request) -> bytes:
    """At most the cap, whatever Content-Length says."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limits.WEBHOOK_BODY_BYTES:
        raise _TooLarge
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limits.WEBHOOK_BODY_BYTES:
            raise _TooLarge
    return bytes(body)


def _answer(status: int, message: str) -> Response:
    return JSONResponse({"message": message}, status)
