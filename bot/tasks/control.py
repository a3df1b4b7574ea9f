"""Words about tasks: stop, status, retry, go, help; an issue that is closed; the App that is removed.

Whoever gets here has been asked about: GitHub said that the person has write access (law 6), but for closing and
removing, which need none of ours.

Races, and how each is closed:
- A task is stopped while its run is in the middle of something: the end is a row and the epoch is raised in one
  transaction (`Deliveries.end_task`), so the old run writes nothing more; then the engine cancels it, which ends its
  sandbox; then people are told, by an execution of our own. A death anywhere behind the transaction leaves a running
  row without a run, and `reconcile` has its end told.
- Stop is pressed on a check run while the next task is at work there: the end is for the pressed task's row only.
- A pull request is opened in the very moment of the stop: the telling looks for it (`change/steps.py`), and
  what comes later is told once more (`late.py`).
- A stranger edits a held request after it was shown and before it is released: what stands there now is compared
  with what was held, and a difference is refused.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import structlog

from bot.domain.again import again, says_the_same
from bot.domain.auto_review import AutoReview, touches_paths, wants_review
from bot.domain.base_choice import list_wishes
from bot.domain.boxes import Ticked
from bot.domain.commands import CommandWord
from bot.domain.decisions import (
    Closed,
    Control,
    FailedCheck,
    IgnoredDelivery,
    Pressed,
    RefusedRequest,
    Removed,
)
from bot.domain.effective import OperatorSays, list_effective
from bot.domain.follow_up import Way
from bot.domain.ids import DeliveryId
from bot.domain.outcomes import Ignored, Outcome, Refusal
from bot.domain.repo_config import ConfigFault, RepoConfig, find_lines, parse_repo_config
from bot.domain.request_refusals import as_refused
from bot.domain.tasks import TaskKind, TaskRequest, TaskStatus, WayIn, render_schedule_key
from bot.errors import Bug, GitHubFault, Occupied, PullwrightError, RetryLater
from bot.store.deliveries import THE_TASK, Deliveries, EndedTask, Reach, Said, Verdict
from bot.store.inbox import Delivery
from bot.store.tasks import Tasks, TaskView
from bot.tasks.buttons import Buttons
from bot.tasks.change.facts import ChangeFacts, parse_facts
from bot.tasks.engine import Engine, RunId
from bot.tasks.lines import Asked
from bot.tasks.ticks import Ticks
from bot.tasks.workflow import TaskExecution
from bot.texts.addresses import render_config_address
from bot.texts.replies import TaskState, render_config, render_config_fault, render_help, render_status

_OPENING = (TaskKind.CHANGE, TaskKind.MAINTENANCE)  # kinds that open a pull request
_AGAIN_S = 5.0  # a task ends minutes later
_SOON_S = 1.0  # the next one begins with the next pass

log = structlog.get_logger()


class Answerer(Protocol):
    """Speaks on GitHub. Blocking. All raise RetryLater, GitHubFault."""

    def answer(self, asked: TaskRequest, text: str) -> None:
        """Answer the comment `asked.comment_id`, once."""
        ...

    def acknowledge(self, asked: TaskRequest) -> None:
        """👀 on the comment: it was read. Twice is once."""
        ...

    def fetch_text(self, asked: TaskRequest) -> str | None:
        """What the comment (or, without one, the issue) says now; None: it is gone."""
        ...

    def fetch_config(self, asked: TaskRequest | RefusedRequest) -> str:
        """The repository's own file on its default branch; empty: there is none."""
        ...

    def has_branch(self, asked: TaskRequest, branch: str) -> bool:
        """Whether the repository has it."""
        ...

    def is_pull_open(self, asked: TaskRequest, pull: int) -> bool:
        """Whether a pull request of ours is open."""
        ...

    def fetch_changed(self, asked: TaskRequest) -> tuple[str, ...]:
        """Paths that the pull request changes; of a renamed file both."""
        ...


