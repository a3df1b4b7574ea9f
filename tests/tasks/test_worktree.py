"""When the work tree is walked, and what of the walk is the model's work."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.domain.ids import RepoPath, TreeSha
from bot.repos.contract import FileMode, RepoKey, Snapshot, TreeChange
from bot.sandbox.contract import Environment
from bot.tasks.worktree import WorkTree

BASE, CHANGED = TreeSha("base"), TreeSha("changed")
MADE = TreeChange(RepoPath("app.egg-info"), None, None, FileMode.REGULAR, "1")
WORK = TreeChange(RepoPath("app.py"), FileMode.REGULAR, "0", FileMode.REGULAR, "2")


@dataclass
class Repos:
    """Answers each walk with the next of `walks`."""

    walks: list[tuple[TreeChange, ...]]
    derived: list[tuple[TreeChange, ...]] = field(default_factory=list)

    async def materialise(self, _key: RepoKey, tree: TreeSha) -> Path:
        return Path(tree)

    async def snapshot(self, _key: RepoKey, _base: TreeSha, _view: object) -> Snapshot:
        changes = self.walks.pop(0)
        return Snapshot(CHANGED if changes else BASE, changes, ())

    async def changes(self, _key: RepoKey, old: TreeSha, new: TreeSha) -> tuple[TreeChange, ...]:
        return () if old == new else (MADE,)

    async def derive(self, _key: RepoKey, _base: TreeSha, changes: tuple[TreeChange, ...]) -> TreeSha:
        self.derived.append(changes)
        return TreeSha(f"derived-{len(changes)}") if changes else BASE


@dataclass
class Desk:
    """The sandbox and its one workspace. `stamps`: what the next looks give."""

    stamps: list[str | None]
    view_root: Path = Path("view")
    written_layers: tuple[Path, ...] = (Path("layer"),)
    blocked: tuple[()] = ()

    async def open_workspace(self, _template: Path, _environment: Environment) -> "Desk":
        return self

    def view_command(self, argv: list[str]) -> list[str]:
        return argv

    async def stamp(self) -> str | None:
        return self.stamps.pop(0)

    async def close(self) -> None: ...


def tree_of(repos: Repos, desk: Desk, environment: Environment | None = None) -> WorkTree:
    any_repos: Any = repos
    any_desk: Any = desk
    return WorkTree(any_repos, any_desk, RepoKey(1, 1), BASE, environment or Environment("none"))


async def test_nothing_is_walked_twice_as_long_as_nothing_is_written() -> None:
    repos, desk = Repos([(WORK,)]), Desk(["a", "a", "a", "a"])
    work = tree_of(repos, desk)
    await work.restore(BASE)
    assert [await work.take() for _ in range(3)] == [CHANGED] * 3
    assert repos.walks == []


async def test_a_write_is_walked() -> None:
    repos = Repos([(), (WORK,)])
    work = tree_of(repos, Desk(["a", "a", "b", "b"]))
    await work.restore(BASE)
    assert [await work.take(), await work.take()] == [BASE, CHANGED]


async def test_what_can_not_be_told_is_walked() -> None:
    repos = Repos([(WORK,), (WORK,)])
    work = tree_of(repos, Desk([None, None, None, "a", "a"]))
    await work.restore(BASE)
    assert [await work.take() for _ in range(3)] == [CHANGED] * 3
    assert repos.walks == []  # two: only the last stamp told anything


async def test_the_stamp_of_another_workspace_says_nothing() -> None:
    repos = Repos([(WORK,), (WORK,)])
    work = tree_of(repos, Desk(["a", "a", "a", "a"]))
    await work.restore(BASE)
    await work.take()
    await work.restore(BASE)
    assert await work.take() == CHANGED
    assert repos.walks == []


async def test_what_set_up_left_is_not_the_work() -> None:
    repos = Repos([(MADE,), (MADE,), (MADE, WORK)])
    work = tree_of(repos, Desk(["a", "a", "b", "b"]), Environment("x", workspace_layer=Path("layer")))
    await work.restore(BASE)
    assert [await work.take(), await work.take()] == [BASE, TreeSha("derived-1")]
    assert repos.derived == [(), (WORK,)]
