"""`pullwright secrets`: variables that a repository's set-up needs, such as a token for a private index.

Stored encrypted in the database, for all workers; handed to the set-up of the base branch alone, gone before the model
acts. Values are never printed and never stand on a command line.
"""

import getpass
import re
import sys
from contextlib import closing

from rich.console import Console

from bot.compose import at_once, open_database, open_shared_secrets
from bot.errors import SettingsFault
from bot.settings import load_settings

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_REPOSITORY = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+")
_ANOTHER = "  (stored with another private key of the App: store it again)"
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
    """Exit code 0. Raises SettingsFault for names that can't be used, StoreFault for a database that can't."""
    if not _REPOSITORY.fullmatch(repository):
        raise SettingsFault(f"`{repository}` is no repository.", "Write it as owner/name.")
    if name and (not _NAME.fullmatch(name) or name.upper().startswith(_OURS)):
        raise SettingsFault(f"`{name}` can't be the name of a secret.", "Use letters, digits and `_`.")
    settings = load_settings()
    with closing(open_database(settings)) as database, at_once():
        shared = open_shared_secrets(settings, database)
        if name:
            shared.keep_setup_secret(repository, name, None if remove else _read_value(name))
        else:
            _show(shared.list_setup_secrets(repository))
    return 0


def _show(kept: dict[str, bool]) -> None:
    lines = (f"{name}{'' if opens else _ANOTHER}" for name, opens in kept.items())
    Console().print("\n".join(lines) or "none", markup=False, soft_wrap=True)


def _read_value(name: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"{name}: ")
    return sys.stdin.read().rstrip("\n")
