"""The commit's message: what and why, the issue, who asked. Pure."""

import textwrap

from bot.texts.claims import drop_claims
from bot.texts.sanitise import sanitise_line

_SUBJECT = 72  # git's own tools cut longer ones


def render_commit_message(title: str, summary: str, issue: int, requester: str, requester_id: int) -> str:
    """Subject, wrapped body, the issue's number without a closing keyword (the pull request has it), and the
    requester as co-author, by GitHub's own address for accounts."""
    subject = sanitise_line(title, _SUBJECT) or f"Change for issue #{issue}"
    trailer = f"Co-authored-by: {requester} <{requester_id}+{requester}@users.noreply.github.com>"
    return "\n\n".join([subject, *_paragraphs(summary), f"For #{issue}.", trailer]) + "\n"


def render_undo_message(title: str, commit: str, issue: int, requester: str, requester_id: int) -> str:
    """Of a commit that takes `commit` back."""
    return render_commit_message(f"Undo: {title}", f"Takes back {commit}.", issue, requester, requester_id)


def render_schedule_message(title: str, summary: str, schedule: str) -> str:
    """The same for what a schedule asked for: nobody is its co-author."""
    subject = sanitise_line(title, _SUBJECT) or f"Maintenance: {schedule}"
    return "\n\n".join([subject, *_paragraphs(summary), f"For the schedule `{schedule}`."]) + "\n"


def _paragraphs(summary: str) -> list[str]:
    told, _ = drop_claims(summary)
    parts = [textwrap.fill(sanitise_line(part, 1_000), 76) for part in told.split("\n\n") if part.strip()]
    return parts[:5]
