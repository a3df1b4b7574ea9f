"""An answer to a question, in the model's words, with what the harness knows around it. Pure."""

from dataclasses import dataclass

from bot.domain import limits
from bot.texts.claims import drop_claims, render_dropped
from bot.texts.sanitise import sanitise_block, sanitise_line


@dataclass(frozen=True)
class Answer:
    """`commit`: what was looked at. `spent`: as `render_spent` gives it."""

    text: str
    asked_by: str
    commit: str
    spent: str
    marker: str
    unheard: str = ""  # what people said too late, as `render_unheard` gives it


def render_answer(answer: Answer) -> str:
    """The words, what was left out of them, and where they come from. Whole: they are bounded where they come in."""
    told, dropped = drop_claims(answer.text)
    left_out = render_dropped(dropped, "about test results left out: nothing was measured for an answer.")
    body = sanitise_block(told, limits.BODY_CHARACTERS) or "There is nothing to say beyond what was left out."
    footer = (
        f"\n\n<sub>An answer of a model to {sanitise_line(answer.asked_by, 60)}, from `{answer.commit[:10]}`. "
        f"{answer.spent} Ended as `answered`.</sub>\n{answer.marker}\n"
    )
    return "\n\n".join(part for part in (body, left_out, answer.unheard) if part) + footer
