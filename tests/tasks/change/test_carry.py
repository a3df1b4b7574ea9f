"""The work on its way to another machine: what goes into a row comes out of it as the same tree, elsewhere."""

import os
from pathlib import Path

from dulwich import porcelain
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.ids import InstallationId, RepoPath, RepositoryId
from bot.repos.contract import FileMode, RepoKey, TreeChange
from bot.repos.git_repos import GitRepos
from bot.tasks.change.carry import pack, unpack

CHANGES = st.builds(
    TreeChange,
    st.text(min_size=1).map(RepoPath),
    st.none() | st.sampled_from(FileMode),
    st.none() | st.just("a" * 40),
    st.none() | st.sampled_from(FileMode),
    st.none() | st.just("b" * 40),
)


@given(st.lists(CHANGES).map(tuple), st.dictionaries(st.text(), st.binary()))
def test_what_is_packed_is_unpacked(changes: tuple[TreeChange, ...], blobs: dict[str, bytes]) -> None:
    assert unpack(pack(changes, blobs)) == (changes, tuple(blobs.values()))


async def test_a_tree_is_made_again_in_a_cache_that_has_the_base_only(tmp_path: Path) -> None:
    key = RepoKey(InstallationId(1), RepositoryId(2))
    here, there = (GitRepos(tmp_path / name, os.getuid()) for name in ("here", "there"))
    clone = tmp_path / "clone"
    porcelain.init(str(clone)).close()
    (clone / "a.py").write_text("x = 1\n")
    porcelain.add(str(clone), [str(clone / "a.py")])
    porcelain.commit(str(clone), b"First", author=b"Ada <a@b.c>", committer=b"Ada <a@b.c>", sign=False)
    base = (await here.import_checkout(key, clone)).tree
    assert (await there.import_checkout(key, clone)).tree == base

    blob = await here.store_blob(key, bytes(range(256)))
    new = TreeChange(RepoPath("b.bin"), None, None, FileMode.REGULAR, blob)
    work = await here.derive(key, base, (new,))

    changes = await here.changes(key, base, work)
    brought, contents = unpack(pack(changes, await here.read_blobs(key, (blob,))))
    for content in contents:
        await there.store_blob(key, content)
    assert await there.derive(key, base, brought) == work
