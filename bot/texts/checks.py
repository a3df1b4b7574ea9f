"""The check run on the pull request's head: the evidence in its compact form. Pure."""

from dataclasses import dataclass

from bot.domain import limits
from bot.domain.evidence import Evidence, Tier
from bot.texts.evidence_table import (
    render_proofs,
    render_remarks,
    render_reproduce,
    render_runs,
    render_verdict,
)
from bot.texts.size import fit

CHECK_NAME = "Pullwright evidence"


@dataclass(frozen=True)
class CheckText:
    """`conclusion` is GitHub's word. Only a proven change is green: "not tested" never is (law 8)."""

    title: str
    summary: str
    text: str
    conclusion: str


def render_check(evidence: Evidence, evidence_json: str, evidence_sha256: str) -> CheckText:
    """Title, summary, and the record (whole or in its compact form) where it fits."""
    titles = {
        Tier.A: "Proven: failed before, passes after",
        Tier.B: "Nothing broke; no proof",
        Tier.C: "The tests could not run",
        Tier.D: "Not verified",
    }
    conclusions = {Tier.A: "success", Tier.B: "neutral", Tier.C: "neutral", Tier.D: "failure"}
    parts = [
        render_verdict(evidence),
        render_proofs(evidence),
        render_runs(evidence),
        render_remarks(evidence),
        render_reproduce(evidence),
        f"SHA-256 of `evidence.json`: `{evidence_sha256}`.",
    ]
    told = "\n\n".join(part for part in parts if part)
    record = f"```json\n{evidence_json}\n```"
    text = record if evidence_json and len(record) <= limits.CHECK_TEXT_CHARACTERS else ""
    # Every list in it is bounded, so this is a net: GitHub refuses a longer one altogether.
    whole = "in the record below" if text else "in `evidence.json`"
    summary = fit(told, "", whole, limits.CHECK_TEXT_CHARACTERS)
    return CheckText(titles[evidence.tier], summary, text, conclusions[evidence.tier])
