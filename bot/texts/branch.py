"""The branch of a change: `agent/<issue>-<slug>`. Pure."""

import re
import unicodedata
from typing import Final

_SLUG_CHARACTERS: Final = 40  # the branch is read in lists; the issue's number makes it unique enough


def render_branch(issue: int, title: str) -> str:
    """Lower-case ASCII words of the title; never empty, always a valid ref name."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain)
    slug = ""
    for word in words:
        longer = f"{slug}-{word}" if slug else word
        if len(longer) > _SLUG_CHARACTERS:
            break
        slug = longer
    return f"agent/{issue}-{slug or (words[0][:_SLUG_CHARACTERS] if words else 'change')}"


def render_second_branch(branch: str, task: str) -> str:
    """When somebody else has the first name: with the task's id, which nobody else has."""
    return f"{branch}-{re.sub(r'[^a-z0-9]+', '', task.lower())}"
