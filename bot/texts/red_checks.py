"""What people read about red checks: what is waited for, what is red and why it may not be, what was tried. Pure.

Names, links and logs were written by others.
"""

import re
from dataclasses import dataclass
from typing import Final

from bot.domain.outcomes import Outcome
from bot.texts.claims import drop_claims
from bot.texts.sanitise import code, fenced, sanitise_line

_LINK: Final = re.compile(r"https?://[^\s()<>\[\]\"']{1,500}")
_EXCERPT_CHARACTERS: Final = 6_000  # of a log's end; the check's page has all of it
_SHOWN: Final = 20  # names in a row


@dataclass(frozen=True)
class RedCheck:
    """`why`: what speaks against its being the pull request's fault, each the end of a sentence."""

    name: str
    url: str
    word: str
    why: tuple[str, ...] = ()
    excerpt: str = ""


@dataclass(frozen=True)
class Tried:
    """A repair before: what was pushed, and what the model said was wrong."""

    commit: str
    title: str
    cause: str


@dataclass(frozen=True)
class ChecksText:
    """What there is to say of the checks of a head. Names: of those that are red on the base as well, that passed when
    they were run again, that were still under way. `unheard`: as `render_unheard` gives it."""

    head: str
    base: str
    red: tuple[RedCheck, ...] = ()
    on_base: tuple[str, ...] = ()
    passed_again: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    unheard: str = ""


def render_waiting(unfinished: tuple[str, ...], marker: str) -> str:
    """While checks are waited for."""
    what = f": {_names(unfinished)}" if unfinished else ""
    return f"👀 I wait until the checks are over{what}.\n\n{marker}\n"


def render_checks(text: ChecksText) -> str:
    """What was red, with what speaks against the pull request's having done it, and the ends of the logs."""
    parts = [
        "\n".join(_item(one) for one in text.red),
        _row(f"Red on {code(text.base)} as well, so I left it alone", text.on_base),
        _row("Failed on this very commit and passed when run again, so flaky as it seems", text.passed_again),
        _row("Still running when I stopped waiting", text.unfinished),
        *(_excerpt(one) for one in text.red),
    ]
    return "\n\n".join(part for part in parts if part)


def render_checks_end(
    outcome: Outcome, text: ChecksText, tried: tuple[Tried, ...], handle: str, marker: str
) -> str:
    """A task about red checks that ended without work."""
    again = code(f"@{handle} fix the CI failures")
    head = code(text.head[:10])
    match outcome:
        case Outcome.HANDED_OVER:
            tries = _times(len(tried))
            first = (
                f"🖐️ After {tries} the checks of {head} are still red, so I stop here: a person has to look."
            )
            last = f"A hint helps: say in a comment what is wrong, with {again}, and I go on."
        case Outcome.FLAKY:
            first = f"🎲 What is red on {head} passed on this very commit before, so I changed nothing."
            last = f"Run it again; if it is no accident, {again} has me work on it."
        case _:
            first = f"🔎 No check of {head} is red because of this pull request."
            last = ""
    sections = (first, render_checks(text), _render_tried(tried), text.unheard, last)
    body = "\n\n".join(section for section in sections if section)
    return f"{body}\n\n<sub>Ended as `{outcome.value}`.</sub>\n{marker}\n"


def _render_tried(tried: tuple[Tried, ...]) -> str:
    if not tried:
        return ""
    lines = [f"- {code(one.commit[:10])} {sanitise_line(one.title, 200)}{_cause(one)}" for one in tried]
    return "\n".join(["**What I tried**, with what the model took for the cause:", "", *lines])


def _cause(one: Tried) -> str:
    words = sanitise_line(drop_claims(one.cause)[0], 400)
    return f": {words}" if words else ""


def _item(one: RedCheck) -> str:
    name = code(one.name, 100)
    shown = f"[{name}]({one.url})" if _LINK.fullmatch(one.url) else name
    why = f" It may be flaky: {' and '.join(one.why)}." if one.why else ""
    return f"- ❌ {shown}: {sanitise_line(one.word.replace('_', ' '), 40)}.{why}"


def _row(what: str, names: tuple[str, ...]) -> str:
    return f"{what}: {_names(names)}." if names else ""


def _names(names: tuple[str, ...]) -> str:
    shown = ", ".join(code(name, 100) for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


def _excerpt(one: RedCheck) -> str:
    if not one.excerpt.strip():
        return ""
    content = fenced(one.excerpt[-_EXCERPT_CHARACTERS:])
    if _LINK.fullmatch(one.url):
        content += f"\n\n[All that it said]({one.url})"
    return (
        f"<details><summary>The end of the log of {code(one.name, 100)}</summary>\n\n{content}\n\n</details>"
    )


def _times(count: int) -> str:
    return "one repair" if count == 1 else f"{count} repairs"
