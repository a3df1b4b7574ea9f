"""The gate: every rule over the whole change. Pure.

Cheap faults go back at once, as the answer to `submit`. Rules are about what nobody wants in a pull request; what
needs judgement is left to the reviewer. A repository's file may switch single rules off, never the ones about links,
secrets and what is protected.
"""

from collections.abc import Mapping
from typing import Final

from bot.domain import limits
from bot.domain.repo_config import GateRule
from bot.verify.gate.contract import ChangedFile, Policy, Rule
from bot.verify.gate.files import (
    find_agent_instructions,
    find_binaries,
    find_ci,
    find_large_files,
    find_links,
    find_lock_files,
    find_modes,
    find_scratch,
)
from bot.verify.gate.lines import (
    find_conflicts,
    find_debris,
    find_licences,
    find_new_suppressions,
    find_secret_lines,
    find_white_space,
)
from bot.verify.gate.tests import find_loosened, find_lost_tests, find_skipped, find_weakened

RULES: Final[Mapping[GateRule, Rule]] = {
    GateRule.SCRATCH: find_scratch,
    GateRule.CI: find_ci,
    GateRule.INSTRUCTIONS: find_agent_instructions,
    GateRule.LOCK_FILES: find_lock_files,
    GateRule.LINKS: find_links,
    GateRule.MODES: find_modes,
    GateRule.LARGE_FILES: find_large_files,
    GateRule.BINARIES: find_binaries,
    GateRule.CONFLICTS: find_conflicts,
    GateRule.WHITE_SPACE: find_white_space,
    GateRule.SECRETS: find_secret_lines,
    GateRule.LICENCES: find_licences,
    GateRule.SUPPRESSIONS: find_new_suppressions,
    GateRule.DEBRIS: find_debris,
    GateRule.SKIPPED_TESTS: find_skipped,
    GateRule.WEAKENED_TESTS: find_weakened,
    GateRule.LOOSENED_TESTS: find_loosened,
    GateRule.LOST_TESTS: find_lost_tests,
}

ALWAYS: Final = frozenset({GateRule.LINKS, GateRule.SECRETS, GateRule.CONFLICTS})
"""Hold whatever the repository's file says."""


NO_POLICY: Final = Policy()


def check_change(files: tuple[ChangedFile, ...], policy: Policy = NO_POLICY) -> tuple[str, ...]:
    """Every fault of the whole change, each once."""
    faults: list[str] = []
    if len(files) > limits.PATCH_FILES:
        faults.append(f"The change has {len(files)} files; at most {limits.PATCH_FILES} can be reviewed.")
    faults += [
        f"`{file.path}` is protected by the repository's own file: put it back as it was."
        for file in files
        if policy.protects(file.path)
    ]
    looked_at = files[: limits.PATCH_FILES]
    for rule, find in RULES.items():
        if rule in ALWAYS or rule not in policy.allowed:
            faults += find(looked_at)
    return tuple(dict.fromkeys(faults))
