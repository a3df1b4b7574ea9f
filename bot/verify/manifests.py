"""Which files an environment is made from: manifests, lock files, versions of tools. Pure, by names alone."""

import re
from typing import Final

_MANIFESTS: Final = frozenset((
    "pyproject.toml", "setup.py", "setup.cfg", "Pipfile",
    "package.json", "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", "yarn.lock",
    ".yarnrc.yml", ".npmrc", ".nvmrc", "go.mod", "go.sum", "go.work", "go.work.sum", "Cargo.toml", "Cargo.lock",
    "rust-toolchain", "rust-toolchain.toml", "pom.xml", "build.gradle", "build.gradle.kts", "settings.gradle",
    "settings.gradle.kts", "gradle.properties", "gradle.lockfile", "libs.versions.toml", "gradle-wrapper.properties",
    "Gemfile", "Gemfile.lock", "composer.json", "composer.lock", "pdm.lock", "uv.lock", "poetry.lock", "Pipfile.lock",
    "pylock.toml", ".python-version", ".ruby-version", ".tool-versions",
))  # fmt: skip
_SUFFIXES: Final = (".gemspec",)
_REQUIREMENTS: Final = re.compile(r"(?:^|/)(?:requirements/[^/]+|(?:requirements|dev-|test-)[^/]*)\.txt$")


def is_setup_input(path: str) -> bool:
    """A change of it may need another environment."""
    name = path.rsplit("/", 1)[-1]
    return name in _MANIFESTS or name.endswith(_SUFFIXES) or _REQUIREMENTS.search(path) is not None
