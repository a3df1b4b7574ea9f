"""What people read when a pull request went on: the tracking comment, and the answers in its threads. Pure.

The comment is of any length: what does not fit into it goes on in further ones (`size.split_pages`).
"""

from dataclasses import dataclass
from typing import Final, assert_never

from bot.domain import limits
from bot.domain.evidence import Evidence
from bot.domain.follow_up import PointAnswer
from bot.domain.outcomes import Outcome
from bot.texts.claims import OF_THE_MODEL, drop_claims, render_dropped
from bot.texts.endings import render_patch
from bot.texts.evidence_table import (
    render_proofs,
    render_remarks,
    render_runs,
    render_verdict,
    render_whole,
)
from bot.texts.sanitise import code, sanitise_block, sanitise_line

PUSHED: Final = frozenset({Outcome.PROVEN, Outcome.CHECKED, Outcome.UNTESTED})
"""The ends of a follow-up that brought a commit."""

_MARKS: Final = {Outcome.PROVEN: "✅", Outcome.CHECKED: "☑️", Outcome.UNTESTED: "⚠️"}


_ANSWERS: Final = {
    PointAnswer.DONE: "Done",
    PointAnswer.WONT: "Not done",
    PointAnswer.QUESTION: "A question",
}


@dataclass(frozen=True)
class PointText:
    """A point of a review and its answer. `where`: file and line, empty when they are gone. `page`: of its thread."""

    number: int
    where: str
    answer: PointAnswer
    words: str
    page: str = ""


def render_point_reply(answer: PointAnswer, words: str, commit: str, marker: str) -> str:
    """In the point's thread. `commit`: in which it is done."""
    said = sanitise_block(drop_claims(words)[0], limits.SUMMARY_CHARACTERS)
    match answer:
        case PointAnswer.DONE:
            first = f"✅ Done in {commit[:10]}."
        case PointAnswer.WONT:
            first = "↩️ I did not do this."
        case PointAnswer.QUESTION:
            first = "❓ I have a question before I do this."
        case _:
            assert_never(answer)
    more = "\n\n<sub>Answer in this thread, and I go on.</sub>" if answer is PointAnswer.QUESTION else ""
    return f"{first} {said}".rstrip() + f"{more}\n\n{marker}\n"


def render_points_table(points: tuple[PointText, ...]) -> str:
    """Every point of the review with what became of it."""
    if not points:
        return ""
    rows = (
        f"| {one.number} | {_where(one)} | {_ANSWERS[one.answer]} | {_cell(one.words)} |" for one in points
    )
    return "\n".join(["| point | where | answer | in the model's words |", "|---|---|---|---|", *rows])


def _where(point: PointText) -> str:
    place = code(point.where, 100).replace("|", "\\|") if point.where else ""
    return f"[{place or 'the thread'}]({point.page})" if point.page else place


def _cell(words: str) -> str:
    return sanitise_line(drop_claims(words)[0], 300).replace("|", "\\|")


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
    stacked: int = 0  # the pull request of our own into the person's branch
    about: str = ""  # what it was about: red checks, points of a review, a merge
    page: str = ""  # of the commit's check runs, which have the whole evidence
    untouched: str = ""  # what "the untouched code" is, where it is not the head before it


def render_pushed(pushed: Pushed) -> str:
    """What was pushed, or is shown to be applied by hand, why, and what was measured of it."""
    words, dropped = drop_claims(pushed.summary)
    evidence, title = pushed.evidence, sanitise_line(pushed.title, 200)
    first = f"I have pushed {pushed.commit[:10]}: {title}"
    if pushed.stacked:
        first = f"#{pushed.stacked} goes onto the branch of this pull request: {title}"
    if pushed.patch:
        first = f"{title}\n\nI do not push to this branch; the change is below, for `git apply`."
    sections = [
        f"{_MARKS[pushed.outcome]} {first}",
        sanitise_block(words, limits.SUMMARY_CHARACTERS),
        pushed.about,
        render_verdict(evidence),
        f"<sub>The untouched code is {pushed.untouched or f'the head before it, {pushed.before[:10]}'}.</sub>",
        render_proofs(evidence),
        _folded("All test runs", render_runs(evidence)),
        render_remarks(evidence),
        render_whole(evidence, pushed.page),
        render_patch(pushed.patch),
        render_dropped(dropped, OF_THE_MODEL),
    ]
    head = "\n\n".join(section for section in sections if section)
    footer = " ".join(part for part in (f"Ended as `{pushed.outcome.value}`.", pushed.spent) if part)
    return f"{head}\n\n<sub>{footer}</sub>\n{pushed.marker}\n"


def render_undone(commit: str, before: str, title: str, marker: str) -> str:
    """A commit of ours was taken back: `before` by `commit`."""
    what = f": {sanitise_line(title, 200)}" if title else ""
    return (
        f"↩️ I have taken back {before[:10]}{what}. {commit[:10]} makes the files what they were before it; nothing "
        f"was run again.\n\n<sub>Ended as `{Outcome.UNDONE.value}`.</sub>\n{marker}\n"
    )


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>" if content else ""
