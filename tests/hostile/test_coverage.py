"""Every point of the list is tried by something."""

import importlib
from pathlib import Path

from tests.hostile.attempts_inside import INSIDE
from tests.hostile.points import POINTS


def test_every_point_is_tried() -> None:
    tried = {one.point for one in INSIDE}
    for path in Path(__file__).parent.glob("test_*.py"):
        module = importlib.import_module(f"tests.hostile.{path.stem}")
        for one in vars(module).values():
            tried.update(getattr(one, "points", ()))
    assert set(POINTS) - tried == set()
    assert tried - set(POINTS) == set()
