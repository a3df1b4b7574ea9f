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
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.domain.flags import FlagFault, Flags, take_leading, take_trailing
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
    GO = "go"
    CONFIG = "config"
    HELP = "help"


CHANGES: Final = frozenset({CommandWord.FIX, CommandWord.IMPLEMENT})
ANSWERS: Final = frozenset({CommandWord.ASK, CommandWord.EXPLAIN, CommandWord.PLAN})
CONTROLS: Final = frozenset(
    {
        CommandWord.STOP,
        CommandWord.STATUS,
        CommandWord.RETRY,
        CommandWord.GO,
        CommandWord.CONFIG,
        CommandWord.HELP,
    }
)
BEGINNING: Final = frozenset({CommandWord.GO, CommandWord.RETRY})
"""Words about tasks that begin one."""
ON_PULLS: Final = frozenset({CommandWord.REVIEW, CommandWord.REBASE, CommandWord.UNDO})
"""Words about a pull request; on an issue they mean nothing."""
_ALONE: Final = frozenset(
    {CommandWord.STATUS, CommandWord.GO, CommandWord.CONFIG, CommandWord.HELP, CommandWord.UNDO}
)
"""Commands only when nothing follows: "help me with the parser", "status code 404 is lost" and "undo the rename" ask
for a change."""


@dataclass(frozen=True)
class Unknown:
    """One word that is no command; `near`: the one that was meant, perhaps."""

    word: str
    near: str = ""


@dataclass(frozen=True)
class Command:
    """What one text asks for. `word` is FIX for free text.

    `instruction` is the text without the mention and the flags, in the source's own Markdown; empty when it says
    no more than "fix this": then the issue is the instruction. `fault`: why it can't be carried out as it stands.
    """

    word: CommandWord
    instruction: str
    flags: Flags = field(default_factory=Flags)
    fault: Unknown | FlagFault | None = None


_PUNCTUATION: Final = re.compile(r"\s*(?:[,:;–—-]\s*)?")
_FIRST_WORD: Final = re.compile(r"([A-Za-z]+)(?![\w-])")
_SAYS_NO_MORE: Final = re.compile(
    r"(?:[\s,:;–—-]|please|pls|this|it|that|the|issue|bug|problem|one|for (?:me|us)|thanks|thank you|thx"
    r"|fix|implement|[.!?])*",
    re.IGNORECASE,
)
_ONLY_THANKS: Final = re.compile(
    r"[\s,]*(?:many )?(?:thanks|thank you|thx)(?: a lot| so much)?[\W_]*", re.IGNORECASE
)
_NOTHING_MORE: Final = re.compile(r"(?:[\s,.!?:;–—-]|please|pls|now|ahead|for it)*", re.IGNORECASE)


def parse_command(text: str, handle: str) -> Command | None:
    """What `text` asks of `@handle`; None when it does not mention it, or only thanks it. Only the first real
    mention counts.

    Texts beyond GitHub's own limit are cut there. Never raises for any text.
    """
    text = text[:BODY_CHARACTERS]
    mention = next(iter(find_mentions(text, handle)), None)
    if mention is None:
        return None
    start, end = _with_emphasis(text, *mention)
    before, after = text[:start], text[end:]
    if not before.strip() and _ONLY_THANKS.fullmatch(after):
        return None
    flags, after, fault = _take_leading(after, Flags())
    word, after, unknown = _split_word(after, alone=not before.strip())
    if fault is None:
        flags, after, fault = _read_flags(after, flags)
    if not before.strip() and _SAYS_NO_MORE.fullmatch(after):
        return Command(word, "", flags, fault or unknown)
    return Command(word, _joined(before, after), flags, fault or unknown)


def _take_leading(after: str, flags: Flags) -> tuple[Flags, str, FlagFault | None]:
    """Nothing is changed where no flag stands: the text's own spaces are its author's."""
    return (
        take_leading(after, flags)
        if after.lstrip()[:2] == "--" or after.lstrip()[:1] == "—"
        else (flags, after, None)
    )


def _read_flags(after: str, flags: Flags) -> tuple[Flags, str, FlagFault | None]:
    """Behind the command word, which stays, and at the end of its line."""
    found = _FIRST_WORD.match(after)
    known = found is not None and found[1].lower() in tuple(CommandWord)
    head = after[: found.end()] if found and known else ""
    flags, rest, fault = _take_leading(after[len(head) :], flags)
    if fault is None:
        flags, rest, fault = take_trailing(rest, flags)
    return flags, head + rest, fault


def _with_emphasis(text: str, start: int, end: int) -> tuple[int, int]:
    """The place widened over `**` or `_` on both sides, so that none is left behind."""
    while start > 0 and text[start - 1] in "*_" and text[start - 1] == text[end : end + 1]:
        start, end = start - 1, end + 1
    return start, end


def _split_word(after: str, *, alone: bool) -> tuple[CommandWord, str, Unknown | None]:
    """The command word, and the text without the punctuation between it and the mention. `alone`: nothing stands
    before the mention."""
    punctuation = _PUNCTUATION.match(after)
    rest = after[punctuation.end() :] if punctuation else after
    found = _FIRST_WORD.match(rest)
    if found is None:
        return CommandWord.FIX, after.lstrip(" \t,:;"), None
    name, behind = found[1].lower(), rest[found.end() :]
    if name in tuple(CommandWord):
        word = CommandWord(name)
        if word in _ALONE and not (alone and _NOTHING_MORE.fullmatch(behind)):
            word = CommandWord.FIX
        return word, rest, None
    unknown = _find_unknown(name, behind) if alone else None
    return CommandWord.FIX, rest, unknown


def _find_unknown(name: str, behind: str) -> Unknown | None:
    """A word by itself, or one that is a command with two letters exchanged or one wrong."""
    if _SAYS_NO_MORE.fullmatch(name):
        return None
    if not re.sub(r"[\W_]+", "", behind):
        near = get_close_matches(name, [word.value for word in CommandWord], 1, 0.7)
        return Unknown(name, near[0] if near else "")
    meant = next((word.value for word in CommandWord if _is_slip(name, word.value)), "")
    return Unknown(name, meant) if meant else None


_LONG_WORD: Final = 6
"""In shorter ones a wrong letter makes another word too often: step, plain, asks."""


def _is_slip(name: str, word: str) -> bool:
    """Whether `name` is `word` with two neighbours exchanged, or, of a long one, one letter wrong, missing or too
    many. An ending of grammar (reviews, explained) is none."""
    if name == word or name.startswith(word) or abs(len(name) - len(word)) > 1:
        return False
    start = next((at for at, pair in enumerate(zip(name, word, strict=False)) if pair[0] != pair[1]), None)
    if start is None:
        return len(word) >= _LONG_WORD
    one, other = name[start:], word[start:]
    if one[:2] == other[:2][::-1] and one[2:] == other[2:]:
        return True
    wrong = one[1:] == other[1:] or one[1:] == other or one == other[1:]
    return len(word) >= _LONG_WORD and wrong


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
