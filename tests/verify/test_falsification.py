"""Changes that look fixed and are not: none of them may be called proven.

Each is a whole verification with real runs of pytest or unittest.
"""

import pytest

from bot.domain.evidence import RunPurpose, Tier
from bot.verify.runners import Runner, TestCommand
from tests.verify.conftest import BASE, FIX, PROOF, UNITTEST, Bench

pytestmark = pytest.mark.falsify  # each is a whole verification of some seconds: `make falsify`

GREEN_HOOK = (
    b"import pytest\n\n\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item, call):\n"
    b"    outcome = yield\n    report = outcome.get_result()\n    report.outcome = 'passed'\n"
)


async def test_an_honest_fix_with_its_test_is_proven(bench: Bench) -> None:
    evidence = await bench.verify({**FIX, **PROOF})
    assert evidence.tier is Tier.A, evidence
    (proof,) = evidence.proofs
    assert proof.test_id == "tests/test_add.py::test_add"
    assert (proof.failures_before, proof.runs_before, proof.passes_after, proof.runs_after) == (2, 2, 3, 3)
    assert "assert" in proof.message_before
    assert {run.purpose for run in evidence.runs} >= {
        RunPurpose.BASELINE, RunPurpose.TESTS_ONLY, RunPurpose.WHOLE_PATCH, RunPurpose.CANARY,
    }  # fmt: skip


async def test_an_honest_fix_is_proven_with_unittest_too(bench: Bench) -> None:
    base = {
        "app.py": BASE["app.py"],
        "tests/__init__.py": b"",
        "tests/test_app.py": _case("Double", "app.double(2), 4"),
    }
    evidence = await bench.verify(
        {**FIX, "tests/test_add.py": _case("Add", "app.add(1, 2), 3")}, base, UNITTEST
    )
    assert evidence.tier is Tier.A, evidence


async def test_a_fix_without_a_test_breaks_nothing_and_proves_nothing(bench: Bench) -> None:
    assert (await bench.verify(dict(FIX))).tier is Tier.B


async def test_a_hook_that_turns_failures_green_proves_nothing(bench: Bench) -> None:
    evidence = await bench.verify({**PROOF, "conftest.py": GREEN_HOOK})
    assert evidence.tier is not Tier.A, evidence


async def test_a_green_hook_that_acts_only_with_the_code_of_the_change(bench: Bench) -> None:
    """The test part alone fails as it should; with the whole change the hook looks away."""
    hook = GREEN_HOOK.replace(
        b"    report.outcome", b"    if open('app.py').read()[0] == '#': report.outcome"
    )
    evidence = await bench.verify({**PROOF, "conftest.py": hook, "app.py": b"# fixed\n" + BASE["app.py"]})
    assert evidence.tier is not Tier.A, evidence


async def test_code_that_neuters_the_runner_itself_is_met_by_the_canary(bench: Bench) -> None:
    """No test machinery is touched: the module under test patches pytest when it is imported."""
    evil = (
        b"import sys\nfrom _pytest import python\n"
        b"python.Function.runtest = lambda self: None\n" + BASE["app.py"]
    )
    evidence = await bench.verify({**PROOF, "app.py": evil})
    assert evidence.tier is not Tier.A, evidence


async def test_ending_the_process_with_success_is_an_incomplete_report(bench: Bench) -> None:
    evidence = await bench.verify({**PROOF, "app.py": b"import os\nos._exit(0)\n"})
    assert evidence.tier is Tier.D, evidence


async def test_a_conftest_that_ends_the_process_at_the_end(bench: Bench) -> None:
    late = b"import os\n\n\ndef pytest_runtest_logfinish():\n    os._exit(0)\n"
    evidence = await bench.verify({**FIX, **PROOF, "conftest.py": late})
    assert evidence.tier is Tier.D, evidence


async def test_a_forced_exit_code_contradicts_the_report(bench: Bench) -> None:
    hook = b"def pytest_sessionfinish(session):\n    session.exitstatus = 0\n"
    evidence = await bench.verify({**PROOF, "conftest.py": hook})
    assert evidence.tier not in (Tier.A, Tier.B), evidence


async def test_deleted_tests_are_missing(bench: Bench) -> None:
    evidence = await bench.verify({**FIX, **PROOF, "tests/test_app.py": None})
    assert evidence.tier is Tier.D, evidence
    assert evidence.missing == ("tests/test_app.py::test_double",)


async def test_an_added_skip_is_seen(bench: Bench) -> None:
    skipped = b"import app\nimport pytest\n\n\n@pytest.mark.skip\ndef test_double():\n    assert app.double(2) == 4\n"
    evidence = await bench.verify({**FIX, **PROOF, "tests/test_app.py": skipped})
    assert evidence.tier is Tier.D, evidence


@pytest.mark.parametrize(
    "options", ["--co", "-k add", "--ignore=tests/test_app.py", "--deselect=tests/test_app.py"]
)
async def test_options_that_hide_tests(bench: Bench, options: str) -> None:
    ini = f"[pytest]\npythonpath = .\naddopts = {options}\n".encode()
    evidence = await bench.verify({**FIX, **PROOF, "pytest.ini": ini})
    assert evidence.tier is Tier.D, evidence


