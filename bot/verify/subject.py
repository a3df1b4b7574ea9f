"""What is verified against what, and how patiently. Plain data."""

from dataclasses import dataclass, field

from bot.domain import limits
from bot.domain.ids import CommitSha, TreeSha
from bot.repos.contract import RepoKey
from bot.sandbox.contract import Environment
from bot.verify.baseline import Baseline
from bot.verify.command import TestCommand
from bot.verify.gate.contract import Policy
from bot.verify.merged import MergedSubject


@dataclass(frozen=True)
class Patience:
    """Seconds: for one run of the suite at most; for one run with the change at least, and how many times the base's;
    for all of a verification; above which a suite is repeated in part only."""

    suite_s: float = limits.SUITE_TIMEOUT_S
    least_s: float = limits.RUN_TIMEOUT_MIN_S
    slower: float = limits.RUN_SLOWER
    verify_s: float = limits.VERIFY_S
    whole_suite_s: float = limits.WHOLE_SUITE_S

    def run_s(self, baseline: Baseline) -> float:
        """For one run with the change: what hangs is found long before the suite's own limit."""
        return min(self.suite_s, max(self.least_s, self.slower * baseline.seconds))


@dataclass(frozen=True)
class Subject:
    """What is verified against what. `patch_environment`: where the change needs another one than the base."""

    key: RepoKey
    base_commit: CommitSha
    base_tree: TreeSha
    test: TestCommand
    environment: Environment
    patch_environment: Environment | None = None
    notes: tuple[str, ...] = ()  # sentences that belong into the evidence: a set-up that was left out
    patience: Patience = field(default_factory=Patience)
    policy: Policy = field(default_factory=Policy)
    setup: str = ""  # the script that made the environment, for whoever does it again
    lint: str = ""  # the repository's lint command
    merged: MergedSubject | None = None  # a merge with the base is what is verified
