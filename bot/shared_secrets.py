"""What all processes on one database share and nobody else may read: the key that signs evidence, and the variables
that repositories need for their set-up.

It stands in the database, sealed with what every process of an installation has anyway: the App's private key. From it
a key is derived for each purpose (HKDF-SHA256), which seals one thing (Fernet: AES-128-CBC with HMAC-SHA256): a row
that is put in another's place can't be opened. A copy of the database alone tells nothing.

Another private key of the App (rotated, or another App) opens nothing of it. Then a new key signs, and the
public halves of all that ever signed are still published: what was signed stays genuine. A set-up's secret has to be
stored again; until then whoever needs it is told so.

Must never: write a secret unencrypted, or into a message.

Races, and how each is closed (those of the signing key: `store/evidence.py`):
- Two processes adopt one host's file of secrets at once: a name that is there is left alone, and a file that is gone is
  adopted.
- A death between adopting it and removing it: it is adopted once more, which changes nothing.
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
from bot.store.setup_secrets import SealedSecret, SetupSecrets
from bot.vault import SET_ASIDE_NAME, remove_setup_secrets, unseal_setup_secrets
from bot.verify.signature import Signer, make_signer, parse_signer, read_old_signer

log = structlog.get_logger()

_SIGNER: Final = "the key of the evidence"
SECRET_CHARACTERS: Final = (
    8  # a shorter value stands everywhere by chance: it could not be looked for in a snapshot
)


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
            mine = self._sealing.seal(_SIGNER, new.export())
            sealed = keys.claim_signer(SealedSigner(self._sealing.id, new.id, new.public, mine), self._now())
            if sealed == mine:
                log.info("evidence.new_key", key=new.id, adopted=own is not None)
        return parse_signer(self._sealing.unseal(_SIGNER, sealed), "the database")

    def keep_setup_secret(self, repository: str, name: str, value: str | None) -> None:
        """Store one variable for the set-up of `owner/name`, or remove it (None). Raises SettingsFault, RetryLater."""
        if value is None:
            SetupSecrets(self._database).remove(repository.lower(), name)
            return
        if len(value) < SECRET_CHARACTERS:
            raise SettingsFault(
                f"A secret has at least {SECRET_CHARACTERS} characters.",
                "Shorter ones could not be kept out of snapshots.",
            )
        SetupSecrets(self._database).put(self._seal(repository, name, value))

    def list_setup_secrets(self, repository: str) -> dict[str, bool]:
        """By name, whether it can be opened. Raises RetryLater."""
        rows = SetupSecrets(self._database).load(repository.lower())
        return {row.name: row.sealed_by == self._sealing.id for row in rows}

    def open_setup_secrets(self, repository: str) -> dict[str, str]:
        """Variables for the set-up of `owner/name`. Raises SettingsFault for one that another key of the App has
        sealed, StoreFault, RetryLater."""
        found = {}
        for row in SetupSecrets(self._database).load(repository.lower()):
            if row.sealed_by != self._sealing.id:
                raise SettingsFault(
                    f"The secret `{row.name}` of {row.repository} was stored with another private key of the App.",
                    f"Store it again: `pullwright secrets {row.repository} {row.name}`.",
                )
            content = self._sealing.unseal(_purpose(row.repository, row.name), row.sealed)
            found[row.name] = content.decode("utf-8", "surrogateescape")  # any bytes are a variable's value
        return found

    def adopt_setup_secrets(self, data_dir: Path, vault_key: Path) -> None:
        """Those that this host had by itself, before they stood in the database; then its file is gone. With a value
        that another host had otherwise, it is set aside and named in the log: nobody can tell which is newer. Raises
        SettingsFault when it can't be opened or removed, RetryLater."""
        kept = unseal_setup_secrets(data_dir, vault_key)
        values = {(of.lower(), name): value for of, own in kept.items() for name, value in own.items()}
        rows = tuple(self._seal(of, name, value) for (of, name), value in values.items())
        left = SetupSecrets(self._database).add(rows)
        if rows:
            log.info("setup_secrets.adopted", names=len(rows) - len(left))
        other = [
            one for one in left if self._open(one.repository, one.name) != values[one.repository, one.name]
        ]
        if other:
            names = [f"{one.repository} {one.name}" for one in other]
            remedy = "Store the right value: `pullwright secrets`."
            log.warning("setup_secrets.differ", names=names, kept_as=SET_ASIDE_NAME, remedy=remedy)
        remove_setup_secrets(data_dir, set_aside=bool(other))

    def _open(self, repository: str, name: str) -> str:
        return self.open_setup_secrets(repository).get(name, "")

    def _seal(self, repository: str, name: str, value: str) -> SealedSecret:
        repository = repository.lower()
        sealed = self._sealing.seal(_purpose(repository, name), value.encode("utf-8", "surrogateescape"))
        return SealedSecret(repository, name, self._sealing.id, sealed)


def _purpose(repository: str, name: str) -> str:
    return f"the secret {name} of {repository}"
