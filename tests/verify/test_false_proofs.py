"""Three ways that once led to a false proof, and what made a measurement or its record impossible."""

import pytest

from bot.domain.evidence import Evidence, Tier
from bot.verify.evidence_file import parse_evidence, render_evidence
from bot.verify.runners import recognise
from tests.verify.conftest import BASE, FIX, PROOF, Bench

pytestmark = pytest.mark.falsify  # each is a whole verification of some seconds

BREAKING = FIX["app.py"].replace(b"a * 2", b"a * 3")
SHADOW = (
    b"import sys\n\nhere = sys.path.pop(0)\nsys.modules.pop('pytest', None)\nimport pytest\n"
    b"from _pytest import python\n\nold = python.Function.runtest\n"
    b"python.Function.runtest = lambda self: None if self.name == 'test_add' else old(self)\n"
    b"sys.path.insert(0, here)\nsys.exit(pytest.main())\n"
)


def assert_red(evidence: Evidence, name: str) -> None:
    assert evidence.tier is Tier.D, evidence
    assert evidence.regressions == (name,)


@pytest.mark.parametrize("command", ["cd . && python3 -m pytest", "PYTHONPATH=$PWD python3 -m pytest"])
async def test_a_regression_under_a_command_for_the_shell(bench: Bench, command: str) -> None:
    """The selection of single tests broke such commands, and what could not run was called flaky."""
    evidence = await bench.verify({**PROOF, "app.py": BREAKING}, test=recognise(command, "x"))
    assert_red(evidence, "tests/test_app.py::test_double")


async def test_a_regression_of_a_test_that_needs_another_before_it(bench: Bench) -> None:
    """It fails alone on the base as well, and was called flaky for that."""
    test = b"import app\nSTATE = []\n\n\ndef test_a():\n    STATE.append(1)\n\n\ndef test_b():\n"
    base = {**BASE, "tests/test_app.py": test + b"    assert STATE and app.double(2) == 4\n"}
    evidence = await bench.verify({**PROOF, "app.py": BREAKING}, base)
    assert_red(evidence, "tests/test_app.py::test_b")


async def test_a_file_that_takes_the_place_of_pytest(bench: Bench) -> None:
    evidence = await bench.verify({**PROOF, "pytest.py": SHADOW})
    assert evidence.tier is not Tier.A, evidence
    assert any("`pytest.py`" in note for note in evidence.notes)


async def test_a_message_without_a_utf8_form_can_be_kept(bench: Bench) -> None:
    test = b"import app\n\n\ndef test_add():\n    if app.add(1, 2) != 3:\n        raise AssertionError('\\udc80')\n"
    evidence = await bench.verify({**FIX, "tests/test_add.py": test})
    assert evidence.tier is Tier.A, evidence
    assert parse_evidence(render_evidence(evidence)) == evidence
