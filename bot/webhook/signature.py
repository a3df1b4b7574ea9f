"""Was this body signed with one of our secrets? The only place where that is decided. Pure.

Compares bytes in constant time over the raw body: a header with letters outside ASCII must not raise, and the
time must not tell how much of a guess was right.
"""

import hashlib
import hmac
from typing import Final

_PREFIX: Final = "sha256="


def sign(body: bytes, secret: bytes) -> str:
    """The header `X-Hub-Signature-256` as GitHub makes it."""
    return _PREFIX + hmac.new(secret, body, hashlib.sha256).hexdigest()


def is_signed(body: bytes, header: str, secrets: tuple[bytes, ...]) -> bool:
    """True when `header` is the signature of exactly these bytes by one of the secrets (two during a rotation).

    No secret, no header: False. All secrets are tried: the time does not tell which fits.
    """
    given = header.encode("utf-8", "surrogatepass")
    matches = [hmac.compare_digest(sign(body, secret).encode(), given) for secret in secrets if secret]
    return any(matches)
