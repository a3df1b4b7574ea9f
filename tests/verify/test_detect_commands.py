"""Test commands from a repository's own files, best first; and which of them is taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.contract import NO_SETUP
from bot.verify.choose import choose_test_command
from bot.verify.command import NO_TESTS, Runner
from bot.verify.detect_commands import detect_test_commands, manifest_paths
from bot.verify.execute import TestBench
from bot.verify.runners import recognise
from tests.verify.conftest import BASE, Bench
from tests.verify.fakes import KEY

WORKFLOW = (
    "on: push\njobs:\n  test:\n    steps:\n      - uses: actions/checkout@v4\n      - run: pip install -e .\n"
    "      - run: |\n          pytest -q tests\n          echo ${{ github.sha }}\n"
)


def commands(texts: dict[str, str], *more: str) -> list[tuple[str, str]]:
    paths = (*texts, *more)
    return [(one.command, one.source) for one in detect_test_commands(paths, texts)]


def test_people_first_then_the_ci_then_manifests() -> None:
    texts = {
        "AGENTS.md": "Run `python -m pytest -x` before\n```sh\n$ pip install x\n$ pytest tests/unit\n```\n",
        ".github/workflows/ci.yml": WORKFLOW,
        "pytest.ini": "",
    }
    assert commands(texts) == [
        ("python -m pytest -x", "AGENTS.md"),
        ("pytest tests/unit", "AGENTS.md"),
        ("pytest -q tests", ".github/workflows/ci.yml"),
        ("python3 -m pytest", "pytest.ini"),
    ]


@pytest.mark.parametrize(
    ("texts", "more", "command", "runner"),
    [
        ({"package.json": '{"scripts": {"test": "vitest"}}'}, (), "node_modules/.bin/vitest", Runner.VITEST),
        ({"package.json": "{}"}, ("a.test.js",), "node --test", Runner.NODE_TEST),
        ({"go.mod": "module x"}, ("a_test.go",), "go test ./...", Runner.GO),
        ({"Cargo.toml": "[package]"}, (), "cargo test", Runner.CARGO),
        ({}, ("pom.xml",), "mvn -o test", Runner.JUNIT),
        ({"manage.py": "import django"}, (), "python3 manage.py test", Runner.DJANGO),
    ],
)
def test_manifests(texts: dict[str, str], more: tuple[str, ...], command: str, runner: Runner) -> None:
    (found,) = detect_test_commands((*texts, *more), texts)
    assert (found.command, found.runner) == (command, runner)


def test_nothing_speaks_for_a_test() -> None:
    assert commands({"README.md": "pytest"}) == []


@given(st.text())
def test_any_text_is_read_without_a_crash(text: str) -> None:
    names = ("AGENTS.md", ".github/workflows/x.yml", "package.json", "pyproject.toml", "manage.py")
    detect_test_commands(names, dict.fromkeys(names, text))


def test_which_files_are_read() -> None:
    paths = (".github/workflows/ci.yml", "AGENTS.md", "docs/AGENTS.md", "go.mod", "app.py", "tests/test_a.py")
    assert set(manifest_paths(paths)) == {
        ".github/workflows/ci.yml",
        "AGENTS.md",
        "go.mod",
        "tests/test_a.py",
    }


async def test_the_first_that_yields_a_test_is_taken(bench: Bench) -> None:
    tree = bench.repos.add_tree(BASE)
    candidates = tuple(
        recognise(one, "x") for one in ("python3 -m pytest nowhere", "python3 -m pytest tests")
    )
    where = TestBench(bench.repos, bench.sandbox, KEY)
    found, left = await choose_test_command(where, tree, NO_SETUP, candidates)
    assert (found.command, found.source) == ("python3 -m pytest tests", "x, tried on the base")
    assert left == ("`python3 -m pytest nowhere` (x) was passed over: no test ran.",)
    assert await choose_test_command(where, tree, NO_SETUP, candidates[:1]) == (candidates[0], ())
    assert await choose_test_command(where, tree, NO_SETUP, ()) == (NO_TESTS, ())
    assert bench.sandbox.opened == 2
