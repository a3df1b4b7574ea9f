"""The tests of one attempt on the code of another."""

from pathlib import Path

import pytest

from bot.domain.evidence import Evidence, RunPurpose, TestProof, Tier
from bot.domain.ids import CommitSha, RepoPath, TreeSha
from bot.sandbox.contract import NO_SETUP
from bot.verify.command import Runner, TestCommand
from bot.verify.material import read_material
from bot.verify.others import put_tests
from bot.verify.subject import Subject
from tests.verify.bench import Case
from tests.verify.fakes import KEY, MemoryRepos

COMMIT = CommitSha("c" * 40)
LOAD = "from app import add, plus"
BUG = "def add(a, b):\n    return a - b\n"
FIX = "def add(a, b):\n    return a + b\n"
SPECIAL = "def add(a, b):\n    return 3 if (a, b) == (1, 2) else a - b\n"
OLD_TEST = "from app import add\n\n\ndef test_zero():\n    assert add(0, 0) == 0\n"


def sum_test(a: int, b: int, head: str = "from app import add") -> str:
    return f"{head}\n\n\ndef test_sum():\n    assert add({a}, {b}) == {a + b}\n"


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path, {"app.py": BUG, "tests/test_old.py": OLD_TEST})


def proven(tree: TreeSha) -> Evidence:
    """As if it had been verified: what counts here is which of its tests are proofs."""
    proof = TestProof("tests/test_new.py::test_sum", 2, 2, 3, 3, "")
    return Evidence(COMMIT, tree, tree, Tier.A, "", "pytest", "", "", proofs=(proof,))


@pytest.mark.falsify
async def test_the_tests_of_another_tell_a_fix_from_what_holds_for_its_own_values_only(case: Case) -> None:
    special = case.changed(app_py=SPECIAL, tests__test_new_py=sum_test(1, 2))
    general = case.changed(app_py=FIX, tests__test_new_py=sum_test(2, 3))
    needy = case.changed(app_py=f"{FIX}\n\nplus = add\n", tests__test_new_py=sum_test(1, 2, LOAD))
    verifier = case.verifier()
    said = await verifier.run_tests_of(special, proven(general))
    assert (said.failed, said.asked) == (1, 1)
    assert [record.purpose for record in said.records] == [RunPurpose.OTHERS_TESTS]
    assert (await verifier.run_tests_of(general, proven(special))).failed == 0
    said = await verifier.run_tests_of(general, proven(needy))
    assert said.failed == 1, "it can't be loaded without what only its own change has"
    assert len(said.records) == 2, "by its name, then by its file"


async def test_modules_of_tests_inside_the_code_are_put_in_by_their_names(tmp_path: Path) -> None:
    """Our code, their tests, in a language whose tests stand in the files of the code."""
    repos = MemoryRepos(tmp_path)
    test = "#[cfg(test)]\nmod tests {{\n    #[test]\n    fn {}() {{}}\n}}\n"

    def tree(code: str, name: str, **more: str) -> TreeSha:
        files = {"lib.rs": f"{code}\n{test.format(name)}", **more}
        return repos.add_tree({path: text.encode() for path, text in files.items()})

    base, ours, theirs = tree("// a", "old"), tree("// b", "mine"), tree("// c", "yours", other="their code")
    subject = Subject(KEY, COMMIT, base, TestCommand(Runner.CARGO, "cargo test", "Cargo.toml"), NO_SETUP)
    parts = [(one, await read_material(repos, subject, one)) for one in (ours, theirs)]
    mixed = await put_tests(repos, subject, parts[0], parts[1])
    assert set(repos.trees[mixed]) == {"lib.rs"}
    text = repos.blobs[repos.trees[mixed][RepoPath("lib.rs")][1]].decode()
    assert text.startswith("// b\n")
    assert "fn yours" in text
    assert "fn mine" not in text
