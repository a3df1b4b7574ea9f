"""Removes from a text what its human readers do not see. Pure.

An issue is shown by GitHub without its HTML comments and without invisible characters; a model would read
both. What people could not see may not steer the model.
"""

import re
import unicodedata
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
_ROUNDS: Final = 10

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


def strip_hidden(text: str) -> str:
    """`text` without HTML comments (malformed ones too), invisible and control characters. Idempotent.

    Removing one thing may make another: `<!-<!-- -->-` is a comment only afterwards. Nobody nests that by
    accident, so after a few rounds every `<` goes.
    """
    for _ in range(_ROUNDS):
        visible = "".join(character for character in text if _is_visible(character))
        shorter = _strip_bogus(_COMMENT.sub("", visible))
        if shorter == text:
            return text
        text = shorter
    return text.replace("<", "")


def _strip_bogus(text: str) -> str:
    parts, at = [], 0
    for block in _FENCED.finditer(text):
        parts += [_BOGUS_COMMENT.sub("", text[at : block.start()]), block.group()]
        at = block.end()
    return "".join([*parts, _BOGUS_COMMENT.sub("", text[at:])])


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
