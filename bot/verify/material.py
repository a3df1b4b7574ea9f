"""Reads a change before it is verified: its parts, the tests to put on the base alone, what a reader must look at."""

from dataclasses import dataclass

from bot.domain.ids import RepoPath, TreeSha
from bot.repos.contract import RepoKey, Repos, TreeChange
from bot.verify.edits import Edit, edit_of
from bot.verify.flags import find_flags
from bot.verify.inline_tests import find_altered, has_tests, unsplittable, with_tests_of
from bot.verify.split import SplitChange, reverted, split_change
from bot.verify.subject import Subject

_TEXT_BYTES = 1 << 20  # larger files are data: nothing is looked for in them


@dataclass(frozen=True)
class Material:
    """`tests`: changes that put the test part on the base. `old_tests`: changes that put the old tests back into
    the whole. `unsplit`: sentences about tests that can't be put on the base alone. `flags`: doubts for a reader."""

    split: SplitChange
    tests: tuple[TreeChange, ...] = ()
    old_tests: tuple[TreeChange, ...] = ()
    unsplit: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


async def read_material(repos: Repos, subject: Subject, tree: TreeSha) -> Material:
    """Of the change from the subject's base to `tree`. Raises RepositoryFault."""
    key = subject.key
    changes = await repos.changes(key, subject.base_tree, tree)
    split = split_change(changes, subject.test.command)
    texts = await _texts(repos, key, changes)
    tests, old_tests = list(split.tests), list(reverted(split.old_tests))
    unsplit: list[str] = []
    altered: list[str] = []
    for change in split.code:
        before, after = texts[change.path]
        if change.path.endswith(".rs") and (has_tests(before) or has_tests(after)):
            inline = await _inline(repos, key, change, (before, after))
            tests += [one for one in (inline[0],) if one]
            old_tests += [one for one in (inline[1],) if one]
        sentence = unsplittable(change.path, before, after)
        unsplit += [sentence] if sentence else []
        sentence = find_altered(change.path, before, after)
        altered += [sentence] if sentence else []
    edits = {change.path: edit_of(change.path, *texts[change.path]) for change in changes}
    flags = find_flags(_edits(split.code, edits), _edits(tuple(tests), edits))
    return Material(split, tuple(tests), tuple(old_tests), tuple(unsplit), (*altered, *flags))


def _edits(changes: tuple[TreeChange, ...], edits: dict[RepoPath, Edit]) -> tuple[Edit, ...]:
    return tuple(edits[change.path] for change in changes)


async def _inline(
    repos: Repos, key: RepoKey, change: TreeChange, texts: tuple[str, str]
) -> tuple[TreeChange | None, TreeChange | None]:
    """The old code with the new test modules, and the new code with the old ones, where they differ."""
    before, after = texts
    if change.old_blob is None or change.new_blob is None:
        return None, None  # a whole new file: its tests need it
    alone, back = with_tests_of(before, after), with_tests_of(after, before)
    forward = None
    if alone != before:
        blob = await repos.store_blob(key, alone.encode())
        forward = TreeChange(change.path, change.old_mode, change.old_blob, change.old_mode, blob)
    backward = None
    if back != after and has_tests(before):
        blob = await repos.store_blob(key, back.encode())
        backward = TreeChange(change.path, change.new_mode, change.new_blob, change.new_mode, blob)
    return forward, backward


async def _texts(
    repos: Repos, key: RepoKey, changes: tuple[TreeChange, ...]
) -> dict[RepoPath, tuple[str, str]]:
    """Before and after; empty: not there, binary, or large."""
    wanted = {blob for change in changes for blob in (change.old_blob, change.new_blob) if blob}
    blobs = await repos.read_blobs(key, tuple(sorted(wanted)))

    def text(blob: str | None) -> str:
        content = blobs.get(blob, b"") if blob else b""
        return "" if len(content) > _TEXT_BYTES or b"\0" in content else content.decode("utf-8", "replace")

    return {change.path: (text(change.old_blob), text(change.new_blob)) for change in changes}
