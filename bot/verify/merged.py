"""What has to be true of a merge: which tests have to pass, and what of it somebody decided. Pure.

The outcomes of tests are merged as files are: what one side changed since both parted holds. So a test that either
side has mended, or brought, has to pass; one that the base branch removed, or broke, is not the merge's fault.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bot.domain.evidence import RunPurpose, RunRecord
from bot.domain.ids import TreeSha
from bot.domain.repo_config import GateRule
from bot.repos.contract import Conflict, ConflictKind
from bot.verify.baseline import Baseline
from bot.verify.gate.contract import Policy
from bot.verify.gate.files import is_agent_instructions, is_ci

_ABSENT = ""
_GREEN = "green"
_OTHER = "other"


@dataclass(frozen=True)
class MergedSubject:
    """Beside a subject whose base is the other side (theirs): our tree, and `start`, the merge as it was made by
    itself, with markers where it could not be."""

    ours: TreeSha
    start: TreeSha
    conflicts: tuple[Conflict, ...] = ()

    @property
    def paths(self) -> frozenset[str]:
        return frozenset(one.path for one in self.conflicts)


def merge_baselines(began: Baseline, ours: Baseline, theirs: Baseline) -> Baseline:
    """What the tests have to do on the merge of `ours` and `theirs`, which parted at `began`. One side that could not
    be measured has no say; `theirs` is the measure of everything else."""
    runs = (
        *theirs.runs,
        *_renamed(ours.runs, RunPurpose.BEFORE_MERGE),
        *_renamed(began.runs, RunPurpose.BEGAN),
    )
    if theirs.problem or ours.problem:
        return replace(theirs, runs=runs)
    three = [_outcomes(one) for one in (began, ours, theirs)]
    names = {*three[1], *three[2]}
    flaky = ours.flaky | theirs.flaky
    passing = frozenset(name for name in names - flaky if _must_pass(name, *three))
    return replace(
        theirs,
        passing=passing,
        failing=(ours.failing | theirs.failing) - passing,
        skipped=(ours.skipped | theirs.skipped) - passing,
        flaky=flaky,
        seconds=max(ours.seconds, theirs.seconds),
        runs=runs,
    )


def _outcomes(baseline: Baseline) -> Mapping[str, str]:
    others = baseline.failing | baseline.skipped | baseline.flaky
    return dict.fromkeys(others, _OTHER) | dict.fromkeys(baseline.passing, _GREEN)


def _must_pass(
    name: str, began: Mapping[str, str], ours: Mapping[str, str], theirs: Mapping[str, str]
) -> bool:
    before, our, their = (one.get(name, _ABSENT) for one in (began, ours, theirs))
    if our == their or their == before:
        return our == _GREEN
    return their == _GREEN or (our == _GREEN and our != before)


def _renamed(runs: tuple[RunRecord, ...], purpose: RunPurpose) -> tuple[RunRecord, ...]:
    return tuple(replace(run, purpose=purpose) for run in runs)


def find_leftovers(texts: Mapping[str, bytes], sides: Mapping[str, bytes]) -> tuple[str, ...]:
    """Files that still hold markers, of those that were in conflict. `sides`: what both sides have in them."""
    faults = []
    for path, text in texts.items():
        known = sides.get(path, b"").splitlines()
        left = [line for line in text.splitlines() if _is_marker(line)]
        if any(left.count(line) > known.count(line) for line in left):
            faults.append(f"`{path}` still holds conflict markers: settle what stands between them.")
    return tuple(faults)


def _is_marker(line: bytes) -> bool:
    return line[:7] in (b"<" * 7, b">" * 7, b"|" * 7, b"=" * 7) and line[7:8] in (b"", b" ")


def find_hopeless(conflicts: tuple[Conflict, ...], policy: Policy) -> tuple[str, ...]:
    """A sentence for each conflict that only a person can settle: nothing to be merged line by line, or a file that
    the agent never writes."""
    said = []
    for one in conflicts:
        if one.kind is ConflictKind.NO_TEXT:
            said.append(f"`{one.path}` has no lines that could be merged.")
        elif policy.protects(one.path):
            said.append(f"`{one.path}` is protected by the repository's own file.")
        elif _is_never_written(one.path, policy):
            said.append(f"`{one.path}` configures CI or instructs agents: I never write it.")
    return tuple(said)


def _is_never_written(path: str, policy: Policy) -> bool:
    ci = is_ci(path) and GateRule.CI not in policy.allowed
    return ci or (is_agent_instructions(path) and GateRule.INSTRUCTIONS not in policy.allowed)
