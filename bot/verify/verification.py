"""One verification of one change: which runs are made, and what they mean together.

The tests of the change alone; the whole change; old tests and test machinery put back; a canary; what broke, run
alone. Every run has a fresh workspace, so all but the last are made beside one another, as many at once as the bench
allows. A suite that is slow is run whole once, the repetitions cover the changed test files only, and the evidence
says so.

Bounded in all by VERIFY_S. What was not finished by then is named: without the proof's own runs the change is not
verified, without a check of integrity it is not proven. Must never report what it did not run.
"""

import asyncio
import secrets
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bot.domain import limits
from bot.domain.evidence import RunPurpose, RunRecord, TestProof, TestStatus
from bot.domain.ids import CommitSha, RepoPath, TreeSha
from bot.errors import ForModel
from bot.repos.contract import FileMode, RepoKey, Repos, TreeChange
from bot.sandbox.contract import Environment
from bot.verify.baseline import Baseline
from bot.verify.command import CanaryFile, Runner, TestCommand
from bot.verify.execute import Ran, TestBench
from bot.verify.gate.contract import Policy
from bot.verify.integrity import (
    WithoutMachinery,
    judge_canary,
    judge_machinery,
    judge_old_tests,
    was_found,
)
from bot.verify.material import Material, read_material
from bot.verify.prove import (
    Comparison,
    compare_with_base,
    decide_blame,
    fail_to_pass,
    find_proofs,
    find_untellable,
    is_doubtful,
)
from bot.verify.report import TestReport
from bot.verify.runners import find_neighbour, make_canary, select
from bot.verify.split import is_selectable, reverted
from bot.verify.tiers import Findings

_ORDER: Final = tuple(RunPurpose)
_STEP_WORDS: Final = {
    "trial": "the tests of the change alone and the whole change",
    "machinery": "the change without its test set-up",
    "old_tests": "the old tests put back",
    "canary": "the test that must fail",
    "blame": "new failures alone",
    "alone": "the proven tests alone",
}


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


@dataclass(frozen=True)
class _Trial:
    """What the steps found; None: not needed, or not finished."""

    trial: tuple[tuple[Ran, ...], tuple[Ran, ...]] | None = None  # the tests alone, the whole change
    machinery: WithoutMachinery | None = None
    old_tests: tuple[TestReport, bool] | None = None  # and whether of the old files alone
    canary: tuple[CanaryFile | None, TestReport | None] | None = None
    unfinished: tuple[str, ...] = ()


