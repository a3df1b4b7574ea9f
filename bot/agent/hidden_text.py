"""Removes from a text what its human readers do not see, and tells what that was. Pure.

An issue is shown by GitHub without its HTML comments, invisible characters, alternative texts and titles of links; a
model would read them all. What people could not see may not steer the model. Entities are decoded first, because
`&#8203;` and `&lt;!--` are only another spelling.

What is removed is shown to the operator (`find_hidden`): nobody hides text in an issue by accident.
"""

import html
import re
import unicodedata
from collections.abc import Callable
from itertools import groupby
from typing import Final

# From `<!--` to `-->` or `--!>`, also `<!-->`; one that begins a line and never closes hides what follows, one
# within a line is shown as it stands.
_COMMENT: Final = re.compile(r"<!--(?:>|->|.*?--!?>)|^ {0,3}<!--.*\Z", re.DOTALL | re.MULTILINE)
# What a browser takes for a comment up to the next `>`: `<!x>`, `<?x>`, `</1>`. Code shows it (PHP), so
# fenced blocks keep it, and one that is not closed within its paragraph stays.
_BOGUS_COMMENT: Final = re.compile(r"<(?:!(?!--)|\?|/(?=[^a-zA-Z\s>]))(?:(?!\n\s*\n)[^>]){0,2000}>")
_FENCED: Final = re.compile(
    r"^ {0,3}(`{3,}|~{3,})[^\n]*\n.*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.DOTALL | re.MULTILINE
)
_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_ALT_TEXT: Final = re.compile(r"(?<=!\[)(?:\\.|[^\[\]\\]|\[(?:\\.|[^\[\]\\])*\])+(?=\])", re.DOTALL)
_QUOTED: Final = r"""(?:"(?:\\.|[^"\\]){0,2000}"|'(?:\\.|[^'\\]){0,2000}'|\((?:\\.|[^()\\]){0,2000}\))"""
# `](address "title")` and `[name]: address "title"`; the address stays, people see it when they point at the link.
_LINK_TITLE: Final = re.compile(
    rf"(?<=\]\()(\s*+(?:<[^<>\n]{{0,2000}}>|[^\s<>]{{1,2000}}+))\s++{_QUOTED}(?=\s*\))", re.DOTALL
)
_DEFINITION_TITLE: Final = re.compile(
    rf"^( {{0,3}}\[[^\[\]\n]+\]:[ \t]*\S+)[ \t]*\n?[ \t]+{_QUOTED}[ \t]*$", re.MULTILINE | re.DOTALL
)
_TAG: Final = re.compile(r"<[a-zA-Z]")
_TAG_REST: Final = re.compile(r"""[^"'>]*+(?:"[^"]*+"[^"'>]*+|'[^']*+'[^"'>]*+)*+>""")
_TAG_CHARACTERS: Final = 1_000  # a longer tag is no tag that people write
# Attributes that no page shows as text.
_ATTRIBUTE: Final = re.compile(
    r"""(?:\s|(?<=["']))(?:alt|title|placeholder|summary|label|content|aria-[a-z]+|data-[\w-]+)\s*=\s*"""
    r"""(?:"[^"]*"|'[^']*'|[^\s"'>]+)""",
    re.IGNORECASE,
)
_ROUNDS: Final = 10
_BLOCKS: Final = re.compile(r"[<&\[\]()]")  # what everything above is made of

_SHOWN: Final = 200  # characters of one finding; a page of hidden text is told by its beginning
_FINDINGS: Final = 20

_INVISIBLE: Final = frozenset(
    {
        0x00AD,  # soft hyphen
        0x034F,  # combining grapheme joiner
        0x061C,
        0x115F,
        0x1160,
        0x17B4,
        0x17B5,
        *range(0x180B, 0x1810),  # Mongolian variation selectors
        *range(0x200B, 0x2010),  # zero width, left-to-right and right-to-left marks
        0x2028,
        0x2029,
        *range(0x202A, 0x202F),  # bidirectional embeddings and overrides
        *range(0x2060, 0x2070),  # word joiner, invisible operators, isolates
        0x2800,  # Braille blank
        0x3164,
        *range(0xFE00, 0xFE10),  # variation selectors
        0xFEFF,
        0xFFA0,
        *range(0xFFF0, 0xFFFC),
        *range(0x1D173, 0x1D17B),
        *range(0xE0000, 0xE1000),  # tag block and variation selectors supplement
    }
)
_TAGS: Final = range(0xE0020, 0xE007F)  # printable ASCII, moved out of sight

