"""A small repository with a bug, and a way to verify changes of it."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.domain.evidence import Evidence
from bot.domain.ids import CommitSha, TreeSha
from bot.sandbox.contract import NO_SETUP
from bot.verify.runners import Runner, TestCommand
from bot.verify.subject import Subject
from bot.verify.verifier import Verifier
from tests.verify.fakes import KEY, Files, FolderSandbox, MemoryRepos

PYTEST = TestCommand(Runner.PYTEST, "python3 -m pytest", "pytest.ini")
UNITTEST = TestCommand(Runner.UNITTEST, "python3 -m unittest discover -s tests -t .", "tests/test_app.py")

BASE: Files = {
    "app.py": b"def add(a, b):\n    return a - b\n\n\ndef double(a):\n    return a * 2\n",
    "pytest.ini": b"[pytest]\npythonpath = .\n",
    "tests/test_app.py": b"import app\n\n\ndef test_double():\n    assert app.double(2) == 4\n",
}
FIX: Files = {"app.py": b"def add(a, b):\n    return a + b\n\n\ndef double(a):\n    return a * 2\n"}
PROOF: Files = {"tests/test_add.py": b"import app\n\n\ndef test_add():\n    assert app.add(1, 2) == 3\n"}


@dataclass
class Bench:
    repos: MemoryRepos
    sandbox: FolderSandbox

    def verifier(self, base: Files, test: TestCommand) -> tuple[Verifier, TreeSha]:
        tree = self.repos.add_tree(base)
        subject = Subject(KEY, CommitSha("c" * 40), tree, test, NO_SETUP)
        return Verifier(self.repos, self.sandbox, subject), tree

    async def verify(
        self, patch: dict[str, bytes | None], base: Files = BASE, test: TestCommand = PYTEST
    ) -> Evidence:
        """`patch`: path to new content; None deletes."""
        verifier, _ = self.verifier(base, test)
        after = {path: content for path, content in {**base, **patch}.items() if content is not None}
        return await verifier.verify(self.repos.add_tree(after))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "sandbox").mkdir()
    return Bench(MemoryRepos(tmp_path), FolderSandbox(tmp_path / "sandbox"))
