"""What is said of a merge: to people in comment and commit, to the model in its first message. Pure."""

import re
from dataclasses import dataclass
from typing import Final

from bot.domain import limits
from bot.texts.sanitise import code, sanitise_line

_FILE: Final = re.compile(r"(?m)^diff --git a/(.*) b/\1$")
_SHOWN: Final = 20  # files of one kind


@dataclass(frozen=True)
class MergeText:
    """What was merged: `base` and its commit into a branch that stood at `before`. `conflicts`: paths."""

    base: str
    commit: str
    before: str
    conflicts: tuple[str, ...] = ()


def render_merge_title(base: str, branch: str) -> str:
    """Of the commit, and of a pull request that brings it."""
    return f"Merge {base} into {branch}"


def render_merged(text: MergeText) -> str:
    """What was merged, and what was settled by whom."""
    first = (
        f"{code(text.base)} at {text.commit[:10]} is merged into the branch, which was at {text.before[:10]}. "
        "Every test that passed on one of them, and that the other did not change, has to pass."
    )
    if not text.conflicts:
        return f"{first} Nothing was in conflict."
    return f"{first} In conflict, and settled by the model: {_listed(text.conflicts)}. Look at these."


def render_conflict(path: str, kind: str, branch: str, base: str) -> str:
    """One sentence for the model. `kind`: the word of `ConflictKind`."""
    match kind:
        case "marked":
            return f"{path}: both sides changed the same lines; they stand between conflict markers."
        case "deleted_by_ours":
            return f"{path}: deleted by {branch}, changed by {base}. It is there as {base} has it: delete or keep it."
        case "deleted_by_theirs":
            return f"{path}: deleted by {base}, changed by {branch}. It is there as {branch} has it: delete or keep it."
        case _:
            return f"{path}: could not be merged."


def render_merge_instruction(base: str, branch: str, words: str, *, conflicts: bool) -> str:
    """`words`: what the person wrote behind `rebase`."""
    first = (
        f"Merge `{base}` into `{branch}` and settle every conflict, so that what both sides wanted is kept."
    )
    if not conflicts:
        first = f"`{base}` is merged into `{branch}` without a conflict. Make the two go together."
    return f"{first}\n\n{words}" if words else first


def cut_side(diff: str, paths: tuple[str, ...]) -> str:
    """As much of one side's diff as the model is shown: the files in conflict first."""
    files = re.split(r"(?m)^(?=diff --git )", diff)
    first = [one for one in files if _path(one) in paths]
    text = "".join([*first, *(one for one in files if one not in first)])
    room = limits.MERGE_SIDE_CHARACTERS
    return text if len(text) <= room else f"{text[:room]}\n[… cut]"


def _path(file: str) -> str:
    found = _FILE.match(file)
    return found[1] if found else ""


def render_merge_summary(summary: str, conflicts: tuple[str, ...]) -> str:
    """For the commit's message: plain text."""
    if not conflicts:
        return summary
    names = ", ".join(sanitise_line(path, 100) for path in conflicts[:_SHOWN])
    more = f" and {len(conflicts) - _SHOWN} more" if len(conflicts) > _SHOWN else ""
    return f"Conflicts, settled in this commit: {names}{more}.\n\n{summary}"


def _listed(paths: tuple[str, ...]) -> str:
    shown = ", ".join(code(path) for path in paths[:_SHOWN])
    return shown + (f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else "")
