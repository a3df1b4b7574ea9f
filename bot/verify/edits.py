"""What a change adds to a file and takes from it, for whatever looks at lines. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """Lines of one file that the change adds and removes, in order."""

    path: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


def edit_of(path: str, before: str, after: str) -> Edit:
    """By whole lines: one that stands in both is neither added nor removed, wherever it moved."""
    old, new = before.splitlines(), after.splitlines()
    known, kept = set(old), set(new)
    return Edit(
        path,
        tuple(line for line in new if line not in known),
        tuple(line for line in old if line not in kept),
    )


def shorten(text: str) -> str:
    """For a sentence: one piece of code, not too long."""
    return text.replace("`", "'")[:80]
