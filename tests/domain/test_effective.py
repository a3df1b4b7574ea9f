import pytest

from bot.domain.budget import Budget
from bot.domain.effective import Effective, OperatorSays, list_effective
from bot.domain.repo_config import ConfigFault, RepoConfig, find_lines, parse_repo_config

OPERATOR = OperatorSays(setup="make deps", budget=Budget(turns=50, money_usd=3.0), models=("big", "small"))


def effective(text: str, operator: OperatorSays = OPERATOR) -> dict[str, Effective]:
    rows = list_effective(parse_repo_config(text), find_lines(text), operator)
    return {row.key: row for row in rows}


def test_without_a_file_the_operator_and_the_defaults_hold() -> None:
    rows = effective("")
    assert (rows["setup"].value, rows["setup"].origin) == ("make deps", "the operator")
    assert rows["test"] == Effective("test", "", "default", "found in the repository")
    assert (rows["model"].value, rows["model"].origin) == ("big", "the operator")
    assert (rows["budget.usd"].value, rows["budget.turns"].value) == ("3", "50")
    assert rows["triggers.mention"] == Effective("triggers.mention", "yes", "default")


def test_the_file_goes_before_and_is_named_by_its_line() -> None:
    rows = effective("setup: ''\nlint: ruff\nmodel: small\ntriggers:\n  label: false\nenvironment: {A: b}\n")
    assert rows["setup"] == Effective("setup", "", "line 1 of the file", "nothing is to be installed")
    assert (rows["lint"].value, rows["lint"].origin) == ("ruff", "line 2 of the file")
    assert (rows["model"].value, rows["model"].origin) == ("small", "line 3 of the file")
    assert (rows["triggers.label"].value, rows["triggers.label"].origin) == ("no", "line 5 of the file")
    assert (rows["environment"].value, rows["environment"].origin) == ("A=b", "line 6 of the file")


def test_a_bound_is_lowered_and_never_raised() -> None:
    rows = effective("budget:\n  usd: 1\n  turns: 500\n")
    assert (rows["budget.usd"].value, rows["budget.usd"].origin) == ("1", "line 2 of the file")
    assert (rows["budget.turns"].value, rows["budget.turns"].origin) == ("50", "the operator")
    assert rows["budget.tokens"].value == "1,200,000"  # a dollar's worth, where no price is known
    assert effective("budget: 2\n")["budget.usd"].origin == "line 1 of the file"


def test_a_model_that_the_operator_does_not_allow_is_a_fault_with_its_line() -> None:
    with pytest.raises(ConfigFault, match="which the operator does not allow") as caught:
        effective("test: x\nmodel: dear\n")
    assert caught.value.line == 2


def test_a_schedule_shows_what_it_reads() -> None:
    file = "schedules:\n  tasks:\n    triage: {when: daily, prompt: x, reads: [issues, pull_requests]}\n"
    assert effective(file)["schedules.tasks"].value == "triage: daily (reads issues, pull_requests)"


def test_every_key_of_the_file_has_a_row() -> None:
    shown = {key.partition(".")[0] for key in effective("")}
    assert shown == set(RepoConfig.model_fields)
