"""Which part of a change is tests, which is test infrastructure, and which is the code itself. Pure, by paths alone.

Tests that stand inside the code's own files are split by `inline_tests.py`.
"""

import re
import sys
from dataclasses import dataclass
from typing import Final

from bot.domain.ids import RepoPath
from bot.repos.contract import TreeChange
from bot.verify.command import words_of
from bot.verify.manifests import is_setup_input

_FOLDERS: Final = frozenset(
    {
        "test",
        "tests",
        "testing",
        "__tests__",
        "spec",
        "specs",
        "e2e",
        "__snapshots__",
        "__fixtures__",
        "testdata",
        "test_data",
        "test-data",
    }
)
_DATA_FOLDERS: Final = frozenset({"fixtures", "golden", "goldens", "snapshots", "expected", "cassettes"})
"""Data here is what tests compare with: of a golden file the old text is what has to hold. Code here is code."""


_STEM: Final = re.compile(
    r"^(?:test_.*|tests?|conftest)$"  # Python, node
    r"|.*(?:_test|_spec|[.-]test|[.-]spec|\.test-d|\.cy)$"  # Go, Ruby, JavaScript, Elixir
    r"|^(?:Test[A-Z0-9].*|.*[A-Za-z0-9](?:Tests?|TestCase|Spec)|.*[a-z0-9]IT)$"  # Java, Kotlin, PHP, C#, Swift
)
_CODE: Final = re.compile(
    r"\.(?:py|[cm]?[jt]sx?|go|rs|rb|php|java|kt|kts|scala|groovy|cs|fs|swift|exs?|c|cc|cpp|dart|lua|pl|t|sh|bats)$"
)

_INFRASTRUCTURE: Final = frozenset(
    {
        # Python
        "conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini", "setup.cfg", "noxfile.py",
        ".coveragerc", "sitecustomize.py", "usercustomize.py", "pyproject.toml", "runtests.py",
        # JavaScript
        "package.json", ".npmrc", "karma.conf.js", ".nycrc", ".taprc", ".swcrc", ".yarnrc.yml", ".pnpmfile.cjs",
        ".pnp.cjs", "bunfig.toml", "deno.json", "jest-preset.js", "jest-preset.json",
        # Go, Rust
        "go.mod", "go.work", "Cargo.toml", "build.rs", "rust-toolchain", "rust-toolchain.toml",
        # Java, Kotlin, PHP, Ruby, C
        "pom.xml", "build.gradle", "build.gradle.kts", "settings.gradle", "gradle.properties", "phpunit.xml",
        "phpunit.xml.dist", ".rspec", "spec_helper.rb", "rails_helper.rb", "test_helper.rb", "Rakefile",
        "CMakeLists.txt", "CTestTestfile.cmake",
        # any
        "Makefile", "GNUmakefile", "justfile", "Justfile", "Taskfile.yml", "Dockerfile",
    }
)  # fmt: skip
"""What can change how tests are collected, run or reported without being a test."""

_INFRASTRUCTURE_NAME: Final = re.compile(
    r"\.(?:pth|py[cod]|so|node|jar|class)$|^\.babelrc(?:\.\w+)?$"  # compiled: run in the place of what is read
    r"|^(?:jest|vitest|vite|babel|ava|playwright|cypress|webpack|tap)[.-](?:config|setup|preset|workspace)[\w.-]*$"
    r"|^\.(?:flask)?env(?:\.\w+)?$|^\.mocharc(?:\.\w+)?$|^tsconfig[\w.-]*\.json$|^babel\.config\.\w+$"
    r"|^(?:setup[-_.]?tests?|tests?[-_.]?setup|global[-_.]?setup|global[-_.]?teardown)\.[cm]?[jt]sx?$",
    re.IGNORECASE,
)
_INFRASTRUCTURE_FOLDER: Final = re.compile(
    r"(?:^|/)(?:\.cargo|__mocks__|\.mvn|node_modules|vendor|[^/]+\.(?:dist|egg)-info)/"
)
"""The last ones: packages that come before those of the environment, plugins that load themselves."""


