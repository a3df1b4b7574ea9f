"""The demo's project and a person's own."""

from pathlib import Path

import pytest

from bot.cli.demo_seed import builtin_files, builtin_project, load_project, parse_issue
from bot.errors import ForPerson


def test_the_builtin_project_is_whole() -> None:
    found = builtin_files()
    assert {"timesheet/shift.py", "tests/test_shift.py", "README.md"} <= set(found)
    assert not any("__pycache__" in path for path in found)
    assert builtin_project().title == "Night shifts make the weekly total negative"


@pytest.mark.parametrize(
    ("text", "title", "body"),
    [
        ("# A bug\n\nIt breaks.\n", "A bug", "It breaks."),
        ("\n**`f()` fails**\n\nWhy?", "`f()` fails", "Why?"),
        ("Only a title", "Only a title", ""),
    ],
)
def test_the_first_line_is_the_title(text: str, title: str, body: str) -> None:
    assert parse_issue(text) == (title, body)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ForPerson, match="is no git repository"):
        load_project(tmp_path, "HEAD", None)
    (tmp_path / ".git" / "objects").mkdir(parents=True)
    with pytest.raises(ForPerson, match="needs an issue"):
        load_project(tmp_path, "HEAD", None)
    with pytest.raises(ForPerson, match="There is no file"):
        load_project(tmp_path, "HEAD", tmp_path / "nope.md")
    (tmp_path / "issue.md").write_text(" \n")
    with pytest.raises(ForPerson, match="is empty"):
        load_project(tmp_path, "HEAD", tmp_path / "issue.md")
