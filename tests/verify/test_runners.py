"""Commands as people write them, with a selection and with the harness's plugin."""

import json
import re
import shlex
from dataclasses import replace

import pytest

from bot.errors import ForModel
from bot.verify.runners import (
    Runner,
    find_neighbour,
    make_canary,
    recognise,
    render_command,
    select,
)


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


def test_where_nobody_asks_why_a_test_fails_pytest_need_not_find_out() -> None:
    whole = recognise("PYTEST_ADDOPTS=-q pytest", "x")
    brief = select(replace(whole, brief=True), ("test_a.py",))
    assert "--tb=no" not in render_command(whole, "/r").script
    assert render_command(brief, "/r").script.count("--maxfail=0 --tb=no ") == 2


def test_a_command_with_its_own_pythonpath_keeps_the_plugin() -> None:
    command = render_command(recognise("PYTHONPATH=src pytest", "x"), "/workspace/report")
    assert "PYTHONPATH=/pullwright/harness:src pytest" in command.script
    assert command.env["PULLWRIGHT_REPORT"] == "/workspace/report"


@pytest.mark.parametrize(
    ("command", "runner"),
    [
        ("python manage.py test shop", Runner.DJANGO),
        ("npx jest --coverage", Runner.JEST),
        ("cd web && node_modules/.bin/vitest", Runner.VITEST),
        ("mocha test/**/*.js", Runner.MOCHA),
        ("node --test --experimental-test-coverage", Runner.NODE_TEST),
        ("node test.js", Runner.EXIT_CODE),
        ("go test ./...", Runner.GO),
        ("cargo +nightly test --workspace", Runner.CARGO),
        ("./mvnw -o verify", Runner.JUNIT),
        ("vendor/bin/phpunit", Runner.JUNIT),
        ("ctest --test-dir build", Runner.JUNIT),
        ("bats --tap tests", Runner.TAP),
        ("npm test", Runner.EXIT_CODE),  # without its script nothing is known
    ],
)
def test_other_languages(command: str, runner: Runner) -> None:
    assert recognise(command, "x").runner is runner


@pytest.mark.parametrize(
    ("command", "script", "resolved"),
    [
        ("npm test", "jest --coverage || true", "node_modules/.bin/jest --coverage"),
        ("yarn test", "cross-env TZ=UTC vitest run", "TZ=UTC node_modules/.bin/vitest run"),
        ("pnpm run test", "mocha", "node_modules/.bin/mocha"),
        ("CI=1 npm test", "node --test test/", "CI=1 node --test test/"),
        ("npm test", "tsc && jest", "npm test"),  # more than the runner: judged by its exit code
    ],
)
def test_a_script_is_resolved_on_the_base(command: str, script: str, resolved: str) -> None:
    texts = {"package.json": json.dumps({"scripts": {"test": script}})}
    assert recognise(command, "x", texts=texts).command == resolved


@pytest.mark.parametrize("package", ["[" * 5_000, "[]", '{"scripts": 1}', '{"scripts": {"test": 1}}'])
def test_a_manifest_of_the_wrong_shape(package: str) -> None:
    assert recognise("npm test", "x", texts={"package.json": package}).runner is Runner.EXIT_CODE


@pytest.mark.parametrize(
    ("command", "script"),
    [
        ("npx jest --coverage | cat", "npx jest --ci --json --outputFile=/r --coverage | cat"),
        ("vitest watch src", "vitest run --reporter=default --reporter=json --outputFile.json=/r src"),
        ("mocha test && echo", "mocha test --reporter json --reporter-option output=/r && echo"),
        ("vendor/bin/phpunit -c x", "vendor/bin/phpunit -c x --log-junit /r"),
        ("python manage.py test shop", "python3 /pullwright/harness/run_django.py manage.py test shop"),
    ],
)
def test_a_report_is_asked_for_beside_what_people_wrote(command: str, script: str) -> None:
    assert render_command(recognise(command, "x"), "/r").script == script


@pytest.mark.parametrize("name", ["adds (1)", "a | b; c", 'says "x"', "it's", "a\\\\b"])
def test_a_name_with_signs_of_the_shell_stays_one_word(name: str) -> None:
    chosen = select(recognise("npx jest && echo", "x"), (f"a.test.js::{name}",))
    script = render_command(chosen, "/r").script
    words = shlex.split(script.removesuffix("&& echo"))
    assert re.fullmatch(words[words.index("-t") + 1], name)
    assert script.endswith("&& echo")


