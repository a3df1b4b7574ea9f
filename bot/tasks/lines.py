"""What waits for its decision, in lines: of one issue or pull request in the order received, of different ones side by
side. What may end work (`stop`, closing) is decided at once, beside its line, and what came after it waits for it.
What has to wait until a task is over keeps its place, and is looked at again by the pass that finds that task over.

Must never: decide the later before the earlier of one issue, let one line or one slow answer of GitHub hold up the
others, or decide what is in hand already.

Races, and how each is closed:
- One delivery is met by two passes: it is known by its id from the first one until it is decided, and only who is in
  hand is decided. Across workers the verdict's transaction decides (`Deliveries`).
- `stop` overtakes the request that it is about: whoever carries it out closes what came before and would begin work in
  the transaction that ends the task (`Deliveries.end_task`). A request in hand then finds its delivery closed.
- A task ends while what came later is decided: that knows whether anything waits before it (`is_behind`), and then
  begins no task (`InLine.behind`); words to a running task, `status`, `help` need none and pass.
- Something about an issue is found only when it is decided (a button, a failed check), and has to wait: it goes to the
  issue's line then, by the time it was received.
- A delivery is decided elsewhere (another leader, a stop): it is listed no more, and found closed when it is loaded.
"""

import asyncio
import functools
import math
from bisect import insort
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeVar, assert_never

import structlog

from bot.domain import limits
from bot.domain.commands import CommandWord
from bot.domain.ids import DeliveryId, TaskId
from bot.domain.subjects import read_subject
from bot.errors import RetryLater
from bot.store.deliveries import Deliveries
from bot.store.inbox import Delivery

_AT_ONCE: Final = 4  # deliveries in decision; each may ask GitHub
_ENDING_AT_ONCE: Final = 4  # beside them, of those that may end work
_IN_HAND: Final = 64  # of either sort, begun and waiting for one of these places: the rest is only known
_PORTION: Final = 500  # read from the database and looked into at once: some 10 MB

_MOST: Final = 2 * limits.INBOX_UNDECIDED  # the receiver stops at half of it, about
_MANY: Final = 2_000  # waiting: to list them takes a tenth of a second of a busy host
_LIST_EVERY_S: Final = 1.0  # then; a stop comes to no harm by it

T = TypeVar("T")
_Hand = dict[str, "asyncio.Task[None]"]

log = structlog.get_logger()


@dataclass(frozen=True)
class Later:
    """Not now, but `until` (seconds since the epoch). `holds`: what came later about the same issue waits too.
    `behind`: an active key; not until the task that has it is over, whenever that is."""

    until: float
    holds: bool
    behind: str = ""


@dataclass(frozen=True)
class Asked:
    """A person's request that waits for its turn. Several deliveries may ask for one task: a review's comments do."""

    task: TaskId
    by: str
    word: CommandWord


class Turn(StrEnum):
    """What else can come of one."""

    DECIDED = "decided"
    IN_LINE = "in_line"  # it only looked as if it ended work: it waits for what came before


@dataclass(eq=False)
class _Place:
    id: DeliveryId
    at: float
    key: str
    may_end: bool
    not_before: float = 0.0
    holds: bool = False
    queues: bool = False  # for its turn; infinite `not_before`: until the task at work is over
    asked: Asked | None = None

    @property
    def order(self) -> tuple[float, DeliveryId]:
        return self.at, self.id


