"""From a stored delivery to a task's row or a named verdict, once for each delivery.

Must never: start anything for somebody whose permission GitHub did not name (law 6, law 9), or let one
delivery that can't be decided hold up the others.

Races, and how each is closed:
- One delivery overtakes another one, or is met twice: see `lines.py`.
- Two intakes decide one delivery: a task's row and the verdict are one transaction of the store; only the
  leading worker runs an intake (`workers.py`), so nobody is told of a refusal twice.
- Death between telling a refusal and recording it: told again, so `Refuser` looks before it writes.
- GitHub does not answer: the delivery stays in its place and is asked about again, until INTAKE_GIVE_UP_S
  after it was first tried; then it is refused as PERMISSION_UNKNOWN. A limit says "not now": it ends by itself
  long before INTAKE_LIMITED_S. Telling a refusal is tried for as long again (`telling.py`).
"""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import structlog

from bot.domain import limits
from bot.domain.access import Permission, decide_access
from bot.domain.auto_review import AutoReview
from bot.domain.boxes import Ticked
from bot.domain.commands import BEGINNING, CommandWord
from bot.domain.decisions import (
    Closed,
    Control,
    Decision,
    FailedCheck,
    IgnoredDelivery,
    Pressed,
    RefusedRequest,
    Removed,
    Reply,
    Reviewed,
    asked_of,
    person_of,
)
from bot.domain.explanations import Explanations
from bot.domain.ids import DeliveryId, InstallationId
from bot.domain.outcomes import Ignored, Refusal
from bot.domain.repo_config import RepoConfig
from bot.domain.request_refusals import as_refused
from bot.domain.subjects import asks_for_work, begins_work, ends_work
from bot.domain.tasks import RepositoryRef, TaskRequest, WayIn
from bot.domain.triggers import decide_trigger
from bot.domain.ways import is_closed, is_silent
from bot.errors import ForPerson, Occupied, RetryLater
from bot.store.deliveries import Deliveries, Handled, InLine, Said, Verdict
from bot.store.inbox import Delivery
from bot.tasks.control import Controls
from bot.tasks.lines import Asked, Later, Lines, Turn
from bot.tasks.telling import Patience, Refuser, Telling

_ALONE: Final = (CommandWord.UNDO, CommandWord.REBASE)  # work of its own, beside no other task
_PUT_OFF_S: Final = 60.0  # a delivery that met a bug of ours

log = structlog.get_logger()


class Permissions(Protocol):
    """Asks GitHub. Blocking."""

    def fetch_permission(
        self, installation: InstallationId, repository: RepositoryRef, login: str, user_id: int
    ) -> Permission:
        """What the person may do now; `user_id` 0: not known. Raises RetryLater, GitHubFault."""
        ...


