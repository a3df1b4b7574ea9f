"""Scenario folders: an input tree, one call, and the tree or the exact refusal that must come of it.

`fixtures/scenarios/<name>/` holds `input/`, then `patch.txt`, `edit.json` or `write.json`, then `expected/`
or `error.txt`; `says.txt` (optional) lists phrases of the answer, one a line. `error_says.txt` does so for a
refusal whose wording is partly that of a parser and differs between versions of Python.
"""

import json
from pathlib import Path

import pytest

from bot.domain.ids import RepoPath
from bot.editing.edit import apply_edit
from bot.editing.patch_apply import apply_patch
from bot.editing.write import plan_write
from bot.errors import ForModel

ROOT = Path(__file__).parent / "fixtures" / "scenarios"
SCENARIOS = sorted(path.name for path in ROOT.iterdir())


def tree_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def act(folder: Path, tree: dict[str, bytes]) -> tuple[dict[str, bytes], str]:
    """The tree after the scenario's call, and what the model is told."""
    after = dict(tree)
    if (folder / "patch.txt").exists():
        plan = apply_patch(
            (folder / "patch.txt").read_bytes().decode(), lambda path: tree.get(path), list(tree)
        )
        for change in plan.changes:
            if change.content is None:
                del after[change.path]
            else:
                after[change.path] = change.content
        return after, plan.summary
    if (folder / "edit.json").exists():
        call = json.loads((folder / "edit.json").read_bytes())
        path = RepoPath(call.pop("path"))
        result = apply_edit(tree[path], **call, path=path)
        after[path] = result.content
        return after, result.message
    call = json.loads((folder / "write.json").read_bytes())
    path = RepoPath(call["path"])
    after[path] = plan_write(path, tree.get(path), call["content"], call["was_read"])
    return after, ""


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str) -> None:
    folder = ROOT / name
    tree = tree_of(folder / "input")
    if (folder / "error.txt").exists():
        with pytest.raises(ForModel) as refusal:
            act(folder, tree)
        assert str(refusal.value) == (folder / "error.txt").read_bytes().decode().removesuffix("\n")
        return
    if (folder / "error_says.txt").exists():
        with pytest.raises(ForModel) as refusal:
            act(folder, tree)
        for phrase in (folder / "error_says.txt").read_text("utf-8").splitlines():
            assert phrase in str(refusal.value)
        return
    after, message = act(folder, tree)
    assert after == tree_of(folder / "expected")
    says = folder / "says.txt"
    for phrase in says.read_text("utf-8").splitlines() if says.exists() else []:
        assert phrase in message


def test_there_are_scenarios_for_every_rule() -> None:
    assert len(SCENARIOS) >= 100
