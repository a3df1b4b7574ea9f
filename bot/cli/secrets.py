"""`pullwright secrets`: variables that a repository's set-up needs, such as a token for a private index.

Stored encrypted beside the App's secrets, handed to the set-up of the base branch alone, gone before the model acts.
Values are never printed and never stand on a command line.
"""

import getpass
import re
import sys

from rich.console import Console

from bot.errors import SettingsFault
from bot.settings import vault_place
from bot.vault import seal_setup_secret, unseal_setup_secrets

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_REPOSITORY = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+")
_OURS = (
    "PATH",
    "HOME",
    "USER",
    "SHELL",
    "TMPDIR",
    "LD_",
    "PULLWRIGHT_",
    "BASH_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
)


def run_secrets(repository: str, name: str, *, remove: bool) -> int:
    """Exit code 0. Raises SettingsFault for names that can't be used and for a vault that can't be opened."""
    if not _REPOSITORY.fullmatch(repository):
        raise SettingsFault(f"`{repository}` is no repository.", "Write it as owner/name.")
    place, key = vault_place()
    if not name:
        kept = unseal_setup_secrets(place, key).get(repository.lower(), {})
        Console().print("\n".join(sorted(kept)) or "none", markup=False)
        return 0
    if not _NAME.fullmatch(name) or name.upper().startswith(_OURS):
        raise SettingsFault(f"`{name}` can't be the name of a secret.", "Use letters, digits and `_`.")
    seal_setup_secret(place, key, repository, name, None if remove else _read_value(name))
    return 0


def _read_value(name: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"{name}: ")
    return sys.stdin.read().rstrip("\n")
