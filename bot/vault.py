"""Secrets on disk, encrypted: what `pullwright setup` got from GitHub, and what `pullwright secrets` was given.

`app.sealed` in the data directory holds the App's secrets, `setup-secrets.sealed` those that repositories need for
their set-up (Fernet: AES-128-CBC with HMAC-SHA256). The key is a file of its own, mode 0600, by default beside them.
Keep it elsewhere (PULLWRIGHT_VAULT_KEY_PATH: a secret of the container platform, a systemd credential) and a copy of
the data directory alone tells nothing.

Must never: write a secret unencrypted, or into a message.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from bot.errors import SettingsFault

SEALED_NAME = "app.sealed"
KEY_NAME = "vault.key"
SETUP_NAME = "setup-secrets.sealed"
SECRET_CHARACTERS = 8  # a shorter value stands everywhere by chance: it could not be looked for in a snapshot


@dataclass(frozen=True)
class AppSecrets:
    """A GitHub App as its creation answered. `api_url` and `web_url`: the GitHub that it belongs to."""

    app_id: int
    slug: str
    html_url: str
    private_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    client_id: str = ""
    client_secret: str = field(repr=False, default="")
    api_url: str = "https://api.github.com"
    web_url: str = "https://github.com"


def key_path(data_dir: Path, given: Path | None) -> Path:
    """Where the key is: where the operator says, else beside what it opens."""
    return given or data_dir / KEY_NAME


def seal(secrets: AppSecrets, data_dir: Path, key: Path) -> Path:
    """Write the secrets, encrypted; the key is made when there is none. Returns the sealed file's path.

    Raises SettingsFault when one of the files can't be written or the key is none.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        if not key.exists():
            _write_private(key, Fernet.generate_key())
        sealed = data_dir / SEALED_NAME
        _write_private(sealed, _fernet(key).encrypt(json.dumps(asdict(secrets)).encode()))
    except OSError as error:
        raise SettingsFault(
            f"The App's secrets can't be stored: {error}.", "Let the service's user write there."
        ) from error
    return sealed


def unseal(data_dir: Path, key: Path) -> AppSecrets | None:
    """The stored secrets; None when there are none. Raises SettingsFault when they can't be opened."""
    sealed = data_dir / SEALED_NAME
    if not sealed.exists():
        return None
    try:
        body = json.loads(_fernet(key).decrypt(sealed.read_bytes()))
        return AppSecrets(**body)
    except OSError as error:
        raise SettingsFault(
            f"{sealed} can't be opened: {error}.", "Check the key's path and its owner."
        ) from error
    except (InvalidToken, ValueError, TypeError) as error:
        raise SettingsFault(
            f"{sealed} was not sealed with the key in {key}.",
            "Point PULLWRIGHT_VAULT_KEY_PATH at the right key, or run `pullwright setup` again.",
        ) from error


def seal_setup_secret(data_dir: Path, key: Path, repository: str, name: str, value: str | None) -> None:
    """Store one variable for the set-up of `owner/name`, or remove it (None). Raises SettingsFault."""
    if value is not None and len(value) < SECRET_CHARACTERS:
        raise SettingsFault(
            f"A secret has at least {SECRET_CHARACTERS} characters.",
            "Shorter ones could not be kept out of snapshots.",
        )
    kept = unseal_setup_secrets(data_dir, key)
    own = {other: old for other, old in kept.pop(repository.lower(), {}).items() if other != name}
    if value is not None:
        own[name] = value
    if own:
        kept[repository.lower()] = own
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        if not key.exists():
            _write_private(key, Fernet.generate_key())
        _write_private(data_dir / SETUP_NAME, _fernet(key).encrypt(json.dumps(kept).encode()))
    except OSError as error:
        raise SettingsFault(
            f"The secret can't be stored: {error}.", "Let the service's user write there."
        ) from error


def unseal_setup_secrets(data_dir: Path, key: Path) -> dict[str, dict[str, str]]:
    """By repository, variables for its set-up. Raises SettingsFault when they can't be opened."""
    sealed = data_dir / SETUP_NAME
    if not sealed.exists():
        return {}
    try:
        body = json.loads(_fernet(key).decrypt(sealed.read_bytes()))
        return {str(repository): dict(own) for repository, own in body.items()}
    except OSError as error:
        raise SettingsFault(
            f"{sealed} can't be opened: {error}.", "Check the key's path and its owner."
        ) from error
    except (InvalidToken, ValueError, TypeError, AttributeError) as error:
        raise SettingsFault(
            f"{sealed} was not sealed with the key in {key}.",
            "Point PULLWRIGHT_VAULT_KEY_PATH at the right key, or remove the file and store the secrets again.",
        ) from error


def _fernet(key: Path) -> Fernet:
    try:
        return Fernet(key.read_bytes().strip())
    except ValueError as error:
        raise SettingsFault(
            f"{key} is no key of the vault.", "Point PULLWRIGHT_VAULT_KEY_PATH at the right file."
        ) from error


def _write_private(path: Path, content: bytes) -> None:
    """The whole file or none of it, readable by its owner alone from the first byte."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
