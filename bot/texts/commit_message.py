"""The commit's message: what and why, the issue, who asked. Pure."""

import textwrap

from bot.texts.claims import drop_claims
from bot.texts.sanitise import sanitise_line

_SUBJECT = 72  # git's own tools cut longer ones


def render_commit_message(title: str, summary: str, issue: int, requester: str, requester_id: int) -> str:
    """Subject, wrapped body, the issue's number without a closing keyword (the pull request has it), and the
    requester as co-author, by GitHub's own address for accounts."""
    subject = sanitise_line(title, _SUBJECT) or f"Change for issue #{issue}"
    told, _ = drop_claims(summary)
    paragraphs = [
        textwrap.fill(sanitise_line(part, 1_000), 76) for part in told.split("\n\n") if part.strip()
    ]
    trailer = f"Co-authored-by: {requester} <{requester_id}+{requester}@users.noreply.github.com>"
    return "\n\n".join([subject, *paragraphs[:5], f"For #{issue}.", trailer]) + "\n"
