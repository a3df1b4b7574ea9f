"""The HTTP edge for GitHub: check the signature on the raw bytes, store, answer. Decides nothing else.

| request | answer |
|---|---|
| signed, new | 202 after the row is on disk |
| signed, known delivery id | 200 |
| signed, an event that is never acted on | 202, stored with its reason later by the intake |
| no or wrong signature | 401, one short line in the log, nothing stored, the body not shown |
| headers missing, body cut short | 400 |
| body over WEBHOOK_BODY_BYTES | 413 before it is read to the end |
| body slower than WEBHOOK_READ_S | 408 |
| database busy or damaged, too much at once | 503: GitHub shows the delivery as failed, it can be redelivered |
| GET /healthz, /health | 200 while the process answers |
| GET /evidence.pub.pem | 200 with the keys that evidence is checked with, 404 before a worker has made one |
| GET /readyz, /ready | 200 when the inbox could store, else 503 |

Must never: answer 2xx before the commit (law 1), or log a body.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from bot.errors import Bug, RetryLater, StoreFault
from bot.store.inbox import Inbox, Stored
from bot.webhook.body import Bodies, BodyRefused
from bot.webhook.payload import read_delivery
from bot.webhook.signature import is_signed

log = structlog.get_logger()

_SIGNATURE = "x-hub-signature-256"


def _no_key() -> bytes | None:
    return None


def build_receiver(
    inbox: Inbox,
    secrets: tuple[bytes, ...],
    now: Callable[[], float],
    bodies: Bodies | None = None,
    public_key: Callable[[], bytes | None] = _no_key,
) -> FastAPI:
    """The application. `secrets` is never empty: the settings refuse to start without one (law 9). `now`: seconds
    since the epoch; `bodies`: None for the product's bounds; `public_key`: what evidence is checked with, if any;
    it may raise RetryLater."""
    bounds = bodies or Bodies()

    @asynccontextmanager
    async def opened(_app: FastAPI) -> AsyncIterator[None]:
        async with inbox:
            yield

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=opened)

    async def receive(request: Request) -> Response:
        try:
            async with bounds.reading(request) as body:
                if not is_signed(body, request.headers.get(_SIGNATURE, ""), secrets):
                    log.warning("webhook.bad_signature", bytes=len(body))
                    return _answer(401, "The signature does not fit. Check the webhook secret.")
                return await _store(inbox, request, body, now())
        except BodyRefused as refused:
            log.warning("webhook.body_refused", status=refused.status)
            return _answer(refused.status, refused.message)

    async def health(_request: Request) -> Response:
        return JSONResponse({"ok": True})

    async def ready(_request: Request) -> Response:
        try:
            await asyncio.to_thread(inbox.check)
        except (RetryLater, StoreFault, Bug) as fault:
            log.warning("webhook.not_ready", reason=str(fault))
            return _answer(503, "The database does not answer.")
        return JSONResponse({"ready": True})

    async def evidence_key(_request: Request) -> Response:
        try:
            key = await asyncio.to_thread(public_key)
        except RetryLater as fault:
            log.warning("webhook.no_evidence_key", reason=str(fault))
            return _answer(503, "The database does not answer.")
        if key is None:
            return _answer(404, "No evidence was signed here yet.")
        return Response(key, media_type="application/x-pem-file")

    app.add_route("/webhook", receive, methods=["POST"])
    app.add_route("/evidence.pub.pem", evidence_key, methods=["GET"])
    for path, page in (("/healthz", health), ("/health", health), ("/readyz", ready), ("/ready", ready)):
        app.add_route(path, page, methods=["GET"])
    return app


async def _store(inbox: Inbox, request: Request, body: bytes, now: float) -> Response:
    delivery = read_delivery(request.headers, body, now)
    if delivery is None:
        return _answer(400, "X-GitHub-Delivery and X-GitHub-Event are needed.")
    try:
        stored = await inbox.store(delivery)
    except (RetryLater, StoreFault) as fault:
        log.warning("webhook.not_stored", delivery=delivery.id, reason=str(fault))
        return _answer(503, "Not stored. Redeliver it.")
    known = stored is Stored.KNOWN
    log.info("webhook.stored", delivery=delivery.id, github_event=delivery.event, known=known)
    return JSONResponse({"delivery": delivery.id, "stored": stored.value}, 200 if known else 202)


def _answer(status: int, message: str) -> Response:
    return JSONResponse({"message": message}, status)
