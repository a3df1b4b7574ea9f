"""The verification from end to end, and every way to look proven without being it."""

from pathlib import Path

import pytest

from bot.domain.evidence import RunPurpose, Tier
from bot.errors import ForModel
from bot.verify.evidence_file import parse_evidence, render_evidence
from bot.verify.runners import NO_TESTS, Runner
from tests.verify.bench import Case, MemoryRepos

BUG = "def add(a, b):\n    return a - b\n"
FIX = "def add(a, b):\n    return a + b\n"
OLD_TEST = "from app import add\n\n\ndef test_zero():\n    assert add(0, 0) == 0\n"
NEW_TEST = "from app import add\n\n\ndef test_sum():\n    assert add(1, 2) == 3\n"
BASE = {"app.py": BUG, "tests/test_old.py": OLD_TEST, "conftest.py": ""}


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(MemoryRepos(tmp_path), dict(BASE))


async def test_a_change_with_its_test_is_proven(case: Case) -> None:
    told: list[str] = []
    tree = case.changed(app_py=FIX, tests__test_new_py=NEW_TEST)
    evidence = await case.verifier().verify(tree, lambda label, ok, seconds: told.append(label))
    assert (evidence.tier, evidence.reason) == (
        Tier.A,
        "1 test failed before and passes after; nothing broke.",
    )
    (proof,) = evidence.proofs
    assert proof.test_id == "tests/test_new.py::test_sum"
    assert (proof.failures_before, proof.runs_before, proof.passes_after, proof.runs_after) == (2, 2, 3, 3)
    assert "assert -1 == 3" in proof.message_before
    purposes = [run.purpose for run in evidence.runs]
    assert [
        purposes.count(p) for p in (RunPurpose.BASELINE, RunPurpose.TESTS_ONLY, RunPurpose.WHOLE_PATCH)
    ] == [2, 2, 3]
    assert purposes.count(RunPurpose.CANARY) == 1
    assert evidence.patch_tree == tree
    assert len(told) == len(evidence.runs)
    assert parse_evidence(render_evidence(evidence)) == evidence


async def test_a_test_added_to_an_old_file_proves_as_well(case: Case) -> None:
    tree = case.changed(app_py=FIX, tests__test_old_py=OLD_TEST + NEW_TEST.split("\n\n\n")[1])
    evidence = await case.verifier().verify(tree)
    assert evidence.tier is Tier.A
    assert RunPurpose.INTEGRITY_WHOLE in [run.purpose for run in evidence.runs]


async def test_unittest_proves_too(case: Case) -> None:
    head = "import unittest\nfrom app import add\n\n\nclass AddTest(unittest.TestCase):\n"
    case.base = {
        "app.py": BUG,
        "tests/__init__.py": "",
        "tests/test_old.py": head + "    def test_zero(self):\n        self.assertEqual(add(0, 0), 0)\n",
    }
    case.command = "python3 -m unittest"
    new = (
        head
        + "    def test_sum(self):\n        with self.subTest(n=1):\n            self.assertEqual(add(1, 2), 3)\n"
    )
    evidence = await case.verifier().verify(case.changed(app_py=FIX, tests__test_new_py=new))
    assert evidence.tier is Tier.A
    assert [proof.test_id for proof in evidence.proofs] == ["tests.test_new.AddTest.test_sum"]


async def test_a_test_that_failed_before_already_and_passes_now_is_a_proof(case: Case) -> None:
    case.base["tests/test_red.py"] = NEW_TEST
    evidence = await case.verifier().verify(case.changed(app_py=FIX))
    assert evidence.tier is Tier.A
    assert evidence.failing_before == ("tests/test_red.py::test_sum",)


async def test_a_change_without_a_test_is_checked_not_proven(case: Case) -> None:
    evidence = await case.verifier().verify(case.changed(app_py=FIX))
    assert evidence.tier is Tier.B
    assert "brings no test" in evidence.reason


async def test_a_change_that_breaks_something_is_red(case: Case) -> None:
    broken = "def add(a, b):\n    return a + b + 1\n"
    evidence = await case.verifier().verify(case.changed(app_py=broken))
    assert (evidence.tier, evidence.reason) == (Tier.D, "1 test that passed before fails now.")
    assert evidence.regressions == ("tests/test_old.py::test_zero",)


async def test_without_tests_it_is_untested(case: Case) -> None:
    evidence = await case.verifier(NO_TESTS).verify(case.changed(app_py=FIX))
    assert (evidence.tier, evidence.runner, evidence.runs) == (Tier.C, "none", ())


async def test_tests_that_can_not_run_on_the_base_are_no_measure(case: Case) -> None:
    case.base["conftest.py"] = "import not_there\n"
    evidence = await case.verifier().verify(case.changed(app_py=FIX, tests__test_new_py=NEW_TEST))
    assert evidence.tier is Tier.C


async def test_an_exit_code_alone_proves_nothing(case: Case) -> None:
    case.command = "grep -q 'a + b' app.py"
    evidence = await case.verifier().verify(case.changed(app_py=FIX))
    assert (evidence.tier, evidence.runner) == (Tier.B, Runner.EXIT_CODE)
    case.command = "grep -q 'a - b' app.py"
    assert (await case.verifier().verify(case.changed(app_py=FIX))).tier is Tier.D


# -- falsification: nothing of this may become tier A -------------------------------------------------------

