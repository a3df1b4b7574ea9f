"""Which failed deliveries are asked for again."""

from bot.domain import limits
from bot.domain.ids import DeliveryId
from bot.domain.sweep import Attempt, decide_redeliveries

NOW = 1_000_000.0
A, B = DeliveryId("a"), DeliveryId("b")


def test_the_newest_attempt_of_each_unknown_delivery_oldest_delivery_first() -> None:
    failed = [Attempt(3, B, NOW - 100), Attempt(2, A, NOW - 200), Attempt(1, A, NOW - 300)]
    assert decide_redeliveries(failed, (), NOW) == (2, 3)


def test_what_is_stored_is_not_asked_for() -> None:
    assert decide_redeliveries([Attempt(1, A, NOW - 100)], {A}, NOW) == ()


def test_each_attempt_is_waited_for_twice_as_long_as_the_one_before() -> None:
    pause = limits.REDELIVERY_PAUSE_S
    once = [Attempt(1, A, NOW - pause)]
    assert decide_redeliveries(once, (), NOW) == (1,)
    assert decide_redeliveries(once, (), NOW - 1) == ()
    twice = [Attempt(2, A, NOW - pause), *once]
    assert decide_redeliveries(twice, (), NOW) == ()
    assert decide_redeliveries(twice, (), NOW + pause) == (2,)


def test_tries_and_passes_are_bounded() -> None:
    old = [Attempt(n, A, NOW - 86_400 * 2) for n in range(limits.REDELIVERIES + 1)]
    assert decide_redeliveries(old, (), NOW) == ()
    assert decide_redeliveries(old[:-1], (), NOW) == (limits.REDELIVERIES - 1,)
    many = [Attempt(n, DeliveryId(str(n)), NOW - 500) for n in range(limits.SWEEP_REDELIVERIES + 7)]
    assert len(decide_redeliveries(many, (), NOW)) == limits.SWEEP_REDELIVERIES
