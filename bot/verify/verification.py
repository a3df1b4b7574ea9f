"""One verification of one change: which runs are made, in which order, and what they mean together.

The tests of the change alone; the whole change; what broke, run alone; integrity; canary. Every run has a fresh
workspace. A suite that is slow is run whole once, the repetitions cover the changed test files only, and the
evidence says so.

Must never report what it did not run.
"""

import secrets
from dataclasses import dataclass, field

from bot.domain import limits
from bot.domain.evidence import RunPurpose, RunRecord, TestProof, TestStatus
from bot.domain.ids import CommitSha, TreeSha
from bot.repos.contract import FileMode, RepoKey, Repos, TreeChange
from bot.sandbox.contract import Environment
from bot.verify.baseline import Baseline
from bot.verify.canary import make_canary
from bot.verify.execute import Ran, TestBench
from bot.verify.prove import Comparison, compare_with_base, decide_blame, find_proofs
from bot.verify.report import TestReport
from bot.verify.runners import Runner, TestCommand, select
from bot.verify.split import SplitChange, reverted, split_change
from bot.verify.tiers import Findings


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


@dataclass
class Measured:
    """What the evidence will say; filled while the runs go on."""

    baseline: Baseline = field(default_factory=Baseline)
    runs: list[RunRecord] = field(default_factory=list)
    proofs: list[TestProof] = field(default_factory=list)
    regressions: list[str] = field(default_factory=list)
    flaky: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Verification:
    """One verification; `run` once."""

    repos: Repos
    subject: Subject
    tree: TreeSha
    baseline: Baseline
    bench: TestBench
    measured: Measured

    async def run(self) -> Findings:
        subject, repos = self.subject, self.repos
        changes = await repos.changes(subject.key, subject.base_tree, self.tree)
        split = split_change(changes)
        selection = self._selection(split)
        tests_tree = await repos.derive(subject.key, subject.base_tree, split.tests)
        before = await self._repeat(limits.FAIL_RUNS, RunPurpose.TESTS_ONLY, tests_tree, selection)
        after = await self._repeat(limits.PASS_RUNS, RunPurpose.WHOLE_PATCH, self.tree, selection)
        comparison = await self._compare(after, selection)
        proofs = find_proofs(_reports(before), _reports(after))
        self.measured.proofs = list(proofs)
        regressions = await self._blame(comparison)
        self.measured.regressions = [*regressions, *comparison.skipped, *comparison.new_failures]
        self.measured.missing = list(comparison.missing)
        red = bool(comparison.problem or regressions or comparison.missing or comparison.new_failures)
        reports = subject.test.runner is not Runner.EXIT_CODE
        doubts = self._doubts_of(before) if reports else ()
        if reports and not red:
            names = tuple(proof.test_id for proof in proofs)
            doubts = (
                *doubts,
                *await self._check_integrity(split, names),
                *await self._check_canary(selection),
            )
        return Findings(
            runner_reports=reports,
            measured=True,
            proofs=len(proofs) if reports else 0,
            regressions=len(regressions),
            missing=len(comparison.missing),
            skipped=len(comparison.skipped),
            new_failures=len(comparison.new_failures) if reports else 0,
            problem=comparison.problem,
            doubts=doubts,
            no_tests_changed=not split.tests,
        )

    def _doubts_of(self, before: tuple[Ran, ...]) -> tuple[str, ...]:
        """A proof is worth what the runs without the code are worth."""
        problem = next((ran.report.problem for ran in before if ran.report.problem), "")
        if not problem:
            return ()
        return self._doubt(f"With only the tests of the change the run can't be trusted: {problem}.")

    def _selection(self, split: SplitChange) -> tuple[str, ...]:
        """Empty: the whole suite each time. Slow suites: the changed test files, and the whole once."""
        if self.baseline.seconds <= limits.WHOLE_SUITE_S:
            return ()
        if self.subject.test.runner not in (Runner.PYTEST, Runner.UNITTEST):
            return ()
        chosen = tuple(
            change.path
            for change in split.tests
            if change.new_blob is not None and change.path.endswith(".py") and "conftest" not in change.path
        )
        if chosen:
            self.measured.notes.append(
                f"The suite takes {self.baseline.seconds:.0f} s: repeated for {', '.join(chosen)} only, "
                "and run whole once."
            )
        return chosen

    async def _repeat(
        self, times: int, purpose: RunPurpose, tree: TreeSha, selection: tuple[str, ...]
    ) -> tuple[Ran, ...]:
        test = select(self.subject.test, selection)
        ran = await self.bench.repeat(times, purpose, tree, self._environment(purpose), test)
        self.measured.runs += [one.record for one in ran]
        return ran

    def _environment(self, purpose: RunPurpose) -> Environment:
        """The change's own environment for what holds its code; the base's for what does not."""
        subject = self.subject
        whole = (
            RunPurpose.WHOLE_PATCH,
            RunPurpose.INTEGRITY_WHOLE,
            RunPurpose.CANARY,
            RunPurpose.FLAKE_PATCH,
        )
        return (subject.patch_environment or subject.environment) if purpose in whole else subject.environment

    async def _compare(self, after: tuple[Ran, ...], selection: tuple[str, ...]) -> Comparison:
        if not selection:
            return compare_with_base(self.baseline, _reports(after), partial=False)
        whole = await self._repeat(1, RunPurpose.WHOLE_PATCH, self.tree, ())
        reports = [*_reports(whole), *_reports(after)]
        comparison = compare_with_base(self.baseline, _reports(whole), partial=False)
        problem = next((report.problem for report in reports if report.problem), "")
        return Comparison(
            comparison.suspects, comparison.skipped, comparison.missing, comparison.new_failures, problem
        )

    async def _blame(self, comparison: Comparison) -> list[str]:
        """Which suspects the change has broken. Too many are blamed without being run alone."""
        suspects = comparison.suspects
        runner = self.subject.test.runner
        if runner is Runner.EXIT_CODE or len(suspects) > limits.FLAKE_TESTS:
            return list(suspects)
        blamed = []
        for name in suspects:
            base = await self._repeat(
                limits.FLAKE_RUNS, RunPurpose.FLAKE_BASE, self.subject.base_tree, (name,)
            )
            patch = await self._repeat(limits.FLAKE_RUNS, RunPurpose.FLAKE_PATCH, self.tree, (name,))
            if name in comparison.steady or decide_blame(_reports(base), _reports(patch), name):
                blamed.append(name)
            else:
                self.measured.flaky.append(name)
        return blamed

    # -- integrity ------------------------------------------------------------------------------------------
    async def _check_integrity(self, split: SplitChange, proofs: tuple[str, ...]) -> tuple[str, ...]:
        """The same again without what the change did to the test machinery, and with the old tests as they
        were. Each difference is a sentence."""
        doubts: list[str] = []
        if split.infrastructure:
            doubts += await self._without_infrastructure(split, proofs)
        if split.old_tests:
            doubts += await self._with_old_tests(split.old_tests)
        self.measured.notes += doubts
        return tuple(doubts)

    async def _without_infrastructure(self, split: SplitChange, proofs: tuple[str, ...]) -> list[str]:
        subject, repos = self.subject, self.repos
        names = ", ".join(f"`{change.path}`" for change in split.infrastructure)
        back = reverted(split.infrastructure)
        whole = await repos.derive(subject.key, self.tree, back)
        tests = tuple(change for change in split.tests if change not in split.infrastructure)
        alone = await repos.derive(subject.key, subject.base_tree, tests)
        before = await self._repeat(1, RunPurpose.INTEGRITY_TESTS_ONLY, alone, ())
        after = await self._repeat(1, RunPurpose.INTEGRITY_WHOLE, whole, ())
        kept = {proof.test_id for proof in find_proofs(_reports(before), _reports(after))}
        doubts = []
        if not set(proofs) <= kept:
            doubts.append(f"The proof does not hold when {names} stands as on the base.")
        broken = compare_with_base(self.baseline, _reports(after), partial=False)
        if broken.suspects or broken.problem:
            doubts.append(f"Old tests fail when {names} stands as on the base.")
        return doubts

    async def _with_old_tests(self, old_tests: tuple[TreeChange, ...]) -> list[str]:
        """What the changed test files said before must still hold."""
        subject, repos = self.subject, self.repos
        tree = await repos.derive(subject.key, self.tree, reverted(old_tests))
        after = await self._repeat(1, RunPurpose.INTEGRITY_WHOLE, tree, ())
        found = compare_with_base(self.baseline, _reports(after), partial=False)
        failed = [*found.suspects, *found.missing]
        if found.problem and not failed:
            return [f"With the old tests put back the run can't be trusted: {found.problem}."]
        if failed:
            shown = ", ".join(f"`{name}`" for name in failed[:5])
            return [f"The change alters what old tests say; as they were before, these fail: {shown}."]
        return []

    async def _check_canary(self, selection: tuple[str, ...]) -> tuple[str, ...]:
        """A test that must fail is put in; a report that does not say so is not to be believed."""
        subject, repos = self.subject, self.repos
        files = await repos.list_tree(subject.key, self.tree)
        canary = make_canary(subject.test.runner, tuple(self._ids()), frozenset(files), secrets.token_hex(4))
        if canary is None:
            return self._doubt("No place was found for a test that must fail, so the runner was not checked.")
        blob = await repos.store_blob(subject.key, canary.content)
        change = TreeChange(canary.path, None, None, FileMode.REGULAR, blob)
        tree = await repos.derive(subject.key, self.tree, (change,))
        chosen = (*selection, canary.path) if selection else ()
        (ran,) = await self._repeat(1, RunPurpose.CANARY, tree, chosen)
        failed = [name for name in ran.report.ids(TestStatus.FAILED) if canary.mark in name.lower()]
        if not failed:
            return self._doubt("A test that must fail, put in by the harness, was not reported as failed.")
        return ()

    def _ids(self) -> list[str]:
        """Ids that say where tests lie: of proofs first."""
        return [
            *(proof.test_id for proof in self.measured.proofs),
            *sorted(self.baseline.passing)[:50],
        ]

    def _doubt(self, sentence: str) -> tuple[str, ...]:
        self.measured.notes.append(sentence)
        return (sentence,)


def _reports(runs: tuple[Ran, ...]) -> tuple[TestReport, ...]:
    return tuple(ran.report for ran in runs)
