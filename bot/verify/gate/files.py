"""Rules about which files a change touches, and of what kind they are. Pure."""

import re
from typing import Final

from bot.domain import limits
from bot.repos.contract import FileMode
from bot.verify.gate.contract import ChangedFile

_SCRATCH: Final = re.compile(
    r"(?:^|/)(?:.*\.(?:orig|rej|bak|tmp|swp|swo|log|patch|diff)|.*~|nohup\.out|core|\.DS_Store|__pycache__/.*|.*\.pyc"
    r"|\.coverage|\.pytest_cache/.*)$"
)
_SCRATCH_AT_ROOT: Final = re.compile(
    r"^(?:repro(?:duce)?|debug|scratch|tmp|temp|test_fix|verify_fix|check_fix)[\w-]*\.(?:py|[cm]?[jt]s|sh|rb|go|rs|txt)$"
    r"|^(?:NOTES?|SUMMARY|CHANGES_MADE|FIX(?:ES)?|SOLUTION|ANALYSIS|PLAN)[\w-]*\.(?:md|txt)$",
    re.IGNORECASE,
)
_CI: Final = re.compile(
    r"^(?:\.github/(?:workflows|actions)/.*|\.github/(?:pullwright\.yml|dependabot\.yml|CODEOWNERS)|CODEOWNERS"
    r"|\.gitlab-ci\.yml|\.circleci/.*|azure-pipelines\.yml|Jenkinsfile|\.travis\.yml|\.pre-commit-config\.yaml"
    r"|\.husky/.*|\.githooks/.*)$|(?:^|/)\.git(?:attributes|modules)$"
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
    "composer.lock": "composer.json",
    "Gemfile.lock": "Gemfile",
}


def is_ci(path: str) -> bool:
    """Whether it configures CI or the agent itself."""
    return _CI.search(path) is not None


def is_agent_instructions(path: str) -> bool:
    return _INSTRUCTIONS.search(path) is not None


def find_scratch(files: tuple[ChangedFile, ...]) -> list[str]:
    """New files that were made on the way."""
    return [
        f"`{file.path}` looks like a scratch file: remove it."
        for file in files
        if file.before is None and (_SCRATCH.search(file.path) or _SCRATCH_AT_ROOT.search(file.path))
    ]


def find_ci(files: tuple[ChangedFile, ...]) -> list[str]:
    return [
        f"`{file.path}` configures CI or the agent itself: put it back as it was."
        for file in files
        if is_ci(file.path)
    ]


def find_agent_instructions(files: tuple[ChangedFile, ...]) -> list[str]:
    return [
        f"`{file.path}` instructs agents: put it back as it was."
        for file in files
        if is_agent_instructions(file.path)
    ]


def find_lock_files(files: tuple[ChangedFile, ...]) -> list[str]:
    """A lock file without the manifest that it follows."""
    changed = {file.path for file in files}
    faults = []
    for file in files:
        manifest = _LOCKS.get(file.name)
        beside = file.path.removesuffix(file.name) + manifest if manifest else ""
        if manifest and beside not in changed:
            faults.append(f"`{file.path}` changed although `{manifest}` did not: put it back as it was.")
    return faults


def find_links(files: tuple[ChangedFile, ...]) -> list[str]:
    return [
        f"`{file.path}` is a {file.change.new_mode.name.lower()}: use a regular file."
        for file in files
        if file.change.new_mode in (FileMode.SYMLINK, FileMode.SUBMODULE)
    ]


def find_modes(files: tuple[ChangedFile, ...]) -> list[str]:
    faults = []
    for file in files:
        old, new = file.change.old_mode, file.change.new_mode
        if old and new and old is not new and new not in (FileMode.SYMLINK, FileMode.SUBMODULE):
            faults.append(f"The mode of `{file.path}` changed from {old.value} to {new.value}: put it back.")
    return faults


def find_large_files(files: tuple[ChangedFile, ...]) -> list[str]:
    most = limits.PATCH_FILE_BYTES
    return [
        f"`{file.path}` has {len(file.after):,} bytes; at most {most:,} belong into a change."
        for file in files
        if file.after is not None and len(file.after) > most
    ]


def find_binaries(files: tuple[ChangedFile, ...]) -> list[str]:
    return [
        f"`{file.path}` is a new binary file: remove it."
        for file in files
        if file.before is None and file.after is not None and b"\0" in file.after
    ]
