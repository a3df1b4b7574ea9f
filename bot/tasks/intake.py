"""From a stored delivery to a task's row or a named verdict, once for each delivery.

Must never: start anything for somebody whose permission GitHub did not name (law 6, law 9), or let one
delivery that can't be decided hold up the others.

Races, and how each is closed:
- Two intakes decide one delivery: a task's row and the verdict are one transaction of the store; only the
  leading worker runs an intake (`workers.py`), so nobody is told of a refusal twice.
- Death between telling a refusal and recording it: told again, so `Refuser` looks before it writes.
- GitHub does not answer: the delivery stays in its place and is asked about again, until INTAKE_GIVE_UP_S
  after it was first tried; then it is refused as PERMISSION_UNKNOWN. Telling a refusal is tried for as long again.
"""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

import structlog

from bot.domain import limits
from bot.domain.access import Permission, decide_access
from bot.domain.auto_review import AutoReview
from bot.domain.boxes import Ticked
from bot.domain.commands import CommandWord
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
)
from bot.domain.explanations import Explanations
from bot.domain.ids import DeliveryId, InstallationId
from bot.domain.outcomes import Ignored, Refusal
from bot.domain.repo_config import RepoConfig
from bot.domain.request_refusals import as_refused
from bot.domain.tasks import RepositoryRef, TaskRequest, WayIn
from bot.domain.triggers import decide_trigger
from bot.domain.ways import is_closed, is_silent
from bot.errors import ForPerson, PullwrightError, RetryLater
from bot.store.deliveries import Deliveries, Said, Verdict
from bot.store.inbox import Delivery
from bot.tasks.control import Controls

_BATCH: Final = 64
_AT_ONCE: Final = 4  # requests to GitHub
_ALONE: Final = (CommandWord.UNDO, CommandWord.REBASE)  # work of its own, beside no other task
_BEGINNING: Final = (CommandWord.GO, CommandWord.RETRY)  # words that begin a task
_PUT_OFF_S: Final = 60.0  # a delivery that met a bug of ours

log = structlog.get_logger()


class Permissions(Protocol):
    """Asks GitHub. Blocking."""

    def fetch_permission(
        self, installation: InstallationId, repository: RepositoryRef, login: str, user_id: int
    ) -> Permission:
        """What the person may do now; `user_id` 0: not known. Raises RetryLater, GitHubFault."""
        ...


