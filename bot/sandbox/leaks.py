"""Looks for the set-up's secrets in what the set-up left behind: a snapshot is mounted into every later task.

The tree is at rest and nothing is followed. Found are the value as it is, as base64, quoted for URLs, and in
hexadecimal, in contents, names and link targets; what a program hid on purpose is not found (docs/security.md).
"""

import base64
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

_CHUNK: Final = 1 << 20


def find_leaks(folders: tuple[Path, ...], secrets: Mapping[str, str]) -> list[tuple[str, str]]:
    """(name of the secret, path below its folder) of each place, at most one for each file. Raises OSError."""
    needles = [(name, needle) for name, value in secrets.items() for needle in _spellings(value)]
    if not needles:
        return []
    overlap = max(len(needle) for _, needle in needles) - 1
    found: list[tuple[str, str]] = []
    for top in folders:
        for path, text in _contents(top, overlap):
            name = next((name for name, needle in needles if needle in text), None)
            if name is not None and (not found or found[-1] != (name, path)):
                found.append((name, path))
    return found


def _spellings(value: str) -> list[bytes]:
    raw = value.encode()
    ways = [raw, quote(value, safe="").encode(), raw.hex().encode()]
    for shift in range(3):  # where base64's groups begin depends on what stands before
        encoded = base64.b64encode(b"\0" * shift + raw)
        start = (shift * 8 + 5) // 6  # the first characters mix in what stood before
        end = len(encoded.rstrip(b"=")) - (1 if (shift + len(raw)) % 3 else 0)
        ways += [encoded[start:end], encoded[start:end].replace(b"+", b"-").replace(b"/", b"_")]
    return list(dict.fromkeys(way for way in ways if len(way) >= 8))


def _contents(top: Path, overlap: int) -> Iterator[tuple[str, bytes]]:
    """(path, piece of text): names, link targets, and files in overlapping pieces."""
    for folder, directories, names, descriptor in os.fwalk(os.fsencode(top), follow_symlinks=False):
        below = os.path.relpath(folder, os.fsencode(top))
        for name in (*directories, *names):
            path = os.fsdecode(os.path.normpath(os.path.join(below, name)))  # noqa: PTH118
            yield path, name
            mode = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode
            if stat.S_ISLNK(mode):
                yield path, os.readlink(name, dir_fd=descriptor)
            elif stat.S_ISREG(mode):
                yield from ((path, piece) for piece in _pieces(name, descriptor, overlap))


def _pieces(name: bytes, folder: int, overlap: int) -> Iterator[bytes]:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, dir_fd=folder), "rb") as source:
        rest = b""
        while chunk := source.read(_CHUNK):
            yield rest + chunk
            rest = (rest + chunk)[-overlap:] if overlap else b""