@dataclass
class Intake:
    """One for the worker's process. `now`: seconds since the epoch."""

    deliveries: Deliveries
    permissions: Permissions
    refuser: Refuser
    controls: Controls
    handle: str
    executor: Executor
    now: Callable[[], float]
    give_up_s: float = limits.INTAKE_GIVE_UP_S
    explanations: Explanations = field(default_factory=Explanations)
    on_task: Callable[[], None] = lambda: None  # called for each task that is made
    _explained: dict[DeliveryId, bool] = field(default_factory=dict, init=False)
    _made: int = field(default=0, init=False)
    _patience: Patience = field(init=False)
    _telling: Telling = field(init=False)
    _lines: Lines = field(init=False)

    def __post_init__(self) -> None:
        self._patience = Patience(self.now, self.give_up_s)
        self._telling = Telling(self.refuser, self._patience, self._call)
        self._lines = Lines(self.deliveries, self._decide_one, self.executor, self.now)

    async def begin(self) -> None:
        """One pass: what is due is begun with; what is in hand already goes on, and nothing is waited for. Raises
        RetryLater when the database is away."""
        await self._lines.begin()
        self._telling.begin()

    async def decide_waiting(self) -> int:
        """Passes until nothing is due any more; how many deliveries became tasks. Raises as `begin`."""
        before = self._made
        await self.begin()
        while in_hand := self._in_hand():
            await asyncio.gather(*in_hand)
            await self.begin()
        return self._made - before

    async def close(self) -> None:
        """Let go of everything. What was not decided is decided by whoever leads next."""
        under_way = self._in_hand()
        for one in under_way:
            one.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    def _in_hand(self) -> tuple["asyncio.Task[None]", ...]:
        return (*self._lines.in_hand, *self._telling.in_hand)

    @property
    def owes_words(self) -> bool:
        """Whether somebody was refused and could not be told yet."""
        return self._telling.owes_words

    async def _decide_one(self, delivery: Delivery, overtakes: bool) -> Later | Turn:
        """See `Lines.decide`."""
        with structlog.contextvars.bound_contextvars(delivery=delivery.id):
            return await self._decide_in_context(delivery, overtakes)

    async def _decide_in_context(self, delivery: Delivery, overtakes: bool) -> Later | Turn:
        self._patience.begin(delivery.id)
        try:
            # Off the loop: any stranger may send 64 KB of Markdown that takes seconds to parse.
            decision = await self._call(_read, delivery, self.handle)
            if overtakes and not ends_work(decision):
                return Turn.IN_LINE
            if await self._decide(delivery, decision):
                self._made += 1
                self.on_task()
        except Occupied as error:
            log.info("a delivery waits for its turn", delivery=delivery.id, why=str(error))
            self._patience.end(delivery.id)  # that is no trying
            return Later(self.now() + max(1.0, error.after_s), holds=False, behind=error.key)
        except RetryLater as error:
            log.warning("a delivery waits", delivery=delivery.id, why=str(error))
            return Later(self.now() + max(1.0, error.after_s), holds=True)
        except Exception:  # one bad delivery must not hold up the others, nor come back for ever
            log.exception("a delivery can't be decided", delivery=delivery.id)
            return await self._put_off(delivery)
        self._explained.pop(delivery.id, None)
        if not self._telling.is_kept(delivery.id):
            self._patience.end(delivery.id)
        return Turn.DECIDED

    async def _put_off(self, delivery: Delivery) -> Later:
        """A bug of ours is met again a minute later; after INTAKE_GIVE_UP_S the delivery is closed by name."""
        if self._patience.tried_for(delivery.id) >= self.give_up_s:
            detail = "it could not be decided: an error of the agent"
            try:
                await self._call(self.deliveries.ignore, delivery.id, Ignored.MALFORMED, self.now(), detail)
            except RetryLater as error:
                log.warning("a delivery can't be closed yet", delivery=delivery.id, why=str(error))
        return Later(self.now() + _PUT_OFF_S, holds=False)

    async def _decide(self, delivery: Delivery, decision: Decision) -> bool:
        if isinstance(decision, Pressed):
            found = await self.controls.resolve(decision)
            decision = found if found is not None else IgnoredDelivery(Ignored.UNKNOWN_TASK)
        if isinstance(decision, AutoReview):
            wish = await self.controls.find_wish(decision)
            if isinstance(wish, TaskRequest):  # nobody asked, so nobody is told if it is refused
                return (await self._enter(delivery, wish, waits=True)).verdict is Verdict.TASK
            decision = wish
        if isinstance(decision, Ticked):
            return await self._tick(delivery, decision)
        if isinstance(decision, FailedCheck):
            repair = await self.controls.find_repair(decision)
            if isinstance(repair, TaskRequest):
                return await self._accept_unasked(delivery, repair)
            decision = repair
        if isinstance(decision, Reviewed):
            return await self._take_review(delivery, decision.request)
        if isinstance(decision, Closed | Removed):
            return await self._end(delivery, decision)
        if isinstance(decision, IgnoredDelivery):
            return await self._ignore(delivery, decision)
        config = await self._read_config(decision)
        if not await self._is_let_in(delivery, decision, config):
            return False
        return await self._take(delivery, decision, config or RepoConfig())

    async def _end(self, delivery: Delivery, gone: Closed | Removed) -> bool:
        """What was worked on is no more: its tasks end."""
        if isinstance(gone, Closed):
            ended = await self.controls.close(delivery, gone, await self._list_unbegun(delivery, gone))
        else:
            ended = await self.controls.remove(delivery, gone)
        if not ended:
            await self._ignore(delivery, IgnoredDelivery(Ignored.NOTHING_TO_END))
        return False

    async def _list_unbegun(self, delivery: Delivery, end: Closed | TaskRequest) -> tuple[DeliveryId, ...]:
        """Requests on the same issue that came before `delivery` and are not decided yet. When it is closed, only those
        in words: for the others nobody waits, and their own task would see that."""
        before = self._lines.list_before(end.active_key, delivery.id)
        wanted = asks_for_work if isinstance(end, Closed) else begins_work
        return await self._call(self._find, before, wanted) if before else ()

    def _find(
        self, ids: tuple[DeliveryId, ...], wanted: Callable[[Decision], bool]
    ) -> tuple[DeliveryId, ...]:
        loaded = self.deliveries.load_waiting(ids)
        return tuple(one.id for one in loaded if wanted(_read(one, self.handle)))

    async def _tick(self, delivery: Delivery, ticked: Ticked) -> bool:
        """Boxes of our own dashboard, by somebody who may; for others they go back to what holds."""
        ticks = self.controls.parts.ticks
        if ticks is None or not await self._call(ticks.is_ours, ticked):
            return await self._ignore(delivery, IgnoredDelivery(Ignored.NO_DASHBOARD))
        if (refusal := await self._check_access(delivery, ticked)) is not None:
            await self._call(ticks.show_again, ticked)
            return await self._ignore(delivery, IgnoredDelivery(Ignored.TICK_WITHOUT_ACCESS, refusal.value))
        await self.controls.tick(delivery, ticked)
        return True

    async def _accept_unasked(self, delivery: Delivery, request: TaskRequest) -> bool:
        """Nobody asked, so nobody is told if it is refused; in whose name it is done has to have access now."""
        config = await self._read_config(request)
        if is_closed(config, request):
            ignored = IgnoredDelivery(Ignored.NOT_CONFIGURED)
        elif (refusal := await self._lapse(delivery, request, config)) is not None:
            ignored = IgnoredDelivery(Ignored.ACCESS_WITHDRAWN, refusal.value)
        else:
            return (await self._enter(delivery, request, waits=True)).verdict is Verdict.TASK
        return await self._ignore(delivery, ignored)

    async def _lapse(
        self, delivery: Delivery, asked: TaskRequest, config: RepoConfig | None
    ) -> Refusal | None:
        """In whose name it is done: a person's, who has access now, or a schedule's, which the file still names."""
        if asked.maintenance is None:
            return await self._check_access(delivery, asked)
        named = config is not None and asked.maintenance.schedule in config.schedules.tasks
        return None if named else Refusal.NO_WRITE_ACCESS

    async def _take_review(self, delivery: Delivery, request: TaskRequest) -> bool:
        """What nobody was mentioned in: of our own pull requests only, and strangers are not answered at all."""
        if not await self.controls.is_own_pull(request):
            return await self._ignore(delivery, IgnoredDelivery(Ignored.NO_MENTION))
        config = await self._read_config(request)
        if is_closed(config, request):
            return await self._ignore(delivery, IgnoredDelivery(Ignored.NOT_CONFIGURED))
        if (refusal := await self._check_access(delivery, request)) is not None:
            ignored = IgnoredDelivery(Ignored.REPLY_WITHOUT_ACCESS, refusal.value)
            return await self._ignore(delivery, ignored)
        return await self._take(delivery, request, config or RepoConfig())

    async def _is_let_in(
        self, delivery: Delivery, decision: TaskRequest | Control | RefusedRequest, config: RepoConfig | None
    ) -> bool:
        """Whether the way is open and the person may; else the verdict is written and told."""
        asked = asked_of(decision)
        closed = is_closed(config, asked)
        if closed and is_silent(asked.way):
            await self._ignore(delivery, IgnoredDelivery(Ignored.NOT_CONFIGURED))
            return False
        refusal = await self._check_access(delivery, decision)
        if closed:
            await self._refuse_way(delivery, decision, refusal)
        elif refusal is not None:
            await self._refuse_stranger(delivery, decision, refusal)
        return not closed and refusal is None

    async def _take(
        self, delivery: Delivery, decision: TaskRequest | Control | RefusedRequest, config: RepoConfig
    ) -> bool:
        asked: TaskRequest | RefusedRequest | None = (
            await self._carry_out(delivery, decision) if isinstance(decision, Control) else decision
        )
        if isinstance(asked, TaskRequest):
            asked = self.controls.check_model(asked) or asked
        if isinstance(asked, RefusedRequest):
            await self._refuse(delivery, asked)
            return False
        if asked is None:
            return True
        try:
            return await self._begin(delivery, asked, config, fresh=isinstance(decision, TaskRequest))
        except Occupied:
            if await self._may_wait(delivery, asked):
                raise
            await self._refuse(delivery, as_refused(asked, Refusal.MANY_WAIT))
            return False

    async def _may_wait(self, delivery: Delivery, asked: TaskRequest) -> bool:
        """Whoever asked is told at once that it was read. All comments of a review that waits may wait with it."""
        before = {one.task for one in self._lines.list_asked(asked.active_key, delivery.id)}
        may = len(before) < limits.REQUESTS_WAITING or asked.task_id in before
        if may and self._lines.note(delivery.id, Asked(asked.task_id, asked.requested_by, asked.word)):
            await self.controls.acknowledge(asked)
        return may

    async def _begin(
        self, delivery: Delivery, asked: TaskRequest, config: RepoConfig, *, fresh: bool
    ) -> bool:
        """Raises Occupied where it waits for its turn. `fresh`: no `retry` or `go`, which bring words that were written
        before: those begin a task or nothing."""
        if asked.review or asked.word in _ALONE:
            await self.controls.wait_for_others(asked)
            return await self._accept(delivery, asked, waits=True)
        if await self._call(self.deliveries.is_ending, asked.active_key):  # it was stopped a moment ago
            raise Occupied("people are still told of the task before", key=asked.active_key)
        if fresh and await self.controls.hand_over(delivery, asked):
            return True
        placed = await self.controls.place(asked, config, fresh=fresh)
        if isinstance(placed, RefusedRequest):
            await self._refuse(delivery, placed)
            return False
        return await self._accept(delivery, placed, waits=fresh)

    async def _carry_out(self, delivery: Delivery, control: Control) -> TaskRequest | RefusedRequest | None:
        asked, stops = control.request, control.word is CommandWord.STOP
        unbegun = await self._list_unbegun(delivery, asked) if stops else ()
        turns = self._lines.list_asked(asked.active_key, delivery.id)
        return await self.controls.carry_out(delivery, control, unbegun, turns)

    async def _read_config(self, decision: TaskRequest | Control | RefusedRequest) -> RepoConfig | None:
        """The repository's file, where it may have a say; None: it has none. Of a file that can't be read the defaults
        hold, and only ways are open that need none: the task itself then says what is wrong with it."""
        if isinstance(decision, Control) and decision.word not in BEGINNING:
            return None
        asked = asked_of(decision)
        if asked.way is WayIn.BUTTON:
            return None
        config = await self.controls.read_config(asked)
        return RepoConfig() if isinstance(config, Exception) else config

    async def _refuse_way(
        self, delivery: Delivery, decision: TaskRequest | Control | RefusedRequest, refusal: Refusal | None
    ) -> None:
        """Told to those who may ask at all."""
        if refusal is None:
            await self._refuse(delivery, as_refused(asked_of(decision), Refusal.WAY_CLOSED))
        else:
            await self._ignore(delivery, IgnoredDelivery(Ignored.NOT_CONFIGURED, refusal.value))

    async def _ignore(self, delivery: Delivery, ignored: IgnoredDelivery) -> bool:
        if ignored.reply is not None:
            asking = await self._call(self.deliveries.find_asking, ignored.reply.active_key)
            if asking is not None:
                return await self._answer(delivery, ignored.reply)
        await self._call(self.deliveries.ignore, delivery.id, ignored.reason, self.now(), ignored.detail)
        return False

    async def _refuse_stranger(
        self, delivery: Delivery, decision: TaskRequest | Control | RefusedRequest, refusal: Refusal
    ) -> None:
        """What somebody without write access asks for is kept, until somebody with it releases it."""
        refused = as_refused(asked_of(decision), refusal)
        silent = refusal is Refusal.NO_WRITE_ACCESS and not self._may_explain(delivery, refused)
        if isinstance(decision, TaskRequest) and refusal is Refusal.NO_WRITE_ACCESS:
            if not silent:
                await self._telling.tell(delivery.id, refused)
            await self._call(self.deliveries.hold, delivery.id, decision, refusal, self.now())
        elif silent:
            await self._call(self.deliveries.refuse, delivery.id, refusal, self.now(), refused.word)
        else:
            await self._refuse(delivery, refused)

    def _may_explain(self, delivery: Delivery, refused: RefusedRequest) -> bool:
        """A delivery that is tried again has its place already."""
        if delivery.id not in self._explained:
            allowed = self.explanations.take(refused.repository.id, refused.login, self.now())
            self._explained[delivery.id] = allowed
        return self._explained[delivery.id]

    async def _answer(self, delivery: Delivery, reply: Reply) -> bool:
        """An answer without a mention. Those who may not give one are not told: they only talked on an issue."""
        refusal = await self._check_access(delivery, reply)
        if refusal is not None:
            reason, detail = Ignored.REPLY_WITHOUT_ACCESS, refusal.value
        else:
            said = Said(reply.comment_id, reply.login, reply.text)
            answer = self.deliveries.answer
            if await self._call(answer, delivery.id, reply.active_key, said, self.now()) is not None:
                log.info("answer taken", delivery=delivery.id)
                return True
            reason, detail = Ignored.NO_MENTION, ""
        await self._call(self.deliveries.ignore, delivery.id, reason, self.now(), detail)
        return False

    async def _check_access(
        self, delivery: Delivery, asked: TaskRequest | Control | RefusedRequest | Reply | Ticked
    ) -> Refusal | None:
        decision = asked.request if isinstance(asked, Control) else asked
        login, user_id = person_of(decision)
        try:
            permission = await self._call(
                self.permissions.fetch_permission,
                decision.installation,
                decision.repository,
                login,
                user_id,
            )
        except RetryLater as error:
            if not self._patience.is_over(delivery.id, error):
                raise
            return Refusal.PERMISSION_UNKNOWN
        except ForPerson as error:
            log.warning("permission unknown", delivery=delivery.id, why=str(error))
            return Refusal.PERMISSION_UNKNOWN
        return decide_access(permission)

    async def _enter(self, delivery: Delivery, request: TaskRequest, *, waits: bool) -> Handled:
        line = InLine(waits, self._lines.is_behind(request.active_key, delivery.id))
        handled: Handled = await self._call(self.deliveries.accept, delivery.id, request, self.now(), line)
        return handled

    async def _accept(self, delivery: Delivery, request: TaskRequest, *, waits: bool) -> bool:
        handled = await self._enter(delivery, request, waits=waits)
        if handled.verdict is Verdict.TASK:
            log.info("task accepted", delivery=delivery.id, task=request.task_id)
            return True
        if handled.verdict is Verdict.REFUSED:  # decided by the store in one transaction: told afterwards
            refused = as_refused(request, Refusal(handled.reason))
            await self._telling.tell_or_keep(delivery.id, refused)
        return False

    async def _refuse(self, delivery: Delivery, refused: RefusedRequest) -> None:
        await self._telling.tell(delivery.id, refused)
        await self._call(self.deliveries.refuse, delivery.id, refused.refusal, self.now(), refused.word)

    async def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.executor, function, *arguments)


def _read(delivery: Delivery, handle: str) -> Decision:
    try:
        payload = json.loads(delivery.body)
    except (ValueError, RecursionError):
        return IgnoredDelivery(Ignored.MALFORMED, "not JSON")
    if not isinstance(payload, dict):
        return IgnoredDelivery(Ignored.MALFORMED, "not an object")
    return decide_trigger(delivery.event, payload, handle)
