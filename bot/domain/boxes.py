"""The boxes of the bot's own dashboard issue: which of them an edit has ticked or cleared. Pure.

The one edit that may cause anything (law 6). Who made it, and whether the issue is ours, is asked elsewhere.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.domain.ids import InstallationId
from bot.domain.repo_sections import SCHEDULE_NAME
from bot.domain.tasks import RepositoryRef

BEGIN: Final = "<!-- pullwright:dashboard -->"
END: Final = "<!-- pullwright:dashboard:end -->"
_BOX: Final = re.compile(
    rf"^- \[( |x|X)\] <!-- pullwright:(run|pause):({SCHEDULE_NAME.pattern}) -->", re.MULTILINE
)


class Box(StrEnum):
    RUN = "run"
    PAUSE = "pause"


@dataclass(frozen=True)
class Tick:
    """A box that was ticked (`on`) or cleared."""

    box: Box
    schedule: str
    on: bool


@dataclass(frozen=True)
class Ticked:
    """Somebody ticked boxes in an issue that may be our dashboard."""

    installation: InstallationId
    repository: RepositoryRef
    issue: int
    login: str
    user_id: int
    ticks: tuple[Tick, ...]


def find_ticks(before: str, after: str) -> tuple[Tick, ...]:
    """What the edit from `before` to `after` changed in boxes that are in both; in the order of the text."""
    was, now = _find_boxes(before), _find_boxes(after)
    return tuple(
        Tick(box, name, on) for (box, name), on in now.items() if (box, name) in was and was[box, name] != on
    )


def render_box(box: Box, schedule: str, *, on: bool) -> str:
    """The beginning of its line."""
    return f"- [{'x' if on else ' '}] <!-- pullwright:{box}:{schedule} -->"


def _find_boxes(text: str) -> dict[tuple[Box, str], bool]:
    """Between the marks; of a box that stands there twice the first one."""
    begin, end = text.find(BEGIN), text.find(END)
    if begin < 0 or end < begin:
        return {}
    boxes: dict[tuple[Box, str], bool] = {}
    for found in _BOX.finditer(text[begin:end].replace("\r\n", "\n")):
        boxes.setdefault((Box(found[2]), found[3]), found[1] != " ")
    return boxes
