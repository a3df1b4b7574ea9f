"""Effects once: everything that creates something on GitHub goes through here, and nothing else does.

    planned -> look for it -> sending(epoch) -> create -> done(result)

Races, and how each is closed:
- Death after the request went out, before its answer was kept: the row says `sending`. The next run looks for
  the effect. Found: kept. Not found: it may still be on its way, so it looks again and again until the request can't
  be running any more (its timeout and EFFECT_SETTLE_S later), and only then sends again.
- An answer that was lost (WriteUnclear from `create`): looked for at once; if it isn't there the error goes on,
  and the next run does the above. A limit or a refusal is no such thing: the row goes back to `planned`.
- Two workers on one task: every change of the row checks the epoch; the older one is Superseded before it
  sends. (It may have sent just before: that is the first case.)
- A write that is queued behind others leaves only after another worker has looked in vain: it is not begun when
  it waited longer than WRITE_QUEUE_S for a thread or WRITE_BEGIN_S for its turn (`forge/client.py`), and others
  look again only after both, the request's timeout and EFFECT_SETTLE_S.
- Cancelled while a request is under way: the write is waited for at most WRITE_IN_FLIGHT_S and kept. If the task was
  ended from outside it can't be kept: the row goes on saying `sending`, and `tasks/late.py` looks for it.

Must never: create without a look before it, except under a key that this very run has just planned and looked
for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog

from bot.domain import limits
from bot.domain.ids import TaskId
from bot.errors import GitHubFault, RepositoryFault, RetryLater, Superseded
from bot.forge.answers import WriteUnclear
from bot.store.effects import Effect, Effects, EffectState
from bot.ticks import since_boot

T = TypeVar("T")
_FIRST_LOOK_S: Final = 1.0

log = structlog.get_logger()


@dataclass(frozen=True)
class LedgerTimes:
    """Seconds. `settle_s`: a write whose row said "sending" so long ago is over, whatever became of it: it leaves
    at most `queue_s` and WRITE_BEGIN_S after that, or not at all."""

    queue_s: float = limits.WRITE_QUEUE_S
    settle_s: float = (
        limits.WRITE_QUEUE_S + limits.WRITE_BEGIN_S + limits.GITHUB_TIMEOUT_S + limits.EFFECT_SETTLE_S
    )
    in_flight_s: float = limits.WRITE_IN_FLIGHT_S


class Ledger:
    """One for the worker's process. `now`: seconds since the epoch; `pause` waits so many seconds."""

    def __init__(
        self,
        effects: Effects,
        executor: Executor,
        now: Callable[[], float],
        times: LedgerTimes = LedgerTimes(),
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.observe_retry: Callable[[], None] = lambda: None  # called for each effect whose answer was lost
        self._effects, self._executor, self._now = effects, executor, now
        self._times, self._pause = times, pause

    async def ensure(
        self, task: TaskId, epoch: int, key: str, find: Callable[[], T | None], create: Callable[[], T]
    ) -> T:
        """The effect `key` of the task, made if it isn't there. `find` and `create` block and return plain
        JSON (tuples come back as lists); `find` must see what `create` made, by a marker.

        Raises Superseded before anything is sent by a run that lost the task; RetryLater; what `find` and
        `create` raise.
        """
        full = f"{task}:{key}"
        effect = await self._call(self._effects.plan, task, epoch, full)
        if effect.state is EffectState.DONE:
            known: T = effect.result
            return known
        found = await self._look(effect, find)
        if found is None:
            found = await self._create(_Sending(task, epoch, full), find, create)
        await self._call(self._effects.finish, task, epoch, full, found)
        return found

    async def trace(self, task: TaskId, epoch: int, key: str, send: Callable[[], Awaitable[None]]) -> None:
        """`send`, which does no harm twice (a push), with a row that says so while it may be under way: whoever ends
        the task meanwhile has it looked for. A refusal is none. Raises Superseded, what `send` raises."""
        full = f"{task}:{key}"
        effect = await self._call(self._effects.plan, task, epoch, full)
        if effect.state is EffectState.DONE:
            await send()
            return
        await self._call(self._effects.begin_sending, task, epoch, full, self._now())
        try:
            await send()
        except RepositoryFault:
            await self._call(self._effects.withdraw, task, epoch, full)
            raise
        await self._call(self._effects.finish, task, epoch, full, {})

    async def _look(self, effect: Effect, find: Callable[[], T | None]) -> T | None:
        found = await self._call(find)
        if found is not None or effect.state is not EffectState.SENDING:
            return found
        self.observe_retry()
        left = (effect.sent_at or 0.0) + self._times.settle_s - self._now()
        log.warning(
            "an effect may be under way", effect=effect.key, epoch=effect.epoch, wait_s=max(0.0, left)
        )
        for pause in _pauses(max(0.0, left)):
            await self._pause(pause)
            found = await self._call(find)
            if found is not None:
                break
        return found

    async def _create(self, sending: "_Sending", find: Callable[[], T | None], create: Callable[[], T]) -> T:
        handed = since_boot()
        await self._call(self._effects.begin_sending, sending.task, sending.epoch, sending.key, self._now())

        def create_in_time() -> T:
            if since_boot() - handed > self._times.queue_s:
                raise RetryLater("A write waited too long for its turn; nothing was sent.", 1.0)
            return create()

        request = asyncio.get_running_loop().run_in_executor(self._executor, create_in_time)
        request.add_done_callback(_consume)
        try:
            return await asyncio.shield(request)
        except WriteUnclear:
            found = await self._call(find)
            if found is None:
                await self._note_that_it_left(sending)
                raise
            return found
        except (RetryLater, GitHubFault):  # not carried out: nobody has to wait for it
            await self._call(self._effects.withdraw, sending.task, sending.epoch, sending.key)
            raise
        except asyncio.CancelledError:
            await self._keep_in_flight(sending, request)
            raise

    async def _note_that_it_left(self, sending: "_Sending") -> None:
        """Our side of the request is over: what is left to wait is GitHub's side of it, EFFECT_SETTLE_S."""
        left = self._now() - max(0.0, self._times.settle_s - limits.EFFECT_SETTLE_S)
        await self._call(self._effects.begin_sending, sending.task, sending.epoch, sending.key, left)

    async def _keep_in_flight(self, sending: "_Sending", request: "asyncio.Future[Any]") -> None:
        """What can't be kept now is found by the next run."""
        done, _ = await asyncio.wait({request}, timeout=self._times.in_flight_s)
        if not done or request.cancelled() or request.exception() is not None:
            log.warning("a write was left in flight", effect=sending.key)
            return
        try:
            arguments = (sending.task, sending.epoch, sending.key, request.result())
            await self._call(self._effects.finish, *arguments)
        except (Superseded, RetryLater) as error:
            log.warning("a write was not kept", effect=sending.key, why=str(error))

    async def _call(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)


def _pauses(in_all_s: float) -> Iterator[float]:
    """Pauses between looks that together last so long, each twice as long as the one before: most that was under way
    is there within a second. At least one."""
    pause, left = _FIRST_LOOK_S, in_all_s
    while left > 2 * pause:
        yield pause
        left, pause = left - pause, 2 * pause
    yield left


def _consume(request: "asyncio.Future[Any]") -> None:
    """An answer that nobody waits for any more is not worth a warning of the loop."""
    if not request.cancelled():
        request.exception()


@dataclass(frozen=True)
class _Sending:
    task: TaskId
    epoch: int
    key: str
