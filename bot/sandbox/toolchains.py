"""Toolchains that lie outside /usr, where version managers put them: found, and shown read-only in the sandbox.

Only the folders of single versions are shown, never a manager's home: those hold credentials (a registry's token) and
downloads. It must never show a folder below which a known file of credentials lies.
"""

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_NUMBERS: Final = re.compile(r"\d+")
_CREDENTIALS: Final = (
    ".credentials",
    "credentials",
    "credentials.toml",
    ".npmrc",
    ".netrc",
    ".pypirc",
    "settings.xml",
)

# kind: (pattern below a home, program that makes it usable)
_BELOW_HOME: Final = (
    ("python", ".pyenv/versions/*", "bin/python3"),
    ("python", ".local/share/uv/python/*", "bin/python3"),
    ("node", ".nvm/versions/node/*", "bin/node"),
    ("node", ".volta/tools/image/node/*", "bin/node"),
    ("node", ".local/share/fnm/node-versions/*/installation", "bin/node"),
    ("rust", ".rustup/toolchains/*", "bin/cargo"),
    ("go", "sdk/go*", "bin/go"),
    ("go", ".go", "bin/go"),
    ("java", ".sdkman/candidates/java/*", "bin/java"),
    ("maven", ".sdkman/candidates/maven/*", "bin/mvn"),
    ("gradle", ".sdkman/candidates/gradle/*", "bin/gradle"),
    ("ruby", ".rbenv/versions/*", "bin/ruby"),
    ("ruby", ".rubies/*", "bin/ruby"),
    ("php", ".phpenv/versions/*", "bin/php"),
)
_BELOW_ROOT: Final = (
    ("go", "opt/go", "bin/go"),
    ("java", "opt/java/*", "bin/java"),
    ("java", "opt/jdk*", "bin/java"),
    ("maven", "opt/*maven*", "bin/mvn"),
    ("gradle", "opt/gradle*", "bin/gradle"),
    ("node", "opt/node*", "bin/node"),
    ("ruby", "opt/rubies/*", "bin/ruby"),
    ("dotnet", "opt/dotnet", "dotnet"),
)


@dataclass(frozen=True)
class Toolchain:
    """`kind`: what it is, `operator` when it was named in the settings."""

    kind: str
    path: Path


def find_toolchains(given: tuple[Path, ...], home: Path, root: Path = Path("/")) -> tuple[Toolchain, ...]:
    """The operator's, the running Python, then the newest of each kind; none below /usr, none twice."""
    found = [Toolchain("operator", path.resolve()) for path in given]
    found.append(Toolchain("python", Path(sys.base_prefix).resolve()))
    kinds = {one.kind for one in found}
    for base, patterns in ((home, _BELOW_HOME), (root, _BELOW_ROOT)):
        for kind, pattern, needed in patterns:
            if kind not in kinds and (newest := _newest(base, pattern, needed)) is not None:
                kinds.add(kind)
                found.append(Toolchain(kind, newest))
    outside = [one for one in found if not one.path.is_relative_to("/usr")]
    return tuple({one.path: one for one in reversed(outside)}.values())[::-1]


def _newest(base: Path, pattern: str, needed: str) -> Path | None:
    """The highest version of those whose program can be started by everybody and that hold no credentials."""
    try:
        candidates = [path.resolve() for path in base.glob(pattern) if _usable(path, needed)]
    except OSError:  # a home that we may not look into
        return None
    return max(candidates, key=_version, default=None)


def _usable(path: Path, needed: str) -> bool:
    program = path / needed
    return (
        program.is_file()
        and os.access(program, os.X_OK)
        and not any((path / name).exists() for name in _CREDENTIALS)
    )


def _version(path: Path) -> tuple[int, ...]:
    return tuple(map(int, _NUMBERS.findall(path.name)))
