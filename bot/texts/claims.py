"""Sentences of a model about test results are left out (law 3): only the harness says what passed. Pure.

A pattern can't understand language, so it is wide: a sentence that speaks of tests and of success goes, even
if it was harmless. What was left out is counted and said.
"""

import re
from typing import Final

_TESTS: Final = r"(?:tests?|suites?|specs?|checks?|assertions?|CI|builds?|regressions?)"
_SUCCESS: Final = (
    r"(?:pass(?:es|ed|ing)?|green|succeed(?:s|ed)?|successful(?:ly)?|verified|verif(?:y|ies)|confirm(?:s|ed)?|"
    r"work(?:s|ing)? (?:now|correctly|as expected)|no (?:failures|regressions|errors)|proven|proves?|all \d+)"
)
_CLAIM: Final = re.compile(rf"\b{_TESTS}\b.*\b{_SUCCESS}\b|\b{_SUCCESS}\b.*\b{_TESTS}\b", re.IGNORECASE)
OF_THE_MODEL: Final = "of the model about test results left out: only what was measured is said here."
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z`*\"'(])")


def render_dropped(count: int, told: str) -> str:
    """What is said of sentences that `drop_claims` took out; empty when there were none. `told`: why they count for
    nothing here."""
    what = "One sentence" if count == 1 else f"{count} sentences"
    return f"<sub>{what} {told}</sub>" if count else ""


def drop_claims(text: str) -> tuple[str, int]:
    """The text without sentences that claim test results, and how many there were. Code blocks stay."""
    dropped = 0
    lines: list[str] = []
    fenced = False
    for line in text.splitlines():
        if re.match(r"\s{0,3}(```|~~~)", line):
            fenced = not fenced
        if fenced:
            lines.append(line)
            continue
        sentences = _SENTENCE.split(line)
        kept = [sentence for sentence in sentences if not _CLAIM.search(sentence)]
        dropped += len(sentences) - len(kept)
        if kept or not sentences[0].strip():
            lines.append(" ".join(kept))
    return "\n".join(lines).strip(), dropped
