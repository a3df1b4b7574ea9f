"""One verification of one change, from the first run to the verdict.

The tests of the change alone; the whole change; old tests and test machinery put back; a canary; what broke, run
alone. Every run has a fresh workspace, so those that need not wait for another's result are made beside one another, as
many at once as the bench allows (`runs.py`); what they mean is decided afterwards (`judge.py`).

Bounded in all by VERIFY_S. What was not finished by then is named: without the proof's own runs the change is not
verified, without a check of integrity it is not proven. Must never report what it did not run.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bot.domain import limits
from bot.domain.evidence import RunPurpose, RunRecord
from bot.domain.ids import TreeSha
from bot.repos.contract import Repos
from bot.verify.baseline import Baseline
from bot.verify.command import Runner
from bot.verify.execute import TestBench
from bot.verify.judge import Case, Outcome, Verdict, compare, judge
from bot.verify.material import read_material
from bot.verify.prove import Comparison, decide_blame
from bot.verify.runs import Runs
from bot.verify.subject import Subject
from bot.verify.tiers import Findings

_ORDER: Final = tuple(RunPurpose)


@dataclass
class Verification:
    """One verification; `run` once. `expected`: what the tests have to do with the change; the baseline, but of a
    merge. `records` are filled while the runs go on."""

    repos: Repos
    subject: Subject
    tree: TreeSha
    baseline: Baseline
    bench: TestBench
    expected: Baseline
    records: list[RunRecord] = field(default_factory=list)
    flaky: list[str] = field(default_factory=list)

    async def run(self) -> Verdict:
        """Raises what the sandbox and the repository raise."""
        subject, patience = self.subject, self.subject.patience.verify_s
        ends = asyncio.get_running_loop().time() + patience
        material = await read_material(self.repos, subject, self.tree)
        runs = Runs(self.repos, subject, self.tree, self.baseline, self.bench, material, self.records)
        outcome = await self._make(runs, ends)
        if outcome.trial is None:
            why = f"not finished within {patience / 60:.0f} minutes: {outcome.why_unfinished}"
            return Verdict(Findings(True, True, problem=why))
        comparison = compare(self.expected, outcome.trial)
        done, late = await _finish({"blame": self._blame(runs, comparison)}, ends)
        broken = done.get("blame", comparison.suspects)
        self.records.sort(key=lambda run: _ORDER.index(run.purpose))
        outcome = replace(outcome, unfinished=(*outcome.unfinished, *late))
        case = Case(material, self.baseline, outcome, subject.test.runner is not Runner.EXIT_CODE)
        verdict = judge(case, comparison, tuple(broken))
        return replace(verdict, notes=(*_what_ran(runs), *verdict.notes))

    async def _make(self, runs: Runs, ends: float) -> Outcome:
        material = runs.material
        steps: dict[str, Coroutine[Any, Any, Any]] = {"trial": runs.try_change()}
        if self.subject.test.runner is not Runner.EXIT_CODE:
            if material.split.infrastructure:
                steps["machinery"] = runs.without_machinery()
            if material.old_tests:
                steps["old_tests"] = runs.with_old_tests()
            steps["canary"] = runs.with_canary()
        done, unfinished = await _finish(steps, ends)
        return Outcome(**done, unfinished=unfinished)

    async def _blame(self, runs: Runs, comparison: Comparison) -> list[str]:
        """Which suspects the change has broken. Too many are blamed without being run alone."""
        suspects = comparison.suspects
        if len(suspects) > limits.FLAKE_TESTS or not runs.can_select(suspects):
            return list(suspects)
        blamed = []
        for name in suspects:
            if name in comparison.steady or decide_blame(*await runs.alone_on_both(name), name):
                blamed.append(name)
            else:
                self.flaky.append(name)
        return blamed


def _what_ran(runs: Runs) -> tuple[str, ...]:
    """A suite that was not run whole each time is said to be so."""
    if not runs.is_slow:
        return ()
    chosen = runs.selection
    shown = ", ".join(chosen[:5]) + (f" and {len(chosen) - 5} more" if len(chosen) > 5 else "")
    return (
        f"The suite takes {runs.baseline.seconds:.0f} s: run whole once, in part ({shown}) where it is repeated.",
    )


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
