"""Signs evidence with the installation's Ed25519 key, and checks such signatures. No I/O but to read an old key.

One key signs for all machines (`shared_secrets.py` keeps it); its public half is published. A signature says that this
installation wrote the record, not that the record is true.
"""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from bot.errors import SettingsFault

_PRIVATE: Final = "evidence.pem"
_BLOCK: Final = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)
PUBLIC_NAME: Final = "evidence.pub.pem"


class Signer:
    """A key that signs. Shows nothing of its private half but by `export`."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @property
    def id(self) -> str:
        return key_id(self._key.public_key())

    @property
    def public(self) -> bytes:
        """PEM, as it is published."""
        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def export(self) -> bytes:
        """The private half, PEM, to be sealed."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, record: bytes) -> bytes:
        """A small JSON object: algorithm, id of the key, signature."""
        signature = base64.b64encode(self._key.sign(record)).decode()
        body = {"algorithm": "Ed25519", "key": self.id, "signature": signature}
        return json.dumps(body, sort_keys=True).encode() + b"\n"


def make_signer() -> Signer:
    """A new key."""
    return Signer(Ed25519PrivateKey.generate())


def parse_signer(private_pem: bytes, source: str) -> Signer:
    """Raises SettingsFault for what is no Ed25519 key; `source` names it."""
    remedy = "Restore it, or remove it to get a new one."
    try:
        key = load_pem_private_key(private_pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingsFault(f"{source} holds no key.", remedy) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsFault(f"{source} is no Ed25519 key.", remedy)
    return Signer(key)


def read_old_signer(folder: Path) -> Signer | None:
    """The key that a host had by itself before one was shared; None where there is none. Raises SettingsFault."""
    path = folder / _PRIVATE
    try:
        return parse_signer(path.read_bytes(), str(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsFault(f"{path} can't be read: {error}.", "Check its owner.") from error


def is_genuine(public_pems: bytes, record: bytes, signature: bytes) -> bool:
    """Whether `signature` is by one of these keys over exactly these bytes. `public_pems`: one after the other."""
    try:
        body = json.loads(signature)
        key = next(one for one in _parse_public(public_pems) if key_id(one) == body["key"])
        key.verify(base64.b64decode(body["signature"], validate=True), record)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, KeyError, TypeError, StopIteration):
        return False
    return True


def _parse_public(pems: bytes) -> tuple[Ed25519PublicKey, ...]:
    """Those of our kind. Raises ValueError where one is no key."""
    keys = [load_pem_public_key(block) for block in _BLOCK.findall(pems)]
    return tuple(key for key in keys if isinstance(key, Ed25519PublicKey))


def key_id(key: Ed25519PublicKey) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the raw public key."""
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]
