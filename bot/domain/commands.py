"""Finds the agent's name in a text written by a person, and reads what is asked after it. Pure.

A mention counts only where GitHub shows it as running text: never in code, a block quote, an HTML comment
or block, a link, an address, or as a part of a longer name. The text is parsed as Markdown; no expression
over the source could tell. To cut the instruction from the right place, each `@name` of the source carries
its number through the parser as one private character.

Must never: start anything from a text that only talks about the agent's name in one of those places.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.domain.limits import BODY_CHARACTERS


class CommandWord(StrEnum):
    """Every word that is a command when it is the first after the mention (DESIGN, section 6)."""

    FIX = "fix"
    IMPLEMENT = "implement"
    REVIEW = "review"
    ASK = "ask"
    EXPLAIN = "explain"
    PLAN = "plan"
    REBASE = "rebase"
    STOP = "stop"
    STATUS = "status"
    RETRY = "retry"
    UNDO = "undo"
    HELP = "help"


AVAILABLE: Final = frozenset({CommandWord.FIX, CommandWord.IMPLEMENT})
"""The words that lead to a task today. The others are known, and refused by name: a person who writes `stop`
or `review` must not get a change instead."""


@dataclass(frozen=True)
class Command:
    """What one text asks for. `word` is FIX for free text.

    `instruction` is the text without the mention, in the source's own Markdown; empty when it says no more
    than "fix this": then the issue is the instruction.
    """

    word: CommandWord
    instruction: str

    @property
    def available(self) -> bool:
        """Whether it leads to a task today; otherwise it is refused as an unknown command."""
        return self.word in AVAILABLE


_FIRST_WORD: Final = re.compile(r"\s*(?:[,:;–—-]\s*)?([A-Za-z]+)(?![\w-])")
_SAYS_NO_MORE: Final = re.compile(
    r"(?:[\s,:;–—-]|please|pls|this|it|that|the|issue|bug|problem|one|for (?:me|us)|thanks|thank you|thx"
    r"|fix|implement|[.!?])*",
    re.IGNORECASE,
)


def parse_command(text: str, handle: str) -> Command | None:
    """What `text` asks of `@handle`; None when it does not mention it. Only the first real mention counts.

    Texts beyond GitHub's own limit are cut there. Never raises for any text.
    """
    text = text[:BODY_CHARACTERS]
    mention = next(iter(find_mentions(text, handle)), None)
    if mention is None:
        return None
    start, end = _with_emphasis(text, *mention)
    before, after = text[:start].strip(), text[end:]
    word, after = _split_word(after)
    if not before and _SAYS_NO_MORE.fullmatch(after):
        return Command(word, "")
    return Command(word, _joined(text[:start], after))


def _with_emphasis(text: str, start: int, end: int) -> tuple[int, int]:
    """The place widened over `**` or `_` on both sides, so that none is left behind."""
    while start > 0 and text[start - 1] in "*_" and text[start - 1] == text[end : end + 1]:
        start, end = start - 1, end + 1
    return start, end


def _split_word(after: str) -> tuple[CommandWord, str]:
    """The command word, and the text without the punctuation between it and the mention."""
    found = _FIRST_WORD.match(after)
    if found is None:
        return CommandWord.FIX, after.lstrip(" \t,:;")
    rest = after[found.start(1) :]
    try:
        return CommandWord(found.group(1).lower()), rest
    except ValueError:
        return CommandWord.FIX, rest


def _joined(before: str, after: str) -> str:
    """Both sides of the mention; a line that held nothing else is closed up."""
    if before.endswith((" ", "\t")) and after[:1] in (" ", "\t", "\n", ""):
        before = before.rstrip(" \t")
        after = after if after[:1] in ("\n", "") else " " + after.lstrip(" \t")
    return (before + after).strip()


def find_mentions(text: str, handle: str) -> Sequence[tuple[int, int]]:
    """Where `@handle` stands as a mention: (start, end) in `text`, in the order of reading.

    Logins do not differ by case, so neither do mentions.
    """
    places = [found.span() for found in re.finditer("@" + re.escape(handle), text, re.IGNORECASE)]
    if not places:
        return ()
    numbered = _number(text, places)
    numbers = sorted({number for run in _shown_runs(numbered) for number in _standing_alone(run, handle)})
    return [places[number] for number in numbers if text[places[number][0] - 1 : places[number][0]] != "\\"]


_FIRST_NUMBER: Final = 0x100000  # Supplementary Private Use Area-B: no character that anybody writes
_LAST_NUMBER: Final = 0x10FFFD
_PRIVATE: Final = re.compile(f"[{chr(_FIRST_NUMBER)}-{chr(0x10FFFF)}]")


def _number(text: str, places: Sequence[tuple[int, int]]) -> str:
    """`text` with a private character behind each `@` of `places`; any that it had itself are replaced."""
    parts: list[str] = []
    done = 0
    for number, (start, _) in enumerate(places):
        if _FIRST_NUMBER + number > _LAST_NUMBER:
            break
        parts += (_PRIVATE.sub("x", text[done : start + 1]), chr(_FIRST_NUMBER + number))
        done = start + 1
    return "".join((*parts, _PRIVATE.sub("x", text[done:])))


_HTML_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_QUIET_TAG: Final = re.compile(
    r"<(/?)(a|blockquote|code|del|kbd|pre|s|samp|script|strike|style|textarea|title|tt)\b[^<>]*?(/?)>", re.I
)


class _Quiet:
    """Which silencing HTML elements are open at this point of the text. One that is never closed silences the
    rest: a request overlooked is asked again, one made up is work that nobody wanted."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}

    def read(self, html: str) -> None:
        for closing, name, empty in _QUIET_TAG.findall(_HTML_COMMENT.sub("", html)):
            tag = name.lower()
            if closing:
                self._open[tag] = max(0, self._open.get(tag, 0) - 1)
            elif not empty:
                self._open[tag] = self._open.get(tag, 0) + 1

    def __bool__(self) -> bool:
        return any(self._open.values())


