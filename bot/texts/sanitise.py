"""Text of a model or a stranger, made safe to stand in a comment of ours. Pure.

Such a text must not notify people, close issues, start bots, hide anything, load pictures, or end our own
formatting. What it says stays readable.
"""

import re
import unicodedata
from typing import Final

from bot.texts.redact import redact

_HTML: Final = re.compile(r"<(?=[a-zA-Z/!?])")
_MENTION: Final = re.compile(r"@(?=[A-Za-z0-9])")
# GitHub's closing keywords, before `#1`, `owner/name#1` or an issue's address.
_CLOSING: Final = re.compile(
    r"\b(close[sd]?|fix(?:e[sd])?|resolve[sd]?)(\s*:?\s+)(?=(?:[\w.-]+/[\w.-]+)?#\d|https?://)", re.IGNORECASE
)
_IMAGE: Final = re.compile(r"!\[")
_INVISIBLE: Final = ("Cf", "Cc", "Co", "Cn", "Cs")
_ZERO_WIDTH: Final = "\u200b"


def sanitise_line(text: str, characters: int = 300) -> str:
    """One line: a title, a name of a test, a reason."""
    flat = " ".join(_visible(text).split())
    flat = flat if len(flat) <= characters else flat[: characters - 1] + "…"
    return _defang(flat)


def sanitise_block(text: str, characters: int = 6_000) -> str:
    """Several lines of Markdown. Headings become bold, so that they do not compete with ours; fences that are
    left open are closed."""
    lines = [re.sub(r"^\s{0,3}#{1,6}\s+(.*?)\s*#*$", r"**\1**", line) for line in _visible(text).splitlines()]
    cut = "\n".join(lines).strip()
    if len(cut) > characters:
        cut = cut[: characters - 20].rstrip() + "\n\n[… cut]"
    return close_fences(_defang(cut))


def close_fences(text: str) -> str:
    """An open code fence would swallow all that stands behind it."""
    fence = ""
    for line in text.splitlines():
        found = re.match(r"\s{0,3}(`{3,}|~{3,})(.*)$", line)
        if not found:
            continue
        if not fence:
            fence = found[1]
        elif found[1][0] == fence[0] and len(found[1]) >= len(fence) and not found[2].strip():
            fence = ""
    return f"{text}\n{fence}" if fence else text


def code(text: str, characters: int = 200) -> str:
    """As inline code, whatever it contains."""
    flat = " ".join(_visible(text).split())
    flat = flat if len(flat) <= characters else flat[: characters - 1] + "…"
    longest = max((len(run) for run in re.findall(r"`+", flat)), default=0)
    ticks = "`" * (longest + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") or not flat else ""
    return f"{ticks}{pad}{flat}{pad}{ticks}"


def fenced(text: str, language: str = "") -> str:
    """As a code block that nothing in it can end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{language}\n{redact(_visible(text)).rstrip()}\n{ticks}"


def _visible(text: str) -> str:
    kept = (c for c in text if c in "\n\t" or unicodedata.category(c) not in _INVISIBLE)
    return "".join(c for c in kept if not 0xFE00 <= ord(c) <= 0xFE0F)


def _defang(text: str) -> str:
    """Mentions, closing words, HTML and pictures lose their effect and keep their looks."""
    text = redact(text)
    text = _MENTION.sub(f"@{_ZERO_WIDTH}", text)
    text = _CLOSING.sub(lambda found: f"{found[1]}{_ZERO_WIDTH}{found[2]}", text)
    text = _IMAGE.sub(r"\\![", text)
    return _HTML.sub("&lt;", text)
