"""What a repository asks of its reviews: sections of its AGENTS.md files, by what they hold for. Pure.

The files come from the base branch: the head of a pull request can't rewrite the rules that it is judged by (law 6).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

_HEADINGS: Final = frozenset({"code review rules", "review guidelines"})
_HEADING: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")


def find_review_rules(text: str) -> str:
    """The sections `## Code Review Rules` and `## Review guidelines`, of whatever level and case, with what lies below
    them; empty when there are none."""
    kept: list[str] = []
    level, fence = 0, ""  # level 0: outside of such a section
    for line in text.splitlines():
        if mark := _FENCE.match(line):
            fence = "" if fence and line.strip().startswith(fence) else fence or mark[1]
        heading = None if fence else _HEADING.fullmatch(line)
        if heading and (not level or len(heading[1]) <= level):
            level = len(heading[1]) if heading[2].casefold() in _HEADINGS else 0
        elif level:
            kept.append(line)
    return "\n".join(kept).strip()


def choose_rules(agents: Mapping[str, str], changed: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """(path of the file, its rules) for a change of these paths: those of the root, and for each changed file the
    nearest that has any, root to leaf. `agents`: one AGENTS.md for each directory."""
    by_directory = {
        path.rpartition("/")[0]: (path, rules)
        for path, text in agents.items()
        if (rules := find_review_rules(text))
    }
    wanted = {"", *(_nearest(path, by_directory) for path in changed)}
    return tuple(by_directory[one] for one in sorted(wanted) if one in by_directory)


def _nearest(path: str, directories: Mapping[str, object]) -> str:
    directory = path.rpartition("/")[0]
    while directory and directory not in directories:
        directory = directory.rpartition("/")[0]
    return directory
