"""What people read when a pull request went on: the tracking comment, and the answers in its threads. Pure."""

from dataclasses import dataclass
from typing import Final

from bot.domain.evidence import Evidence
from bot.domain.outcomes import Outcome
from bot.texts.claims import drop_claims
from bot.texts.endings import render_patch
from bot.texts.evidence_table import render_proofs, render_remarks, render_runs, render_verdict
from bot.texts.sanitise import sanitise_block, sanitise_line
from bot.texts.size import fit

PUSHED: Final = frozenset({Outcome.PROVEN, Outcome.CHECKED, Outcome.UNTESTED})
"""The ends of a follow-up that brought a commit."""

_MARKS: Final = {Outcome.PROVEN: "✅", Outcome.CHECKED: "☑️", Outcome.UNTESTED: "⚠️"}


@dataclass(frozen=True)
class Pushed:
    """One commit of ours on a pull request. `before`: the head that it stands on."""

    outcome: Outcome
    commit: str
    before: str
    title: str
    summary: str
    evidence: Evidence
    spent: str
    marker: str
    patch: str = ""  # instead of a commit: nothing was pushed
    checks: str = ""  # what was red before


def render_pushed(pushed: Pushed) -> str:
    """What was pushed, or is shown to be applied by hand, why, and what was measured of it."""
    words, dropped = drop_claims(pushed.summary)
    evidence, title = pushed.evidence, sanitise_line(pushed.title, 200)
    first = f"I have pushed {pushed.commit[:10]}: {title}"
    if pushed.patch:
        first = f"{title}\n\nI do not push to this branch; the change is below, for `git apply`."
    sections = [
        f"{_MARKS[pushed.outcome]} {first}",
        sanitise_block(words, 3_000),
        f"What was red before it:\n\n{pushed.checks}" if pushed.checks else "",
        render_verdict(evidence),
        f"<sub>The untouched code is the head before it, {pushed.before[:10]}.</sub>",
        render_proofs(evidence),
        _folded("All test runs", render_runs(evidence)),
        render_remarks(evidence),
        render_patch(pushed.patch),
        _left_out(dropped),
    ]
    head = "\n\n".join(section for section in sections if section)
    footer = " ".join(part for part in (f"Ended as `{pushed.outcome.value}`.", pushed.spent) if part)
    return fit(head, f"\n\n<sub>{footer}</sub>\n{pushed.marker}\n")


def _left_out(count: int) -> str:
    if not count:
        return ""
    what = "One sentence" if count == 1 else f"{count} sentences"
    return f"<sub>{what} of the model about test results left out: only what was measured is said here.</sub>"


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>" if content else ""
