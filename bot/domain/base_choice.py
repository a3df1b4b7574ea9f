"""Which branch a change starts from, and goes to, when nobody wrote `--base`. Pure.

In this order: a line of the issue's text, the issue's milestone, the repository's file; else the default branch. Only
people who belong to the repository choose by the text: a stranger's "Base: old-and-unprotected" is words.
"""

import re
from dataclasses import dataclass
from typing import Final

from bot.domain.flags import is_branch_name
from bot.domain.repo_sections import BaseConfig

TRUSTED: Final = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
"""GitHub's associations of those who belong; the requester's own permission was asked about (law 6)."""

# `Base: dev`, `- **Target branch:** `dev``; and the answer to a question of an issue form.
_NAME: Final = r"(?:base|target)(?:[ -]branch)?"
_LINE: Final = re.compile(
    rf"^[ \t]*(?:[-*][ \t]+)?(?:\*\*)?{_NAME}(?:\*\*)?:(?:\*\*)?[ \t]*`?([^\s`]+)`?[ \t]*\r?$", re.I | re.M
)
_FORM: Final = re.compile(
    rf"^#{{2,4}}[ \t]+{_NAME}[ \t]*\r?\n(?:[ \t]*\r?\n)*`?([^\s`]+)`?[ \t]*\r?$", re.I | re.M
)
_LOOKED_AT: Final = 20_000  # characters: such a line stands near the top


@dataclass(frozen=True)
class BaseWish:
    """`source`: who says so, for people. `must` False: a milestone may have no branch, then the next wish counts."""

    branch: str
    source: str
    must: bool = True


def find_base_line(body: str, association: str) -> str:
    """The branch that the issue's text names; empty: none, or nobody whose word counts."""
    if association not in TRUSTED:
        return ""
    text = body[:_LOOKED_AT]
    found = _LINE.search(text) or _FORM.search(text)
    return found[1] if found and is_branch_name(found[1]) else ""


def list_wishes(line: str, milestone: str, config: BaseConfig) -> tuple[BaseWish, ...]:
    """What asks for another base than the default branch, the weightiest first."""
    by_milestone = config.milestone.replace("*", milestone, 1)
    wishes = (
        BaseWish(line, "the issue's text"),
        BaseWish(by_milestone if milestone else "", f"the milestone `{milestone}`", must=False),
        BaseWish(config.branch or "", "`base` in `.github/pullwright.yml`"),
    )
    return tuple(one for one in wishes if is_branch_name(one.branch))
