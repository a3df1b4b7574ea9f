"""The image: nobody's root, nothing that the lock file does not name, nothing of the source tree but what it runs."""

import json
import re

from typer.main import get_command

from bot.cli.main import app
from tests.deploy.files import ROOT, Instruction, dockerfile


def _after_last_from() -> list[Instruction]:
    found = dockerfile()
    last = max(i for i, one in enumerate(found) if one.word == "FROM")
    return found[last + 1 :]


def test_it_runs_as_a_numbered_user_who_is_not_root() -> None:
    users = [one.rest for one in _after_last_from() if one.word == "USER"]
    assert users == ["10001:10001"]
    after = [one.word for one in _after_last_from()]
    assert "RUN" not in after[after.index("USER") :]


def test_every_stage_stands_on_the_given_base() -> None:
    found = dockerfile()
    assert found[0].word == "ARG"
    assert re.fullmatch(r"BASE=python:3\.1[2-9]-slim-\w+", found[0].rest)
    assert {one.rest.split()[0] for one in found if one.word == "FROM"} == {"${BASE}"}
    assert [one.word for one in found].count("FROM") == 2


def test_packages_come_by_hash_or_from_our_own_tree() -> None:
    installs = [
        command
        for one in dockerfile()
        if one.word == "RUN"
        for command in one.rest.split("&&")
        if "pip install" in command
    ]
    assert len(installs) == 2
    for command in installs:
        by_hash = "--require-hashes" in command and "--only-binary :all:" in command
        assert by_hash or ("--no-index" in command and "--no-deps" in command)


def test_nothing_is_fetched_from_elsewhere() -> None:
    assert not [one for one in dockerfile() if one.word == "ADD"]
    assert not [one for one in dockerfile() if re.search(r"https?://|\bcurl\b|\bwget\b", one.rest)]


def test_our_packages_lie_outside_what_the_sandbox_shows() -> None:
    (venv,) = [one.rest for one in dockerfile() if "-m venv" in one.rest]
    assert not venv.split()[-1].startswith("/usr")


def test_bubblewrap_is_inside() -> None:
    (install,) = [one.rest for one in _after_last_from() if "apt-get install" in one.rest]
    assert {"bubblewrap", "tini"} <= set(install.split())


def test_its_commands_exist() -> None:
    given = {one.word: one.rest for one in _after_last_from() if one.word in {"ENTRYPOINT", "CMD"}}
    (check,) = [one.rest for one in _after_last_from() if one.word == "HEALTHCHECK"]
    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert json.loads(given["ENTRYPOINT"])[-1] == "pullwright"
    assert json.loads(given["CMD"])[0] in known
    assert json.loads(check.partition(" CMD ")[2])[:2] == ["pullwright", "health"]
    assert "health" in known


def test_only_what_is_named_gets_into_the_build() -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [rule for rule in rules if rule and not rule.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    copied = {
        name
        for one in dockerfile()
        if one.word == "COPY" and not one.rest.startswith("--from")
        for name in one.rest.split()[:-1]
    }
    assert copied == let_in
