"""Sends webhooks as GitHub does: signed, one after the other, never again by itself.

Deliveries are recorded before they are sent. One thread sends them in the order in which they were made; an
answer outside of 2xx, none within the time limit, or nobody listening is a failed delivery and stays one until
somebody asks for a redelivery, which is a new record with the same delivery id.

Races: records are appended by the caller's thread and completed by the sender's. A record's outcome is written
before the counter that `wait_idle` waits for goes down, so whoever waited sees it.
"""

import hashlib
import hmac
import threading
import time
from collections import deque
from collections.abc import Callable

import httpx2

from bot.localhub.records import Delivery

RESPONSE_LIMIT_S = 10.0  # GitHub ends the connection after ten seconds
_RESPONSE_KEPT = 4096  # characters of an answer kept for people


class Courier:
    """The queue and its thread; the thread starts with the first delivery."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self._waiting: deque[Delivery] = deque()
        self._changed = threading.Condition()
        self._open = 0
        self._closing = False
        self._thread: threading.Thread | None = None

    def send(self, delivery: Delivery) -> None:
        """Record and queue; never blocks on the receiver."""
        with self._changed:
            if self._closing:
                return
            self.deliveries.append(delivery)
            self._waiting.append(delivery)
            self._open += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="hub-webhooks", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def wait_idle(self, timeout_s: float = 10.0) -> bool:
        """Wait until every delivery has its outcome; False when time is up."""
        with self._changed:
            return self._changed.wait_for(lambda: self._open == 0, timeout_s)

    def close(self) -> None:
        """Drop what is still queued and end the thread. Idempotent."""
        with self._changed:
            self._closing = True
            self._open -= len(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(RESPONSE_LIMIT_S + 1)

    def _run(self) -> None:
        # trust_env off: a proxy of the environment must not see loopback traffic.
        with httpx2.Client(timeout=RESPONSE_LIMIT_S, trust_env=False) as client:
            while (delivery := self._next()) is not None:
                _deliver(client, delivery)
                with self._changed:
                    self._open -= 1
                    self._changed.notify_all()

    def _next(self) -> Delivery | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or bool(self._waiting))
            return self._waiting.popleft() if self._waiting and not self._closing else None


def _deliver(client: httpx2.Client, delivery: Delivery, clock: Callable[[], float] = time.monotonic) -> None:
    started = clock()
    try:
        answer = client.post(
            delivery.hook_app.webhook_url, content=delivery.payload, headers=delivery.headers
        )
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        timed_out = isinstance(error, httpx2.TimeoutException)
        delivery.status = "timed out" if timed_out else "failed to connect to host"
        delivery.status_code = 504 if timed_out else 502
        delivery.response_body = str(error)
    else:
        delivery.status_code = answer.status_code
        delivery.status = "OK" if answer.is_success else answer.reason_phrase or "Invalid HTTP Response"
        delivery.response_headers = dict(answer.headers)
        delivery.response_body = answer.text[:_RESPONSE_KEPT]
    delivery.duration_s = round(clock() - started, 3)


def signature_headers(secret: str, payload: bytes) -> dict[str, str]:
    """GitHub's two signatures over the raw bytes (the old SHA-1 one is still sent); none without a secret."""
    if not secret:
        return {}
    key = secret.encode()
    return {
        "X-Hub-Signature": "sha1=" + hmac.new(key, payload, hashlib.sha1).hexdigest(),
        "X-Hub-Signature-256": "sha256=" + hmac.new(key, payload, hashlib.sha256).hexdigest(),
    }