@dataclass(frozen=True)
class ControlParts:
    """What the words act on. `now`: seconds since the epoch."""

    deliveries: Deliveries
    tasks: Tasks
    engine: Engine
    open_execution: Callable[[RunId], TaskExecution]
    answerer: Answerer
    handle: str
    executor: Executor
    now: Callable[[], float]
    operator: OperatorSays = field(default_factory=OperatorSays)
    ticks: Ticks | None = None


@dataclass
class Controls:
    """One for the worker's process."""

    parts: ControlParts
    _telling: set["asyncio.Task[None]"] = field(default_factory=set, init=False)

    @property
    def models(self) -> tuple[str, ...]:
        """That `--model` may name, the default first."""
        return self.parts.operator.models

    async def carry_out(
        self,
        delivery: Delivery,
        control: Control,
        unbegun: tuple[DeliveryId, ...] = (),
        waiting: tuple[Asked, ...] = (),
    ) -> TaskRequest | RefusedRequest | None:
        """None: done, with its verdict. Else what the word comes down to. `unbegun`: requests that are not decided yet
        and that `stop` is about as well; `waiting`: those that wait for their turn, for `status`. Raises RetryLater."""
        asked, parts = control.request, self.parts
        match control.word:
            case CommandWord.STOP:
                ending = (Outcome.STOPPED, f"Stopped by {asked.requested_by}.")
                reach = Reach(unbegun) if control.only is None else Reach(only=control.only)
                ended = await self._end(delivery, asked.active_key, ending, reach)
                if ended:
                    await self.acknowledge(asked)
                nothing = Refusal.NOTHING_RUNNING if control.only is None else Refusal.TASK_OVER
                return None if ended else as_refused(asked, nothing)
            case CommandWord.STATUS:
                view = await self._call(parts.tasks.find_active, asked.active_key)
                if view is None and waiting:
                    raise RetryLater("the next one is about to begin", _SOON_S)
                if view is None:
                    return as_refused(asked, Refusal.NOTHING_RUNNING)
                before = await self._call(parts.tasks.count_before, view.id)
                state = replace(self._describe(view, before), waiting=_list_waiting(waiting, view))
                await self._answer(delivery, control, render_status(state))
                return None
            case CommandWord.HELP:
                config = await self.read_config(asked)
                ways = RepoConfig() if isinstance(config, Exception) else config
                await self._answer(delivery, control, render_help(parts.handle, self.models, ways))
                return None
            case CommandWord.CONFIG:
                await self._answer(delivery, control, await self._describe_config(asked))
                return None
            case CommandWord.RETRY:
                last = await self._call(parts.tasks.find_last_request, asked.active_key)
                return again(last, asked) if last else as_refused(asked, Refusal.NOTHING_TO_RETRY)
            case CommandWord.GO:
                return await self._release(control)
            case _:
                raise Bug(f"`{control.word}` is no word about tasks")

    async def close(self, delivery: Delivery, closed: Closed, unbegun: tuple[DeliveryId, ...] = ()) -> bool:
        """Whether something ran on the issue, or was about to (`unbegun`). Raises RetryLater."""
        ending = (Outcome.CLOSED, f"Closed by {closed.login}.")
        return await self._end(delivery, closed.active_key, ending, Reach(unbegun))

    async def tick(self, delivery: Delivery, ticked: Ticked) -> None:
        """Boxes of our dashboard; a schedule that is paused ends what it is at. Raises RetryLater."""
        if self.parts.ticks is None:
            raise Bug("there are no schedules here")
        paused: tuple[str, ...] = await self._call(self.parts.ticks.carry_out, ticked)
        ending = (Outcome.STOPPED, f"Paused by {ticked.login}.")
        for name in paused:
            await self._end(delivery, render_schedule_key(ticked.repository.id, name), ending)
        await self._call(self.parts.deliveries.carry_out, delivery.id, "tick", self.parts.now())

    async def remove(self, delivery: Delivery, removed: Removed) -> bool:
        """Whether something ran where the App is no more. Nobody can be told there. Raises RetryLater."""
        lost, ending = (removed.installation, removed.repositories), (Outcome.ACCESS_LOST, removed.detail)
        end_lost, now = self.parts.deliveries.end_lost, self.parts.now()
        ended: tuple[EndedTask, ...] = await self._call(end_lost, delivery.id, lost, ending, now)
        for one in ended:
            await self._stop_run(one, ending)
        return bool(ended)

    async def read_config(
        self, asked: TaskRequest | RefusedRequest
    ) -> RepoConfig | ConfigFault | GitHubFault:
        """The repository's own file on its default branch, or why there is none to be had. Raises RetryLater."""
        try:
            return parse_repo_config(await self._call(self.parts.answerer.fetch_config, asked))
        except (ConfigFault, GitHubFault) as fault:
            return fault

    async def find_wish(self, auto: AutoReview) -> TaskRequest | IgnoredDelivery:
        """The review, if the repository's file wants it. While one of the head before is at work the delivery waits:
        that one sees that the head has moved. Raises RetryLater."""
        config = await self.read_config(auto.request)
        if isinstance(config, Exception):
            return IgnoredDelivery(Ignored.NOT_CONFIGURED, str(config)[:500])
        if not wants_review(config.review, auto) or not await self._touches(config, auto.request):
            return IgnoredDelivery(Ignored.NOT_CONFIGURED)
        active = await self._call(self.parts.tasks.find_active, auto.request.active_key)
        if active is not None and active.id != auto.request.task_id:
            raise Occupied("the head before is still being reviewed", key=auto.request.active_key)
        return auto.request

    async def find_repair(self, failed: FailedCheck) -> TaskRequest | IgnoredDelivery:
        """The repair of a commit of ours, in the name of whoever asked for that commit. While anything is at work on
        the pull request the delivery waits: what is pushed meanwhile is a commit of its own. Raises RetryLater."""
        tasks = self.parts.tasks
        found = await self._call(tasks.list_knowing, failed.repository.id, "commit", failed.commit)
        if not found:
            return IgnoredDelivery(Ignored.NOT_OURS)
        view, asked = found[-1]
        facts = parse_facts(view.facts)
        if view.status is not TaskStatus.FINISHED:
            raise Occupied("the task that pushed the commit is not over yet", _AGAIN_S)
        if not facts.pull or asked.installation != failed.installation:
            return IgnoredDelivery(Ignored.NOT_OURS)
        repair = request_repair(failed, asked, facts)
        await self.wait_for_others(repair)
        return repair

    async def is_own_pull(self, asked: TaskRequest) -> bool:
        """Whether the request is about a pull request that a task of ours opened."""
        found = await self._call(self.parts.tasks.list_knowing, asked.repository.id, "pull", asked.issue)
        return any(_has_opened(view, request) for view, request in found)

    async def wait_for_others(self, asked: TaskRequest) -> None:
        """Raises Occupied while another task is at work where the request is: they come one after the other."""
        active = await self._call(self.parts.tasks.find_active, asked.active_key)
        if active is not None and active.id != asked.task_id:
            raise Occupied("something else is at work on the pull request", key=asked.active_key)

    async def place(
        self, asked: TaskRequest, config: RepoConfig, *, fresh: bool
    ) -> TaskRequest | RefusedRequest:
        """The request with the branch that it starts from. `fresh`: a request of its own, and none that is made again:
        it is refused while a pull request of ours for the issue is open. Raises RetryLater."""
        if asked.is_pull or asked.kind not in (TaskKind.CHANGE, TaskKind.ANSWER):
            return asked
        if fresh and asked.kind is TaskKind.CHANGE and (pull := await self._find_open_pull(asked)):
            return replace(as_refused(asked, Refusal.PULL_OPEN), word=f"#{pull}")
        for wish in () if asked.base else list_wishes(asked.base_line, asked.milestone, config.base):
            if wish.must or await self._call(self.parts.answerer.has_branch, asked, wish.branch):
                is_default = wish.branch == asked.repository.default_branch
                return asked if is_default else replace(asked, base=wish.branch, base_from=wish.source)
        return asked

    async def _find_open_pull(self, asked: TaskRequest) -> int:
        """The number of the newest pull request that we opened for this issue, if it is open; 0: none."""
        finished = await self._call(self.parts.tasks.list_finished, asked.active_key)
        pulls = [pull for view, _ in finished if (pull := parse_facts(view.facts).pull)]
        try:
            still = bool(pulls) and await self._call(self.parts.answerer.is_pull_open, asked, pulls[-1])
        except GitHubFault as fault:  # it was deleted, or is not for us to see: no reason to refuse
            log.warning("a pull request can't be seen", pull=pulls[-1], why=str(fault))
            return 0
        return pulls[-1] if still else 0

    async def _touches(self, config: RepoConfig, asked: TaskRequest) -> bool:
        """GitHub is asked for the changed files only where there is a path filter."""
        if not config.review.paths:
            return True
        return touches_paths(config.review, await self._call(self.parts.answerer.fetch_changed, asked))

    async def resolve(self, pressed: Pressed) -> Control | TaskRequest | None:
        """What a button asks for; None when its task is not one of ours. Raises RetryLater."""
        return await Buttons(self.parts.tasks, self.parts.executor, self.parts.now).resolve(pressed)

    def check_model(self, asked: TaskRequest) -> RefusedRequest | None:
        """Only models that the operator allows may be named: they cost the operator's money."""
        models = self.models
        if not asked.model or asked.model in models:
            return None
        wanted = f"one of the models that I may use: {', '.join(models) or 'only the default'}"
        return replace(as_refused(asked, Refusal.BAD_FLAG), word="--model", wanted=wanted)

    async def hand_over(self, delivery: Delivery, request: TaskRequest) -> bool:
        """A request on an issue whose task asked is the answer to it; beside a task of the same kind it changes what
        that task is to do. Raises RetryLater."""
        parts = self.parts
        if await self._call(parts.deliveries.find_asking, request.active_key) is not None:
            said = Said(request.comment_id, request.requested_by, request.instruction or "Go on.")
            answer = parts.deliveries.answer
            if await self._call(answer, delivery.id, request.active_key, said, parts.now()) is not None:
                return True
        return await self._steer(delivery, request)

    async def _steer(self, delivery: Delivery, request: TaskRequest) -> bool:
        """A further request beside a task of the same kind changes what that task is to do. Flags can't."""
        if not request.comment_id or request.model or request.base or request.budget_usd:
            return False
        steer = self.parts.deliveries.steer
        steered = await self._call(steer, delivery.id, request, self.parts.now())
        if steered is not None and steered.verdict is Verdict.REPLY:
            await self.acknowledge(request)
        return steered is not None

    async def acknowledge(self, asked: TaskRequest) -> None:
        """Politeness only: no reason to fail."""
        if asked.comment_id:
            try:
                await self._call(self.parts.answerer.acknowledge, asked)
            except PullwrightError as error:
                log.warning("not acknowledged", issue=asked.issue, why=str(error))

    async def settle(self) -> None:
        """Wait until everybody was told whose task was ended."""
        await asyncio.gather(*self._telling)

    async def _end(
        self,
        delivery: Delivery,
        active_key: str,
        ending: tuple[Outcome, str],
        reach: Reach = THE_TASK,
    ) -> bool:
        end_task, now = self.parts.deliveries.end_task, self.parts.now()
        ended: tuple[EndedTask, ...] | None = await self._call(
            end_task, delivery.id, active_key, ending, now, reach
        )
        for one in ended or ():
            await self._stop_run(one, ending)
        return ended is not None

    async def _stop_run(self, ended: EndedTask, ending: tuple[Outcome, str]) -> None:
        log.info("task ended", task=ended.task, outcome=ending[0])
        try:
            await self._call(self.parts.engine.cancel, ended.task)
        except RetryLater as error:  # what runs is superseded already; its sandbox ends with its next write
            log.warning("a run was not cancelled", task=ended.task, why=str(error))
        execution = self.parts.open_execution(RunId(ended.task, ended.segment))
        telling = asyncio.create_task(execution.end(*ending))  # the next delivery does not wait for GitHub
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    async def _answer(self, delivery: Delivery, control: Control, text: str) -> None:
        await self._call(self.parts.answerer.answer, control.request, text)
        await self._call(self.parts.deliveries.carry_out, delivery.id, control.word.value, self.parts.now())

    async def _release(self, control: Control) -> TaskRequest | RefusedRequest:
        """The held request, on the authority of whoever releases it."""
        asked = control.request
        held: TaskRequest | None = await self._call(self.parts.tasks.find_held, asked.active_key)
        if held is None:
            return asked if control.or_task else as_refused(asked, Refusal.NOTHING_HELD)
        text = await self._call(self.parts.answerer.fetch_text, held)
        if text is None or not says_the_same(held, asked, text, self.parts.handle):
            return as_refused(asked, Refusal.EDITED_SINCE)
        return replace(
            held,
            issue_title=asked.issue_title,
            issue_body=asked.issue_body,
            requested_by=asked.requested_by,
            requested_by_id=asked.requested_by_id,
            requested_at=asked.requested_at,  # the thread as it was read by whoever says `go`
        )

    async def _describe_config(self, asked: TaskRequest) -> str:
        """A file that can't be used is said with its line: that is what people ask for most."""
        text = await self._call(self.parts.answerer.fetch_config, asked)
        try:
            rows = list_effective(parse_repo_config(text), find_lines(text), self.parts.operator)
            repository = asked.repository
            file = render_config_address(
                self.parts.operator.web_url, repository.full_name, repository.default_branch
            )
            return render_config(rows, self.models, file)
        except ConfigFault as fault:
            return render_config_fault(str(fault))

    def _describe(self, view: TaskView, before: int) -> TaskState:
        facts = parse_facts(view.facts)
        seconds = max(0.0, self.parts.now() - view.created_at)
        return TaskState(view.status, view.phase, facts.plan, facts.spent, seconds, before, facts.comment_url)

    async def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.parts.executor, function, *arguments)