_Note = Callable[[str, str], None]


def strip_hidden(text: str) -> str:
    """`text` as its readers see it. Idempotent."""
    return _strip(text, lambda _kind, _what: None)


def find_hidden(text: str) -> tuple[str, ...]:
    """What `strip_hidden` takes away, a line each, for the operator: kind and beginning, itself made visible."""
    found: list[str] = []

    def note(kind: str, what: str) -> None:
        # GitHub itself writes `![image](...)` and `alt="image"` for each pasted picture.
        if what.strip() and (kind in ("HTML comment", "invisible characters") or " " in what.strip()):
            flat = " ".join(_readable(what).split())
            found.append(f"{kind}: {flat[:_SHOWN]}{'…' if len(flat) > _SHOWN else ''}")

    _strip(text, note)
    kept = list(dict.fromkeys(found))
    more = [f"and {len(kept) - _FINDINGS} more"] if len(kept) > _FINDINGS else []
    return tuple(kept[:_FINDINGS] + more)


def printable_name(name: str) -> str:
    """A file's name on one line, with what can't be seen escaped: a newline in it may not forge a line."""
    if name.isprintable() and all(map(_is_visible, name)):
        return name
    return "".join(
        one if one.isprintable() and _is_visible(one) else one.encode("unicode_escape").decode()
        for one in name
    )


def _strip(text: str, note: _Note) -> str:
    """Removing one thing may make another: `<!-<!-- -->-` is a comment only afterwards. Nobody nests that by
    accident, so after a few rounds everything goes that such things are made of."""
    for _ in range(_ROUNDS):
        visible = _drop_invisible(text, note)
        shorter = _outside_fences(_sub(_COMMENT, visible, note, "HTML comment"), note)
        if shorter == text:
            return text
        text = shorter
    return _BLOCKS.sub("", _drop_invisible(text, note))


def _outside_fences(text: str, note: _Note) -> str:
    parts, at = [], 0
    for block in _FENCED.finditer(text):
        parts += [_strip_markup(text[at : block.start()], note), block.group()]
        at = block.end()
    return "".join([*parts, _strip_markup(text[at:], note)])


def _strip_markup(text: str, note: _Note) -> str:
    text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    text = _sub(_BOGUS_COMMENT, text, note, "HTML comment")
    text = _sub(_ALT_TEXT, text, note, "alternative text")
    text = _sub(_LINK_TITLE, text, note, "title of a link", keep=1)
    text = _sub(_DEFINITION_TITLE, text, note, "title of a link", keep=1)
    return _strip_attributes(text, note)


def _strip_attributes(text: str, note: _Note) -> str:
    parts, at = [], 0
    for opened in _TAG.finditer(text):
        end = opened.end() + _TAG_CHARACTERS
        if opened.start() < at or ">" not in text[opened.end() : end]:
            continue
        rest = _TAG_REST.match(text, opened.end(), end)
        if rest is None:
            continue
        tag = text[opened.start() : rest.end()]
        parts += [text[at : opened.start()], _sub(_ATTRIBUTE, tag, note, "attribute")]
        at = rest.end()
    return "".join([*parts, text[at:]])


def _sub(pattern: re.Pattern[str], text: str, note: _Note, kind: str, keep: int = 0) -> str:
    """Without the matches, but for their group `keep`."""

    def replace(found: re.Match[str]) -> str:
        kept = found[keep] if keep else ""
        note(kind, found[0][len(kept) :])
        return kept

    return pattern.sub(replace, text)


def _drop_invisible(text: str, note: _Note) -> str:
    if text.isascii() and text.isprintable():
        return text
    parts = []
    for visible, run in groupby(text, _is_visible):
        characters = "".join(run)
        if visible:
            parts.append(characters)
        else:
            note("invisible characters", characters)
    return "".join(parts)


def _is_visible(character: str) -> bool:
    if character in "\n\t":
        return True
    return ord(character) not in _INVISIBLE and unicodedata.category(character) not in (
        "Cc",
        "Cf",
        "Cs",
        "Co",
        "Cn",
    )


def _readable(text: str) -> str:
    """Tags as the letters that they stand for, other invisible characters by their number."""
    return "".join(
        chr(ord(one) - 0xE0000) if ord(one) in _TAGS else one if _is_visible(one) else f"\\u{ord(one):04x}"
        for one in text
    )
