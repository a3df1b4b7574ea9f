"""The one layer that repeats model requests. The client library's own retries are off.

Two nested layers once cost thirty tries of one prompt; here at most `limits.MODEL_TRIES` requests go out,
each only after what was asked for by Retry-After, or after an exponential pause with jitter. A longer wait
than `limits.MODEL_RETRY_WAIT_MAX_S` is not slept here: it goes up as RetryLater and frees the slot.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from bot.domain import limits
from bot.errors import RetryLater

T = TypeVar("T")


@dataclass(frozen=True)
class RetryPolicy:
    """`sleep` and `jitter` (a number in 0..1) come in, so that tests neither wait nor depend on chance."""

    sleep: Callable[[float], Awaitable[None]]
    jitter: Callable[[], float]
    tries: int = limits.MODEL_TRIES
    wait_max_s: float = limits.MODEL_RETRY_WAIT_MAX_S

    def wait_for(self, attempt: int, asked_s: float) -> float:
        """Seconds before the next try: what the server asked for, else 1, 2, 4 ... plus up to a quarter."""
        grown = min(self.wait_max_s, 2.0 ** (attempt - 1))
        return float(max(asked_s, min(self.wait_max_s, grown * (1 + self.jitter() / 4))))


async def retry_passing(policy: RetryPolicy, attempt: Callable[[], Awaitable[T]]) -> T:
    """Call `attempt` until it returns. Only RetryLater is repeated; everything else goes up at once.

    Raises RetryLater itself when the tries are used up, or at once when the wait would be too long.
    """

    def may_repeat(error: BaseException) -> bool:
        return isinstance(error, RetryLater) and error.after_s <= policy.wait_max_s

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.after_s if isinstance(error, RetryLater) else 0.0
        return policy.wait_for(state.attempt_number, asked)

    retrying = AsyncRetrying(
        sleep=policy.sleep,
        stop=stop_after_attempt(policy.tries),
        wait=wait,
        retry=retry_if_exception(may_repeat),
        reraise=True,
    )
    try:
        return await retrying(attempt)
    except RetryLater as error:
        if error.after_s > policy.wait_max_s:
            raise
        raise RetryLater(f"{error} (tried {policy.tries} times)", policy.wait_max_s) from error
