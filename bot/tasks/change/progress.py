"""Progress of a running change: the agent's `Observer`, for the tracking comment and for the live view.

Called from the loop, so nothing here waits: what happened is kept, and two background loops carry it on.
Lines go to the task's event rows (the demo and later the dashboard read them), the comment is edited at most
every COMMENT_EDIT_SPACING_S. A failing edit is logged and left: progress is never a reason to fail (law 2:
edits of a comment that exists are outside the ledger).

Race: a worker that was frozen wakes up, and its next edit is due before it knows that the task is another's. `edit`
asks for the epoch just before the request leaves (`pages.py`, which says what is left); Superseded ends the edits.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import structlog

from bot.agent.contract import PlanStep
from bot.domain import limits
from bot.domain.budget import Spent, add_spent
from bot.errors import Superseded

_FLUSH_S = 0.3  # live enough for a person who watches, three rows a second at most
_LINE_CHARACTERS = 200  # one line of a terminal, wrapped once

log = structlog.get_logger()


@dataclass
class Progress:
    """Use as `async with`. `keep` stores the body of a LINES row; `edit` renders and sends the comment."""

    keep: Callable[[dict[str, Any]], Awaitable[None]]
    edit: Callable[["Progress"], Awaitable[None]]
    spent: Spent = Spent()
    before: Spent = Spent()  # by an earlier attempt: the agent counts its own only
    steps: tuple[PlanStep, ...] = ()
    edit_spacing_s: float = limits.COMMENT_EDIT_SPACING_S
    _lines: list[str] = field(default_factory=list, init=False)
    _changed: bool = field(default=False, init=False)
    _plan_changed: bool = field(default=False, init=False)
    _loops: list[asyncio.Task[None]] = field(default_factory=list, init=False)

    # -- Observer -------------------------------------------------------------------------------------------
    def turn(self, spent: Spent) -> None:
        self.spent = add_spent(self.before, spent)
        self._changed = True

    def plan(self, steps: tuple[PlanStep, ...]) -> None:
        self.steps = steps
        self._changed = self._plan_changed = True

    def command_started(self, label: str) -> None:
        self._say(label)

    def command_ended(self, label: str, ok: bool, seconds: float) -> None:
        self._say(f"{'ok' if ok else 'failed'} after {seconds:.1f} s: {label}")

    def text(self, delta: str) -> None:
        """The model's words while they stream: shown to nobody, they are no evidence."""

    # -- carrying it on -------------------------------------------------------------------------------------
    async def flush(self) -> None:
        """Store what is waiting; it goes on waiting when it can't be stored. Raises what `keep` raises."""
        lines, self._lines = self._lines, []
        changed, self._plan_changed = self._plan_changed, False
        if not lines and not changed:
            return
        try:
            await self.keep({"lines": lines, "plan": [[step.step, step.status.value] for step in self.steps]})
        except BaseException:
            self._lines, self._plan_changed = lines + self._lines, True
            raise

    async def __aenter__(self) -> "Progress":
        self._loops = [asyncio.create_task(self._keep_lines()), asyncio.create_task(self._edit_comment())]
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for loop in self._loops:
            loop.cancel()
        for loop in self._loops:
            with contextlib.suppress(asyncio.CancelledError):
                await loop
        await self._flush_or_log()

    def _say(self, line: str) -> None:
        self._lines.append(" ".join(line.split())[:_LINE_CHARACTERS])

    async def _keep_lines(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_S)
            if not await self._flush_or_log():
                return

    async def _flush_or_log(self) -> bool:
        """False when the task is somebody else's: the phase itself meets that at its next append."""
        try:
            await self.flush()
        except Superseded:
            return False
        except Exception:  # progress is never a reason to fail, whatever it is
            log.exception("progress.not_kept")
        return True

    async def _edit_comment(self) -> None:
        while True:
            await asyncio.sleep(self.edit_spacing_s)
            if not self._changed:
                continue
            self._changed = False
            try:
                await self.edit(self)
            except Superseded:
                return
            except Exception:  # as above
                log.exception("progress.edit_failed")
