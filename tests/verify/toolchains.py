"""The other languages' toolchains: what of them is on this machine, and how a sandbox is given it.

Node and Rust are used where they are; jest, vitest, mocha, Django and Go where `make toolchains` put them.
"""

import os
import shutil
from pathlib import Path
from typing import Final

from tests.verify.fakes import FolderSandbox

TOOLCHAINS: Final = Path(__file__).resolve().parents[1] / ".toolchains"
GO_ROOT: Final = TOOLCHAINS / "python" / "go"


def find_missing(needs: tuple[str, ...]) -> str:
    """What is missing, in words for a skipped test; empty: nothing. With a slash: what `make toolchains` makes."""
    for need in needs:
        if "/" in need and not (TOOLCHAINS / need).exists():
            return f"{need}: `make toolchains` installs it"
        if "/" not in need and shutil.which(need, path=_path()) is None:
            return f"{need} is not on this machine"
    return ""


def equip(sandbox: FolderSandbox, needs: tuple[str, ...]) -> None:
    """Give the sandbox's commands the toolchains. Go's cache lies outside: the standard library is compiled once."""
    home = Path.home()
    sandbox.variables = {
        "PATH": _path(),
        "PYTHONPATH": str(TOOLCHAINS / "python"),
        "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", f"{home}/.rustup"),
        "CARGO_HOME": os.environ.get("CARGO_HOME", f"{home}/.cargo"),
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=mod",
    }
    if any("node_modules" in need for need in needs):
        sandbox.links = {"node_modules": TOOLCHAINS / "node_modules"}


def _path() -> str:
    return f"{GO_ROOT}/bin:{Path.home()}/.cargo/bin:{os.environ['PATH']}"
