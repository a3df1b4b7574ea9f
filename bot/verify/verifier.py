"""The room's face: one verifier for one task: the baseline, the agent's test runs, the gate, the verification.

Must never ask a model, and never report what it did not run.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bot.domain import limits
from bot.domain.evidence import Evidence, RunPurpose
from bot.domain.ids import TreeSha
from bot.errors import ForModel
from bot.repos.contract import Repos
from bot.sandbox.contract import Sandbox
from bot.verify.affected import affected_tests
from bot.verify.baseline import Baseline, decide_baseline
from bot.verify.difference import find_new_passes, render_difference, render_on_base
from bot.verify.execute import TestBench, Told
from bot.verify.gate.check import check_change
from bot.verify.judge import Verdict
from bot.verify.lint import Linted, find_lint_fault, run_lint, with_lint
from bot.verify.manifests import is_setup_input
from bot.verify.material import read_material
from bot.verify.merge_gate import check_merge, read_changed
from bot.verify.merged import merge_baselines
from bot.verify.others import OthersSay, run_tests_of
from bot.verify.runners import Runner, select
from bot.verify.split import is_selectable
from bot.verify.subject import Subject
from bot.verify.tiers import Findings, decide_tier
from bot.verify.verification import Verification


def _nothing_known() -> Baseline | None:
    return None


def _keep_nothing(_baseline: Baseline) -> None:
    """The next verifier measures again."""


@dataclass(frozen=True)
class Sides:
    """Of a merge, beside the side that is the base: verifiers of our own, and of where both began. None: nothing can be
    set up there, so it has no say."""

    ours: "Verifier | None"
    began: "Verifier | None"


@dataclass
class Verifier:
    """`load` and `keep` are the baseline's cache; without them it is measured for each verifier. `sides`: of a merge,
    see `merged.py`."""

    repos: Repos
    sandbox: Sandbox
    subject: Subject
    load: Callable[[], Baseline | None] = _nothing_known
    keep: Callable[[Baseline], None] = _keep_nothing
    sides: Sides | None = None
    _baseline: "asyncio.Task[Baseline] | None" = field(default=None, init=False)
    _tried_on_base: dict[tuple[TreeSha, tuple[str, ...]], str] = field(default_factory=dict, init=False)

    # -- for the agent --------------------------------------------------------------------------------------
    async def baseline(self, told: Told | None = None) -> Baseline:
        """Measured once; whoever asks meanwhile waits for the same one."""
        if self._baseline is None or (self._baseline.done() and self._baseline.cancelled()):
            self._baseline = asyncio.create_task(self._measure_baseline(told))
        return await asyncio.shield(self._baseline)

    async def expected(self, told: Told | None = None) -> Baseline:
        """What the tests have to do with the change: as on the base; of a merge, as on both sides."""
        baseline = await self.baseline(told)
        if self.sides is None or baseline.problem:
            return baseline
        ours = await _measure_side(self.sides.ours, told)
        return merge_baselines(await _measure_side(self.sides.began, told), ours, baseline)

    async def run_tests(self, tree: TreeSha, selection: tuple[str, ...]) -> str:
        """The tests on `tree`, as a difference against the baseline. Without a selection the whole suite where it is
        short, else what the change concerns. Raises ForModel when there are none."""
        if self.subject.test.runner is Runner.NONE:
            raise ForModel("No test command was found in this repository. Run what fits in the shell.")
        if selection:
            select(self.subject.test, selection)  # refused before anything is waited for
        baseline = await self.expected()
        chosen = selection or await self._affected(tree, baseline)
        command = select(self.subject.test, chosen)
        ran = await self._bench(None).run(RunPurpose.WHOLE_PATCH, tree, self.subject.environment, command)
        said = render_difference(ran.report, baseline, command.command, ran.output, partial=bool(chosen))
        said += await self._on_base(tree, find_new_passes(ran.report, baseline))
        if chosen == selection:
            return said
        why = f"The whole suite takes {baseline.seconds:.0f} s: these are the test files that the change concerns."
        return f"{why}\n{said}"

    async def _on_base(self, tree: TreeSha, names: tuple[str, ...]) -> str:
        """What new tests do on the untouched code: one more run, of these tests alone, and once for the same tests."""
        if not names:
            return ""
        subject = self.subject
        material = await read_material(self.repos, subject, tree)
        alone = await self.repos.derive(subject.key, subject.base_tree, material.tests)
        if (alone, names) not in self._tried_on_base:
            try:
                command = select(subject.test, names)
            except ForModel:  # its runner can't select: the verification will tell
                return ""
            longest = subject.patience.run_s(await self.baseline())
            ran = await self._bench(None, longest).run(
                RunPurpose.TESTS_ONLY, alone, subject.environment, command
            )
            self._tried_on_base[alone, names] = render_on_base(names, ran.report)
        return self._tried_on_base[alone, names]

    async def _affected(self, tree: TreeSha, baseline: Baseline) -> tuple[str, ...]:
        """Empty: run them all."""
        subject, repos = self.subject, self.repos
        if baseline.problem or baseline.seconds <= limits.RUN_TESTS_WHOLE_S:
            return ()
        changes = await repos.changes(subject.key, subject.base_tree, tree)
        files = await repos.list_tree(subject.key, tree)
        tests = {path: blob for path, (_, blob) in files.items() if is_selectable(path)}
        blobs = await repos.read_blobs(subject.key, tuple(sorted(set(tests.values()))))
        texts = {path: blobs.get(blob, b"").decode("utf-8", "replace") for path, blob in tests.items()}
        chosen = affected_tests(tuple(change.path for change in changes), texts)
        try:
            return () if select(subject.test, chosen) == subject.test else chosen
        except ForModel:  # its runner can't select
            return ()

    async def check_gate(self, tree: TreeSha) -> tuple[str, ...]:
        """Faults of the change from the base to `tree` that need no test, each a sentence for the model."""
        subject = self.subject
        if subject.merged is not None:
            return await check_merge(self.repos, subject, subject.merged, tree)
        changes = await self.repos.changes(subject.key, subject.base_tree, tree)
        faults = check_change(await read_changed(self.repos, subject.key, changes), subject.policy)
        if faults or not subject.lint or any(is_setup_input(change.path) for change in changes):
            return faults  # a change of the environment is linted in its own one, by `verify`
        fault = find_lint_fault(await self._lint(tree))
        return (fault,) if fault else ()

    async def close(self) -> None:
        """End what still runs."""
        if self._baseline is not None and not self._baseline.done():
            self._baseline.cancel()
            await asyncio.gather(self._baseline, return_exceptions=True)

    # -- the verification -----------------------------------------------------------------------------------
    async def verify(self, tree: TreeSha, told: Told | None = None) -> Evidence:
        """Everything that can be measured about the change from the base to `tree`."""
        evidence = await self._verify(tree, told)
        return with_lint(evidence, await self._lint(tree, told)) if self.subject.lint else evidence

    async def _verify(self, tree: TreeSha, told: Told | None) -> Evidence:
        if self.subject.test.runner is Runner.NONE:
            return self._evidence(
                tree, Verdict(Findings(False, False, "no test command was found")), Baseline()
            )
        baseline = await self.baseline(told)
        if baseline.problem:
            return self._evidence(tree, Verdict(Findings(True, False, baseline.problem)), baseline)
        expected = await self.expected(told)
        bench = self._bench(told, self.subject.patience.run_s(expected))
        verification = Verification(
            self.repos, self.subject, tree, baseline, bench, expected, list(expected.runs)
        )
        verdict = await verification.run()
        evidence = self._evidence(tree, verdict, expected)
        flaky = tuple(sorted({*evidence.flaky, *verification.flaky}))
        notes = (*evidence.notes, *await self._note_unmeasured())
        return replace(evidence, runs=tuple(verification.records), flaky=flaky, notes=notes)

    async def _note_unmeasured(self) -> tuple[str, ...]:
        """Of a merge whose own side has no say."""
        ours = await _measure_side(self.sides.ours, None) if self.sides else Baseline()
        if not ours.problem:
            return ()
        return (
            f"The branch before the merge could not be measured ({ours.problem}): what passed there is unknown.",
        )

    async def run_tests_of(self, tree: TreeSha, other: Evidence, told: Told | None = None) -> OthersSay:
        """What the proven tests of another change say about this one."""
        names = tuple(proof.test_id for proof in other.proofs)
        longest = self.subject.patience.run_s(await self.baseline())
        return await run_tests_of(self._bench(told, longest), self.subject, tree, other.patch_tree, names)

    def _evidence(self, tree: TreeSha, verdict: Verdict, baseline: Baseline) -> Evidence:
        subject = self.subject
        tier, reason = decide_tier(verdict.findings)
        return Evidence(
            base_commit=subject.base_commit,
            base_tree=subject.base_tree,
            patch_tree=tree,
            tier=tier,
            reason=reason,
            runner=subject.test.runner.value,
            command=subject.test.command,
            environment_digest=(subject.patch_environment or subject.environment).digest,
            runs=baseline.runs,
            proofs=verdict.proofs,
            regressions=verdict.regressions,
            failing_before=tuple(sorted(baseline.failing)),
            flaky=tuple(sorted(baseline.flaky)),
            missing=verdict.missing,
            notes=(*subject.notes, *verdict.notes),
            setup=subject.setup,
            report=subject.test.report,
            source=subject.test.source,
        )

    async def _measure_baseline(self, told: Told | None) -> Baseline:
        known = await asyncio.to_thread(self.load)
        if known is not None:
            return known
        subject = self.subject
        if subject.test.runner is Runner.NONE:
            return Baseline(problem="no test command was found")
        runs = await self._bench(told).repeat(
            limits.BASELINE_RUNS,
            RunPurpose.BASELINE,
            subject.base_tree,
            subject.environment,
            subject.test,
        )
        baseline = decide_baseline(tuple(ran.report for ran in runs), tuple(ran.record for ran in runs))
        await asyncio.to_thread(self.keep, baseline)
        return baseline

    async def _lint(self, tree: TreeSha, told: Told | None = None) -> Linted:
        subject = self.subject
        patch = subject.patch_environment or subject.environment
        return await run_lint(
            self._bench(told, limits.LINT_TIMEOUT_S),
            subject.lint,
            (subject.base_tree, subject.environment),
            (tree, patch),
        )

    def _bench(self, told: Told | None, timeout_s: float | None = None) -> TestBench:
        longest = timeout_s or self.subject.patience.suite_s
        return TestBench(self.repos, self.sandbox, self.subject.key, told, longest)


async def _measure_side(side: Verifier | None, told: Told | None) -> Baseline:
    return await side.baseline(told) if side else Baseline(problem="its set-up fails")
