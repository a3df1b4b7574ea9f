"""Who may start a task: a person with write access now, and nobody else (law 6). Pure.

Must never: let anybody in whose permission GitHub did not name.
"""

from enum import StrEnum
from typing import assert_never

from bot.domain.outcomes import Refusal


class Permission(StrEnum):
    """A person's role in a repository, as GitHub's permission endpoint names it, from most to least.

    `maintain` and `triage` come as `role_name` only: the older `permission` folds them into write and read.
    """

    ADMIN = "admin"
    MAINTAIN = "maintain"
    WRITE = "write"
    TRIAGE = "triage"
    READ = "read"
    NONE = "none"
    UNKNOWN = "unknown"  # GitHub gave no answer, or a word that we do not know


def decide_access(permission: Permission) -> Refusal | None:
    """None when a person with this permission may start a task; otherwise why not."""
    match permission:
        case Permission.ADMIN | Permission.MAINTAIN | Permission.WRITE:
            return None
        case Permission.TRIAGE | Permission.READ | Permission.NONE:
            return Refusal.NO_WRITE_ACCESS
        case Permission.UNKNOWN:
            return Refusal.PERMISSION_UNKNOWN
        case _:
            assert_never(permission)
