"""Which set-up is found for a repository, by ecosystem: the lock file decides."""

import subprocess

import pytest

from bot.verify.detect_python import detect_test_command
from bot.verify.manifests import is_setup_input
from bot.verify.runners import NO_TESTS, recognise
from bot.verify.setups import detect_environment, setup_paths

PYPROJECT = '[project]\nname = "x"\nversion = "1"\n'
PACKAGE = '{"name": "x", "devDependencies": {"vitest": "1"}}'


@pytest.mark.parametrize(
    ("files", "source", "words"),
    [
        (
            {"pyproject.toml": PYPROJECT, "uv.lock": ""},
            "uv.lock",
            ("uv sync --locked", "UV_PROJECT_ENVIRONMENT=/env"),
        ),
        ({"pyproject.toml": PYPROJECT, "poetry.lock": ""}, "poetry.lock", ("poetry install",)),
        ({"pyproject.toml": PYPROJECT, "pdm.lock": ""}, "pdm.lock", ("pdm sync",)),
        ({"Pipfile": "", "Pipfile.lock": "{}"}, "Pipfile.lock", ("pipenv sync --dev",)),
        ({"requirements.txt": "x\n"}, "requirements.txt", ("/env/bin/pip install -r requirements.txt",)),
        ({"package.json": PACKAGE, "package-lock.json": "{}"}, "package-lock.json", ("npm ci",)),
        ({"package.json": PACKAGE}, "package.json", ("npm install", "--no-package-lock")),
        (
            {"package.json": PACKAGE, "pnpm-lock.yaml": ""},
            "pnpm-lock.yaml",
            ("pnpm install --frozen-lockfile",),
        ),
        ({"package.json": PACKAGE, "yarn.lock": ""}, "yarn.lock", ("yarn install --frozen-lockfile",)),
        (
            {"package.json": PACKAGE, "yarn.lock": "", ".yarnrc.yml": ""},
            "yarn.lock",
            ("yarn install --immutable",),
        ),
        ({"package.json": '{"packageManager": "pnpm@9.1.0"}'}, "package.json", ("pnpm install",)),
        ({"go.mod": "module x\n"}, "go.mod", ("go mod download", "GOMODCACHE=/env")),
        ({"Cargo.toml": "", "Cargo.lock": ""}, "Cargo.lock", ("cargo fetch --locked",)),
        ({"pom.xml": ""}, "pom.xml", ("mvn -B -q",)),
        ({"pom.xml": "", "mvnw": ""}, "pom.xml", ("sh ./mvnw",)),
        (
            {"build.gradle.kts": "", "gradlew": ""},
            "build.gradle.kts",
            ("sh ./gradlew", "GRADLE_USER_HOME=/env"),
        ),
        ({"Gemfile": "", "Gemfile.lock": ""}, "Gemfile.lock", ("bundle install", "BUNDLE_FROZEN")),
        ({"composer.json": "{}", "composer.lock": "{}"}, "composer.lock", ("composer install",)),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_each_ecosystem_has_its_set_up(files: dict[str, str], source: str, words: tuple[str, ...]) -> None:
    paths = tuple(files)
    found = detect_environment(paths, files, detect_test_command(paths, files))
    assert found is not None
    assert found.source == source
    assert all(word in found.script for word in words), found.script
    assert subprocess.run(["bash", "-n"], input=found.script, text=True, check=False).returncode == 0
    assert all(is_setup_input(path) for path in paths if path not in ("mvnw", "gradlew"))


def test_two_ecosystems_are_both_set_up() -> None:
    files = {"requirements.txt": "x\n", "package.json": PACKAGE, "package-lock.json": "{}"}
    found = detect_environment(tuple(files), files, NO_TESTS)
    assert found is not None
    assert found.source == "requirements.txt, package-lock.json"
    assert found.script.index("pip install") < found.script.index("npm ci")


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"README.md": "x"},
        {"package.json": '{"name": "x"}'},
        {"package.json": "no json"},
        {"sub/package.json": PACKAGE},
    ],
)
def test_where_nothing_is_needed_nothing_is_done(files: dict[str, str]) -> None:
    assert detect_environment(tuple(files), files, NO_TESTS) is None


def test_what_is_read_is_what_is_there() -> None:
    assert set(setup_paths(("package.json", "pyproject.toml", "src/x.js"))) == {
        "package.json",
        "pyproject.toml",
    }


@pytest.mark.parametrize(
    ("command", "files", "word"),
    [
        ("go test ./...", {"go.mod": "module x\n", "go.sum": ""}, "go mod download"),
        ("cargo test", {"Cargo.toml": "", "Cargo.lock": ""}, "cargo fetch"),
        ("npx jest", {"package.json": PACKAGE, "package-lock.json": "{}"}, "npm ci"),
        ("python3 -m pytest", {"requirements.txt": "pytest\n"}, "pip install"),
    ],
)
def test_whoever_runs_the_tests_everything_is_installed_once(
    command: str, files: dict[str, str], word: str
) -> None:
    found = detect_environment(tuple(files), files, recognise(command, "x"))
    assert found is not None
    assert found.script.count(word) == 1


@pytest.mark.parametrize(
    "path",
    [
        "sub/package.json",
        "packages/a/Cargo.toml",
        "packages/a/pyproject.toml",
        "x.gemspec",
        "gradle/libs.versions.toml",
        "requirements/dev.txt",
        "requirements_test.txt",
        "dev-requirements.txt",
    ],
)
def test_manifests_of_parts_count_too(path: str) -> None:
    assert is_setup_input(path)
    assert not is_setup_input("src/" + path + ".py")


@pytest.mark.parametrize("path", ["pytest.ini", "tox.ini", "docs/notes.txt", "tests/data.txt"])
def test_what_says_how_tests_run_is_no_input_of_the_environment(path: str) -> None:
    assert not is_setup_input(path)
