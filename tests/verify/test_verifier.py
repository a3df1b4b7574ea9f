"""The verification from end to end, and every way to look proven without being it."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.evidence import RunPurpose, Tier
from bot.errors import ForModel
from bot.sandbox.contract import Environment
from bot.verify.baseline import Baseline
from bot.verify.evidence_file import parse_evidence, render_evidence
from bot.verify.runners import NO_TESTS, Runner
from bot.verify.subject import Patience
from tests.verify.bench import Case

BUG = "def add(a, b):\n    return a - b\n"
FIX = "def add(a, b):\n    return a + b\n"
OLD_TEST = "from app import add\n\n\ndef test_zero():\n    assert add(0, 0) == 0\n"
NEW_TEST = "from app import add\n\n\ndef test_sum():\n    assert add(1, 2) == 3\n"
BASE = {"app.py": BUG, "tests/test_old.py": OLD_TEST, "conftest.py": ""}


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path, dict(BASE))


async def test_a_change_with_its_test_is_proven(case: Case) -> None:
    told: list[str] = []
    tree = case.changed(app_py=FIX, tests__test_new_py=NEW_TEST)
    verifier = case.verifier()
    verifier.subject = replace(
        verifier.subject, patience=Patience(whole_suite_s=1_000.0)
    )  # the machine may be busy
    evidence = await verifier.verify(tree, lambda label, ok, seconds: told.append(label))
    assert (evidence.tier, evidence.reason) == (
        Tier.A,
        "1 test failed before and passes after; nothing broke.",
    )
    (proof,) = evidence.proofs
    assert proof.test_id == "tests/test_new.py::test_sum"
    assert (proof.failures_before, proof.runs_before, proof.passes_after, proof.runs_after) == (2, 2, 3, 3)
    assert "assert -1 == 3" in proof.message_before
    assert Counter(run.purpose for run in evidence.runs) == {
        RunPurpose.BASELINE: 2,
        RunPurpose.TESTS_ONLY: 2,
        RunPurpose.WHOLE_PATCH: 1,
        RunPurpose.CANARY: 1,  # the second pass, beside tests that must fail
        RunPurpose.PROOF_ALONE: 1,  # the third pass
    }
    order = [label.split(":")[0] for label in told]
    assert order[::-1].index("base with only the new tests") < order[::-1].index("the whole change")
    (alone,) = [run for run in evidence.runs if run.purpose is RunPurpose.PROOF_ALONE]
    assert (alone.tree, alone.passed) == (tree, 1)
    assert evidence.patch_tree == tree
    assert len(told) == len(evidence.runs)
    assert parse_evidence(render_evidence(evidence)) == evidence


CASE_TEST = "import unittest\nfrom app import add\n\n\nclass NAME(unittest.TestCase):\n    def test_it(self):\n        "


@pytest.mark.falsify
@pytest.mark.parametrize(
    ("command", "wholes", "tier"),
    [
        ("python3 -m unittest -f", 2, Tier.A),  # the first failure ends the canary's run
        ("python3 -m pytest -q -x", 2, Tier.A),
        ("python3 -m unittest", 1, Tier.A),
        ("python3 -m pytest -q | tee said.txt", 2, Tier.B),  # green, whatever fails
    ],
)
async def test_a_canary_that_hides_other_tests_costs_one_more_run(
    case: Case, command: str, wholes: int, tier: Tier
) -> None:
    case.command = command
    case.base |= {"tests/__init__.py": "", "tests/test_z.py": CASE_TEST + "assert add(0, 0) == 0\n"}
    verifier = case.verifier()
    verifier.subject = replace(verifier.subject, patience=Patience(whole_suite_s=1_000.0))
    new = CASE_TEST + "assert add(1, 2) == 3\n"
    evidence = await verifier.verify(case.changed(app_py=FIX, tests__test_new_py=new))
    assert evidence.tier is tier, evidence
    made = Counter(run.purpose for run in evidence.runs)
    assert (made[RunPurpose.WHOLE_PATCH], made[RunPurpose.CANARY]) == (wholes, 1)


@pytest.mark.falsify
async def test_code_that_is_right_only_without_the_canary_proves_nothing(case: Case) -> None:
    right_unwatched = (
        "import sys\n\n\ndef add(a, b):\n    names = vars(sys.modules['test_new'])\n"
        "    return a + b if sum('test' in name for name in names) == 1 else a - b\n"
    )
    verifier = case.verifier()
    verifier.subject = replace(verifier.subject, patience=Patience(whole_suite_s=1_000.0))
    evidence = await verifier.verify(case.changed(app_py=right_unwatched, tests__test_new_py=NEW_TEST))
    assert (evidence.tier, evidence.proofs) == (Tier.D, ())


@pytest.mark.falsify
async def test_a_test_added_to_an_old_file_proves_as_well(case: Case) -> None:
    tree = case.changed(app_py=FIX, tests__test_old_py=OLD_TEST + NEW_TEST.split("\n\n\n")[1])
    evidence = await case.verifier().verify(tree)
    assert evidence.tier is Tier.A
    assert RunPurpose.INTEGRITY_WHOLE in [run.purpose for run in evidence.runs]


@pytest.mark.falsify
async def test_a_tree_that_two_checks_ask_about_is_run_once(case: Case) -> None:
    """A changed set-up file among the tests is an old test and test machinery."""
    case.base["tests/conftest.py"] = "import pytest\n"
    change = case.changed(app_py=FIX, tests__test_new_py=NEW_TEST, tests__conftest_py="import pytest  # x\n")
    evidence = await case.verifier().verify(change)
    assert evidence.tier is Tier.A
    assert [run.purpose for run in evidence.runs].count(RunPurpose.INTEGRITY_WHOLE) == 1


@pytest.mark.falsify
async def test_a_slow_suite_is_run_whole_once(case: Case) -> None:
    verifier = case.verifier()
    verifier.subject = replace(verifier.subject, patience=Patience(whole_suite_s=0.0))
    tree = case.changed(app_py=FIX, tests__test_new_py=NEW_TEST)
    evidence = await verifier.verify(tree)
    assert evidence.tier is Tier.A
    whole = [run for run in evidence.runs if run.purpose is RunPurpose.WHOLE_PATCH]
    alone = [run for run in evidence.runs if run.purpose is RunPurpose.PROOF_ALONE]
    assert [(run.tree, run.passed) for run in (*whole, *alone)] == [(tree, 2), (tree, 1), (tree, 1)]
    assert "run whole once" in evidence.notes[0]


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


@pytest.mark.falsify
async def test_a_test_that_failed_before_already_and_passes_now_is_a_proof(case: Case) -> None:
    case.base["tests/test_red.py"] = NEW_TEST
    evidence = await case.verifier().verify(case.changed(app_py=FIX))
    assert evidence.tier is Tier.A
    assert evidence.failing_before == ("tests/test_red.py::test_sum",)


@pytest.mark.falsify
async def test_a_plugin_that_comes_by_the_environment_of_the_change_proves_nothing(case: Case) -> None:
    """As a requirement with an entry point would bring it: there in every run with the change, and no file of it."""
    quiet = (
        "from _pytest import python\n\nold = python.Function.runtest\n"
        "python.Function.runtest = lambda self: None if self.name == 'test_sum' else old(self)\n"
    )
    case.base["quiet.py"] = quiet
    case.base["requirements.txt"] = "pytest\n"
    tree = case.changed(tests__test_new_py=NEW_TEST, **{"requirements.txt": "pytest\nquiet\n"})
    verifier = case.verifier()
    patched = Environment("patched", variables={"PYTEST_PLUGINS": "quiet"})
    verifier.subject = replace(verifier.subject, patch_environment=patched)
    evidence = await verifier.verify(tree)
    assert evidence.proofs
    assert (evidence.tier, evidence.reason) == (
        Tier.B,
        "The proof does not hold when `requirements.txt` stands as on the base.",
    )


@pytest.mark.falsify
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


# -- for the agent ------------------------------------------------------------------------------------------


@pytest.mark.falsify
async def test_the_agent_sees_differences(case: Case) -> None:
    case.base["tests/test_red.py"] = NEW_TEST.replace("test_sum", "test_red")
    verifier = case.verifier()
    answer = await verifier.run_tests(case.changed(app_py=FIX, tests__test_new_py=NEW_TEST), ())
    assert "Newly passing (1):\n  tests/test_red.py::test_red" in answer
    assert "New tests that pass (1):\n  tests/test_new.py::test_sum" in answer
    assert "Fail there, as a proof must (1):\n  tests/test_new.py::test_sum" in answer
    broken = await verifier.run_tests(case.changed(app_py="def add(a, b):\n    return 7\n"), ())
    assert "Newly failing (1):\n  tests/test_old.py::test_zero" in broken
    assert "assert 7 == 0" in broken
    assert "Failed before already (1)" in broken
    chosen = await verifier.run_tests(case.changed(app_py=FIX), ("tests/test_old.py",))
    assert "1 passed" in chosen
    assert "Not in the report" not in chosen


async def test_a_slow_suite_is_run_in_part_for_the_agent(case: Case) -> None:
    case.base["tests/test_other.py"] = "def test_other():\n    pass\n"
    verifier = case.verifier()
    verifier.load = lambda: Baseline(passing=frozenset({"tests/test_old.py::test_zero"}), seconds=100.0)
    answer = await verifier.run_tests(case.changed(app_py=FIX), ())
    assert answer.startswith("The whole suite takes 100 s")
    assert "1 passed" in answer
    assert "pytest tests/test_old.py" in answer


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


# -- what is broken -----------------------------------------------------------------------------------------

BROKEN = "def add(a, b):\n    return a + b + 1\n"


@pytest.mark.falsify
@pytest.mark.parametrize(
    "command",
    [
        "cd . && python3 -m pytest",
        "PYTHONPATH=$PWD python3 -m pytest",
        'PYTEST_ADDOPTS="-x -q" python3 -m pytest',
        "PYTEST_ADDOPTS= python3 -m pytest",
    ],
)
async def test_a_regression_under_a_command_for_the_shell(case: Case, command: str) -> None:
    """The selection of single tests broke such commands once, and what could not run was called flaky."""
    case.command = command
    evidence = await case.verifier().verify(case.changed(app_py=BROKEN))
    assert (evidence.tier, evidence.regressions) == (Tier.D, ("tests/test_old.py::test_zero",))


@pytest.mark.falsify
async def test_a_regression_of_a_test_that_needs_another_before_it(case: Case) -> None:
    """It fails alone on the base as well, and was called flaky for that once."""
    case.base["tests/test_old.py"] = (
        "from app import add\nSTATE = []\n\n\ndef test_a():\n    STATE.append(1)\n\n\n"
        "def test_zero():\n    assert STATE and add(0, 0) == 0\n"
    )
    evidence = await case.verifier().verify(case.changed(app_py=BROKEN))
    assert (evidence.tier, evidence.regressions) == (Tier.D, ("tests/test_old.py::test_zero",))


@pytest.mark.falsify
async def test_what_was_not_finished_in_time_is_named(case: Case) -> None:
    case.base["tests/test_slow.py"] = "import time\n\n\ndef test_slow():\n    time.sleep(0.5)\n"
    verifier = case.verifier()
    verifier.subject = replace(verifier.subject, patience=Patience(verify_s=0.2))
    evidence = await verifier.verify(case.changed(app_py=FIX, tests__test_new_py=NEW_TEST))
    assert evidence.tier is Tier.D
    assert "not finished within" in evidence.reason
    assert [run.purpose for run in evidence.runs] == [RunPurpose.BASELINE] * 2
