"""Secrets on disk, encrypted: what `pullwright setup` got from GitHub.

`app.sealed` in the data directory holds the App's secrets (Fernet: AES-128-CBC with HMAC-SHA256). The key is a file of
its own, mode 0600, by default beside it. Keep it elsewhere (PULLWRIGHT_VAULT_KEY_PATH: a secret of the container
platform, a systemd credential) and a copy of the data directory alone tells nothing.

What `pullwright secrets` is given stands in the database (`shared_secrets.py`); an older version kept it beside, in
`setup-secrets.sealed`, which is opened here to be taken over.

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
SET_ASIDE_NAME = "setup-secrets.differ.sealed"


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


def unseal_setup_secrets(data_dir: Path, key: Path) -> dict[str, dict[str, str]]:
    """By repository, variables for its set-up, as a version before this one kept them. Raises SettingsFault when they
    can't be opened."""
    sealed = data_dir / SETUP_NAME
    try:
        content = sealed.read_bytes()
        body = json.loads(_fernet(key).decrypt(content))
        return {str(repository): dict(own) for repository, own in body.items()}
    except OSError as error:
        if not sealed.exists():
            return {}
        raise SettingsFault(
            f"{sealed} can't be opened: {error}.", "Check the key's path and its owner."
        ) from error
    except (InvalidToken, ValueError, TypeError, AttributeError) as error:
        raise SettingsFault(
            f"{sealed} was not sealed with the key in {key}.",
            "Point PULLWRIGHT_VAULT_KEY_PATH at the right key, or remove the file and store the secrets again.",
        ) from error


def remove_setup_secrets(data_dir: Path, set_aside: bool = False) -> None:
    """Once they stand elsewhere; `set_aside`: under another name. Raises SettingsFault."""
    try:
        if set_aside:
            (data_dir / SETUP_NAME).replace(data_dir / SET_ASIDE_NAME)
        (data_dir / SETUP_NAME).unlink(missing_ok=True)
    except OSError as error:
        raise SettingsFault(
            f"{data_dir / SETUP_NAME} can't be removed: {error}.", "Let the service's user write there."
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