class Refuser(Protocol):
    """Tells a person. Blocking."""

    def tell(self, refused: RefusedRequest) -> None:
        """Once: looks whether it was told already. Briefly, and to strangers with a reaction at most. Raises
        RetryLater, GitHubFault."""
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
    _not_before: dict[DeliveryId, float] = field(default_factory=dict, init=False)
    _first_tried: dict[DeliveryId, float] = field(default_factory=dict, init=False)
    _explained: dict[DeliveryId, bool] = field(default_factory=dict, init=False)
    _untold: dict[DeliveryId, tuple[Delivery, RefusedRequest]] = field(default_factory=dict, init=False)

    async def decide_waiting(self) -> int:
        """Decide what is stored; how many became tasks. Raises RetryLater when the database is away."""
        count = _BATCH + len(self._not_before)
        waiting: tuple[Delivery, ...] = await self._call(self.deliveries.waiting, count)
        now = self.now()
        due = [one for one in waiting if self._not_before.get(one.id, 0.0) <= now]
        gate = asyncio.Semaphore(_AT_ONCE)

        async def guarded(one: Delivery) -> bool:
            async with gate:
                return await self._decide_one(one)

        started = sum(await asyncio.gather(*(guarded(one) for one in due)))
        await self._tell_untold()
        return started

    async def _decide_one(self, delivery: Delivery) -> bool:
        with structlog.contextvars.bound_contextvars(delivery=delivery.id):
            return await self._decide_in_context(delivery)

    async def _decide_in_context(self, delivery: Delivery) -> bool:
        self._first_tried.setdefault(delivery.id, self.now())
        try:
            # Off the loop: any stranger may send 64 KB of Markdown that takes seconds to parse.
            decision = await self._call(_read, delivery, self.handle)
            started = await self._decide(delivery, decision)
        except RetryLater as error:
            self._not_before[delivery.id] = self.now() + max(1.0, error.after_s)
            log.warning("a delivery waits", delivery=delivery.id, why=str(error))
            return False
        except Exception:  # one bad delivery must not hold up the others, nor come back for ever
            log.exception("a delivery can't be decided", delivery=delivery.id)
            await self._put_off(delivery)
            return False
        self._not_before.pop(delivery.id, None)
        self._explained.pop(delivery.id, None)
        if delivery.id not in self._untold:
            self._first_tried.pop(delivery.id, None)
        return started

    def _tried_for(self, delivery: Delivery) -> float:
        """Seconds since this process first met it: time in which nobody was there to try does not count."""
        return self.now() - self._first_tried.get(delivery.id, self.now())

    async def _tell_untold(self) -> None:
        """Refusals that the store decided with the row, and that could not be told at once."""
        for delivery, refused in list(self._untold.values()):
            if self._not_before.get(delivery.id, 0.0) > self.now():
                continue
            try:
                await self._tell(delivery, refused)
            except RetryLater as error:
                self._not_before[delivery.id] = self.now() + max(1.0, error.after_s)
                continue
            for kept in (self._untold, self._not_before, self._first_tried):
                kept.pop(delivery.id, None)

    async def _put_off(self, delivery: Delivery) -> None:
        """A bug of ours is met again a minute later; after INTAKE_GIVE_UP_S the delivery is closed by name."""
        self._not_before[delivery.id] = self.now() + _PUT_OFF_S
        if self._tried_for(delivery) < self.give_up_s:
            return
        detail = "it could not be decided: an error of the agent"
        try:
            await self._call(self.deliveries.ignore, delivery.id, Ignored.MALFORMED, self.now(), detail)
        except RetryLater as error:
            log.warning("a delivery can't be closed yet", delivery=delivery.id, why=str(error))

    async def _decide(self, delivery: Delivery, decision: Decision) -> bool:
        if isinstance(decision, Pressed):
            found = await self.controls.resolve(decision)
            decision = found if found is not None else IgnoredDelivery(Ignored.UNKNOWN_TASK)
        if isinstance(decision, AutoReview):
            wish = await self.controls.find_wish(decision)
            if isinstance(wish, TaskRequest):  # nobody asked, so nobody is told if it is refused
                handled = await self._call(self.deliveries.accept, delivery.id, wish, self.now())
                return bool(handled.verdict is Verdict.TASK)
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
        close, remove = self.controls.close, self.controls.remove
        ended = await (close(delivery, gone) if isinstance(gone, Closed) else remove(delivery, gone))
        return ended or await self._ignore(delivery, IgnoredDelivery(Ignored.NOTHING_TO_END))

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
            handled = await self._call(self.deliveries.accept, delivery.id, request, self.now())
            return bool(handled.verdict is Verdict.TASK)
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
        asked = _asked(decision)
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
            await self.controls.carry_out(delivery, decision) if isinstance(decision, Control) else decision
        )
        if isinstance(asked, TaskRequest):
            asked = self.controls.check_model(asked) or asked
        if isinstance(asked, RefusedRequest):
            await self._refuse(delivery, asked)
            return False
        if asked is None:
            return True
        if asked.review or asked.word in _ALONE:
            await self.controls.wait_for_others(asked)
            return await self._accept(delivery, asked)
        # `retry` and `go` bring words that were written before: they begin a task or nothing.
        fresh = isinstance(decision, TaskRequest)
        if fresh and await self._hand_over(delivery, asked):
            return True
        placed = await self.controls.place(asked, config, fresh=fresh)
        if isinstance(placed, RefusedRequest):
            await self._refuse(delivery, placed)
            return False
        return await self._accept(delivery, placed)

    async def _read_config(self, decision: TaskRequest | Control | RefusedRequest) -> RepoConfig | None:
        """The repository's file, where it may have a say; None: it has none. Of a file that can't be read the defaults
        hold, and only ways are open that need none: the task itself then says what is wrong with it."""
        if isinstance(decision, Control) and decision.word not in _BEGINNING:
            return None
        asked = _asked(decision)
        if asked.way is WayIn.BUTTON:
            return None
        config = await self.controls.read_config(asked)
        return RepoConfig() if isinstance(config, Exception) else config

    async def _refuse_way(
        self, delivery: Delivery, decision: TaskRequest | Control | RefusedRequest, refusal: Refusal | None
    ) -> None:
        """Told to those who may ask at all."""
        if refusal is None:
            await self._refuse(delivery, _as_refused(_asked(decision), Refusal.WAY_CLOSED))
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
        refused = _as_refused(_asked(decision), refusal)
        silent = refusal is Refusal.NO_WRITE_ACCESS and not self._may_explain(delivery, refused)
        if isinstance(decision, TaskRequest) and refusal is Refusal.NO_WRITE_ACCESS:
            if not silent:
                await self._tell(delivery, refused)
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
        login, user_id = _person(decision)
        try:
            permission = await self._call(
                self.permissions.fetch_permission,
                decision.installation,
                decision.repository,
                login,
                user_id,
            )
        except RetryLater:
            if self._tried_for(delivery) < self.give_up_s:
                raise
            return Refusal.PERMISSION_UNKNOWN
        except ForPerson as error:
            log.warning("permission unknown", delivery=delivery.id, why=str(error))
            return Refusal.PERMISSION_UNKNOWN
        return decide_access(permission)

    async def _hand_over(self, delivery: Delivery, request: TaskRequest) -> bool:
        """A request on an issue whose task asked is the answer to it; beside a task of the same kind it changes what
        that task is to do."""
        if await self._call(self.deliveries.find_asking, request.active_key) is not None:
            said = Said(request.comment_id, request.requested_by, request.instruction or "Go on.")
            answer = self.deliveries.answer
            if await self._call(answer, delivery.id, request.active_key, said, self.now()) is not None:
                return True
        return await self._steer(delivery, request)

    async def _accept(self, delivery: Delivery, request: TaskRequest) -> bool:
        handled = await self._call(self.deliveries.accept, delivery.id, request, self.now())
        if handled.verdict is Verdict.TASK:
            log.info("task accepted", delivery=delivery.id, task=request.task_id)
            return True
        if handled.verdict is Verdict.REFUSED:  # decided by the store in one transaction: told afterwards
            refused = _as_refused(request, Refusal(handled.reason))
            try:
                await self._tell(delivery, refused)
            except RetryLater:
                self._untold[delivery.id] = (delivery, refused)
                raise
        return False

    async def _steer(self, delivery: Delivery, request: TaskRequest) -> bool:
        """A further request beside a task of the same kind changes what that task is to do. Flags can't."""
        if not request.comment_id or request.model or request.base or request.budget_usd:
            return False
        steered = await self._call(self.deliveries.steer, delivery.id, request, self.now())
        if steered is not None:
            await self.controls.acknowledge(request)
        return steered is not None

    async def _refuse(self, delivery: Delivery, refused: RefusedRequest) -> None:
        await self._tell(delivery, refused)
        await self._call(self.deliveries.refuse, delivery.id, refused.refusal, self.now(), refused.word)

    async def _tell(self, delivery: Delivery, refused: RefusedRequest) -> None:
        """Raises RetryLater while it may still be told; what can't be told at all is a refusal all the same."""
        log.info("request refused", delivery=delivery.id, refusal=refused.refusal)
        try:
            await self._call(self.refuser.tell, refused)
        except PullwrightError as error:
            if isinstance(error, RetryLater) and self._tried_for(delivery) < 2 * self.give_up_s:
                raise
            log.warning("a refusal was not told", delivery=delivery.id, why=str(error))

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


def _asked(decision: TaskRequest | Control | RefusedRequest) -> TaskRequest | RefusedRequest:
    return decision.request if isinstance(decision, Control) else decision


def _person(decision: TaskRequest | RefusedRequest | Reply | Ticked) -> tuple[str, int]:
    if isinstance(decision, TaskRequest):
        return decision.requested_by, decision.requested_by_id
    return decision.login, 0 if isinstance(decision, RefusedRequest) else decision.user_id


def _as_refused(decision: TaskRequest | RefusedRequest, refusal: Refusal) -> RefusedRequest:
    """The person's missing right comes before anything else that is wrong with the request."""
    if isinstance(decision, TaskRequest):
        return as_refused(decision, refusal)
    return replace(decision, refusal=refusal, word="", near="", wanted="")
