"""Which comments of others the model is shown: as they stood when it was asked, by how far their authors are trusted.

Whoever asks has read the thread as it was. What is written or changed afterwards, by whomever, is none of what they
meant; words for a task that runs come to it as messages of people who may (`Inbox`). Pure.

Must never: let a comment through whose times can't be read.
"""

from datetime import datetime
from typing import assert_never

from bot.domain.repo_sections import TrustLevel


def is_as_it_was(created_at: str, updated_at: str, asked_at: str) -> bool:
    """ISO 8601 times of GitHub, whole seconds. A comment of the same second stays, unless it was changed: then nobody
    can say which text was read."""
    created, asked = _parse(created_at), _parse(asked_at)
    updated = _parse(updated_at or created_at)
    if created is None or updated is None or asked is None:
        return False
    return created <= asked and (updated == created or updated < asked)


def is_trusted(level: TrustLevel, association: str, *, may_write: bool) -> bool:
    """Whether an author with GitHub's `association` reaches the level. `may_write`: GitHub said so when asked."""
    members = may_write or association in ("OWNER", "MEMBER", "COLLABORATOR")
    match level:
        case TrustLevel.WRITERS:
            return may_write
        case TrustLevel.MEMBERS:
            return members
        case TrustLevel.CONTRIBUTORS:
            return members or association == "CONTRIBUTOR"
        case TrustLevel.EVERYONE:
            return True
        case _:
            assert_never(level)


def _parse(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
