"""Signs evidence with this installation's Ed25519 key, and checks such signatures.

The private key never leaves its file (mode 0600, made at the first use); the public half lies beside it, to be
published. A signature says that this installation wrote the record, not that the record is true.
"""

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
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
PUBLIC_NAME: Final = "evidence.pub.pem"


def read_public_key(folder: Path) -> bytes | None:
    """The public half, PEM, as it is published; None before anything was signed with this folder's key."""
    try:
        return (folder / PUBLIC_NAME).read_bytes()
    except OSError:
        return None


def sign_evidence(folder: Path, record: bytes) -> bytes:
    """A small JSON object: algorithm, id of the key, signature. Raises SettingsFault for a key that is none."""
    key = _load_key(folder)
    body = {
        "algorithm": "Ed25519",
        "key": key_id(key.public_key()),
        "signature": base64.b64encode(key.sign(record)).decode(),
    }
    return json.dumps(body, sort_keys=True).encode() + b"\n"


def is_genuine(public_pem: bytes, record: bytes, signature: bytes) -> bool:
    """Whether `signature` is by this key over exactly these bytes."""
    try:
        key = load_pem_public_key(public_pem)
        body = json.loads(signature)
        if not isinstance(key, Ed25519PublicKey) or body["key"] != key_id(key):
            return False
        key.verify(base64.b64decode(body["signature"], validate=True), record)
    except (InvalidSignature, ValueError, KeyError, TypeError):
        return False
    return True


def key_id(key: Ed25519PublicKey) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the raw public key."""
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]


def _load_key(folder: Path) -> Ed25519PrivateKey:
    path = folder / _PRIVATE
    if not path.exists():
        _make_key(folder, path)
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as error:
        raise SettingsFault(f"{path} holds no key.", "Restore it, or remove it to get a new one.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsFault(f"{path} is no Ed25519 key.", "Restore it, or remove it to get a new one.")
    return key


def _make_key(folder: Path, path: Path) -> None:
    """Two processes may do this at once: the first to link its file wins, both read that one."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = Ed25519PrivateKey.generate()
    part = folder / f"{_PRIVATE}.{os.getpid()}.part"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    try:
        path.hardlink_to(part)
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (folder / PUBLIC_NAME).write_bytes(public)
    except FileExistsError:
        pass
    finally:
        part.unlink()