GREEN_HOOK = (
    "import pytest\n\n\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item, call):\n"
    "    report = (yield).get_result()\n    report.outcome = 'passed'\n    report.longrepr = None\n"
)
EXIT_EARLY = "import os\n\n\ndef pytest_sessionfinish(session):\n    os._exit(0)\n"
FORGED = (
    "import json, os\nPATH = os.environ.get('PULLWRIGHT_REPORT', '')\n\n\ndef pytest_configure(config):\n"
    "    import glob\n    line = {'id': 'tests/test_new.py::test_sum', 'when': 'call', 'outcome': 'passed'}\n"
    "    for path in glob.glob('.pullwright-*'):\n        with open(path, 'a') as file:\n"
    "            file.write(json.dumps(line) + '\\n')\n"
)


IMPORTS_NEW = "from app import NEW\n\n\ndef test_new():\n    assert NEW\n"
FAILING_FIXTURE = (
    "import pytest\nfrom app import add\n\n\n@pytest.fixture\ndef three():\n    assert add(1, 2) == 3\n\n\n"
    "def test_it(three):\n    pass\n"
)
SKIPPED_TEST = "import pytest\n" + OLD_TEST.replace("def test", "@pytest.mark.skip\ndef test")
THREE = "def add(a, b):\n    return 3\n"
DECEPTIONS: dict[str, dict[str, str | None]] = {
    "a hook that turns failures green": {"conftest_py": GREEN_HOOK, "tests__test_new_py": NEW_TEST},
    "leaving early": {"app_py": FIX, "conftest_py": EXIT_EARLY, "tests__test_new_py": NEW_TEST},
    "forged lines in the report": {"conftest_py": FORGED, "tests__test_new_py": NEW_TEST},
    "a test that passes without the fix": {"app_py": FIX, "tests__test_new_py": OLD_TEST},
    "an import error before": {"app_py": FIX + "NEW = 1\n", "tests__test_new_py": IMPORTS_NEW},
    "a fixture that fails before": {"app_py": FIX, "tests__test_new_py": FAILING_FIXTURE},
    "the old test deleted": {"app_py": FIX, "tests__test_old_py": None, "tests__test_new_py": NEW_TEST},
    "the old test skipped": {
        "app_py": THREE,
        "tests__test_old_py": SKIPPED_TEST,
        "tests__test_new_py": NEW_TEST,
    },
    "the old test rewritten": {
        "app_py": THREE,
        "tests__test_old_py": OLD_TEST.replace("== 0", "== 3"),
        "tests__test_new_py": NEW_TEST,
    },
    "collecting only": {
        "app_py": FIX,
        "pytest.ini": "[pytest]\naddopts = --co\n",
        "tests__test_new_py": NEW_TEST,
    },
    "deselecting what fails": {
        "pytest.ini": "[pytest]\naddopts = -k 'not sum'\n",
        "tests__test_new_py": NEW_TEST,
    },
    "only a test, no fix": {"tests__test_new_py": NEW_TEST},
}


FAST = ("a hook that turns failures green", "a test that passes without the fix", "the old test rewritten")


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.falsify) for name in DECEPTIONS]
)
async def test_a_change_that_only_looks_proven_is_not(case: Case, name: str) -> None:
    evidence = await case.verifier().verify(case.changed(**DECEPTIONS[name]))
    assert evidence.tier is not Tier.A, evidence


# -- for the agent ------------------------------------------------------------------------------------------


async def test_the_agent_sees_differences(case: Case) -> None:
    case.base["tests/test_red.py"] = NEW_TEST.replace("test_sum", "test_red")
    verifier = case.verifier()
    answer = await verifier.run_tests(case.changed(app_py=FIX, tests__test_new_py=NEW_TEST), ())
    assert "Newly passing (1):\n  tests/test_red.py::test_red" in answer
    assert "New tests that pass (1):\n  tests/test_new.py::test_sum" in answer
    broken = await verifier.run_tests(case.changed(app_py="def add(a, b):\n    return 7\n"), ())
    assert "Newly failing (1):\n  tests/test_old.py::test_zero" in broken
    assert "assert 7 == 0" in broken
    assert "Failed before already (1)" in broken
    chosen = await verifier.run_tests(case.changed(app_py=FIX), ("tests/test_old.py",))
    assert "1 passed" in chosen
    assert "Not in the report" not in chosen


async def test_the_agent_is_told_when_there_are_no_tests(case: Case) -> None:
    with pytest.raises(ForModel, match="No test command"):
        await case.verifier(NO_TESTS).run_tests(case.changed(app_py=FIX), ())


async def test_the_baseline_is_measured_once_and_kept(case: Case) -> None:
    kept = []
    verifier = case.verifier()
    verifier.keep = kept.append
    first = await verifier.baseline()
    assert await verifier.baseline() is first
    assert kept == [first]
    again = case.verifier()
    again.load = lambda: first
    assert await again.baseline() is first
    await again.close()


async def test_the_gate_reads_the_change(case: Case) -> None:
    assert await case.verifier().check_gate(case.changed(app_py=FIX, tests__test_new_py=NEW_TEST)) == ()
    faults = await case.verifier().check_gate(case.changed(tests__test_old_py=None))
    assert faults == ("Tests were removed: `test_zero`. Keep them.",)


@pytest.mark.falsify
async def test_a_change_that_breaks_a_test_only_in_company_is_red(case: Case) -> None:
    leaky = "STATE = []\n\n\ndef add(a, b):\n    STATE.append(1)\n    return a + b if len(STATE) < 2 else 7\n"
    case.base["tests/test_a.py"] = OLD_TEST.replace("test_zero", "test_first")
    evidence = await case.verifier().verify(case.changed(app_py=leaky))
    assert evidence.tier is Tier.D
    assert evidence.flaky == ()
