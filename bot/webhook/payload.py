"""From a request's headers and signed bytes to a delivery. Pure; looks at no byte of the body.

What the body says is read by the intake, after it is on disk: a payload that nobody can read must not be lost.
"""

import re
from collections.abc import Mapping
from typing import Final

from bot.domain.ids import DeliveryId
from bot.store.inbox import Delivery

_DELIVERY_ID: Final = re.compile(r"[A-Za-z0-9-]{1,100}", re.ASCII)  # GitHub sends a UUID
_EVENT: Final = re.compile(r"[a-z0-9_]{1,100}", re.ASCII)


def read_delivery(headers: Mapping[str, str], body: bytes, received_at: float) -> Delivery | None:
    """The delivery, or None when X-GitHub-Delivery or X-GitHub-Event is missing or is no plain word.

    `headers`: by lower-case name. `received_at`: seconds since the epoch. An event that is never acted on is a
    delivery too: the intake ignores it with a reason.
    """
    name, event = headers.get("x-github-delivery", ""), headers.get("x-github-event", "")
    if not _DELIVERY_ID.fullmatch(name) or not _EVENT.fullmatch(event):
        return None
    return Delivery(DeliveryId(name), event, body, received_at)
