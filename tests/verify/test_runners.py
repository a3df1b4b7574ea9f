"""Commands as people write them, with a selection and with the harness's plugin."""

import pytest

from bot.errors import ForModel
from bot.verify.runners import Runner, recognise, render_command, select


@pytest.mark.parametrize(
    ("command", "runner"),
    [
        ("pytest", Runner.PYTEST),
        ("uv run pytest -q", Runner.PYTEST),
        ("cd sub && python -m pytest", Runner.PYTEST),
        ("python3 -m unittest discover -s tests", Runner.UNITTEST),
        ("python3 -m unittest || true", Runner.EXIT_CODE),
        ("make test", Runner.EXIT_CODE),
        (".venv/bin/pytest", Runner.EXIT_CODE),  # not told by its path: judged less, never more
    ],
)
def test_which_runner_is_behind_a_command(command: str, runner: Runner) -> None:
    assert recognise(command, "x").runner is runner


@pytest.mark.parametrize(
    ("command", "selected"),
    [
        ("pytest", "pytest a.py::t"),
        ("python3 -m pytest -q tests", "python3 -m pytest a.py::t"),
        ("cd sub && pytest tests && echo done", "cd sub && pytest a.py::t && echo done"),
        ("pip install pytest && pytest", "pip install pytest && pytest a.py::t"),
        ("pytest tests > log", "pytest a.py::t > log"),
    ],
)
def test_a_selection_keeps_what_the_shell_does_around_pytest(command: str, selected: str) -> None:
    assert select(recognise(command, "x"), ("a.py::t",)).command == selected


def test_a_selection_is_quoted() -> None:
    assert select(recognise("pytest", "x"), ("a.py::t[x; y]",)).command == "pytest 'a.py::t[x; y]'"


def test_unittest_is_given_dotted_names() -> None:
    chosen = select(
        recognise("python3 -m unittest", "x"), ("tests/test_a.py", "tests/test_a.py::Case::test_b")
    )
    assert chosen.command == "python3 -m unittest tests.test_a tests.test_a.Case.test_b"


def test_an_exit_code_can_not_be_selected_from() -> None:
    with pytest.raises(ForModel):
        select(recognise("make test", "x"), ("a.py",))


def test_a_command_with_its_own_pythonpath_keeps_the_plugin() -> None:
    command = render_command(recognise("PYTHONPATH=src pytest", "x"), "/workspace/report")
    assert "PYTHONPATH=/pullwright/harness:src pytest" in command.script
    assert command.env["PULLWRIGHT_REPORT"] == "/workspace/report"