@pytest.mark.parametrize("options", ["-q", "-qq", "-p no:terminal", "-p no:cacheprovider -x"])
async def test_options_of_the_repository_do_not_disturb_the_report(bench: Bench, options: str) -> None:
    base = {**BASE, "pytest.ini": f"[pytest]\npythonpath = .\naddopts = {options}\n".encode()}
    assert (await bench.verify({**FIX, **PROOF}, base)).tier is Tier.A


async def test_a_command_that_swallows_its_failure_is_not_believed(bench: Bench) -> None:
    command = TestCommand(Runner.PYTEST, "python3 -m pytest || true", "Makefile")
    evidence = await bench.verify(dict(PROOF), test=command)
    assert evidence.tier not in (Tier.A, Tier.B), evidence


async def test_a_command_known_by_its_exit_code_never_proves(bench: Bench) -> None:
    command = TestCommand(Runner.EXIT_CODE, "python3 check.py || true", "Makefile")
    evidence = await bench.verify({**FIX, **PROOF}, test=command)
    assert evidence.tier is Tier.B, evidence
    assert evidence.proofs == ()


async def test_a_test_that_passed_before_proves_nothing(bench: Bench) -> None:
    idle = b"import app\n\n\ndef test_idle():\n    assert app.double(3) == 6\n"
    assert (await bench.verify({**FIX, "tests/test_idle.py": idle})).tier is Tier.B


async def test_a_test_that_could_not_be_imported_before_proves_nothing(bench: Bench) -> None:
    new = b"from app import triple\n\n\ndef test_triple():\n    assert triple(1) == 3\n"
    code = BASE["app.py"] + b"\n\ndef triple(a):\n    return a * 3\n"
    evidence = await bench.verify({"app.py": code, "tests/test_triple.py": new})
    assert evidence.tier is Tier.B, evidence


async def test_a_failing_fixture_before_proves_nothing(bench: Bench) -> None:
    new = (
        b"import app\nimport pytest\n\n\n@pytest.fixture\ndef three():\n    assert app.add(1, 2) == 3\n\n\n"
        b"def test_three(three):\n    pass\n"
    )
    evidence = await bench.verify({**FIX, "tests/test_three.py": new})
    assert evidence.tier is Tier.B, evidence


async def test_a_coin_that_falls_otherwise_each_time_proves_nothing(bench: Bench, tmp_path: object) -> None:
    """Fails at its first run, passes at the second, and so on: never two failures in a row."""
    flaky = (
        f"import pathlib\n\n\ndef test_coin():\n    mark = pathlib.Path({str(tmp_path)!r}, 'coin')\n"
        "    with mark.open('a') as file:\n        file.write('x')\n"
        "    assert mark.stat().st_size % 2 == 0\n"
    ).encode()
    evidence = await bench.verify({**FIX, "tests/test_coin.py": flaky})
    assert evidence.tier is not Tier.A, evidence


async def test_a_broken_test_is_a_regression(bench: Bench) -> None:
    code = FIX["app.py"].replace(b"a * 2", b"a * 3")
    evidence = await bench.verify({**PROOF, "app.py": code})
    assert evidence.tier is Tier.D, evidence
    assert evidence.regressions == ("tests/test_app.py::test_double",)


async def test_weakened_old_tests_cost_the_proof(bench: Bench) -> None:
    code = FIX["app.py"].replace(b"a * 2", b"a * 3")
    weak = b"import app\n\n\ndef test_double():\n    assert app.double(2)\n"
    evidence = await bench.verify({**PROOF, "app.py": code, "tests/test_app.py": weak})
    assert evidence.tier is Tier.B, evidence
    assert any("old tests say" in note for note in evidence.notes)


async def test_a_base_that_can_not_be_collected_is_no_measure(bench: Bench) -> None:
    base = {"app.py": b"", "tests/test_app.py": b"import nothing_of_this_name\n"}
    evidence = await bench.verify({**FIX, **PROOF}, base)
    assert evidence.tier is not Tier.A, evidence


async def test_a_forged_end_record_is_not_an_end(bench: Bench) -> None:
    """The module under test finds the report's path in the process and writes what it likes."""
    forge = (
        b"import gc, json, os\n"
        b"for thing in gc.get_objects():\n"
        b"    name = getattr(thing, 'name', None) if type(thing).__name__ == 'TextIOWrapper' else None\n"
        b"    if isinstance(name, str) and 'pullwright' in name:\n"
        b"        for test in ('tests/test_add.py::test_add', 'tests/test_app.py::test_double'):\n"
        b"            thing.write(json.dumps({'id': test, 'when': 'call', 'outcome': 'passed'}) + '\\n')\n"
        b"        thing.write(json.dumps({'end': 0}) + '\\n')\n"
        b"        thing.flush()\n"
        b"        os._exit(0)\n"
    )
    evidence = await bench.verify({**PROOF, "app.py": forge})
    assert evidence.tier is not Tier.A, evidence


def _case(name: str, compared: str) -> bytes:
    return (
        f"import unittest\n\nimport app\n\n\nclass {name}(unittest.TestCase):\n    def test_it(self):\n"
        f"        self.assertEqual({compared})\n"
    ).encode()
