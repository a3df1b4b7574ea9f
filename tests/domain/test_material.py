import pytest

from bot.domain.material import is_as_it_was, is_trusted
from bot.domain.repo_sections import TrustLevel

ASKED = "2026-11-20T10:00:00Z"
EARLY, LATE = "2026-11-20T09:00:00Z", "2026-11-20T10:00:01Z"


@pytest.mark.parametrize(
    ("created", "updated", "stays"),
    [
        (EARLY, EARLY, True),
        (EARLY, "", True),
        (EARLY, "2026-11-20T09:30:00Z", True),  # edited, but before it was read
        (EARLY, LATE, False),
        (EARLY, ASKED, False),  # edited in the very second: nobody can say which text was read
        (ASKED, ASKED, True),
        (LATE, LATE, False),
        ("2026-11-20T11:00:00+01:00", "", True),  # another zone, the same second
        ("yesterday", EARLY, False),
        ("", "", False),
    ],
)
def test_what_was_written_or_changed_after_the_request_is_no_material(
    created: str, updated: str, stays: bool
) -> None:
    assert is_as_it_was(created, updated, ASKED) is stays


def test_without_a_time_of_the_request_nothing_can_be_trusted() -> None:
    assert not is_as_it_was(EARLY, EARLY, "")


@pytest.mark.parametrize(
    ("level", "reached"),
    [
        (TrustLevel.WRITERS, {"writer"}),
        (TrustLevel.MEMBERS, {"writer", "OWNER", "MEMBER", "COLLABORATOR"}),
        (TrustLevel.CONTRIBUTORS, {"writer", "OWNER", "MEMBER", "COLLABORATOR", "CONTRIBUTOR"}),
        (
            TrustLevel.EVERYONE,
            {"writer", "OWNER", "MEMBER", "COLLABORATOR", "CONTRIBUTOR", "NONE", "FIRST_TIMER", "MANNEQUIN"},
        ),
    ],
)
def test_levels_reach_as_far_as_they_say(level: TrustLevel, reached: set[str]) -> None:
    associations = ("OWNER", "MEMBER", "COLLABORATOR", "CONTRIBUTOR", "NONE", "FIRST_TIMER", "MANNEQUIN")
    found = {one for one in associations if is_trusted(level, one, may_write=False)}
    found |= {"writer"} if is_trusted(level, "NONE", may_write=True) else set()
    assert found == reached
