"""What a button of a check run asks for: to stop that check run's task, to do the same once more, or to mend what
it found.

Nothing in a payload tells two presses of one button apart but the delivery's id. So presses are counted by what came of
them: it is a new one when all that the ones before it began is over, and the same as the last one until then.

Races, and how each is closed:
- A button is pressed twice at once: both are the same task, and its second insert fails.
- A press is delivered once more: its delivery's id has a row already (kept ten times as long as GitHub redelivers),
  and is not decided again.
- Two intakes decide one press: both may count, but only one writes where the delivery's row is still `stored`.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from bot.agent.history import parse_finding
from bot.domain.commands import CommandWord
from bot.domain.decisions import Button, Control, Pressed
from bot.domain.tasks import TaskKind, TaskRequest, TaskStatus, WayIn
from bot.store.tasks import Tasks
from bot.tasks.change.facts import parse_facts
from bot.texts.mending import render_mending


@dataclass(frozen=True)
class Buttons:
    """`now`: seconds since the epoch."""

    tasks: Tasks
    executor: Executor
    now: Callable[[], float]

    async def resolve(self, pressed: Pressed) -> Control | TaskRequest | None:
        """What a button asks for; None when its task is not one of ours. Raises RetryLater."""
        found = await self._call(self.tasks.find_request, pressed.task)
        if found is None or (found.installation, found.repository.id) != (
            pressed.installation,
            pressed.repository.id,
        ):
            return None
        asked = replace(
            found,
            repository=pressed.repository,
            comment_id=0,
            way=WayIn.BUTTON,
            head="",  # as it is now
            cause=await self._name_press(pressed),
            requested_by=pressed.login,
            requested_by_id=pressed.user_id,
            requested_at=datetime.fromtimestamp(self.now(), UTC).isoformat(timespec="seconds"),
        )
        if pressed.button == Button.STOP:
            return Control(CommandWord.STOP, asked, only=pressed.task)
        return await self._mend(asked, pressed) if pressed.button == Button.FIX else asked

    async def _name_press(self, pressed: Pressed) -> str:
        cause = f"c{pressed.check}-{pressed.button}"
        before: tuple[TaskStatus, ...] = await self._call(self.tasks.list_caused, cause)
        over = before.count(TaskStatus.FINISHED)
        return f"{cause}-{over + 1}" if over else cause

    async def _mend(self, asked: TaskRequest, pressed: Pressed) -> TaskRequest | None:
        """A follow-up on the pull request that mends what that review found; None: it found nothing."""
        view = await self._call(self.tasks.find, pressed.task)
        review = parse_facts(view.facts).review if view else None
        if review is None or not review.findings:
            return None
        wanted = render_mending(tuple(map(parse_finding, review.findings)))
        return replace(asked, kind=TaskKind.FOLLOW_UP, word=CommandWord.FIX, instruction=wanted)

    async def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.executor, function, *arguments)
