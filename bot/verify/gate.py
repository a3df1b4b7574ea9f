"""Static faults of a change, found without running anything: each a sentence for the model. Pure.

Cheap faults go back at once, as the answer to `submit`. Rules are about what nobody wants in a pull request; what
needs judgement is left to the reviewer.
"""

import re
from dataclasses import dataclass
from typing import Final

from bot.domain import limits
from bot.repos.contract import FileMode, TreeChange
from bot.verify.secrets import find_secrets
from bot.verify.split import is_test_path

_SCRATCH: Final = re.compile(
    r"(?:^|/)(?:.*\.(?:orig|rej|bak|tmp|swp|swo|log)|.*~|nohup\.out|core|\.DS_Store|__pycache__/.*|.*\.pyc)$"
)
_CI: Final = re.compile(
    r"^(?:\.github/(?:workflows|actions)/.*|\.github/(?:pullwright\.yml|dependabot\.yml|CODEOWNERS)"
    r"|\.gitlab-ci\.yml|\.circleci/.*|azure-pipelines\.yml|Jenkinsfile|\.travis\.yml|\.pre-commit-config\.yaml)$"
)
_INSTRUCTIONS: Final = re.compile(
    r"(?:^|/)(?:AGENTS|CLAUDE|GEMINI)(?:\.local)?\.md$|(?:^|/)\.cursorrules$|^\.cursor/|^\.github/copilot-instructions\.md$",
    re.IGNORECASE,
)
_LOCKS: Final = {
    "poetry.lock": "pyproject.toml",
    "uv.lock": "pyproject.toml",
    "pdm.lock": "pyproject.toml",
    "Pipfile.lock": "Pipfile",
    "package-lock.json": "package.json",
    "yarn.lock": "package.json",
    "pnpm-lock.yaml": "package.json",
    "Cargo.lock": "Cargo.toml",
    "go.sum": "go.mod",
}
_CONFLICT: Final = re.compile(r"^(?:<{7} |>{7} |\|{7} )", re.MULTILINE)
_TEST: Final = re.compile(r"^[ \t]*(?:async[ \t]+)?def[ \t]+(test\w*)", re.MULTILINE)
_ASSERT: Final = re.compile(r"\bassert\b|\bself\.(?:assert\w+|fail)\b|\bpytest\.(?:raises|fail|warns)\b")
_SKIP: Final = re.compile(
    r"@?pytest\.(?:mark\.)?(?:skip|skipif|xfail|importorskip)\b|@?unittest\.(?:skip\w*|expectedFailure)\b|\bskipTest\("
)
_SUPPRESSION: Final = re.compile(
    r"#\s*(?:noqa|type:\s*ignore|pragma:\s*no cover|pylint:\s*disable|nosec|fmt:\s*off)|eslint-disable|@ts-ignore"
)


@dataclass(frozen=True)
class ChangedFile:
    """One change with its contents; None: not there, or too large to look at."""

    change: TreeChange
    before: bytes | None
    after: bytes | None

    @property
    def path(self) -> str:
        return self.change.path


def check_change(files: tuple[ChangedFile, ...]) -> tuple[str, ...]:
    """Every fault of the whole change, in the order of its files."""
    faults: list[str] = []
    if len(files) > limits.PATCH_FILES:
        faults.append(f"The change has {len(files)} files; at most {limits.PATCH_FILES} can be reviewed.")
    changed = {file.path for file in files}
    for file in files[: limits.PATCH_FILES]:
        faults += _check_place(file, changed)
        faults += _check_kind(file)
        if file.after is not None and b"\0" not in file.after:
            faults += _check_text(file)
    return (*faults, *_check_tests(files))


def _check_place(file: ChangedFile, changed: set[str]) -> list[str]:
    path, added = file.path, file.before is None
    if _SCRATCH.search(path) and added:
        return [f"`{path}` looks like a scratch file: remove it."]
    if _CI.match(path):
        return [f"`{path}` configures CI or the agent itself: put it back as it was."]
    if _INSTRUCTIONS.search(path):
        return [f"`{path}` instructs agents: put it back as it was."]
    manifest = _LOCKS.get(path.rsplit("/", 1)[-1])
    if manifest is not None:
        folder = path.rpartition("/")[0]
        if (f"{folder}/{manifest}" if folder else manifest) not in changed:
            return [f"`{path}` changed although `{manifest}` did not: put it back as it was."]
    return []


def _check_kind(file: ChangedFile) -> list[str]:
    change, path = file.change, file.path
    if change.new_mode in (FileMode.SYMLINK, FileMode.SUBMODULE):
        return [f"`{path}` is a {change.new_mode.name.lower()}: use a regular file."]
    faults = []
    if change.old_mode and change.new_mode and change.old_mode is not change.new_mode:
        faults.append(
            f"The mode of `{path}` changed from {change.old_mode.value} to {change.new_mode.value}: put it back."
        )
    if file.after is not None and len(file.after) > limits.PATCH_FILE_BYTES:
        faults.append(
            f"`{path}` has {len(file.after):,} bytes; at most {limits.PATCH_FILE_BYTES:,} belong into a change."
        )
    if file.after is not None and b"\0" in file.after and file.before is None:
        faults.append(f"`{path}` is a new binary file: remove it.")
    return faults


def _check_text(file: ChangedFile) -> list[str]:
    before = (file.before or b"").decode("utf-8", "replace")
    after = (file.after or b"").decode("utf-8", "replace")
    faults = []
    if _CONFLICT.search(after) and not _CONFLICT.search(before):
        faults.append(f"`{file.path}` holds conflict markers.")
    if file.before is not None and before != after and "".join(before.split()) == "".join(after.split()):
        faults.append(f"`{file.path}` differs in white space only: put it back as it was.")
    old = set(before.splitlines())
    added = [line for line in after.splitlines() if line not in old]
    faults += [
        f"`{file.path}` holds what looks like a secret ({kind}): remove it." for kind in find_secrets(added)
    ]
    more = len(_SUPPRESSION.findall(after)) - len(_SUPPRESSION.findall(before))
    if more > 0 and file.before is not None:
        faults.append(f"`{file.path}` switches off checks ({more} new suppressions): mend the cause instead.")
    return faults


def _check_tests(files: tuple[ChangedFile, ...]) -> list[str]:
    """Deleted, skipped and weakened tests. Tests may move between the files of one change."""
    faults: list[str] = []
    old_tests: set[str] = set()
    new_tests: set[str] = set()
    for file in files:
        if not is_test_path(file.path) or not file.path.endswith(".py"):
            continue
        before = (file.before or b"").decode("utf-8", "replace")
        after = (file.after or b"").decode("utf-8", "replace")
        old_tests |= set(_TEST.findall(before))
        new_tests |= set(_TEST.findall(after))
        if file.before is None or not after:
            continue
        if len(_SKIP.findall(after)) > len(_SKIP.findall(before)):
            faults.append(f"`{file.path}` skips tests that ran before: let them run.")
        if len(_ASSERT.findall(after)) < len(_ASSERT.findall(before)):
            faults.append(f"`{file.path}` asserts less than before: keep the old assertions.")
    gone = sorted(old_tests - new_tests)
    if gone:
        faults.append(f"Tests were removed: {', '.join(f'`{name}`' for name in gone[:10])}. Keep them.")
    return faults
