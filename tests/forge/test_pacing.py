from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.domain.ids import InstallationId
from bot.errors import RetryLater
from bot.forge.pacing import WritePace


class Ticks:
    """Time that goes on only while somebody waits."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waited: list[float] = []

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds


def test_writes_of_one_installation_are_spaced_and_others_are_not_held_up():
    ticks = Ticks()
    pace = WritePace(1.0, ticks, ticks.pause)
    for installation in (1, 1, 2, 1):
        with pace.turn(InstallationId(installation)):
            ticks.now += 0.25
    assert ticks.waited == [1.0, 0.75]


def test_a_write_that_fails_counts_as_well():
    ticks = Ticks()
    pace = WritePace(1.0, ticks, ticks.pause)
    for _ in range(2):
        try:
            with pace.turn(InstallationId(1)):
                raise OSError
        except OSError:
            pass
    assert ticks.waited == [1.0]


def test_only_one_writes_at_a_time():
    pace = WritePace(0.0, lambda: 0.0, lambda _: None)
    inside: list[int] = []
    most: list[int] = []

    def write(number: int) -> None:
        with pace.turn(InstallationId(1)):
            inside.append(number)
            most.append(len(inside))
            inside.remove(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(200)))
    assert max(most) == 1


def test_a_turn_that_does_not_come_is_given_up_and_nothing_is_sent():
    pace = WritePace(0.0, lambda: 0.0, lambda _: None)
    with pace.turn(InstallationId(1)), ThreadPoolExecutor(1) as executor:

        def wait() -> None:
            with pace.turn(InstallationId(1), within_s=0.01):
                raise AssertionError("two at once")

        with pytest.raises(RetryLater, match="nothing was sent"):
            executor.submit(wait).result()
    with pace.turn(InstallationId(1)):
        pass