@dataclass
class Lines:
    """One for the worker's process. `decide`: one delivery, and whether it was taken out of its line because it may end
    work; raises nothing. `now`: seconds since the epoch."""

    deliveries: Deliveries
    decide: Callable[[Delivery, bool], Awaitable[Later | Turn]]
    executor: Executor
    now: Callable[[], float]
    _known: dict[DeliveryId, _Place] = field(default_factory=dict, init=False)
    _lines: dict[str, list[_Place]] = field(default_factory=dict, init=False)
    _going: _Hand = field(default_factory=dict, init=False)  # by line
    _ending: _Hand = field(default_factory=dict, init=False)  # by delivery
    _listed_at: float = field(default=0.0, init=False)
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE), init=False)
    _ending_gate: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(_ENDING_AT_ONCE), init=False
    )

    async def begin(self) -> None:
        """Take in what is new and begin with what is due; waits for no decision. Raises RetryLater when the database is
        away."""
        if len(self._known) >= _MANY and 0 <= self.now() - self._listed_at < _LIST_EVERY_S:
            self._start()
            return
        self._listed_at = self.now()
        listed: tuple[DeliveryId, ...] = await self._call(self.deliveries.list_waiting, _MOST)
        self._forget(frozenset(listed))
        await self._look_for_ends()
        self._start()
        new = [one for one in listed if one not in self._known]
        for begin in range(0, len(new), _PORTION):
            for place in await self._call(self._look_into, new[begin : begin + _PORTION]):
                self._known[place.id] = place
                self._line_up(place)
            self._start()

    @property
    def in_hand(self) -> tuple["asyncio.Task[None]", ...]:
        """What is being decided."""
        return (*self._going.values(), *self._ending.values())

    def list_before(self, key: str, delivery: DeliveryId) -> tuple[DeliveryId, ...]:
        """What is not decided and came before, about the same issue, oldest first."""
        return tuple(one.id for one in self._list_before(key, delivery))

    def is_behind(self, key: str, delivery: DeliveryId) -> bool:
        """Whether anything that came before waits for its turn on that issue."""
        return any(one.queues for one in self._list_before(key, delivery))

    def list_asked(self, key: str, delivery: DeliveryId) -> tuple[Asked, ...]:
        """Whose turn is still to come on that issue before this delivery's, oldest first, each task once."""
        before = self._list_before(key, delivery)
        return tuple({one.asked.task: one.asked for one in before if one.queues and one.asked}.values())

    def note(self, delivery: DeliveryId, asked: Asked) -> bool:
        """What it asks for that waits; whether that was not known yet."""
        place = self._known.get(delivery)
        if place is None or place.asked is not None:
            return False
        place.asked = asked
        return True

    def _list_before(self, key: str, delivery: DeliveryId) -> list[_Place]:
        this = self._known.get(delivery)
        return [one for one in self._lines.get(key, ()) if this is not None and one.order < this.order]

    def _look_into(self, ids: Sequence[DeliveryId]) -> list[_Place]:
        places = []
        for one in self.deliveries.load_waiting(ids):
            subject = read_subject(one.event, one.body)
            places.append(_Place(one.id, one.received_at, subject.key or f"alone {one.id}", subject.may_end))
        return places

    def _forget(self, listed: frozenset[DeliveryId]) -> None:
        for place in [one for name, one in self._known.items() if name not in listed]:
            self._remove(place)

    def _remove(self, place: _Place) -> None:
        if self._known.pop(place.id, None) is not None:
            self._leave(place)

    def _queue(self, place: _Place, key: str) -> None:
        """It waits for its turn there, until the task at work is over."""
        place.queues, place.not_before = True, math.inf
        if place.key != key and place.id in self._known:
            self._leave(place)
            place.key = key
            self._line_up(place)

    def _line_up(self, place: _Place) -> None:
        insort(self._lines.setdefault(place.key, []), place, key=lambda one: one.order)

    def _leave(self, place: _Place) -> None:
        line = self._lines[place.key]
        line.remove(place)
        if not line:
            del self._lines[place.key]

    async def _look_for_ends(self) -> None:
        """What waited for a task that is over is due, all of it, in its order: what has the turn begins a task, what
        brings words to that one is heard by it, and the rest waits again."""
        keys = sorted({one.key for one in self._known.values() if one.not_before == math.inf})
        for begin in range(0, len(keys), _PORTION):
            portion = keys[begin : begin + _PORTION]
            busy: frozenset[str] = await self._call(self.deliveries.list_busy, portion)
            for key in portion:
                for place in () if key in busy else self._lines.get(key, ()):
                    place.not_before = 0.0 if place.not_before == math.inf else place.not_before

    def _start(self) -> None:
        now = self.now()
        for place in [one for one in self._known.values() if one.may_end and one.not_before <= now]:
            self._take_in_hand(self._ending, place.id, functools.partial(self._end, place))
        for key in self._lines:
            if len(self._going) >= _IN_HAND:
                break
            if self._find_due(key) is not None:
                self._take_in_hand(self._going, key, functools.partial(self._go_along, key))

    @staticmethod
    def _take_in_hand(hand: _Hand, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if name not in hand and len(hand) < _IN_HAND:
            hand[name] = asyncio.create_task(work())
            hand[name].add_done_callback(lambda _: hand.pop(name, None))

    def _find_due(self, key: str) -> _Place | None:
        """Whose turn it is in this line."""
        now = self.now()
        for place in self._lines.get(key, ()):
            if place.may_end:  # it is decided beside the line, and this is what waits for it
                return None
            if place.not_before <= now:
                return place
            if place.holds:
                return None
        return None

    async def _go_along(self, key: str) -> None:
        while (place := self._find_due(key)) is not None:
            async with self._gate:
                await self._take(place)

    async def _end(self, place: _Place) -> None:
        async with self._ending_gate:
            await self._take(place)

    async def _take(self, place: _Place) -> None:
        try:
            loaded: tuple[Delivery, ...] = await self._call(self.deliveries.load_waiting, (place.id,))
            turn = await self.decide(loaded[0], place.may_end) if loaded else Turn.DECIDED
        except RetryLater as error:
            log.warning("a delivery can't be read", delivery=place.id, why=str(error))
            turn = Later(self.now() + max(1.0, error.after_s), holds=True)
        match turn:
            case Later(until, holds, behind):
                place.not_before, place.holds = until, holds
                if behind:
                    self._queue(place, behind)
                elif not holds:  # a bug of ours, or nobody knows behind what: it has no turn
                    place.queues = False
            case Turn.DECIDED:
                self._remove(place)
            case Turn.IN_LINE:
                place.may_end = False
            case _:
                assert_never(turn)

    async def _call(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.executor, function, *arguments)
