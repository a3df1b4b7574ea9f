"""Rules about the lines that a change adds. Pure."""

import re
from typing import Final

from bot.verify.gate.contract import ChangedFile
from bot.verify.gate.secrets import find_secrets
from bot.verify.split import is_test_path

_CONFLICT: Final = re.compile(r"^(?:<{7} |>{7} |\|{7} )", re.MULTILINE)
_SUPPRESSION: Final = re.compile(
    r"#\s*(?:noqa|type:\s*ignore|pragma:\s*no cover|pylint:\s*disable|nosec|fmt:\s*off)|eslint-disable"
    r"|@ts-(?:ignore|nocheck)"
    r"|(?:/\*|//)\s*(?:istanbul|c8|v8) ignore|//\s*nolint|#\[allow\(|@SuppressWarnings|rubocop:disable|phpcs:ignore"
)
_NOTICE: Final = re.compile(
    r"SPDX-License-Identifier:|\bCopyright\s+(?:\(c\)|©|\d{4})|\bLicensed under the\b"
    r"|GNU (?:Lesser |Affero )?General Public",
    re.IGNORECASE,
)
_DEBRIS: Final = re.compile(
    r"^\s*(?:breakpoint\(\)|(?:import|from)\s+i?pdb\b|i?pdb\.set_trace\(|debugger;?\s*$|dbg!\(|binding\.pry"
    r"|print\(f?['\"]\s*(?:DEBUG|XXX|HERE|###)|console\.log\(['\"]\s*(?:DEBUG|XXX|HERE|###))"
)


def find_conflicts(files: tuple[ChangedFile, ...]) -> list[str]:
    return [
        f"`{file.path}` holds conflict markers."
        for file in files
        if file.is_text and _CONFLICT.search(file.new_text) and not _CONFLICT.search(file.old_text)
    ]


def find_white_space(files: tuple[ChangedFile, ...]) -> list[str]:
    """Files that say the same as before."""
    faults = []
    for file in files:
        before, after = file.old_text, file.new_text
        if file.is_text and file.before is not None and before != after and before.split() == after.split():
            faults.append(f"`{file.path}` differs in white space only: put it back as it was.")
    return faults


def find_secret_lines(files: tuple[ChangedFile, ...]) -> list[str]:
    return [
        f"`{file.path}` holds what looks like a secret ({kind}): remove it."
        for file in files
        if file.is_text
        for kind in find_secrets(file.added_lines())
    ]


def find_licences(files: tuple[ChangedFile, ...]) -> list[str]:
    """Notices that stand in none of the changed files yet: code of others, or a word that only a person can give."""
    known = {line.strip(" \t#/*-") for file in files for line in file.old_text.splitlines()}
    faults = []
    for file in files:
        lines = file.added_lines() if file.is_text else []
        new = [line for line in lines if _NOTICE.search(line) and line.strip(" \t#/*-") not in known]
        if new:
            faults.append(
                f"`{file.path}` adds a copyright or licence notice: take it out, and write the code yourself."
            )
    return faults


def find_new_suppressions(files: tuple[ChangedFile, ...]) -> list[str]:
    """In files that were there: new ones follow the rules of their neighbours."""
    return [
        f"`{file.path}` switches off checks ({more} new suppressions): mend the cause instead."
        for file in files
        if file.is_text and file.before is not None and (more := file.more_of(_SUPPRESSION)) > 0
    ]


def find_debris(files: tuple[ChangedFile, ...]) -> list[str]:
    """What somebody left who was looking for a fault."""
    faults = []
    for file in files:
        if not file.is_text or (is_test_path(file.path) and file.before is None):
            continue
        line = next((line.strip() for line in file.added_lines() if _DEBRIS.search(line)), "")
        if line:
            faults.append(f"`{file.path}` still holds `{line[:60].replace('`', '')}`: take it out.")
    return faults
