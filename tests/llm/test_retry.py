"""One layer repeats, within its patience."""

import pytest

from bot.domain import limits
from bot.errors import ModelFault, RetryLater
from bot.llm.retry import RetryPolicy, retry_passing


class Waits:
    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)


def policy(waits: Waits, **more: float) -> RetryPolicy:
    return RetryPolicy(waits.sleep, lambda: 0.0, **more)  # type: ignore[arg-type]


async def outcomes(waits: Waits, *errors: Exception) -> tuple[int, str]:
    left = list(errors)
    tries = 0

    async def attempt() -> str:
        nonlocal tries
        tries += 1
        if left:
            raise left.pop(0)
        return "reply"

    return tries, await retry_passing(policy(waits), attempt)


async def test_passing_faults_are_repeated_with_growing_pauses() -> None:
    waits = Waits()
    await outcomes(waits, *(RetryLater("busy", 0.0) for _ in range(4)))
    assert waits.seconds == [1, 2, 4, 8]


async def test_the_server_says_how_long() -> None:
    waits = Waits()
    await outcomes(waits, RetryLater("busy", 17.0))
    assert waits.seconds == [17.0]


async def test_a_longer_pause_than_our_patience_goes_up_at_once() -> None:
    waits = Waits()
    with pytest.raises(RetryLater) as raised:
        await outcomes(waits, RetryLater("busy", limits.MODEL_RETRY_WAIT_MAX_S + 1))
    assert raised.value.after_s == limits.MODEL_RETRY_WAIT_MAX_S + 1
    assert waits.seconds == []


async def test_the_tries_are_bounded() -> None:
    waits = Waits()
    with pytest.raises(RetryLater, match="tried 8 times"):
        await outcomes(waits, *(RetryLater("busy", 0.0) for _ in range(100)))
    assert len(waits.seconds) == limits.MODEL_TRIES - 1
    assert max(waits.seconds) <= limits.MODEL_RETRY_WAIT_MAX_S


@pytest.mark.parametrize("error", [ModelFault("bad key"), ModuleNotFoundError("ours"), KeyError("ours")])
async def test_everything_else_is_final(error: Exception) -> None:
    waits = Waits()
    with pytest.raises(type(error)):
        await outcomes(waits, error)
    assert waits.seconds == []
