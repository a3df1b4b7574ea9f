"""The repository's lint: run on both trees, told to the model where the change brings the fault, kept as evidence."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.evidence import RunPurpose, Tier
from bot.verify.evidence_file import parse_evidence, render_evidence
from bot.verify.verifier import Verifier
from tests.verify.bench import Case

BUG = "def add(a, b):\n    return a - b\n"
FIX = "def add(a, b):\n    return a + b\n"
NO_TABS = "! grep -n TAB app.py"


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path, {"app.py": BUG})


def linting(case: Case, lint: str = NO_TABS) -> Verifier:
    verifier = case.verifier()
    return replace(verifier, subject=replace(verifier.subject, lint=lint))


async def test_a_change_that_brings_a_fault_of_style_goes_back_to_the_model(case: Case) -> None:
    (fault,) = await linting(case).check_gate(case.changed(app_py=FIX + "# TAB\n"))
    assert "passes on the base and fails with your change" in fault
    assert "3:# TAB" in fault


@pytest.mark.parametrize("app", [FIX, FIX + "# TAB\n"])
async def test_where_the_base_fails_as_well_nothing_is_asked_of_the_model(case: Case, app: str) -> None:
    case.base["app.py"] = BUG + "# TAB\n"
    assert await linting(case).check_gate(case.changed(app_py=app)) == ()


async def test_a_change_of_the_environment_is_linted_in_its_own(case: Case) -> None:
    verifier = linting(case, lint="test ! -e requirements.txt")
    tree = case.changed(app_py=FIX, **{"requirements.txt": "ruff\n"})
    assert await verifier.check_gate(tree) == ()


@pytest.mark.parametrize(
    ("base", "app", "note"),
    [
        (BUG, FIX, f"Lint (`{NO_TABS}`) passes with the change."),
        (BUG, FIX + "# TAB\n", f"Lint (`{NO_TABS}`) fails with the change, and passed on the base."),
        (
            BUG + "# TAB\n",
            FIX + "# TAB\n",
            f"Lint (`{NO_TABS}`) fails with the change, as it did on the base.",
        ),
        (BUG + "# TAB\n", FIX, f"Lint (`{NO_TABS}`) passes with the change, and failed before."),
    ],
)
async def test_the_evidence_says_how_it_ended_and_moves_no_tier(
    case: Case, base: str, app: str, note: str
) -> None:
    case.base["app.py"] = base
    case.command = "true"  # one run each: only lint is looked at here
    evidence = await linting(case).verify(case.changed(app_py=app))
    assert evidence.notes[-1] == note
    lint = [run for run in evidence.runs if run.purpose in (RunPurpose.LINT_BASE, RunPurpose.LINT_PATCH)]
    assert [run.command for run in lint] == [NO_TABS, NO_TABS]
    assert evidence.tier is Tier.B
    assert parse_evidence(render_evidence(evidence)) == evidence


async def test_without_a_command_nothing_is_linted(case: Case) -> None:
    case.command = "true"
    evidence = await case.verifier().verify(case.changed(app_py=FIX))
    assert RunPurpose.LINT_PATCH not in [run.purpose for run in evidence.runs]
