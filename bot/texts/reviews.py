"""A review: its text, its comments, and the check run that says how it ended. Pure.

"Clean", "findings", "not reviewed" and "stale" are four things, and only the first is green (law 8).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bot.domain import limits
from bot.domain.findings import Arranged, Finding, Priority, fingerprint
from bot.domain.outcomes import Outcome
from bot.texts.claims import drop_claims
from bot.texts.markers import finding_marker
from bot.texts.sanitise import code, fenced, sanitise_block, sanitise_line
from bot.texts.size import fit

REVIEW_CHECK_NAME: Final = "Pullwright review"
_FINGERPRINT: Final = re.compile(r"<!-- pullwright:finding:([0-9a-f]{16}) -->")


@dataclass(frozen=True)
class ReviewText:
    """`told_before`: findings of this review that stand in an earlier one. `summary`: the model's words. `notes`: the
    harness's sentences. `detail`: why it was not finished, empty when it was."""

    outcome: Outcome
    head: str
    base: str
    arranged: Arranged
    told_before: int
    summary: str
    notes: tuple[str, ...]
    detail: str
    spent: str
    marker: str


@dataclass(frozen=True)
class ReviewCheck:
    """`conclusion` is GitHub's word."""

    title: str
    summary: str
    conclusion: str


def render_review(text: ReviewText) -> str:
    """The review's own text: what was looked at, what was found, what has no line in the diff."""
    shown = len(text.arranged.anchored) + len(text.arranged.loose)
    words, _ = drop_claims(text.summary)
    sections = [
        f"{_headline(text, shown)} Looked at `{text.head[:10]}` against `{text.base[:10]}`.",
        sanitise_block(text.detail, 1_000),
        *(f"- {sanitise_line(note, 400)}" for note in text.notes),
        _counts(text),
        *(_loose(finding) for finding in text.arranged.loose),
        _quoted(words),
    ]
    head = "\n\n".join(section for section in sections if section)
    marks = "\n".join(finding_marker(fingerprint(one)) for one in text.arranged.loose)
    footer = f"\n\n<sub>{text.spent} Ended as `{text.outcome.value}`.</sub>\n{marks}\n{text.marker}\n"
    return fit(head, footer)


def render_finding(finding: Finding) -> str:
    """One comment on its lines."""
    body, _ = drop_claims(finding.body)
    sections = [
        f"**{finding.priority.value} · {sanitise_line(finding.title, 120)}**",
        sanitise_block(body, 4_000),
        fenced(finding.suggestion, "suggestion") if finding.suggestion else "",
        _folded("How the model made it show", fenced(finding.reproduction)) if finding.reproduction else "",
    ]
    head = "\n\n".join(section for section in sections if section)
    return fit(head, f"\n\n{finding_marker(fingerprint(finding))}\n")


def find_fingerprints(texts: Iterable[str]) -> frozenset[str]:
    """Of all findings that stand in these texts of ours."""
    return frozenset(mark for text in texts for mark in _FINGERPRINT.findall(text))


def render_review_check(text: ReviewText, url: str) -> ReviewCheck:
    """What the check run on the head says at the end; `url`: of the review, empty when there is none."""
    findings = [*(one.finding for one in text.arranged.anchored), *text.arranged.loose]
    worst = min((one.priority for one in findings), default=None)
    summary = "\n\n".join(
        part
        for part in (
            _headline(text, len(findings)),
            sanitise_block(text.detail, 1_000),
            f"[The review]({url})" if url else "",
            *(
                f"- {one.priority.value} {code(one.path)}: {sanitise_line(one.title, 120)}"
                for one in findings
            ),
        )
        if part
    )
    title = _title(text.outcome, len(findings), text.told_before)
    cut = fit(summary, characters=limits.CHECK_TEXT_CHARACTERS)
    return ReviewCheck(title, cut, decide_conclusion(text.outcome, worst))


def decide_conclusion(outcome: Outcome, worst: Priority | None) -> str:
    """Green is what was reviewed to the end without a finding, and nothing else. Neutral: only P2 and P3."""
    match outcome:
        case Outcome.CLEAN:
            return "success"
        case Outcome.FINDINGS:
            return "failure" if worst in (None, Priority.P0, Priority.P1) else "neutral"
        case Outcome.STALE | Outcome.STOPPED | Outcome.CLOSED:
            return "cancelled"
        case _:
            return "action_required"


def _title(outcome: Outcome, findings: int, told_before: int) -> str:
    match outcome:
        case Outcome.CLEAN:
            return "Reviewed: nothing found"
        case Outcome.FINDINGS if findings:
            return "Reviewed: 1 finding" if findings == 1 else f"Reviewed: {findings} findings"
        case Outcome.FINDINGS:
            return f"Reviewed: nothing new, {told_before} told before"
        case Outcome.STALE:
            return "Stale: the pull request moved on"
        case _:
            return f"Not reviewed: {outcome.value.replace('_', ' ')}"


def _headline(text: ReviewText, shown: int) -> str:
    match text.outcome:
        case Outcome.CLEAN:
            return "🔎 I found nothing."
        case Outcome.FINDINGS if shown:
            return "🔎 I found one thing." if shown == 1 else f"🔎 I found {shown} things."
        case Outcome.FINDINGS:
            return "🔎 I found nothing that I have not said before."
        case Outcome.STALE:
            return "⌛ The pull request moved on while I reviewed it, so some of this may be past."
        case _:
            return "❌ I did not get to the end of this review."


def _counts(text: ReviewText) -> str:
    said = []
    if text.told_before:
        said.append(f"{text.told_before} told before and not repeated")
    if text.arranged.over:
        said.append(f"{text.arranged.over} less urgent left out")
    return f"Further findings: {', '.join(said)}." if said else ""


def _loose(finding: Finding) -> str:
    """On lines that the diff does not show."""
    lines = str(finding.start) if finding.start == finding.end else f"{finding.start}-{finding.end}"
    body, _ = drop_claims(finding.body)
    title = sanitise_line(finding.title, 120)
    place = code(f"{finding.path}:{lines}")
    return f"**{finding.priority.value} · {title}** ({place})\n\n{sanitise_block(body, 2_000)}"


def _quoted(text: str) -> str:
    quoted = "\n".join(f"> {line}" for line in sanitise_block(text, 2_000).splitlines())
    return f"In the model's words:\n\n{quoted}" if quoted else ""


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"
