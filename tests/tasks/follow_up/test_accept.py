"""Whether there is anything to go on with, and where the result may go."""

from dataclasses import replace

import pytest

from bot.domain.follow_up import Way, decide_way
from bot.domain.ids import CommitSha
from bot.domain.outcomes import Outcome
from bot.forge.pulls import PullState
from bot.tasks.follow_up.accept import decide_end, is_author

HEAD = CommitSha("a" * 40)
PULL = PullState(
    2,
    "http://hub/2",
    "agent/1-x",
    HEAD,
    "main",
    True,
    False,
    False,
    "T",
    "B",
    author_id=7,
    head_repository=11,
)


@pytest.mark.parametrize(
    ("pull", "named", "outcome"),
    [
        (PULL, "", None),
        (PULL, HEAD, None),
        (PULL, "b" * 40, Outcome.STALE),
        (replace(PULL, open=False, merged=True), "", Outcome.CLOSED),
        (replace(PULL, head_repository=0), "", Outcome.REPOSITORY_UNUSABLE),
    ],
)
def test_a_pull_request_that_is_over_or_moved_is_a_named_end(
    pull: PullState, named: str, outcome: Outcome | None
) -> None:
    ended = decide_end(pull, named)
    assert (ended[0] if ended else None) is outcome


def test_a_deleted_account_is_nobodys_author() -> None:
    assert is_author(PULL, 7)
    assert not is_author(replace(PULL, author_id=0), 0)


@pytest.mark.parametrize(
    ("own", "fork", "author_asks", "way"),
    [
        (True, False, False, Way.PUSH),
        (False, False, True, Way.PUSH),
        (False, False, False, Way.STACK),
        (False, True, True, Way.SHOW),
        (True, True, True, Way.SHOW),
    ],
)
def test_a_fork_is_never_pushed_to_and_a_persons_branch_only_at_its_owners_word(
    own: bool, fork: bool, author_asks: bool, way: Way
) -> None:
    assert decide_way(own=own, fork=fork, author_asks=author_asks) is way
