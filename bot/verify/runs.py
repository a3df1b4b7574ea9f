"""The runs of one verification: which are made, on which trees, in which order. Judges nothing.

A run is made once and serves every question that it can answer (decisions 35 and 110): the proven tests' third pass is
the run without the other tests, and a tree that two checks ask about is run for both. With the change the whole suite
runs twice, the second time with the canary (a slow one once, and the evidence says so); the tests of the change alone
are run by their own files, and what could be a proof by its names.

Races: something may change with time only, between the runs; what could be a proof is repeated when both first runs
have ended, so it would have to change back. Two steps wait for one run of a shared tree, or of the canary: it is one
task, and the end of a verification ends them all.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final

from bot.domain import limits
from bot.domain.evidence import RunPurpose, RunRecord
from bot.domain.ids import RepoPath, TreeSha
from bot.errors import ForModel
from bot.repos.contract import FileMode, Repos, TreeChange
from bot.sandbox.contract import Environment
from bot.verify.baseline import Baseline
from bot.verify.command import CanaryFile, TestCommand
from bot.verify.execute import TestBench
from bot.verify.integrity import WithoutMachinery, leave_out, says_as_much, was_found
from bot.verify.material import Material
from bot.verify.prove import fail_to_pass
from bot.verify.report import TestReport
from bot.verify.runners import find_neighbour, make_canary, select
from bot.verify.split import is_selectable, reverted
from bot.verify.subject import Subject

_WITH_CHANGE: Final = frozenset(
    {
        RunPurpose.WHOLE_PATCH,
        RunPurpose.INTEGRITY_WHOLE,
        RunPurpose.CANARY,
        RunPurpose.PROOF_ALONE,
        RunPurpose.FLAKE_PATCH,
    }
)

_Run = Callable[[RunPurpose, TreeSha, tuple[str, ...]], Awaitable[TestReport]]


@dataclass(frozen=True)
class Trial:
    """Reports. `before`: base and only the tests of the change. `whole`: the whole suite with the change. `names`: what
    failed before and passes after, as far as it was repeated; `alone`: these with the change and without the other
    tests. `not_found_by_name`: they had to be repeated with the rest of their files."""

    before: tuple[TestReport, ...] = ()
    whole: tuple[TestReport, ...] = ()
    alone: tuple[TestReport, ...] = ()
    names: tuple[str, ...] = ()
    not_found_by_name: bool = False

    @property
    def after(self) -> tuple[TestReport, ...]:
        return (*self.whole, *self.alone)


@dataclass(frozen=True)
class OldTests:
    """The change with the old tests put back. `partial`: only the old files were run, of a slow suite."""

    report: TestReport
    partial: bool


@dataclass(frozen=True)
class Canary:
    """None: no place was found for one, so nothing was run."""

    file: CanaryFile | None = None
    report: TestReport | None = None


@dataclass
class Runs:
    """Makes the runs of one verification; `records` are filled while they go on. Every method raises what the sandbox
    and the repository raise."""

    repos: Repos
    subject: Subject
    tree: TreeSha
    baseline: Baseline
    bench: TestBench
    material: Material
    records: list[RunRecord] = field(default_factory=list)
    _shared: dict[tuple[TreeSha, tuple[str, ...], str], "asyncio.Task[TestReport]"] = field(
        default_factory=dict, init=False
    )
    _canary: "asyncio.Task[Canary] | None" = field(default=None, init=False)

    @property
    def is_slow(self) -> bool:
        """Too slow to be run whole more than once."""
        return self.baseline.seconds > self.subject.patience.whole_suite_s and bool(self.selection)

    @property
    def selection(self) -> tuple[str, ...]:
        """The files of the change's tests, and what failed before; empty: they can't be selected."""
        files = (
            change.path
            for change in self.material.tests
            if change.new_blob is not None and change not in self.material.split.infrastructure
        )
        failing = tuple(sorted(self.baseline.failing))[: limits.FLAKE_TESTS]
        chosen = tuple(path for path in files if is_selectable(path) or path.endswith(".rs")) + failing
        try:
            return () if select(self.subject.test, chosen) == self.subject.test else chosen
        except ForModel:  # its runner can't select
            return ()

    # -- the proof ------------------------------------------------------------------------------------------------
    async def try_change(self) -> Trial:
        """The whole change beside its tests alone. When both have ended, what failed before and passes after is
        repeated on both sides; the suite's second run with the change goes on beside that."""
        subject = self.subject
        alone = await self.repos.derive(subject.key, subject.base_tree, self.material.tests)
        befores, wholes = await self._take_turns(alone, (1, 1), ((), self.selection), self._run_files)
        names = tuple(fail_to_pass(befores, wholes))[: limits.PROOFS_ALONE]
        again, (repeated, after, by_name) = await asyncio.gather(
            self._whole_again(wholes[0]), self._repeat(alone, names)
        )
        return Trial((*befores, *repeated), (*wholes, *again), after, names, by_name)

    async def _whole_again(self, first: TestReport) -> tuple[TestReport, ...]:
        """The suite's second run with the change: the canary's, where it says as much of the other tests as the first
        one did, else one more. A slow suite has none."""
        if self.is_slow:
            return ()
        canary = await self.with_canary()
        others = leave_out(canary.file, canary.report) if canary.file and canary.report else None
        if others is not None and says_as_much(others, first):
            return (others,)
        return (await self._run(RunPurpose.WHOLE_PATCH, self.tree, ()),)

    async def _repeat(
        self, alone: TreeSha, names: tuple[str, ...]
    ) -> tuple[tuple[TestReport, ...], tuple[TestReport, ...], bool]:
        """What could be proven, as often as is left to do: on the base, with the change, and whether it had to be
        repeated with the rest of its files because it was not found by its names."""
        if not names:
            return (), (), False
        left = (limits.FAIL_RUNS - 1, limits.PASS_RUNS - (1 if self.is_slow else 2))
        by_name = self.can_select(names)
        if by_name:
            before, after = await self._take_turns(alone, left, (names, names), self._run_again)
            if all(name in report.results for name in names for report in (*before, *after)):
                return before, after, False
        files = self.selection
        before, after = await self._take_turns(alone, left, (files, files), self._run_files)
        return before, after, by_name

    async def _take_turns(
        self,
        alone: TreeSha,
        times: tuple[int, int],
        selections: tuple[tuple[str, ...], tuple[str, ...]],
        run: _Run,
    ) -> tuple[tuple[TestReport, ...], tuple[TestReport, ...]]:
        """`times`: of the tests alone, of the whole change, which begins. `selections`: of the whole change, of the
        tests alone."""
        with_change = RunPurpose.PROOF_ALONE if selections[0] else RunPurpose.WHOLE_PATCH
        turns: list[tuple[RunPurpose, TreeSha, tuple[str, ...]]] = []
        for turn in range(max(times)):
            turns += [(with_change, self.tree, selections[0])] if turn < times[1] else []
            turns += [(RunPurpose.TESTS_ONLY, alone, selections[1])] if turn < times[0] else []
        reports = await asyncio.gather(*(run(*turn) for turn in turns))
        found = list(zip(turns, reports, strict=True))
        before = tuple(report for turn, report in found if turn[0] is RunPurpose.TESTS_ONLY)
        return before, tuple(report for turn, report in found if turn[0] is with_change)

    # -- integrity ------------------------------------------------------------------------------------------------
    async def without_machinery(self) -> WithoutMachinery:
        """Without what the change does to the test set-up and to the environment, so in the base's: its tests alone,
        and the whole."""
        subject, machinery = self.subject, self.material.split.infrastructure
        tests = tuple(change for change in self.material.tests if change not in machinery)
        alone, whole = await asyncio.gather(
            self.repos.derive(subject.key, subject.base_tree, tests),
            self.repos.derive(subject.key, self.tree, reverted(machinery)),
        )
        before, after = await asyncio.gather(
            self._run_files(RunPurpose.INTEGRITY_TESTS_ONLY, alone, self.selection),
            self._integrity(whole, (), subject.environment),
        )
        return WithoutMachinery(tuple(change.path for change in machinery), before, after)

    async def with_old_tests(self) -> OldTests:
        """Of a slow suite the old files alone, where no data or helper changed."""
        old = self.material.old_tests
        tree = await self.repos.derive(self.subject.key, self.tree, old)
        paths = tuple(change.path for change in old)
        some = paths if self.is_slow and all(is_selectable(path) for path in paths) else ()
        environment = self._environment(RunPurpose.INTEGRITY_WHOLE)
        return OldTests(await self._integrity(tree, some, environment), bool(some))

    async def _integrity(
        self, tree: TreeSha, selection: tuple[str, ...], environment: Environment
    ) -> TestReport:
        """Once for whoever asks about this tree: a changed set-up file among the tests is both."""
        key = (tree, selection, environment.digest)
        if key not in self._shared:
            run = self._run_files(RunPurpose.INTEGRITY_WHOLE, tree, selection, environment)
            self._shared[key] = asyncio.create_task(run)
        return await self._shared[key]

    async def with_canary(self) -> Canary:
        """In a test file of the change, which loads its code; where that takes no part, in one of the base. Once for
        whoever asks."""
        if self._canary is None:
            self._canary = asyncio.create_task(self._run_canary())
        return await self._canary

    async def _run_canary(self) -> Canary:
        subject, repos = self.subject, self.repos
        files = await repos.list_tree(subject.key, self.tree)
        known = tuple(sorted(self.baseline.passing | self.baseline.failing))[:50]
        of_base = find_neighbour(subject.test.runner, known, frozenset(files))
        places = [path for path in _canary_places(self.material) if path in files][:1]
        tried = Canary()
        for place in dict.fromkeys((*places, *((of_base,) if of_base else ()))):
            mode, blob = files[RepoPath(place)]
            text = (await repos.read_blobs(subject.key, (blob,))).get(blob, b"").decode("utf-8", "replace")
            canary = make_canary(subject.test.runner, place, text, f"pw{secrets.token_hex(4)}")
            if canary is None:
                continue
            new = await repos.store_blob(subject.key, canary.content)
            change = TreeChange(RepoPath(canary.path), None, None, mode or FileMode.REGULAR, new)
            tree = await repos.derive(subject.key, self.tree, (change,))
            chosen = (*self.selection, canary.path) if self.is_slow else ()
            tried = Canary(canary, await self._run_files(RunPurpose.CANARY, tree, chosen))
            if tried.report is not None and was_found(canary, tried.report):
                break
        return tried

    # -- blame ----------------------------------------------------------------------------------------------------
    async def alone_on_both(self, name: str) -> tuple[tuple[TestReport, ...], tuple[TestReport, ...]]:
        """One test without the others: on the base, and with the change."""
        times = range(limits.FLAKE_RUNS)
        base, patch = await asyncio.gather(
            asyncio.gather(
                *(self._run(RunPurpose.FLAKE_BASE, self.subject.base_tree, (name,)) for _ in times)
            ),
            asyncio.gather(*(self._run(RunPurpose.FLAKE_PATCH, self.tree, (name,)) for _ in times)),
        )
        return tuple(base), tuple(patch)

    def can_select(self, names: tuple[str, ...]) -> bool:
        """Whether the runner can run these alone."""
        try:
            return all(select(self.subject.test, (name,)) for name in names)
        except ForModel:
            return False

    async def _run_files(
        self,
        purpose: RunPurpose,
        tree: TreeSha,
        files: tuple[str, ...],
        environment: Environment | None = None,
    ) -> TestReport:
        """The whole suite where these files can't be found by their paths: its command changes the folder."""
        report = await self._run(purpose, tree, files, environment)
        return report if report.results or not files else await self._run(purpose, tree, (), environment)

    async def _run(
        self,
        purpose: RunPurpose,
        tree: TreeSha,
        selection: tuple[str, ...],
        environment: Environment | None = None,
    ) -> TestReport:
        """`environment` None: the one that the purpose asks for."""
        test = replace(select(self.subject.test, selection), brief=purpose is RunPurpose.CANARY)
        return await self._make(purpose, tree, test, environment)

    async def _run_again(self, purpose: RunPurpose, tree: TreeSha, selection: tuple[str, ...]) -> TestReport:
        """What these tests say when they fail is known from the run before."""
        return await self._make(purpose, tree, replace(select(self.subject.test, selection), brief=True))

    async def _make(
        self, purpose: RunPurpose, tree: TreeSha, test: TestCommand, environment: Environment | None = None
    ) -> TestReport:
        ran = await self.bench.run(purpose, tree, environment or self._environment(purpose), test)
        self.records.append(ran.record)
        return ran.report

    def _environment(self, purpose: RunPurpose) -> Environment:
        """The change's own environment for what holds its code; the base's for what does not."""
        subject = self.subject
        if purpose in _WITH_CHANGE and subject.patch_environment is not None:
            return subject.patch_environment
        return subject.environment


def _canary_places(material: Material) -> list[str]:
    """Test files of the change: new ones first, their tests are what is to be believed."""
    usable = [
        change
        for change in material.tests
        if change.new_blob and (is_selectable(change.path) or change.path.endswith(".rs"))
    ]
    return [change.path for change in sorted(usable, key=lambda change: change.old_blob is not None)]
