"""Evidence and texts as a real task would give them."""

from dataclasses import replace

from bot.domain.evidence import Evidence, RunPurpose, RunRecord, TestProof, Tier
from bot.domain.ids import CommitSha, TaskId, TreeSha
from bot.texts.markers import pull_marker
from bot.texts.pull_request import PullText

BASE, PATCH = TreeSha("b" * 40), TreeSha("d" * 40)
TASK = TaskId("t-42")


def ran(purpose: RunPurpose, code: int | None, passed: int, failed: int, seconds: float = 0.5) -> RunRecord:
    tree = BASE if purpose is RunPurpose.BASELINE else PATCH
    ended = "exit" if code is not None else "timeout"
    return RunRecord(purpose, tree, "pytest -q", code, ended, seconds, passed, failed, 0, 1, "0" * 64)


PROVEN = Evidence(
    base_commit=CommitSha("c" * 40),
    base_tree=BASE,
    patch_tree=PATCH,
    tier=Tier.A,
    reason="1 test failed before and passes after.",
    runner="pytest",
    command="python -m pytest -q",
    environment_digest="e" * 64,
    runs=(
        ran(RunPurpose.BASELINE, 1, 10, 1), ran(RunPurpose.BASELINE, 1, 10, 1, 0.7),
        ran(RunPurpose.TESTS_ONLY, 1, 10, 2), ran(RunPurpose.TESTS_ONLY, 1, 10, 2),
        ran(RunPurpose.WHOLE_PATCH, 1, 11, 1), ran(RunPurpose.WHOLE_PATCH, 1, 11, 1),
        ran(RunPurpose.WHOLE_PATCH, 1, 11, 1), ran(RunPurpose.CANARY, 1, 11, 2),
    ),
    proofs=(TestProof("tests/test_a.py::test_b[x|y]", 2, 2, 3, 3, "assert -990 == 450"),),
    failing_before=("tests/test_old.py::test_red",),
    flaky=("tests/test_net.py::test_sometimes",),
)  # fmt: skip
CHECKED = replace(PROVEN, tier=Tier.B, reason="No test of the change failed on the base.", proofs=())
UNTESTED = replace(
    PROVEN, tier=Tier.C, reason="No test command was found.", runner="none", command="", runs=(), proofs=(),
    failing_before=(), flaky=(),
)  # fmt: skip
BROKEN = replace(
    PROVEN, tier=Tier.D, reason="2 tests that passed before fail now.", proofs=(),
    regressions=("tests/test_a.py::test_one", "tests/test_a.py::test_two"),
    notes=("`conftest.py` was restored for the integrity run.",),
)  # fmt: skip

PULL = PullText(
    title="Count night shifts over midnight",
    summary="An end before the start lies on the next day. All tests pass now. Thanks @everyone!",
    root_cause="`worked` subtracted clock times. Fixes #99",
    risks="",
    issue=7,
    requested_by="ada",
    evidence=PROVEN,
    evidence_sha256="f" * 64,
    setup_note="",
    spent="6 model replies, 31k tokens, $0.12, 2 min.",
    marker=pull_marker(TASK),
    checks_url="https://hub/o/r/commit/abc/checks",
)