@dataclass(frozen=True)
class SplitChange:
    """The parts of a change. `infrastructure` may lie in either of the other two as well."""

    tests: tuple[TreeChange, ...]
    code: tuple[TreeChange, ...]
    infrastructure: tuple[TreeChange, ...]

    @property
    def old_tests(self) -> tuple[TreeChange, ...]:
        """Test files that existed before and are changed or deleted."""
        return tuple(change for change in self.tests if change.old_blob is not None)


def split_change(changes: tuple[TreeChange, ...], command: str = "") -> SplitChange:
    """`command`: what runs the tests. A file that it names is a part of the test set-up."""
    named = frozenset(word.removeprefix("./") for word in words_of(command))
    tests = tuple(change for change in changes if is_test_path(change.path))
    code = tuple(change for change in changes if not is_test_path(change.path))
    machinery = tuple(
        change
        for change in changes
        if is_infrastructure(change.path)
        or is_setup_input(change.path)
        or _shadows(change)
        or (change.path in named and change in code)
    )
    return SplitChange(tests, code, machinery)


def is_test_path(path: RepoPath | str) -> bool:
    """By the folder or the file's name, as the common runners find them."""
    *folders, name = path.split("/")
    if any(folder.lower() in _FOLDERS for folder in folders) or name.endswith(".snap"):
        return True
    if _CODE.search(name) is None:
        return any(folder.lower() in _DATA_FOLDERS for folder in folders)
    return _STEM.match(name.rsplit(".", 1)[0]) is not None


def is_selectable(path: RepoPath | str) -> bool:
    """A file of tests that a runner can be given by its name: no data beside them, no set-up."""
    name = path.rsplit("/", 1)[-1]
    return (
        is_test_path(path)
        and path.endswith(_SELECTABLE)
        and not is_infrastructure(path)
        and name != "__init__.py"
    )


_SELECTABLE: Final = (".py", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", "_test.go", ".rs")
_RUNNER_MODULES: Final = frozenset({"pytest", "_pytest", "pluggy", "unittest", "xdist", "django"})
"""A module of such a name in the repository comes before the runner's own: `python -m pytest` looks there first."""

_LOADED_BY_RUNNERS: Final = re.compile(
    r"(?:iniconfig|packaging|pygments|exceptiongroup|tomli|colorama|attrs?|py|coverage|hypothesis|anyio|asgiref|mock"
    r"|nose2?|_hypothesis_\w+|pytest_\w+|sqlparse)"
)
"""The same for what runners and their plugins load; a project of such a name has it before the change."""


def is_infrastructure(path: RepoPath | str) -> bool:
    if path.endswith(".py") and _module(path) in _RUNNER_MODULES:
        return True
    name = path.rsplit("/", 1)[-1]
    return (
        name in _INFRASTRUCTURE
        or _INFRASTRUCTURE_NAME.search(name) is not None
        or _INFRASTRUCTURE_FOLDER.search(path) is not None
    )


def _shadows(change: TreeChange) -> bool:
    """A new module that takes the place of an installed one for everything that runs: at the root, or beside the
    tests, whose folder pytest puts in front."""
    if change.old_blob is not None or not change.path.endswith(".py"):
        return False
    folder, _, name = change.path.rpartition("/")
    module = name.removesuffix(".py") if folder in _FOLDERS else _module(change.path)
    return module in sys.stdlib_module_names or _LOADED_BY_RUNNERS.fullmatch(module) is not None


def _module(path: str) -> str:
    return re.sub(r"^(?:src|lib|python)/", "", path).removesuffix(".py").removesuffix("/__init__")


def reverted(changes: tuple[TreeChange, ...]) -> tuple[TreeChange, ...]:
    """The same paths back to what they were: added ones away, deleted ones there again."""
    return tuple(
        TreeChange(change.path, change.new_mode, change.new_blob, change.old_mode, change.old_blob)
        for change in changes
    )
