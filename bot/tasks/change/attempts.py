"""More than one attempt at a task: whether a fresh one is worth it, what it is told, and which one is the best. Pure.

One attempt is the rule. A red end gets one fresh attempt (another model, if the operator named one) when enough of the
budget is left; a person may ask for several at once. What was measured decides between them, nothing else.
"""

from dataclasses import dataclass

from bot.domain import limits
from bot.domain.budget import Budget, Spent, used_shares
from bot.domain.evidence import Evidence, Tier
from bot.domain.ids import TreeSha
from bot.domain.outcomes import Outcome
from bot.tasks.change.facts import EarlierFacts
from bot.texts.sanitise import sanitise_line

_NOTE_IDS = 5
_TIERS = tuple(Tier)  # from most to least


@dataclass(frozen=True)
class Candidate:
    """One finished attempt. `number` counts from 1; `size`: lines of its diff; `failed_others`: how many regression
    tests of the other attempts fail on it. Failures are counted and not passes: who wrote one test is judged by more
    tests of others than who wrote five."""

    number: int
    outcome: Outcome
    tree: TreeSha
    evidence: Evidence | None = None
    size: int = 0
    failed_others: int = 0


def decide_fresh(evidence: Evidence, attempt: int, spent: Spent, budget: Budget) -> bool:
    """Whether a first attempt that ended red gets a second one: only while it would not be cut off by a bound."""
    if attempt != 1 or evidence.tier is not Tier.D:
        return False
    return all(share <= limits.FRESH_ATTEMPT_SHARE for share in used_shares(budget, spent).values())


def find_tied(candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    """Those that tier and regressions put first, when there are several different ones: between them the regression
    tests of all attempts decide."""
    judged = [one for one in candidates if one.evidence is not None]
    if not judged:
        return ()
    best = min(map(_measured, judged))
    first = tuple(one for one in judged if _measured(one) == best)
    return first if len({one.tree for one in first}) > 1 else ()


def choose_best(candidates: tuple[Candidate, ...]) -> Candidate:
    """By evidence: tier, what it broke, the other attempts' regression tests, the smaller change, the earlier one."""
    return min(candidates, key=lambda one: (*_measured(one), one.failed_others, one.size, one.number))


def _measured(one: Candidate) -> tuple[int, int]:
    """Tier, and how much it broke; less is better."""
    if one.evidence is None:
        return len(_TIERS), 0
    return _TIERS.index(one.evidence.tier), len(one.evidence.regressions) + len(one.evidence.missing)


def render_choice(chosen: Candidate, asked: int, count: int) -> str:
    """Why this one of `count` attempts: a note of the evidence. `asked`: so many tests of others it had to pass."""
    passed = asked - chosen.failed_others
    return f"Chosen among {count} attempts; {passed} of {asked} regression tests of the others pass with its code."


def render_earlier(evidence: Evidence, summary: str) -> str:
    """What a fresh attempt is told of the one before: at most ten lines, measured things first."""
    lines = [
        "Somebody else tried this before you, on the same base. Nothing of it is in your work tree.",
        f"Verification ended it: {evidence.reason}",
        *_ids("Passed before, failed with that change", evidence.regressions),
        *_ids("Missing from the report with that change", evidence.missing),
    ]
    if not evidence.proofs:
        lines.append("None of its tests failed on the old code and passed on the new.")
    if summary.strip():
        lines.append(f"What it said of itself: {sanitise_line(summary, 600)}")
    lines.append("Do not repeat it: look for another cause, or another place to mend it.")
    return "\n".join(lines)


def tell_earlier(earlier: EarlierFacts | None) -> str:
    """As `render_earlier`, of what the task knows; nothing at a first attempt."""
    return render_earlier(earlier.evidence, earlier.submission.summary) if earlier else ""


def _ids(title: str, ids: tuple[str, ...]) -> list[str]:
    if not ids:
        return []
    more = f" and {len(ids) - _NOTE_IDS} more" if len(ids) > _NOTE_IDS else ""
    return [f"{title}: {', '.join(ids[:_NOTE_IDS])}{more}"]
