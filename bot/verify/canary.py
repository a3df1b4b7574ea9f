"""A test that must fail, put in by the harness: if the run is green in spite of it, the runner is not to be believed.

Placed beside a test that is known to be found, so that it is found in the same way. Pure.
"""

import re
from dataclasses import dataclass

from bot.domain.ids import RepoPath
from bot.verify.runners import Runner

_PYTEST = b"def test_NAME():\n    raise AssertionError('put in by the harness')\n"
_UNITTEST = (
    b"import unittest\n\n\nclass MustFail(unittest.TestCase):\n    def test_NAME(self):\n"
    b"        self.fail('put in by the harness')\n"
)


@dataclass(frozen=True)
class Canary:
    """A file, and how its test is recognised in a report: by this part of its id."""

    path: RepoPath
    content: bytes
    mark: str


def make_canary(runner: Runner, ids: tuple[str, ...], paths: frozenset[str], token: str) -> Canary | None:
    """None when no known test says where tests are found. `token`: letters and digits that nobody can know
    before, so that no code can spare or forge just this test."""
    folder = next((found for name in ids if (found := _folder(runner, name, paths)) is not None), None)
    if folder is None:
        return None
    prefix = f"{folder}/" if folder else ""
    content = _PYTEST if runner is Runner.PYTEST else _UNITTEST
    name = f"test_{token}"
    return Canary(RepoPath(f"{prefix}{name}.py"), content.replace(b"test_NAME", name.encode()), name)


def _folder(runner: Runner, name: str, paths: frozenset[str]) -> str | None:
    if runner is Runner.PYTEST:
        path = name.split("::")[0]
        return path.rpartition("/")[0] if path.endswith(".py") and path in paths else None
    if runner is Runner.UNITTEST:
        parts = re.sub(r"\s.*", "", name).split(".")[:-2]
        for start in range(len(parts)):
            tail = "/".join(parts[start:]) + ".py"
            found = next((path for path in sorted(paths) if path == tail or path.endswith(f"/{tail}")), None)
            if found is not None:
                return found.rpartition("/")[0]
    return None
