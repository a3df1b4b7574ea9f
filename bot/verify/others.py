"""What the regression tests of one change say about another change of the same base.

For a choice between attempts that were made independently: the code of one gets the tests of another in place of its
own. No tier depends on it, and nothing here is a proof.
"""

import asyncio
import contextlib
from dataclasses import dataclass

from bot.domain.evidence import RunPurpose, RunRecord, TestStatus
from bot.domain.ids import TreeSha
from bot.errors import ForModel
from bot.repos.contract import Repos, TreeChange
from bot.verify.execute import TestBench
from bot.verify.inline_tests import with_tests_of
from bot.verify.material import Material, read_material
from bot.verify.runners import TestCommand, select
from bot.verify.split import is_selectable, reverted
from bot.verify.subject import Subject


@dataclass(frozen=True)
class OthersSay:
    """Of the regression tests of another change, so many fail here; `records` are the runs that showed it."""

    failed: int
    asked: int
    records: tuple[RunRecord, ...]


async def run_tests_of(
    bench: TestBench, subject: Subject, tree: TreeSha, other: TreeSha, names: tuple[str, ...]
) -> OthersSay:
    """The code of `tree` with the tests of `other`, of which `names` count. One that is not reported has failed:
    it could not even be loaded. Raises what the sandbox and the repository raise."""
    ours, theirs = await asyncio.gather(
        read_material(bench.repos, subject, tree),
        read_material(bench.repos, subject, other),
    )
    mixed = await put_tests(bench.repos, subject, (tree, ours), (other, theirs))
    environment = subject.patch_environment or subject.environment
    passed: set[str] = set()
    records: list[RunRecord] = []
    for command in _commands(subject.test, theirs, names):
        ran = await bench.run(RunPurpose.OTHERS_TESTS, mixed, environment, command)
        passed |= ran.report.ids(TestStatus.PASSED)
        records.append(ran.record)
        if all(name in ran.report.results for name in names):
            break
    return OthersSay(sum(name not in passed for name in names), len(names), tuple(records))


def _commands(test: TestCommand, theirs: Material, names: tuple[str, ...]) -> list[TestCommand]:
    """By their names; then, where one is not found so, by their files. The whole suite if neither can be selected."""
    paths = tuple(change.path for change in theirs.tests if change.new_blob and is_selectable(change.path))
    chosen = []
    for selection in (names, paths):
        with contextlib.suppress(ForModel):  # its runner can't select so
            chosen += [select(test, selection)] if selection else []
    return chosen or [test]


async def put_tests(
    repos: Repos, subject: Subject, ours: tuple[TreeSha, Material], theirs: tuple[TreeSha, Material]
) -> TreeSha:
    """Our test files back to the base, then theirs; test modules inside the code's own files by their names."""
    tree, material = ours
    whole = theirs[1].split.tests
    bare = await repos.derive(subject.key, tree, reverted(material.split.tests))
    inline = tuple(change for change in theirs[1].tests if change not in whole)
    changes = [*whole, *await _inline(repos, subject, bare, (theirs[0], inline))]
    return await repos.derive(subject.key, bare, tuple(changes))


async def _inline(
    repos: Repos, subject: Subject, bare: TreeSha, theirs: tuple[TreeSha, tuple[TreeChange, ...]]
) -> list[TreeChange]:
    if not theirs[1]:
        return []
    here, there = await asyncio.gather(
        repos.list_tree(subject.key, bare), repos.list_tree(subject.key, theirs[0])
    )
    made = []
    for change in theirs[1]:
        if change.path not in here or change.path not in there:
            continue  # we have no such file: its tests have nothing to test
        (mode, old), (_, other) = here[change.path], there[change.path]
        blobs = await repos.read_blobs(subject.key, (old, other))
        text = with_tests_of(blobs[old].decode("utf-8", "replace"), blobs[other].decode("utf-8", "replace"))
        blob = await repos.store_blob(subject.key, text.encode())
        made.append(TreeChange(change.path, mode, old, mode, blob))
    return made
