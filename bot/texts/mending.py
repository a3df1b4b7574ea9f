"""What who presses "Fix this" below a review asks for: its findings, as the instruction of a follow-up. Pure."""

from typing import Final

from bot.domain.findings import Finding

_CHARACTERS: Final = 1_000  # of one finding: a paragraph


def render_mending(findings: tuple[Finding, ...]) -> str:
    """The person has read them; whoever mends them is told no more than stood in the review."""
    lines = [
        f"- `{one.path}`, lines {one.start}-{one.end} ({one.priority.value}): {one.title}. {one.body[:_CHARACTERS]}"
        for one in findings
    ]
    return "\n".join(
        (
            "Mend what the last review of this pull request found, and nothing else. Say of each point what you did:",
            "",
            *lines,
        )
    )
