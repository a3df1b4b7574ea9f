"""What a finished review says, what it leaves unsaid, and how it ends: decided from what was found and from what
people were told before. Pure.

- Nothing is said twice: not a finding that stands in a thread of ours, and none that a person waved off.
- A finding is over when the review says that it is mended and the head has moved since it was told.
- Green only when nothing is left: a finding that was told before and is not mended counts, until somebody with write
  access dismisses it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bot.domain import limits
from bot.domain.findings import Arranged, Finding, Priority, arrange_findings, fingerprint, says_the_same
from bot.domain.outcomes import Outcome
from bot.domain.review_memory import Standing
from bot.domain.unified_diff import FileDiff


@dataclass(frozen=True)
class Told:
    """A finding that stands in a thread of ours. `line` 0: the diff does not show its lines any more."""

    thread: str
    path: str
    line: int
    priority: Priority
    title: str
    fingerprint: str
    url: str
    standing: Standing

    @property
    def counts(self) -> bool:
        """Whether it keeps a review from being clean until it is mended."""
        return self.standing in (Standing.OPEN, Standing.WAVED_OFF)


@dataclass(frozen=True)
class Found:
    """What the work brought. `mended`: ids of threads whose finding the model says is mended, with its reason.
    `finished` False: it ended early, and mends nothing."""

    worked: Outcome
    findings: tuple[Finding, ...] = ()
    mended: Mapping[str, str] | None = None

    @property
    def finished(self) -> bool:
        return self.worked is Outcome.CLEAN


@dataclass(frozen=True)
class Before:
    """What people were told: in threads, and (by fingerprint) in the texts of reviews. `first`: no review was finished
    here before."""

    told: tuple[Told, ...] = ()
    loose: frozenset[str] = frozenset()
    first: bool = True


@dataclass(frozen=True)
class Taste:
    """Of the repository's file: how urgent a finding has to be, and how many are said."""

    least: Priority = Priority.P3
    most: int = limits.FINDINGS


@dataclass(frozen=True)
class Head:
    """`moved`: somebody pushed while it was reviewed. `unchanged`: the last review saw the very same commit."""

    moved: bool = False
    unchanged: bool = False


@dataclass(frozen=True)
class Report:
    """`open`: told before and not mended. `repeated`: found again, told before without a thread. `reasons`: what the
    model says of each of `fixed`. `first`: no review was finished here before."""

    outcome: Outcome
    arranged: Arranged
    open: tuple[Told, ...] = ()
    repeated: tuple[Finding, ...] = ()
    fixed: tuple[Told, ...] = ()
    reasons: tuple[str, ...] = ()
    first: bool = True

    @property
    def told_before(self) -> int:
        return len(self.open) + len(self.repeated)

    @property
    def worst(self) -> Priority | None:
        """The most urgent of all that is left."""
        new = [*(one.finding for one in self.arranged.anchored), *self.arranged.loose, *self.repeated]
        return min((*(one.priority for one in new), *(one.priority for one in self.open)), default=None)

    @property
    def has_news(self) -> bool:
        """Whether there is anything to say that the last review did not."""
        return self.first or bool(self.arranged.anchored or self.arranged.loose or self.fixed)


def decide_report(
    found: Found, diff: tuple[FileDiff, ...], before: Before, head: Head, taste: Taste
) -> Report:
    """`diff`: from the merge base to the head that was reviewed."""
    urgent = [one for one in found.findings if one.priority.value <= taste.least.value]
    standing = [told for told in before.told if told.standing is not Standing.GONE]
    new = [one for one in urgent if not any(is_told(one, told) for told in standing)]
    again = tuple(one for one in new if fingerprint(one) in before.loose)
    arranged = arrange_findings(tuple(new), () if head.moved else diff, before.loose, taste.most)
    mended = dict(found.mended or {}) if found.finished and not (head.moved or head.unchanged) else {}
    for told in standing:  # found once more: it is not mended, whatever else was said
        if any(is_told(one, told) for one in urgent):
            mended.pop(told.thread, None)
    counting = [told for told in standing if told.counts and told.priority.value <= taste.least.value]
    fixed = tuple(told for told in standing if told.counts and told.thread in mended)
    still = tuple(told for told in counting if told.thread not in mended)
    report = Report(
        found.worked,
        arranged,
        still,
        again,
        fixed,
        tuple(mended[told.thread] for told in fixed),
        before.first,
    )
    if not found.finished:
        return report
    if head.moved:
        return replace(report, outcome=Outcome.STALE)
    return replace(report, outcome=Outcome.CLEAN if report.worst is None else Outcome.FINDINGS)


def is_told(finding: Finding, told: Told) -> bool:
    """Whether people know it already, by whatever number of lines it has moved."""
    same_file = finding.path == told.path
    return fingerprint(finding) == told.fingerprint or (
        same_file and says_the_same(finding.title, told.title)
    )