def _list_waiting(waiting: tuple[Asked, ...], view: TaskView) -> tuple[tuple[str, str], ...]:
    """Without the one that has just begun: further deliveries may ask for the same task."""
    return tuple((one.word.value, one.by) for one in waiting if one.task != view.id)


def _has_opened(view: TaskView, request: TaskRequest) -> bool:
    """Whether the pull request that the task knows is one that it opened; follow-ups know the one they go on with."""
    follow = parse_facts(view.facts).follow
    return request.kind in _OPENING or (follow is not None and follow.way is Way.STACK)


def request_repair(failed: FailedCheck, asked: TaskRequest, facts: ChangeFacts) -> TaskRequest:
    """What a failed check asks for, of the pull request to which the task `asked` pushed. Pure."""
    return TaskRequest(
        installation=failed.installation,
        repository=failed.repository,
        issue=facts.pull,
        issue_title=facts.submission.title if facts.submission else asked.issue_title,
        issue_body="",
        comment_id=0,
        instruction="Checks of this pull request failed. Mend what the pull request broke, so that they pass.",
        requested_by=asked.requested_by,
        requested_by_id=asked.requested_by_id,
        requested_at=failed.at,
        kind=TaskKind.FOLLOW_UP,
        cause=f"k{failed.repository.id}-{facts.pull}-{failed.commit[:12]}",
        is_pull=True,
        way=WayIn.CHECKS,
        head=failed.commit,
        maintenance=asked.maintenance,
    )
