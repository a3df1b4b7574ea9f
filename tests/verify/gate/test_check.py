"""All rules together, and what a repository may say about them."""

from bot.domain.repo_config import GateRule
from bot.verify.gate.check import ALWAYS, RULES, check_change
from bot.verify.gate.contract import Policy
from tests.verify.gate.changes import changed

TEST = "def test_a():\n    assert f() == 1\n"


def test_every_rule_has_its_function() -> None:
    assert set(RULES) == set(GateRule)


def test_an_honest_change_is_clean() -> None:
    code = changed("app.py", "x = 1\n", "x = 2\n")
    test = changed("tests/test_app.py", TEST, TEST + "\n\ndef test_b():\n    assert h() == 3\n")
    assert check_change((code, test)) == ()


def test_a_rule_can_be_switched_off_but_not_every_one() -> None:
    change = (changed("data.bin", None, b"\0"), changed("a.py", "x\n", "<<<<<<< a\n"))
    assert len(check_change(change)) == 2
    everything = Policy(allowed=frozenset(GateRule))
    assert check_change(change, everything) == ("`a.py` holds conflict markers.",)
    assert GateRule.SECRETS in ALWAYS


def test_protected_paths() -> None:
    policy = Policy(protected=("vendored/", "*.sql"))
    files = tuple(changed(path, "a\n", "b\n") for path in ("vendored/x/a.py", "db/1.sql", "app.py"))
    assert [fault.split("`")[1] for fault in check_change(files, policy)] == ["vendored/x/a.py", "db/1.sql"]


def test_too_many_files_are_said_once() -> None:
    files = tuple(changed(f"{at}.py", "a\n", "b\n") for at in range(101))
    assert check_change(files) == ("The change has 101 files; at most 100 can be reviewed.",)


def test_every_sentence_ends() -> None:
    files = (
        changed("AGENTS.md", "a", "b"),
        changed("tests/test_a.py", TEST, None),
        changed("x.orig", None, "a"),
    )
    faults = check_change(files)
    assert len(faults) == 3
    assert all(fault.endswith(".") for fault in faults)
