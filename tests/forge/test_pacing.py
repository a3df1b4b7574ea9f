from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.domain import limits
from bot.domain.ids import InstallationId
from bot.errors import RetryLater
from bot.forge.pacing import OwnTurns, WritePace


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
    pace = WritePace(OwnTurns(1.0, ticks), ticks, ticks.pause)
    for installation in (1, 1, 2, 1):
        with pace.turn(InstallationId(installation)):
            ticks.now += 0.25
    assert ticks.waited == [1.0, 0.75]


def test_a_write_that_fails_counts_as_well():
    ticks = Ticks()
    pace = WritePace(OwnTurns(1.0, ticks), ticks, ticks.pause)
    for _ in range(2):
        try:
            with pace.turn(InstallationId(1)):
                raise OSError
        except OSError:
            pass
    assert ticks.waited == [1.0]


def test_only_one_writes_at_a_time():
    pace = WritePace(OwnTurns(0.0, lambda: 0.0), lambda: 0.0, lambda _: None)
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
    pace = WritePace(OwnTurns(0.0, lambda: 0.0), lambda: 0.0, lambda _: None)
    with pace.turn(InstallationId(1)), ThreadPoolExecutor(1) as executor:

        def wait() -> None:
            with pace.turn(InstallationId(1), within_s=0.01):
                raise AssertionError("two at once")

        with pytest.raises(RetryLater, match="nothing was sent"):
            executor.submit(wait).result()
    with pace.turn(InstallationId(1)):
        pass


@pytest.mark.parametrize(("limit_s", "waited"), [(4.0, [4.0]), (10.5, None)])
def test_a_limit_is_waited_for_only_when_it_ends_within_the_turns_time(
    limit_s: float, waited: list[float] | None
) -> None:
    ticks = Ticks()
    pace = WritePace(OwnTurns(1.0, ticks), ticks, ticks.pause)
    pace.hold_back(InstallationId(1), limit_s)
    pace.hold_back(InstallationId(1), 2.0)  # a shorter one takes nothing from it
    if waited is None:
        with pytest.raises(RetryLater) as caught, pace.turn(InstallationId(1), 10.0):
            raise AssertionError("it was sent")
        assert caught.value.after_s == limit_s
    else:
        with pace.turn(InstallationId(1), 10.0):
            pass
    assert ticks.waited == (waited or [])
    with pace.turn(InstallationId(2)):
        pass
    assert ticks.waited == (waited or [])


def test_a_limit_holds_back_for_an_hour_at_most():
    ticks = Ticks()
    pace = WritePace(OwnTurns(1.0, ticks), ticks, ticks.pause)
    pace.hold_back(InstallationId(1), 1e9)
    with pytest.raises(RetryLater) as caught, pace.turn(InstallationId(1), 10.0):
        raise AssertionError("it was sent")
    assert caught.value.after_s == limits.WRITE_HELD_BACK_S


class Away:
    """Turns of a database that does not answer, from the `left`-th question on."""

    def __init__(self, left: int) -> None:
        self.left = left

    def _ask(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise RetryLater("the database did not answer", 1.0)

    def claim(self, _installation: InstallationId) -> float:
        self._ask()
        return 0.0

    def end(self, _installation: InstallationId) -> None:
        self._ask()

    def hold_back(self, _installation: InstallationId, _after_s: float) -> None:
        self._ask()


def test_without_a_turn_nothing_is_sent_and_the_next_one_asks_again():
    turns, ticks = Away(0), Ticks()
    pace = WritePace(turns, ticks, ticks.pause)
    with pytest.raises(RetryLater, match="did not answer"), pace.turn(InstallationId(1)):
        raise AssertionError("it was sent")
    turns.left = 2
    with pace.turn(InstallationId(1), 0.0):
        pass


def test_a_write_that_was_carried_out_stands_when_its_turn_can_not_be_given_back():
    """RetryLater would say that it was not carried out, and it would be sent once more."""
    pace = WritePace(Away(1), lambda: 0.0, lambda _: None)
    with pace.turn(InstallationId(1)):
        written = True
    assert written
    pace = WritePace(Away(1), lambda: 0.0, lambda _: None)
    with pytest.raises(ValueError, match="what GitHub said"), pace.turn(InstallationId(1)):
        raise ValueError("what GitHub said")


def test_a_limit_that_can_not_be_told_to_others_is_told_to_the_caller_all_the_same():
    WritePace(Away(0), lambda: 0.0, lambda _: None).hold_back(InstallationId(1), 9.0)
