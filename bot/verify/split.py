"""Which part of a change is tests, which is test infrastructure, and which is the code itself. Pure."""

from dataclasses import dataclass
from typing import Final

from bot.domain.ids import RepoPath
from bot.repos.contract import TreeChange

_FOLDERS: Final = frozenset({"test", "tests", "testing", "__tests__", "spec", "specs"})
_INFRASTRUCTURE: Final = frozenset(
    {
        "conftest.py", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg", "noxfile.py", ".coveragerc",
        "sitecustomize.py", "usercustomize.py", "pyproject.toml", "Makefile", "runtests.py", "pytest.toml",
    }
)  # fmt: skip
"""What can change how tests are collected, run or reported without being a test."""


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


def split_change(changes: tuple[TreeChange, ...]) -> SplitChange:
    tests = tuple(change for change in changes if is_test_path(change.path))
    code = tuple(change for change in changes if not is_test_path(change.path))
    return SplitChange(tests, code, tuple(change for change in changes if is_infrastructure(change.path)))


def is_test_path(path: RepoPath | str) -> bool:
    """By the folder or the file's name, as the common runners find them."""
    *folders, name = path.split("/")
    if any(folder.lower() in _FOLDERS for folder in folders):
        return True
    stem = name.rsplit(".", 1)[0]
    return name == "conftest.py" or stem.startswith("test_") or stem.endswith(("_test", ".test", ".spec"))


_RUNNER_MODULES: Final = frozenset({"pytest", "_pytest", "pluggy", "unittest", "xdist"})
"""A module of such a name in the repository comes before the runner's own: `python -m pytest` looks there first."""


def is_infrastructure(path: RepoPath | str) -> bool:
    importable = path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__")
    if path.endswith(".py") and importable in _RUNNER_MODULES:
        return True
    name = path.rsplit("/", 1)[-1]
    return name in _INFRASTRUCTURE or name.endswith(".pth")


def reverted(changes: tuple[TreeChange, ...]) -> tuple[TreeChange, ...]:
    """The same paths back to what they were: added ones away, deleted ones there again."""
    return tuple(
        TreeChange(change.path, change.new_mode, change.new_blob, change.old_mode, change.old_blob)
        for change in changes
    )
