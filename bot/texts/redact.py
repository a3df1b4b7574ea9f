"""Takes secrets out of every text that leaves us. Pure.

Two nets: the operator's literal values (and their common encodings), and the shapes of well-known tokens. Shapes
are few and exact: a text full of false stars helps nobody. The patch itself is checked by the gate instead.
"""

import base64
import re
from typing import Final
from urllib.parse import quote

STARS: Final = "[secret removed]"

# Prefixes that their makers publish, so that scanners can find them.
_SHAPES: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\bgh[pousr]_[A-Za-z0-9_.-]{20,}"
    r"|\bgithub_pat_[A-Za-z0-9_]{22,}"
    r"|\bsk-[A-Za-z0-9_-]{20,}"
    r"|\bxox[abposr]-[A-Za-z0-9-]{10,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\bglpat-[A-Za-z0-9_-]{20,}"
    r"|\bpypi-[A-Za-z0-9_-]{40,}"
    r"|\bnpm_[A-Za-z0-9]{36}\b"
    r"|\bAIza[A-Za-z0-9_-]{35}\b"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
    r"|(?<=://)[^\s/:@]{1,100}:[^\s/@]{3,200}(?=@)",
    re.DOTALL,
)
_SHORTEST: Final = 8  # a shorter literal would star ordinary words


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """`text` without the given values, in plain, base64 and URL form, and without known token shapes."""
    for secret in sorted((one for one in secrets if len(one) >= _SHORTEST), key=len, reverse=True):
        for form in _forms(secret):
            text = text.replace(form, STARS)
    return _SHAPES.sub(STARS, text)


def _forms(secret: str) -> tuple[str, ...]:
    encoded = base64.b64encode(secret.encode()).decode()
    return tuple(dict.fromkeys((secret, encoded, encoded.rstrip("="), quote(secret, safe=""))))
