"""A file's bytes as lines, and back, without changing one byte.

A line ends only at `\\n` or `\\r\\n`. A lone `\\r`, a form feed, U+0085 and U+2028 are data: Python's own
`splitlines` cuts there and would number lines otherwise than git, compilers and people do.
It must never normalise: every raw line keeps the ending that it has.
"""

import codecs
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from bot.domain import limits
from bot.errors import ForModel

BLANKS: Final = " \t\r\f\v"
"""What counts as a blank at a line's end: never a Unicode space, which may be meant."""


@dataclass(frozen=True)
class SourceText:
    """A decoded file. `raw` are the lines with their endings; joined they are the file, without its BOM."""

    raw: tuple[str, ...]
    codec: str  # utf-8 or latin-1
    bom: bool

    @cached_property
    def bodies(self) -> tuple[str, ...]:
        """The lines without their endings."""
        return tuple(body_of(line) for line in self.raw)

    @cached_property
    def ending(self) -> str:
        """The ending that most lines have; `\\n` if no line has one."""
        return dominant_ending(self.raw) or "\n"

    @property
    def ends_in_newline(self) -> bool:
        return not self.raw or self.raw[-1].endswith("\n")


def body_of(raw: str) -> str:
    if raw.endswith("\r\n"):
        return raw[:-2]
    return raw[:-1] if raw.endswith("\n") else raw


def ending_of(raw: str) -> str:
    if raw.endswith("\r\n"):
        return "\r\n"
    return "\n" if raw.endswith("\n") else ""


def dominant_ending(raw: Iterable[str]) -> str:
    """The commonest ending of these lines, `\\n` when equal; empty if none has an ending."""
    counts = Counter(ending_of(line) for line in raw)
    if not counts["\n"] and not counts["\r\n"]:
        return ""
    return "\r\n" if counts["\r\n"] > counts["\n"] else "\n"


def split_raw(text: str) -> list[str]:
    """Lines with their endings; joined they are `text` again."""
    *ended, rest = text.split("\n")
    lines = [line + "\n" for line in ended]
    if rest:
        lines.append(rest)
    return lines


def split_sent(text: str) -> list[str]:
    """Text from a model as lines without endings; `a\\nb\\n` gives a last empty one."""
    return text.replace("\r\n", "\n").split("\n")


def decode_text(content: bytes, path: str) -> SourceText:
    """UTF-8 with or without a BOM, else latin-1 (every byte round-trips). Raises ForModel for binaries."""
    if len(content) > limits.EDIT_FILE_BYTES:
        raise ForModel(
            f"Nothing was written. `{path}` has {len(content):,} bytes; files over "
            f"{limits.EDIT_FILE_BYTES:,} bytes are data. Change it with a command in the shell instead."
        )
    if b"\0" in content:
        raise ForModel(
            f"Nothing was written. `{path}` is binary (it contains NUL bytes). "
            "Change it with a program in the shell instead."
        )
    bom = content.startswith(codecs.BOM_UTF8)
    body = content[len(codecs.BOM_UTF8) :] if bom else content
    try:
        return SourceText(tuple(split_raw(body.decode("utf-8"))), "utf-8", bom)
    except UnicodeDecodeError:
        return SourceText(tuple(split_raw(content.decode("latin-1"))), "latin-1", bom=False)


def encode_text(raw: Iterable[str], like: SourceText, path: str) -> bytes:
    """The bytes of these lines in the encoding of `like`. Raises ForModel for what it can't hold."""
    try:
        body = (codecs.BOM_UTF8 if like.bom else b"") + "".join(raw).encode(like.codec)
    except UnicodeEncodeError as error:
        bad = error.object[error.start]
        raise ForModel(
            f"Nothing was written. `{path}` is {like.codec}, which can't hold {bad!a} of the new text. "
            "Send the edit with characters that it can hold (an escape, or plain ASCII)."
        ) from error
    if b"\0" in body:
        raise ForModel(f"Nothing was written. The new text for `{path}` contains a NUL. Send it without.")
    if len(body) > limits.EDIT_FILE_BYTES:
        raise ForModel(
            f"Nothing was written. `{path}` would grow to {len(body):,} bytes; "
            f"at most {limits.EDIT_FILE_BYTES:,} can be edited. Write it with a command in the shell instead."
        )
    return body