def _shown_runs(text: str) -> Iterator[str]:
    """Runs of plain text as a reader sees them, parted by formatting, line ends and all that is left out."""
    markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    quotes, quiet = 0, _Quiet()
    for block in markdown.parse(text):
        quotes += {"blockquote_open": 1, "blockquote_close": -1}.get(block.type, 0)
        if block.type == "html_block":
            quiet.read(block.content)
        elif block.type == "inline":
            yield from _inline_runs(block.children or (), quiet, silent=quotes > 0)


def _inline_runs(children: Sequence[Token], quiet: _Quiet, *, silent: bool) -> Iterator[str]:
    depth = 0  # of links and struck-out text
    for child in children:
        depth += {"link_open": 1, "link_close": -1, "s_open": 1, "s_close": -1}.get(child.type, 0)
        if child.type == "html_inline":
            quiet.read(child.content)
        elif child.type == "text" and not (silent or depth or quiet):
            yield child.content


_BARE_LINK: Final = re.compile(r"(?:\b[a-z][a-z0-9+.-]{0,30}://|\bwww\.|\bmailto:)\S*", re.IGNORECASE)
_NEVER_BEFORE: Final = frozenset("@/\\.+-=%&#$_`")  # parts of addresses, paths and names


def _standing_alone(run: str, handle: str) -> Iterator[int]:
    """Numbers of the mentions in one run that are no part of a longer name, an address or a bare link."""
    links = [found.span() for found in _BARE_LINK.finditer(run)]
    for found in re.finditer("@(" + _PRIVATE.pattern + ")" + re.escape(handle), run, re.IGNORECASE):
        start, end = found.span()
        before = bisect_right(links, (start, len(run)))
        inside_link = before > 0 and start < links[before - 1][1]
        if (
            not inside_link
            and _may_precede(run[max(0, start - 1) : start])
            and _may_follow(run[end : end + 8])
        ):
            yield ord(found.group(1)) - _FIRST_NUMBER


def _may_precede(char: str) -> bool:
    """A mention begins the text, or follows white space or punctuation that no name or address contains."""
    if not char or char.isspace():
        return True
    return char not in _NEVER_BEFORE and unicodedata.category(char)[0] in "PSZ"


_GOES_ON: Final = re.compile(r"[\w@/\\-]|\.+[\w-]|['’]\w|\[bot\]|:\d|" + _PRIVATE.pattern, re.IGNORECASE)


def _may_follow(rest: str) -> bool:
    """Not so: `@agents`, `@agent-x`, `@agent/team`, `@agent.org`, `@agent's`, `@agent[bot]`."""
    return _GOES_ON.match(rest) is None