@dataclass
class Verification:
    """One verification; `run` once."""

    repos: Repos
    subject: Subject
    tree: TreeSha
    baseline: Baseline
    bench: TestBench
    measured: Measured
    _selection: tuple[str, ...] = field(default=(), init=False)

    async def run(self) -> Findings:
        """Raises what the sandbox and the repository raise."""
        material = await read_material(self.repos, self.subject.key, self.subject.base_tree, self.tree)
        self._selection = self._select(material)
        patience = self.subject.patience.verify_s
        ends = asyncio.get_running_loop().time() + patience
        trial = await self._try(material, ends)
        if trial.trial is None:
            words = " and ".join(_STEP_WORDS[name] for name in trial.unfinished)
            return Findings(True, True, problem=f"not finished within {patience / 60:.0f} minutes: {words}")
        found = await self._judge(material, trial, ends)
        self.measured.runs.sort(key=lambda run: _ORDER.index(run.purpose))
        return found

    # -- runs ---------------------------------------------------------------------------------------------------
    async def _try(self, material: Material, ends: float) -> _Trial:
        reports = self.subject.test.runner is not Runner.EXIT_CODE
        steps: dict[str, Coroutine[Any, Any, Any]] = {
            "trial": self._trial(material),
        }
        if reports and material.split.infrastructure:
            steps["machinery"] = self._without_machinery(material)
        if reports and material.old_tests:
            steps["old_tests"] = self._with_old_tests(material)
        if reports:
            steps["canary"] = self._with_canary(material)
        done, unfinished = await _finish(steps, ends)
        return _Trial(**done, unfinished=unfinished)

    async def _trial(self, material: Material) -> tuple[tuple[Ran, ...], tuple[Ran, ...]]:
        """Taken in turns, so that nothing that only time changes can come between the two. Of a slow suite the whole
        once and the changed test files once; repeated is what failed before and passes after."""
        alone = await self.repos.derive(self.subject.key, self.subject.base_tree, material.tests)
        if not self._selection:
            return await self._take_turns(alone, (limits.FAIL_RUNS, limits.PASS_RUNS), ())
        (whole,), (before,) = await asyncio.gather(
            self._repeat(1, RunPurpose.WHOLE_PATCH, self.tree, ()),
            self._repeat(1, RunPurpose.TESTS_ONLY, alone, self._selection),
        )
        names = tuple(fail_to_pass((before.report,), (whole.report,))[: limits.FLAKE_TESTS])
        if not names:
            return (before,), (whole,)  # nothing that could be proven
        times = (limits.FAIL_RUNS - 1, limits.PASS_RUNS - 1)
        some = names if self._can_select(names) else self._selection
        befores, afters = await self._take_turns(alone, times, some)
        if any(name not in ran.report.results for name in names for ran in (*befores, *afters)):
            befores, afters = await self._take_turns(
                alone, times, self._selection
            )  # not found by their names
        return (before, *befores), (whole, *afters)

    async def _take_turns(
        self, alone: TreeSha, times: tuple[int, int], selection: tuple[str, ...]
    ) -> tuple[tuple[Ran, ...], tuple[Ran, ...]]:
        """`times`: of the tests alone, of the whole change, which begins."""
        turns: list[tuple[RunPurpose, TreeSha]] = []
        for turn in range(max(times)):
            turns += [(RunPurpose.WHOLE_PATCH, self.tree)] if turn < times[1] else []
            turns += [(RunPurpose.TESTS_ONLY, alone)] if turn < times[0] else []
        found = await asyncio.gather(*(self._repeat(1, *turn, selection) for turn in turns))
        before = tuple(ran for (ran,) in found if ran.record.purpose is RunPurpose.TESTS_ONLY)
        after = tuple(ran for (ran,) in found if ran.record.purpose is RunPurpose.WHOLE_PATCH)
        return before, after

    async def _without_machinery(self, material: Material) -> WithoutMachinery:
        subject, split = self.subject, material.split
        tests = tuple(change for change in material.tests if change not in split.infrastructure)
        alone = await self.repos.derive(subject.key, subject.base_tree, tests)
        whole = await self.repos.derive(subject.key, self.tree, reverted(split.infrastructure))
        (before,), (after,) = await asyncio.gather(
            self._repeat(1, RunPurpose.INTEGRITY_TESTS_ONLY, alone, self._selection),
            self._repeat(1, RunPurpose.INTEGRITY_WHOLE, whole, ()),
        )
        names = tuple(change.path for change in split.infrastructure)
        return WithoutMachinery(names, before.report, after.report)

    async def _with_old_tests(self, material: Material) -> tuple[TestReport, bool]:
        """The report, and whether it is of the old files alone: of a slow suite, where no data or helper changed."""
        tree = await self.repos.derive(self.subject.key, self.tree, material.old_tests)
        paths = tuple(change.path for change in material.old_tests)
        some = paths if self._selection and all(is_selectable(path) for path in paths) else ()
        (after,) = await self._repeat(1, RunPurpose.INTEGRITY_WHOLE, tree, some)
        return after.report, bool(some)

    async def _with_canary(self, material: Material) -> tuple[CanaryFile | None, TestReport | None]:
        """In a test file of the change, which loads its code; where that takes no part, in one of the base."""
        subject, repos = self.subject, self.repos
        files = await repos.list_tree(subject.key, self.tree)
        known = tuple(sorted(self.baseline.passing | self.baseline.failing))[:50]
        of_base = find_neighbour(subject.test.runner, known, frozenset(files))
        places = [path for path in _canary_places(material) if path in files][:1]
        canary = report = None
        for place in dict.fromkeys((*places, *((of_base,) if of_base else ()))):
            mode, blob = files[RepoPath(place)]
            text = (await repos.read_blobs(subject.key, (blob,))).get(blob, b"").decode("utf-8", "replace")
            canary = make_canary(subject.test.runner, place, text, f"pw{secrets.token_hex(4)}")
            if canary is None:
                continue
            new = await repos.store_blob(subject.key, canary.content)
            change = TreeChange(RepoPath(canary.path), None, None, mode or FileMode.REGULAR, new)
            tree = await repos.derive(subject.key, self.tree, (change,))
            chosen = (*self._selection, canary.path) if self._selection else ()
            (ran,) = await self._repeat(1, RunPurpose.CANARY, tree, chosen)
            report = ran.report
            if was_found(canary, report):
                break
        return canary, report

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
            RunPurpose.PROOF_ALONE,
            RunPurpose.FLAKE_PATCH,
        )
        return (subject.patch_environment or subject.environment) if purpose in whole else subject.environment

    def _select(self, material: Material) -> tuple[str, ...]:
        """Empty: the whole suite each time. Slow suites: the changed test files and what failed before, and the
        whole once."""
        if self.baseline.seconds <= self.subject.patience.whole_suite_s:
            return ()
        files = tuple(
            change.path
            for change in material.tests
            if change.new_blob is not None and change not in material.split.infrastructure
        )
        failing = tuple(sorted(self.baseline.failing))[: limits.FLAKE_TESTS]
        chosen = tuple(path for path in files if is_selectable(path) or path.endswith(".rs")) + failing
        try:
            if not chosen or select(self.subject.test, chosen) == self.subject.test:
                return ()
        except ForModel:  # its runner can't select
            return ()
        shown = ", ".join(chosen[:5]) + (f" and {len(chosen) - 5} more" if len(chosen) > 5 else "")
        self.measured.notes.append(
            f"The suite takes {self.baseline.seconds:.0f} s: run whole once, in part ({shown}) where it is repeated."
        )
        return chosen

    # -- judgement ----------------------------------------------------------------------------------------------
    async def _judge(self, material: Material, trial: _Trial, ends: float) -> Findings:
        ran_alone, ran_whole = trial.trial or ((), ())
        before, after = _reports(ran_alone), _reports(ran_whole)
        comparison = self._compare(after)
        proofs = find_proofs(before, after)
        reports = self.subject.test.runner is not Runner.EXIT_CODE
        self.measured.proofs = list(proofs) if reports else []
        names = tuple(proof.test_id for proof in proofs)
        last = {"blame": self._blame(comparison), "alone": self._proofs_alone(names)}
        done, late = await _finish(last, ends)
        regressions = done.get("blame", list(comparison.suspects))
        self.measured.regressions = [*regressions, *comparison.skipped, *comparison.new_failures]
        self.measured.missing = list(comparison.missing)
        doubts = self._doubts(material, replace(trial, unfinished=(*trial.unfinished, *late)), names)
        doubts = (*done.get("alone", ()), *doubts)
        if not reports:
            doubts = ()
        self.measured.notes += [*doubts, *(material.unsplit if not proofs else ())]
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
            no_tests_changed=not material.tests,
            why_no_proof=next(iter((*material.unsplit, *find_untellable(before, after))), ""),
        )

    def _doubts(self, material: Material, trial: _Trial, proofs: tuple[str, ...]) -> tuple[str, ...]:
        """Every sentence that costs tier A; a proof is worth what the runs without the code are worth."""
        doubts: list[str] = []
        before = trial.trial[0] if trial.trial else ()
        alone = next((ran.report.problem for ran in before if is_doubtful(ran.report, self.baseline)), "")
        if alone:
            doubts.append(f"With only the tests of the change the run can't be trusted: {alone}.")
        if trial.machinery is not None:
            doubts += judge_machinery(trial.machinery, self.baseline, proofs, partial=False)
        if trial.old_tests is not None:
            doubts += judge_old_tests(*trial.old_tests, self.baseline)
        if trial.canary is not None:
            doubts += judge_canary(*trial.canary)
        doubts += [f"Not finished in time, so not checked: {_STEP_WORDS[name]}." for name in trial.unfinished]
        return (*doubts, *material.flags)

    def _compare(self, after: tuple[TestReport, ...]) -> Comparison:
        """With a selection only the first report is of the whole suite."""
        if not self._selection:
            return compare_with_base(self.baseline, after, partial=False)
        whole = compare_with_base(self.baseline, after[:1], partial=False)
        some = compare_with_base(self.baseline, after[1:], partial=True)
        return Comparison(
            tuple(sorted({*whole.suspects, *some.suspects})),
            tuple(sorted({*whole.skipped, *some.skipped})),
            whole.missing,
            tuple(sorted({*whole.new_failures, *some.new_failures})),
            whole.problem or some.problem,
        )

    async def _proofs_alone(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """A proof must not need what another test did before it."""
        names = names[: limits.FLAKE_TESTS]
        if not names or not self._can_select(names):
            return ()
        (ran,) = await self._repeat(1, RunPurpose.PROOF_ALONE, self.tree, names)
        lost = [name for name in names if name not in ran.report.results]
        if lost:
            return (f"`{lost[0]}` could not be run alone: it was not found by its name.",)
        needy = [name for name in names if name not in ran.report.ids(TestStatus.PASSED)]
        if needy:
            return (f"`{needy[0]}` does not pass alone: it needs what other tests do before it.",)
        return ()

    async def _blame(self, comparison: Comparison) -> list[str]:
        """Which suspects the change has broken. Too many are blamed without being run alone."""
        suspects = comparison.suspects
        if len(suspects) > limits.FLAKE_TESTS or not self._can_select(suspects):
            return list(suspects)
        blamed = []
        for name in suspects:
            if name in comparison.steady:
                blamed.append(name)
                continue
            base, patch = await asyncio.gather(
                self._repeat(limits.FLAKE_RUNS, RunPurpose.FLAKE_BASE, self.subject.base_tree, (name,)),
                self._repeat(limits.FLAKE_RUNS, RunPurpose.FLAKE_PATCH, self.tree, (name,)),
            )
            if decide_blame(_reports(base), _reports(patch), name):
                blamed.append(name)
            else:
                self.measured.flaky.append(name)
        return blamed

    def _can_select(self, names: tuple[str, ...]) -> bool:
        try:
            return all(select(self.subject.test, (name,)) for name in names)
        except ForModel:
            return False


def _canary_places(material: Material) -> list[str]:
    """Test files of the change: new ones first, their tests are what is to be believed."""
    usable = [
        change
        for change in material.tests
        if change.new_blob and (is_selectable(change.path) or change.path.endswith(".rs"))
    ]
    return [change.path for change in sorted(usable, key=lambda change: change.old_blob is not None)]


async def _finish(
    steps: dict[str, Coroutine[Any, Any, Any]], ends: float
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What came to an end in time, and the names of the steps that did not. The first exception ends all."""
    tasks = {name: asyncio.create_task(step, name=name) for name, step in steps.items()}
    left = max(0.0, ends - asyncio.get_running_loop().time())
    try:
        done, _ = await asyncio.wait(tasks.values(), timeout=left, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
    ended = {name: task.result() for name, task in tasks.items() if task in done}
    return ended, tuple(name for name, task in tasks.items() if task not in done)


def _reports(runs: tuple[Ran, ...]) -> tuple[TestReport, ...]:
    return tuple(ran.report for ran in runs)
