"""Every story, with a misfortune at every point: exactly one of everything, and no turn paid twice.

`make crash` runs all points, `make crash SAMPLE=3` three of each story and misfortune, chosen by SEED (a new one for
each run unless it is given; the failure names it). PATIENCE_S: how long one step may take, for a busy machine.
"""

import os
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from tests.crash.matrix import Misfortune, Size, Stage, chosen, stage
from tests.stories.registry import STORIES

pytestmark = [pytest.mark.crash, pytest.mark.timeout(7200)]

SAMPLE = int(os.environ.get("SAMPLE") or 0)
SEED = os.environ.get("SEED") or secrets.token_hex(4)


def each_story() -> list[Any]:
    return [pytest.param(one, id=one.name.replace(" ", "_")) for one in STORIES]


@pytest.fixture(scope="module")
def measured(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stage, Size]]:
    """One world for all misfortunes of a story. Its caches are warm after the first telling, so only the second
    has as many points as those that follow."""
    with stage(tmp_path_factory.mktemp("stage"), request.param) as on:
        on.measure()
        yield on, on.measure()


@pytest.mark.parametrize("misfortune", Misfortune, ids=lambda one: one.name.lower())
@pytest.mark.parametrize("measured", each_story(), indirect=True)
def test_exactly_one_of_everything(measured: tuple[Stage, Size], misfortune: Misfortune) -> None:
    on, size = measured
    points = size.points(misfortune)
    assert points, "nothing happens in this story"
    failures: list[str] = []
    played = chosen(points, SAMPLE, f"{SEED}/{on.story.name}/{misfortune}")
    print(f"{on.story.name}, {misfortune}: {len(played)} of {len(points)} points")  # shown by `-rP`
    for n in played:
        try:
            on.tell_with(misfortune, n)
        except AssertionError as error:
            failures.append(f"{misfortune}, {n} of {len(points)}: {error}")
            on.begin_again()
    assert not failures, f"SEED={SEED}\n" + "\n\n".join(failures)
