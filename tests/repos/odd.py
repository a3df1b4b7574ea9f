"""Repositories that nobody would make by hand, object by object: any name, any mode."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dulwich.objects import Blob, Commit, ObjectID, Tree
from dulwich.repo import Repo

FILE: Final = 0o100644
LINK: Final = 0o120000
SUBMODULE: Final = 0o160000
Content = tuple[int, bytes]  # mode and content; of a submodule: the commit's id


def build_repository(path: Path, files: Mapping[bytes, Content]) -> str:
    """A bare repository with one commit; its id. Nothing is checked, as a hostile server would not."""
    path.mkdir(parents=True)
    with Repo.init_bare(str(path)) as repo:
        commit = Commit()
        commit.tree = _tree(repo, files)
        commit.author = commit.committer = b"somebody <somebody@example.org>"
        commit.author_time = commit.commit_time = 1_790_000_000
        commit.author_timezone = commit.commit_timezone = 0
        commit.message = b"Odd"
        repo.object_store.add_object(commit)
        return commit.id.decode()


def _tree(repo: Repo, files: Mapping[bytes, Content]) -> ObjectID:
    tree, folders = Tree(), dict[bytes, dict[bytes, Content]]()
    for path, (mode, content) in files.items():
        head, _, rest = path.partition(b"/")
        if rest:
            folders.setdefault(head, {})[rest] = (mode, content)
        elif mode == SUBMODULE:
            tree.add(head, mode, ObjectID(content))
        else:
            blob = Blob.from_string(content)
            repo.object_store.add_object(blob)
            tree.add(head, mode, blob.id)
    for name, below in folders.items():
        tree.add(name, 0o040000, _tree(repo, below))
    repo.object_store.add_object(tree)
    return tree.id