def test_what_is_printed_goes_to_the_report_and_its_end_to_people() -> None:
    go = render_command(recognise("go test ./...", "x"), "/r").script
    assert "( go test -json -count=1 ./...\n) > /r\n" in go
    cargo = render_command(recognise("cargo test -- --nocapture", "x"), "/r").script
    assert "( cargo test --no-fail-fast -- --nocapture\n) > /r 2>&1" in cargo
    assert cargo.endswith("exit $code\n")


def test_reports_that_lie_there_already_are_taken_away() -> None:
    script = render_command(recognise("make check", "x", "out/*.xml"), "/r").script
    assert script.index("rm -rf -- out/*.xml") < script.index("make check") < script.index("cat")


@pytest.mark.parametrize(
    ("command", "chosen", "selected"),
    [
        ("npx jest", ("a.test.js::math adds (1)",), r"npx jest --runTestsByPath a.test.js -t '^(?:math adds \(1\))$'"),
        ("npx jest", ("a.test.js", "b.test.js::x"), "npx jest --runTestsByPath a.test.js b.test.js"),
        ("vitest", ("a.test.js::math adds",), "vitest a.test.js '--testNamePattern=^(?:math adds)$'"),
        ("mocha", ("a.js::x",), "mocha a.js --grep '^(?:x)$'"),
        ("node --test", ("a.js::x > y", "a.js"), "node --test a.js"),
        ("go test ./...", ("ex.com/a::TestX/sub",), "go test -run '^(?:TestX)$' ex.com/a"),
        ("go test ./... -v", ("a/b_test.go", "c_test.go"), "go test ./a ."),
        ("cargo test --all -- --nocapture", ("calc/src/lib.rs::tests::x",), "cargo test --all -- --exact tests::x"),
        ("cargo test", ("tests/api.rs",), "cargo test --test api"),
        ("cargo test", ("src/lib.rs",), "cargo test"),
        ("python -m unittest discover", ("test_a.A.test_b",), "python -m unittest discover -k test_a.A.test_b"),
        ("python3 -m unittest discover -s t", ("t/test_a.py",), "python3 -m unittest discover -s t -k '*test_a.*'"),
        ("python manage.py test", ("shop/tests.py",), "python manage.py test shop.tests"),
    ],
)  # fmt: skip
def test_selections_of_other_runners(command: str, chosen: tuple[str, ...], selected: str) -> None:
    assert select(recognise(command, "x"), chosen).command == selected


@pytest.mark.parametrize("command", ["mvn test", "bats --tap", "make test"])
def test_runners_that_can_not_select(command: str) -> None:
    texts = {"Makefile": "test: deps\n\tpython3 -m pytest\nlint:\n\truff\n"}
    with pytest.raises(ForModel):
        select(recognise(command, "x", texts=texts), ("a.py",))


@pytest.mark.parametrize(
    ("runner", "ids", "paths", "found"),
    [
        (Runner.PYTEST, ("gone.py::t", "a/test_x.py::t"), ("a/test_x.py",), "a/test_x.py"),
        (Runner.UNITTEST, ("x.tests.test_a.A.test_b",), ("tests/test_a.py",), "tests/test_a.py"),
        (Runner.GO, ("ex.com/m/pkg/deep::TestX",), ("a_test.go", "pkg/deep/c_test.go"), "pkg/deep/c_test.go"),
        (Runner.CARGO, ("a_b/src/lib.rs::t::x",), ("other/src/lib.rs", "a-b/src/lib.rs"), "a-b/src/lib.rs"),
        (Runner.JUNIT, ("a.B::x",), ("a/B.java",), None),
    ],
)  # fmt: skip
def test_where_a_known_test_lies(
    runner: Runner, ids: tuple[str, ...], paths: tuple[str, ...], found: str | None
) -> None:
    assert find_neighbour(runner, ids, frozenset(paths)) == found


@pytest.mark.parametrize(
    "runner", [one for one in Runner if one not in (Runner.JUNIT, Runner.TAP, Runner.EXIT_CODE, Runner.NONE)]
)
def test_a_canary_stands_behind_the_text_that_was_there(runner: Runner) -> None:
    names = {Runner.GO: "a_test.go", Runner.CARGO: "src/lib.rs", Runner.PYTEST: "test_a.py"}
    path = names.get(runner, "test_a.py" if runner in (Runner.UNITTEST, Runner.DJANGO) else "a.test.js")
    canary = make_canary(runner, path, "package a\nconst x = require('x')\n", "pw12ab")
    assert canary is not None
    assert canary.mark in canary.content.decode().lower()
    assert canary.count >= 1
