"""Faults in a model's JSON whose mending can mean only one thing. Pure.

Everything else is refused: a guess would run a command that nobody wrote. Each mend has a name, so that it can be
counted for each model.
"""

import json
import re
from typing import Any, Final

from bot.llm.sanitise import clean_text

_FENCE: Final = re.compile(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", re.DOTALL)
_BAD_ESCAPE: Final = re.compile(r'\\(["\\/bfnrt]|u[0-9a-fA-F]{4})|\\(.)', re.DOTALL)
_MOST_COMMAS: Final = 20  # trailing commas in one call; each is found by one more parse


def parse_arguments(raw: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The object and the names of what was mended. Raises ValueError that says where it is malformed."""
    if not raw.strip():
        return {}, ("empty arguments",)
    try:
        body, repairs = _parse(raw)
        if isinstance(body, str):
            body, more = _parse(body)
            repairs = (*repairs, "doubly encoded", *more)
        unusable = _is_unusable(body)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if unusable:
        raise ValueError("it holds a NUL or half of a surrogate pair: write the character itself")
    if not isinstance(body, dict):
        raise ValueError(f"it is a {type(body).__name__}")  # noqa: TRY004 - the caller answers one class
    return body, repairs


def _parse(raw: str) -> tuple[Any, tuple[str, ...]]:
    """Strictly if that works; else mended step by step. The error is the strict one: it is about what was sent."""
    try:
        return json.loads(raw), ()
    except json.JSONDecodeError as error:
        strict = error
    repairs: list[str] = []
    text = raw
    if fenced := _FENCE.fullmatch(text):
        text = fenced[1]
        repairs.append("code fence")
    if (escaped := _BAD_ESCAPE.sub(_escape, text)) != text:
        text = escaped
        repairs.append("escapes in strings")
    for _ in range(_MOST_COMMAS):
        try:
            body = json.loads(text)
        except json.JSONDecodeError as error:
            if error.msg.startswith("Invalid control character"):
                break
            shorter = _without_comma(text, error.pos)
            if shorter is None:
                raise strict from None
            text = shorter
            repairs.append("trailing comma")
        else:
            return body, tuple(dict.fromkeys(repairs))
    try:
        return json.loads(text, strict=False), tuple(
            dict.fromkeys((*repairs, "control characters in strings"))
        )
    except json.JSONDecodeError:
        raise strict from None


def _is_unusable(value: Any) -> bool:
    """Characters that no file and no command line takes. Replaced silently, they would be written into files."""
    if isinstance(value, str):
        return clean_text(value) != value
    if isinstance(value, dict):
        return any(_is_unusable(name) or _is_unusable(one) for name, one in value.items())
    return isinstance(value, list) and any(map(_is_unusable, value))


def _escape(found: re.Match[str]) -> str:
    """`\\d` is what JSON has no word for: the two characters were meant. `\\'` is the quote alone."""
    if found[2] is None:
        return found[0]
    return "'" if found[2] == "'" else f"\\\\{found[2]}"


def _without_comma(text: str, at: int) -> str | None:
    """Without the comma before a closing bracket, when that is what the parser stumbled over at `at`."""
    before = text[: at + 1] if text[at : at + 1] == "," else text[:at]
    closing = text[len(before) :].lstrip()[:1]
    trimmed = before.rstrip()
    if not trimmed.endswith(",") or closing not in ("}", "]"):
        return None
    return trimmed[:-1] + text[len(before) :]
