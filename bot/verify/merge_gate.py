"""The gate of a merge: what somebody did to it after it was made by itself.

What the two sides did was reviewed where they did it. Judged is only what comes on top: in a file that merged by itself
every change of it, in one that was in conflict what stands on neither side. Whether tests of either side were lost or
weakened there is for the runs to say (`merged.py`).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from bot.domain.ids import RepoPath, TreeSha
from bot.domain.repo_config import GateRule
from bot.repos.contract import RepoKey, Repos, TreeChange
from bot.verify.gate.check import check_change
from bot.verify.gate.contract import ChangedFile
from bot.verify.merged import MergedSubject, find_leftovers
from bot.verify.subject import Subject

_NOT_IN_CONFLICTS: Final = frozenset(
    {
        GateRule.LOCK_FILES,  # its manifest may have merged by itself
        GateRule.SKIPPED_TESTS,
        GateRule.WEAKENED_TESTS,
        GateRule.LOOSENED_TESTS,
        GateRule.LOST_TESTS,
    }
)


async def read_changed(
    repos: Repos, key: RepoKey, changes: tuple[TreeChange, ...]
) -> tuple[ChangedFile, ...]:
    """The changes with their contents. Raises RepositoryFault."""
    ids = {blob for change in changes for blob in (change.old_blob, change.new_blob) if blob}
    blobs = await repos.read_blobs(key, tuple(sorted(ids)))
    return tuple(
        ChangedFile(change, blobs.get(change.old_blob or ""), blobs.get(change.new_blob or ""))
        for change in changes
    )


async def check_merge(
    repos: Repos, subject: Subject, merged: MergedSubject, tree: TreeSha
) -> tuple[str, ...]:
    """Faults of `tree`, which came of `merged`; each a sentence for the model. Raises RepositoryFault."""
    key, policy, paths = subject.key, subject.policy, tuple(sorted(merged.paths))
    ours, other, now = [await _read(repos, key, one, paths) for one in (merged.ours, subject.base_tree, tree)]
    sides = {path: ours.get(path, b"") + b"\n" + other.get(path, b"") for path in paths}
    files = await read_changed(repos, key, await repos.changes(key, merged.start, tree))
    settled = tuple(replace(file, before=sides[file.path]) for file in files if file.path in sides)
    others = tuple(file for file in files if file.path not in sides)
    loose = replace(policy, allowed=policy.allowed | _NOT_IN_CONFLICTS)
    faults = (*find_leftovers(now, sides), *check_change(settled, loose), *check_change(others, policy))
    return tuple(dict.fromkeys(faults))


async def _read(repos: Repos, key: RepoKey, tree: TreeSha, paths: tuple[str, ...]) -> Mapping[str, bytes]:
    """Those of the paths that are there, and were not too large to fetch."""
    files = await repos.list_tree(key, tree)
    ids = {path: files[RepoPath(path)][1] for path in paths if path in files}
    blobs = await repos.read_blobs(key, tuple(sorted(set(ids.values()))))
    return {path: blobs[sha] for path, sha in ids.items() if sha in blobs}
