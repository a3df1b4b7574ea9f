"""A review: its text, its comments, and the check run that says how it ended. Pure.

"Clean", "findings", "not reviewed" and "stale" are four things, and only the first is green (law 8).
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bot.domain import limits
from bot.domain.findings import Finding, Priority, fingerprint
from bot.domain.outcomes import Outcome
from bot.domain.review_report import Report, Told
from bot.texts.claims import drop_claims
from bot.texts.markers import finding_marker
from bot.texts.sanitise import code, fenced, sanitise_block, sanitise_line

REVIEW_CHECK_NAME: Final = "Pullwright review"
_FINGERPRINT: Final = re.compile(r"<!-- pullwright:finding:([0-9a-f]{16}) -->")
_HEAD: Final = re.compile(r"\*\*(P[0-3]) · (.*)\*\*")
_LISTED: Final = 20  # findings of before, a line each; the rest is counted


@dataclass(frozen=True)
class ReviewText:
    """`since`: the head that the last review saw, when only what is new was looked at. `resolved`: ids of threads that
    are resolved by now. `summary`: the model's words. `notes`: the harness's sentences. `detail`: why it was not
    finished, empty when it was. `marks`: hidden, of the task and of what it saw."""

    report: Report
    head: str
    base: str
    since: str
    resolved: frozenset[str]
    summary: str
    notes: tuple[str, ...]
    detail: str
    spent: str
    marks: tuple[str, ...]
    unheard: str = ""  # what people said too late, as `render_unheard` gives it


@dataclass(frozen=True)
class ReviewCheck:
    """`conclusion` is GitHub's word."""

    title: str
    summary: str
    conclusion: str


def render_review(text: ReviewText) -> str:
    """The review's own text: what was looked at, what was found, what became of what was found before. It fits: words
    are bounded where they come in, and so is the number of everything."""
    report = text.report
    words, _ = drop_claims(text.summary)
    sections = [
        _headline(report),
        sanitise_block(text.detail, 1_000),
        "On lines that the diff does not show:" if report.arranged.loose else "",
        *(_loose(finding) for finding in report.arranged.loose),
        _fixed(text),
        _open(report),
        _over(report),
        _notes(text),
        _quoted(words),
        text.unheard,
    ]
    head = "\n\n".join(section for section in sections if section)
    marks = "\n".join((*(finding_marker(fingerprint(one)) for one in report.arranged.loose), *text.marks))
    since = f", what is new since `{text.since[:10]}`" if text.since else ""
    looked = f"Looked at `{text.head[:10]}` against `{text.base[:10]}`{since}."
    said = " ".join(part for part in (looked, text.spent, f"Ended as `{report.outcome.value}`.") if part)
    return f"{head}\n\n<sub>{said}</sub>\n{marks}\n"


def render_finding(finding: Finding) -> str:
    """One comment on its lines."""
    body, _ = drop_claims(finding.body)
    sections = [
        f"**{finding.priority.value} · {sanitise_line(finding.title, 120)}**",
        sanitise_block(body, 4_000),
        fenced(finding.suggestion, "suggestion") if finding.suggestion else "",
        _reproduction(finding),
    ]
    head = "\n\n".join(section for section in sections if section)
    return f"{head}\n\n{finding_marker(fingerprint(finding))}\n"


def find_fingerprints(texts: Iterable[str]) -> frozenset[str]:
    """Of all findings that stand in these texts of ours."""
    return frozenset(mark for text in texts for mark in _FINGERPRINT.findall(text))


def parse_told(text: str) -> tuple[Priority, str, str] | None:
    """Priority, title and fingerprint of the finding that a comment of ours tells; None: it is no such comment."""
    head, mark = _HEAD.match(text), _FINGERPRINT.search(text)
    return (Priority(head[1]), head[2], mark[1]) if head and mark else None


def render_review_check(text: ReviewText, url: str) -> ReviewCheck:
    """What the check run on the head says at the end; `url`: of the review, empty when there is none."""
    report = text.report
    findings = [*(one.finding for one in report.arranged.anchored), *report.arranged.loose]
    summary = "\n\n".join(
        part
        for part in (
            _headline(report),
            sanitise_block(text.detail, 1_000),
            f"[The review]({url})" if url else "",
            "\n".join(
                f"- {one.priority.value} {_place(one.path, one.start, one.end)} {sanitise_line(one.title, 120)}"
                for one in findings
            ),
            _fixed(text),
            _open(report),
            _over(report),
            text.unheard,
        )
        if part
    )
    title = _title(report.outcome, len(findings), report.told_before)
    if url and report.outcome in (Outcome.STOPPED, Outcome.CLOSED, Outcome.ACCESS_WITHDRAWN):
        title = f"Reviewed, then {report.outcome.value.replace('_', ' ')}"
    return ReviewCheck(title, summary, decide_conclusion(report.outcome, report.worst))


