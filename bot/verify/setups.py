"""Finds the set-up of a project in its own files, for each ecosystem that is known. Pure.

`setup_paths` says which files to read. What is found is a guess: a set-up that fails is left out and said so. What the
tests need lies in /env and in the repository's folder afterwards (node_modules, vendor, target): both are kept.
Lock files decide: with one, exactly what it names is installed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bot.verify.detect_python import DetectedSetup, detect_pip_setup, manifest_paths
from bot.verify.runners import TestCommand

_READ: Final = ("package.json", "pyproject.toml")
_HOME: Final = "export GOPATH=/env/go GOMODCACHE=/env/go/mod CARGO_HOME=/env/cargo"

VARIABLES: Final = {
    "GOPATH": "/env/go",
    "GOMODCACHE": "/env/go/mod",
    "CARGO_HOME": "/env/cargo",
    "GRADLE_RO_DEP_CACHE": "/env/gradle/caches",
    "MAVEN_OPTS": "-Dmaven.repo.local=/env/m2",
    "BUNDLE_PATH": "/env/bundle",
    "COMPOSER_HOME": "/env/composer",
}
"""Where downloads go in the set-up and are found in the work; harmless where a tool is not used."""


@dataclass(frozen=True)
class _Step:
    """`path`: the file that speaks for it."""

    script: str
    path: str


def setup_paths(paths: tuple[str, ...]) -> tuple[str, ...]:
    """The files whose texts the detection wants."""
    known = set(paths)
    return tuple(dict.fromkeys((*manifest_paths(paths), *(path for path in _READ if path in known))))


def detect_environment(
    paths: tuple[str, ...], texts: Mapping[str, str], test: TestCommand
) -> DetectedSetup | None:
    """The steps of every ecosystem that the root of the repository speaks for; None: nothing is to be installed."""
    known = frozenset(paths)
    steps = [
        step
        for step in (
            _python(paths, known, texts, test),
            _javascript(known, texts),
            _go(known),
            _rust(known),
            _java(known),
            _ruby(known),
            _php(known),
        )
        if step is not None
    ]
    if not steps:
        return None
    return DetectedSetup("\n".join(step.script for step in steps), ", ".join(step.path for step in steps))


def _python(
    paths: tuple[str, ...], known: frozenset[str], texts: Mapping[str, str], test: TestCommand
) -> _Step | None:
    """A lock file names the manager; its own tool is used where it is there, else it comes into /env by pip. The
    plain way (`detect_pip_setup`) serves everything else."""
    venv = "python3 -m venv /env"
    tools = "/env/bin/pip install --quiet"
    if "uv.lock" in known:
        sync = "UV_PROJECT_ENVIRONMENT=/env uv sync --locked --all-extras --all-groups --inexact"
        return _Step(_with_tool(venv, "uv", f"{tools} uv", sync), "uv.lock")
    if "poetry.lock" in known:
        install = (
            "VIRTUAL_ENV=/env POETRY_VIRTUALENVS_CREATE=false poetry install --no-interaction --all-extras"
        )
        return _Step(_with_tool(venv, "poetry", f"{tools} poetry", install), "poetry.lock")
    if "pdm.lock" in known:
        sync = "VIRTUAL_ENV=/env PDM_USE_VENV=1 pdm use -f /env/bin/python && pdm sync --dev -G :all --no-editable"
        return _Step(_with_tool(venv, "pdm", f"{tools} pdm", sync), "pdm.lock")
    if "Pipfile.lock" in known:
        sync = "VIRTUAL_ENV=/env PIPENV_ACTIVE=1 pipenv sync --dev"
        return _Step(_with_tool(venv, "pipenv", f"{tools} pipenv", sync), "Pipfile.lock")
    plain = detect_pip_setup(paths, texts, test)
    return _Step(plain.script, plain.source) if plain else None


def _with_tool(venv: str, tool: str, install: str, use: str) -> str:
    path = "export PATH=/env/bin:$PATH"
    return f"{venv}\n{path}\ncommand -v {tool} >/dev/null || {install}\n{use}"


def _javascript(known: frozenset[str], texts: Mapping[str, str]) -> _Step | None:
    if "package.json" not in known:
        return None
    manager = _package_manager(texts.get("package.json", ""))
    if "pnpm-lock.yaml" in known or manager == "pnpm":
        lock = "pnpm-lock.yaml" if "pnpm-lock.yaml" in known else "package.json"
        frozen = " --frozen-lockfile" if lock != "package.json" else ""
        return _Step(_javascript_tool("pnpm", f"pnpm install{frozen} --store-dir /tmp/pnpm"), lock)
    if "yarn.lock" in known or manager == "yarn":
        berry = ".yarnrc.yml" in known
        install = "yarn install --immutable" if berry else "yarn install --frozen-lockfile --non-interactive"
        before = "export YARN_ENABLE_GLOBAL_CACHE=false YARN_CACHE_FOLDER=/tmp/yarn\n" if berry else ""
        return _Step(_javascript_tool("yarn", before + install), "yarn.lock")
    for lock in ("package-lock.json", "npm-shrinkwrap.json"):
        if lock in known:
            return _Step("npm ci --no-audit --no-fund --cache /tmp/npm", lock)
    if not _has_packages(texts.get("package.json", "")):
        return None
    return _Step("npm install --no-audit --no-fund --no-package-lock --cache /tmp/npm", "package.json")


def _javascript_tool(tool: str, use: str) -> str:
    get = f"npm install --global --prefix /env --cache /tmp/npm {tool}"
    return f"export PATH=/env/bin:$PATH\ncommand -v {tool} >/dev/null || {get}\n{use}"


def _package_manager(text: str) -> str:
    """The field `packageManager`: `pnpm@9.1.0` gives `pnpm`."""
    named = _json(text).get("packageManager", "")
    return named.partition("@")[0] if isinstance(named, str) else ""


def _has_packages(text: str) -> bool:
    found = _json(text)
    return any(
        found.get(kind) for kind in ("dependencies", "devDependencies", "optionalDependencies", "workspaces")
    )


_GO_WARM: Final = "GOCACHE=/env/go/build go test -run '^$' ./... > /dev/null 2>&1 || true"
"""Compiles once what every run would compile anew, the standard library above all. What does not build is no fault
of the set-up: the tests will tell."""


def _go(known: frozenset[str]) -> _Step | None:
    if "go.mod" not in known and "go.work" not in known:
        return None
    script = f"{_HOME}\ngo mod download\n{_GO_WARM}"
    return _Step(script, "go.mod" if "go.mod" in known else "go.work")


def _rust(known: frozenset[str]) -> _Step | None:
    if "Cargo.toml" not in known:
        return None
    lock = "Cargo.lock" in known
    return _Step(f"{_HOME}\ncargo fetch{' --locked' if lock else ''}", "Cargo.lock" if lock else "Cargo.toml")


def _java(known: frozenset[str]) -> _Step | None:
    """The wrapper is the repository's own program; it runs in the sandbox as everything else."""
    if "pom.xml" in known:
        maven = "./mvnw" if "mvnw" in known else "mvn"
        start = "sh ./mvnw" if maven == "./mvnw" else maven
        goals = "-B -q -Dmaven.repo.local=/env/m2 -DskipTests test-compile dependency:go-offline"
        return _Step(f"{start} {goals}", "pom.xml")
    gradle = next((name for name in ("build.gradle", "build.gradle.kts") if name in known), None)
    if gradle is None:
        return None
    start = "sh ./gradlew" if "gradlew" in known else "gradle"
    return _Step(
        f"export GRADLE_USER_HOME=/env/gradle\n{start} --no-daemon --console plain testClasses", gradle
    )


def _ruby(known: frozenset[str]) -> _Step | None:
    if "Gemfile" not in known:
        return None
    frozen = "export BUNDLE_FROZEN=true\n" if "Gemfile.lock" in known else ""
    return _Step(
        f"export BUNDLE_PATH=/env/bundle\n{frozen}bundle install --jobs 4 --retry 2",
        "Gemfile.lock" if frozen else "Gemfile",
    )


def _php(known: frozenset[str]) -> _Step | None:
    if "composer.json" not in known:
        return None
    source = "composer.lock" if "composer.lock" in known else "composer.json"
    return _Step(
        "export COMPOSER_HOME=/env/composer COMPOSER_CACHE_DIR=/tmp/composer\n"
        "composer install --no-interaction --no-progress --prefer-dist",
        source,
    )


def _json(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
