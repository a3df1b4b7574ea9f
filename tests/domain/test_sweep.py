"""Which failed deliveries are asked for again."""

from bot.domain import limits
from bot.domain.ids import DeliveryId
from bot.domain.sweep import Asked, Attempt, decide_most, decide_redeliveries

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


def test_no_pause_is_longer_than_the_longest_and_it_goes_on_for_three_days() -> None:
    often = [Attempt(n, A, NOW - 86_400 * 2) for n in range(60)]
    assert decide_redeliveries(often, (), NOW) == (59,)
    just = [*often, Attempt(60, A, NOW - limits.REDELIVERY_LONGEST_S)]
    assert decide_redeliveries(just, (), NOW - 1) == ()
    assert decide_redeliveries(just, (), NOW) == (60,)
    old = [*just, Attempt(0, A, NOW - limits.SWEEP_BACK_S - 1)]
    assert decide_redeliveries(old, (), NOW) == (), "GitHub does not have the first one any more"
    many = [Attempt(n, A, NOW - 86_400) for n in range(3_000)]
    assert decide_redeliveries(many, (), NOW) == (2_999,), "however many there are"


def test_what_was_asked_for_and_is_not_listed_counts_as_an_attempt() -> None:
    pause, once = limits.REDELIVERY_PAUSE_S, [Attempt(1, A, NOW - 86_400)]
    assert decide_redeliveries(once, (), NOW, {A: Asked(3, NOW - pause * 8 + 1)}) == ()
    assert decide_redeliveries(once, (), NOW, {A: Asked(3, NOW - pause * 8)}) == (1,)
    listed = [Attempt(n, A, NOW - pause * 8) for n in range(4)]
    assert decide_redeliveries(listed, (), NOW, {A: Asked(3, NOW - pause * 8)}) == (3,), "not counted twice"


def test_a_pass_asks_for_so_many() -> None:
    many = [Attempt(n, DeliveryId(str(n)), NOW - 500) for n in range(limits.SWEEP_REDELIVERIES + 7)]
    assert len(decide_redeliveries(many, (), NOW)) == limits.SWEEP_REDELIVERIES
    assert decide_redeliveries(many, (), NOW, most=2) == (0, 1)


def test_only_a_few_are_tried_while_nothing_arrives() -> None:
    assert decide_most((), {A, B}) == limits.SWEEP_REDELIVERIES
    assert decide_most({A, B}, {A, B}) == limits.SWEEP_PROBES
    assert decide_most({A, B}, {B}) == limits.SWEEP_REDELIVERIES, "one has arrived"
