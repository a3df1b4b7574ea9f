"""What all processes on one database share and nobody else may read: the key that signs evidence.

It stands in the database, sealed with what every process of an installation has anyway: the App's private key. From it
a key is derived for each purpose (HKDF-SHA256), which seals one thing (Fernet: AES-128-CBC with HMAC-SHA256): a row
that is put in another's place can't be opened. A copy of the database alone tells nothing.

Another private key of the App (rotated, or another App) opens nothing of it. Then a new key signs, and the
public halves of all that ever signed are still published: what was signed stays genuine.

Must never: write a secret unencrypted, or into a message.

Races: `store/evidence.py`.
"""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from bot.errors import SettingsFault, StoreFault
from bot.store.database import Database
from bot.store.evidence import EvidenceKeys, SealedSigner
from bot.verify.signature import Signer, make_signer, parse_signer, read_old_signer

log = structlog.get_logger()

_SIGNER: Final = "the key of the evidence"


class SealingKey:
    """Seals by the App's private key (PEM). Raises SettingsFault when that is none."""

    def __init__(self, app_pem: str) -> None:
        try:
            key = load_pem_private_key(app_pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise _bad_key() from error
        if not isinstance(key, RSAPrivateKey):
            raise _bad_key()
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.id: Final = hashlib.sha256(public).hexdigest()[:16]
        """Names the App's key and tells nothing of it."""
        # Its numbers, not its file: the same key is written in several ways.
        numbers = key.private_numbers()
        self._secret = f"{numbers.public_numbers.n:x}:{numbers.d:x}".encode()

    def seal(self, purpose: str, content: bytes) -> bytes:
        """Opened for the same purpose only."""
        return self._fernet(purpose).encrypt(content)

    def unseal(self, purpose: str, sealed: bytes) -> bytes:
        """Raises StoreFault for what was not sealed for this purpose by this key."""
        try:
            return self._fernet(purpose).decrypt(sealed)
        except InvalidToken as error:
            raise StoreFault(
                f"What the database keeps as {purpose} was changed: it can't be opened.",
                "Bring back a copy of the database.",
            ) from error

    def _fernet(self, purpose: str) -> Fernet:
        derived = HKDF(SHA256(), length=32, salt=None, info=f"pullwright 1: {purpose}".encode())
        return Fernet(base64.urlsafe_b64encode(derived.derive(self._secret)))


def _bad_key() -> SettingsFault:
    return SettingsFault("The App's private key is no RSA key.", "Download a new one on the App's page.")


class SharedSecrets:
    """Blocking. `now`: seconds since the epoch."""

    def __init__(self, database: Database, sealing: SealingKey, now: Callable[[], float]) -> None:
        self._database, self._sealing, self._now = database, sealing, now

    def open_signer(self, old_keys: Path) -> Signer:
        """The one key that signs evidence; made, or adopted from this host's folder `old_keys`, by whoever comes first.

        A host's own key that is not the one is published all the same: it has signed. Raises SettingsFault for a file
        that holds no key, StoreFault, RetryLater.
        """
        keys, own = EvidenceKeys(self._database), read_old_signer(old_keys)
        if own is not None:
            keys.publish(own.id, own.public)
        sealed = keys.find_signer(self._sealing.id)
        if sealed is None:
            new = own or make_signer()
            row = SealedSigner(
                self._sealing.id, new.id, new.public, self._sealing.seal(_SIGNER, new.export())
            )
            sealed = keys.claim_signer(row, self._now())
            log.info("evidence.new_key", key=new.id, adopted=own is not None)
        return parse_signer(self._sealing.unseal(_SIGNER, sealed), "the database")
