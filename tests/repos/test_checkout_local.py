"""A person's own checkout: brought in as it lies there, and written back whole or not at all."""

import os
from pathlib import Path

import pytest
from dulwich import porcelain
from dulwich.repo import Repo

from bot.domain.ids import RepoPath
from bot.errors import RepositoryFault
from bot.repos.contract import Checkout, FileMode, RepoKey, TreeChange
from bot.repos.git_repos import GitRepos

KEY = RepoKey(0, 1)
WHO = b"Ada <ada@example.org>"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    root = tmp_path / "clone"
    (root / "pkg").mkdir(parents=True)
    (root / "app.py").write_bytes(b"a = 1\r\n")
    (root / "run.sh").write_bytes(b"echo\n")
    (root / "run.sh").chmod(0o755)
    (root / "pkg" / "old.py").write_bytes(b"")
    (root / ".gitignore").write_bytes(b".env\n")
    porcelain.init(str(root))
    porcelain.add(str(root), [str(root / name) for name in ("app.py", "run.sh", "pkg/old.py", ".gitignore")])
    porcelain.commit(str(root), b"first", author=WHO, committer=WHO)
    return root


@pytest.fixture
def repos(tmp_path: Path) -> GitRepos:
    return GitRepos(tmp_path / "state")


async def changed(repos: GitRepos, checkout: Checkout, content: dict[str, bytes | None]) -> Checkout:
    """The same checkout's tree with other content, as a run leaves it in the cache."""
    old = await repos.list_tree(KEY, checkout.files)
    changes = []
    for path, new in content.items():
        blob = None if new is None else await repos.store_blob(KEY, new)
        before = old.get(path)
        mode = None if new is None else (before[0] if before else FileMode.REGULAR)
        changes.append(TreeChange(RepoPath(path), *(before or (None, None)), mode, blob))
    tree = await repos.derive(KEY, checkout.files, tuple(changes))
    return Checkout(checkout.root, checkout.commit, checkout.tree, tree)


async def test_what_is_not_committed_counts_and_what_is_ignored_does_not(
    repos: GitRepos, clone: Path
) -> None:
    (clone / "app.py").write_bytes(b"a = 2\r\n")
    (clone / "new.py").write_bytes(b"b = 1\n")
    (clone / ".env").write_bytes(b"KEY=secret\n")
    found = await repos.import_checkout(KEY, clone / "pkg")
    assert found.root == clone
    assert found.commit == Repo(str(clone)).head().decode()
    names = await repos.list_tree(KEY, found.files)
    assert sorted(names) == [".gitignore", "app.py", "new.py", "pkg/old.py", "run.sh"]
    assert {change.path for change in await repos.changes(KEY, found.tree, found.files)} == {
        "app.py",
        "new.py",
    }
    assert (await repos.read_blobs(KEY, (names["app.py"][1],)))[names["app.py"][1]] == b"a = 2\r\n"


async def test_a_change_is_written_into_the_files_and_nothing_else_is_touched(
    repos: GitRepos, clone: Path
) -> None:
    found = await repos.import_checkout(KEY, clone)
    content = {"run.sh": b"echo hi\n", "pkg/old.py": None, "deep/er/new.py": b"n = 1\n"}
    goal = await changed(repos, found, content)
    assert set(await repos.write_back(KEY, found, goal.files)) == set(content)
    assert (clone / "run.sh").read_bytes() == b"echo hi\n"
    assert os.access(clone / "run.sh", os.X_OK)
    assert not (clone / "pkg" / "old.py").exists()
    assert (clone / "deep" / "er" / "new.py").read_bytes() == b"n = 1\n"
    assert (clone / "app.py").read_bytes() == b"a = 1\r\n"
    assert (await repos.import_checkout(KEY, clone)).files == goal.files


@pytest.mark.parametrize("disturb", ["edit", "delete", "appear", "link"])
async def test_a_file_that_was_changed_meanwhile_stops_all(
    repos: GitRepos, clone: Path, disturb: str
) -> None:
    found = await repos.import_checkout(KEY, clone)
    goal = await changed(repos, found, {"app.py": b"a = 3\n", "new.py": b"n\n", "run.sh": b"x\n"})
    match disturb:
        case "edit":
            (clone / "app.py").write_bytes(b"mine\n")
        case "delete":
            (clone / "app.py").unlink()
        case "appear":
            (clone / "new.py").write_bytes(b"mine\n")
        case _:
            (clone / "app.py").unlink()
            (clone / "app.py").symlink_to("/etc/passwd")
    with pytest.raises(RepositoryFault, match=r"changed meanwhile.*Nothing was written"):
        await repos.write_back(KEY, found, goal.files)
    assert (clone / "run.sh").read_bytes() == b"echo\n"


async def test_what_is_no_checkout_is_named(repos: GitRepos, tmp_path: Path) -> None:
    with pytest.raises(RepositoryFault, match="in no git repository"):
        await repos.import_checkout(KEY, tmp_path)
    porcelain.init(str(tmp_path / "empty"))
    with pytest.raises(RepositoryFault, match="no commit yet"):
        await repos.import_checkout(KEY, tmp_path / "empty")
    porcelain.init(str(tmp_path / "bare"), bare=True)
    with pytest.raises(RepositoryFault, match="bare repository"):
        await repos.import_checkout(KEY, tmp_path / "bare")


async def test_hooks_and_filters_of_the_checkout_are_never_run(
    repos: GitRepos, clone: Path, tmp_path: Path
) -> None:
    trap = tmp_path / "trap"
    with (clone / ".git" / "config").open("a") as config:
        config.write(
            f'[filter "evil"]\n\tclean = touch {trap}\n\tsmudge = touch {trap}\n[core]\n\tfsmonitor = touch {trap}\n'
        )
    (clone / ".gitattributes").write_text("* filter=evil\n")
    found = await repos.import_checkout(KEY, clone)
    await repos.write_back(KEY, found, (await changed(repos, found, {"app.py": b"a\n"})).files)
    assert not trap.exists()
