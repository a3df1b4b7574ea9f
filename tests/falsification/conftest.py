"""Plays a trick, and prints at the end: the trick, what caught it, the tier."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from bot.domain.evidence import Evidence, Tier
from bot.domain.ids import CommitSha
from bot.sandbox.contract import NO_SETUP
from bot.verify.baseline import Baseline
from bot.verify.subject import Subject
from bot.verify.verifier import Verifier
from tests.falsification.project import OUTSIDE, Play
from tests.verify.fakes import KEY, FolderSandbox, MemoryRepos
from tests.verify.toolchains import equip

Verdict = tuple[Evidence, tuple[str, ...]]
"""The evidence, and the sentences of the gate."""

_BASELINES: dict[tuple[str, str], Baseline] = {}  # most tricks are played on the same base: measured once


@pytest.fixture
def play(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> Callable[[Play], Awaitable[Verdict]]:
    async def verify(one: Play) -> Verdict:
        repos, sandbox = MemoryRepos(tmp_path), FolderSandbox(tmp_path / "sandbox")
        sandbox.root.mkdir()
        if one.needs:
            equip(sandbox, (one.needs,))
        base = repos.add_tree(one.base)
        after = {path: content for path, content in {**one.base, **one.patch}.items() if content is not None}
        tree = repos.add_tree(after)
        key = (base, one.test.command)
        subject = Subject(KEY, CommitSha("c" * 40), base, one.test, NO_SETUP, patience=one.patience)
        verifier = Verifier(
            repos,
            sandbox,
            subject,
            lambda: _BASELINES.get(key),
            lambda found: _BASELINES.update({key: found}),
        )
        faults = await verifier.check_gate(tree)
        evidence = await verifier.verify(tree)
        record_property("trick", one.name)
        record_property("tier", evidence.tier.value)
        record_property("caught by", evidence.reason if evidence.tier is not Tier.A else "")
        record_property("gate", faults[0] if faults else "")
        return evidence, faults

    return verify


@pytest.fixture(autouse=True)
def _nothing_is_left_outside() -> Iterator[None]:
    yield
    for left in OUTSIDE.parent.glob(f"{OUTSIDE.name}-*"):
        left.unlink(missing_ok=True)
