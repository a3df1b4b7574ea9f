"""What the harness measured, as plain data: the only source of every sentence about tests (law 3)."""

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.ids import CommitSha, TreeSha


class Tier(StrEnum):
    """How much was proven. The order A, B, C, D is from most to least."""

    A = "A"  # a test failed before and passes after, not by changed test machinery; nothing broke
    B = "B"  # nothing broke; no proof possible
    C = "C"  # the tests could not run
    D = "D"  # verification failed or could not be finished


class TestStatus(StrEnum):
    PASSED = "passed"
    FAILED = "failed"  # in the test's call phase: assertion or exception
    ERROR = "error"  # in collection, import, set-up or tear-down
    SKIPPED = "skipped"


class RunPurpose(StrEnum):
    """Why a test run was made; a row of the evidence table each."""

    BASELINE = "baseline"
    BEFORE_MERGE = "before_merge"  # the branch before something was merged into it
    BEGAN = "began"  # where the two sides of a merge parted
    TESTS_ONLY = "tests_only"  # base + test part of the patch: must fail
    WHOLE_PATCH = "whole_patch"  # base + whole patch: must pass
    INTEGRITY_TESTS_ONLY = "integrity_tests_only"
    INTEGRITY_WHOLE = "integrity_whole"
    CANARY = "canary"  # whole patch + tests put in by the harness: these must fail, all others pass
    PROOF_ALONE = "proof_alone"  # the proven tests without the others: must pass
    FLAKE_BASE = "flake_base"
    FLAKE_PATCH = "flake_patch"
    OTHERS_TESTS = "others_tests"  # the code of one attempt with the regression tests of another
    LINT_BASE = "lint_base"  # the repository's lint command: on the base, and on the change
    LINT_PATCH = "lint_patch"


@dataclass(frozen=True)
class RunRecord:
    """One test run in one fresh workspace. `tree` is exactly what was tested."""

    purpose: RunPurpose
    tree: TreeSha
    command: str
    exit_code: int | None  # None: ended by a signal or a bound; `ended_by` says which
    ended_by: str
    seconds: float
    passed: int
    failed: int
    errors: int
    skipped: int
    output_sha256: str


@dataclass(frozen=True)
class TestProof:
    """One test that failed on base with the test part of the patch alone, and passes with the whole patch."""

    test_id: str
    failures_before: int
    runs_before: int
    passes_after: int
    runs_after: int
    message_before: str  # first lines of the failure, as the runner reported it


@dataclass(frozen=True)
class Evidence:
    """The record of one verification. `docs/evidence.schema.json` is its published form."""

    base_commit: CommitSha
    base_tree: TreeSha
    patch_tree: TreeSha
    tier: Tier
    reason: str  # one sentence: why this tier and no better
    runner: str  # a value of verify's Runner: pytest, jest, go, exit_code, none, ...
    command: str
    environment_digest: str
    runs: tuple[RunRecord, ...] = ()
    proofs: tuple[TestProof, ...] = ()
    regressions: tuple[str, ...] = ()  # ids that passed stably on base and do not with the patch
    failing_before: tuple[str, ...] = ()  # ids that failed on base already
    flaky: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()  # expected ids that the report does not name
    notes: tuple[str, ...] = ()  # differences that a reader must see (integrity, restored files)
    setup: str = ""  # the script that made the environment; empty: none was needed
    report: str = ""  # where the command leaves JUnit XML, if somebody said so
    source: str = ""  # where the test command was found, and whether it was tried on the base
