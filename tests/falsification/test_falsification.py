"""Tricks are never proven, honest changes always are. `make falsify` prints what caught each."""

from collections.abc import Awaitable, Callable

import pytest

from bot.domain.evidence import Tier
from tests.falsification.conftest import Verdict
from tests.falsification.honest import HONEST
from tests.falsification.project import Play
from tests.falsification.tricks import TRICKS
from tests.verify.toolchains import find_missing

FAST = ("a hook that turns outcomes green", "a test that passes on the base", "a fix with a new test file")
"""Played in the fast suite; all others are whole verifications of some seconds each: `make falsify`."""

Verify = Callable[[Play], Awaitable[Verdict]]


def named(plays: list[Play]) -> list[object]:
    slow = (
        pytest.mark.falsify,
        pytest.mark.timeout(900),
    )  # whole verifications, on a machine that may be busy
    return [pytest.param(one, id=one.name, marks=() if one.name in FAST else slow) for one in plays]


def _skip_without(need: str) -> None:
    missing = find_missing((need,) if need else ())
    if missing:
        pytest.skip(missing)


@pytest.mark.parametrize("one", named(TRICKS))
async def test_a_trick_is_not_proven(one: Play, play: Verify) -> None:
    _skip_without(one.needs)
    evidence, _ = await play(one)
    assert evidence.tier is not Tier.A, evidence
    assert evidence.reason


@pytest.mark.parametrize("one", named(HONEST))
async def test_an_honest_change_is_proven(one: Play, play: Verify) -> None:
    _skip_without(one.needs)
    evidence, faults = await play(one)
    assert evidence.tier is Tier.A, evidence
    assert faults == ()


def test_there_are_enough_of_both_and_each_has_a_name_of_its_own() -> None:
    names = [one.name for one in (*TRICKS, *HONEST)]
    assert len(names) == len(set(names))
    assert len(TRICKS) >= 175
    assert len(HONEST) >= 35