def render_posted(url: str) -> str:
    """Of a review that was on its way when its task was ended; nothing without its address."""
    return f"[The review]({url}) was on its way already, and stays as it is." if url else ""


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


def _headline(report: Report) -> str:
    shown, before = len(report.arranged.anchored) + len(report.arranged.loose), report.told_before
    match report.outcome:
        case Outcome.CLEAN if report.fixed:
            return "✅ I found nothing new, and nothing is left of what I had found."
        case Outcome.CLEAN:
            return "✅ I found nothing."
        case Outcome.FINDINGS if shown:
            return (
                "🔎 I found one thing."
                if shown == 1
                else f"🔎 I found {shown} things: {_by_urgency(report)}."
            )
        case Outcome.FINDINGS:
            left = "one thing is" if before == 1 else f"{before} things are"
            return f"🔎 I found nothing new; {left} open from before."
        case Outcome.STALE:
            return "⌛ The pull request moved on while I reviewed it, so some of this may be past."
        case _:
            return "❌ I did not get to the end of this review."


def _by_urgency(report: Report) -> str:
    """`2 P1, 1 P3`."""
    new = [*(one.finding for one in report.arranged.anchored), *report.arranged.loose]
    counts = Counter(one.priority for one in new)
    return ", ".join(f"{count} {priority.value}" for priority, count in sorted(counts.items()))


def _fixed(text: ReviewText) -> str:
    """One line each, with the model's reason; whether the thread is resolved is what GitHub answered."""
    report = text.report
    if not report.fixed:
        return ""
    lines = []
    for told, reason in zip(report.fixed[:_LISTED], report.reasons, strict=False):
        why, _ = drop_claims(reason)
        said = f" ({sanitise_line(why, 200)})" if why else ""
        open_ = "" if told.thread in text.resolved else " – please resolve the thread, I may not"
        lines.append(f"- ~~{_told(told)}~~{said}{open_}")
    return "\n".join(["**Mended since the last review**", "", *lines, *_more(len(report.fixed))])


def _open(report: Report) -> str:
    if not report.told_before:
        return ""
    lines = [f"- {_told(told)}" for told in report.open]
    lines += [
        f"- {one.priority.value} {_place(one.path, one.start, one.end)} {sanitise_line(one.title, 120)}"
        for one in report.repeated
    ]
    return "\n".join(["**Still open from before**", "", *lines[:_LISTED], *_more(len(lines))])


def _more(count: int) -> list[str]:
    return [f"- and {count - _LISTED} more"] if count > _LISTED else []


def _told(told: Told) -> str:
    place = _place(told.path, told.line, told.line)
    linked = f"[{place}]({told.url})" if told.url else place
    return f"{told.priority.value} {linked} {sanitise_line(told.title, 120)}"


def _place(path: str, start: int, end: int) -> str:
    """Line 0: it is not known any more."""
    lines = "" if not start else f":{start}" if start == end else f":{start}-{end}"
    return code(f"{path}{lines}")


def _over(report: Report) -> str:
    over = report.arranged.over
    if not over:
        return ""
    what = "One less urgent finding was" if over == 1 else f"{over} less urgent findings were"
    return f"{what} left out."


def _notes(text: ReviewText) -> str:
    return "\n".join(f"- {sanitise_line(note, 400)}" for note in text.notes)


def _loose(finding: Finding) -> str:
    """On lines that the diff does not show."""
    body, _ = drop_claims(finding.body)
    title = sanitise_line(finding.title, 120)
    place = _place(finding.path, finding.start, finding.end)
    return f"**{finding.priority.value} · {title}** ({place})\n\n{sanitise_block(body, 2_000)}"


def _quoted(text: str) -> str:
    quoted = "\n".join(f"> {line}" for line in sanitise_block(text, limits.SUMMARY_CHARACTERS).splitlines())
    return f"In the model's words:\n\n{quoted}" if quoted else ""


def _reproduction(finding: Finding) -> str:
    """Only what the harness ran itself (law 3)."""
    shown = finding.shown
    if shown is None:
        return ""
    title = f"Run by the harness: {shown.head} on this head, {shown.base} on its base"
    output = fenced(shown.output) if shown.output else "It printed nothing."
    return _folded(title, f"{fenced(finding.reproduction, 'bash')}\n\n{output}")


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"
