"""Which files a change may touch."""

import pytest

from bot.repos.contract import FileMode
from bot.verify.gate.files import (
    find_agent_instructions,
    find_binaries,
    find_ci,
    find_large_files,
    find_links,
    find_lock_files,
    find_modes,
    find_scratch,
)
from tests.verify.gate.changes import changed


@pytest.mark.parametrize(
    "path",
    [
        "app.py.orig",
        "a/b.rej",
        "nohup.out",
        "repro.py",
        "test_fix.py",
        "SUMMARY.md",
        "debug_it.js",
        "fix.patch",
    ],
)
def test_new_scratch_files(path: str) -> None:
    assert find_scratch((changed(path, None, "x"),)) == [f"`{path}` looks like a scratch file: remove it."]


@pytest.mark.parametrize(
    "path", ["src/debug.py", "docs/summary.md", "core.py", "tests/test_fix_it.py", "planner.py"]
)
def test_names_that_only_look_like_it(path: str) -> None:
    assert find_scratch((changed(path, None, "x"),)) == []


def test_a_scratch_file_that_was_there_is_none() -> None:
    assert find_scratch((changed("repro.py", "x", "y"),)) == []


@pytest.mark.parametrize(
    "path",
    [
        ".github/workflows/ci.yml",
        "CODEOWNERS",
        ".gitattributes",
        ".husky/pre-commit",
        ".github/pullwright.yml",
    ],
)
def test_what_configures_the_ci(path: str) -> None:
    assert "configures CI" in find_ci((changed(path, "a", "b"),))[0]


def test_what_only_lies_near_it() -> None:
    assert find_ci((changed(".github/ISSUE_TEMPLATE.md", "a", "b"), changed("ci/run.py", "a", "b"))) == []


@pytest.mark.parametrize(
    "path", ["AGENTS.md", "sub/CLAUDE.md", ".cursorrules", ".github/copilot-instructions.md"]
)
def test_what_instructs_agents(path: str) -> None:
    assert "instructs agents" in find_agent_instructions((changed(path, "a", "b"),))[0]


def test_a_lock_file_follows_its_manifest() -> None:
    lock = changed("web/package-lock.json", "a", "b")
    assert find_lock_files((lock,)) == [
        "`web/package-lock.json` changed although `package.json` did not: put it back as it was."
    ]
    assert find_lock_files((lock, changed("web/package.json", "a", "b"))) == []
    assert find_lock_files((lock, changed("package.json", "a", "b"))) != []


def test_links_and_modes() -> None:
    link = changed("link", None, "/etc/passwd", FileMode.SYMLINK)
    script = changed("run.sh", "a", "b", FileMode.EXECUTABLE)
    assert find_links((link, script)) == ["`link` is a symlink: use a regular file."]
    assert find_modes((link, script)) == ["The mode of `run.sh` changed from 100644 to 100755: put it back."]
    assert find_modes((changed("new.sh", None, "b", FileMode.EXECUTABLE),)) == []


def test_large_and_binary_files() -> None:
    assert "bytes" in find_large_files((changed("big.txt", None, "x" * 1_048_577),))[0]
    assert find_large_files((changed("big.txt", None, "x" * 1_048_576),)) == []
    assert "binary" in find_binaries((changed("blob", None, b"\0\1"),))[0]
    assert find_binaries((changed("blob", "old", b"\0\1"),)) == []
