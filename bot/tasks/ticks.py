"""Carries out what somebody ticked in a dashboard: a turn now, a pause, waking up.

The one edit that causes something (law 6): the issue is ours by our own table, the box changed between the two texts of
the event, and whoever did it was asked about before (`intake.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bot.domain.boxes import Box, Tick, Ticked
from bot.domain.schedules import Pause
from bot.store.schedules import Schedules
from bot.tasks.schedules import find_next

log = structlog.get_logger()


@dataclass(frozen=True)
class Ticks:
    """One for the worker's process. Blocking. `now`: seconds since the epoch."""

    store: Schedules
    now: Callable[[], float]

    def is_ours(self, ticked: Ticked) -> bool:
        """Whether the issue is our dashboard there."""
        return self.store.is_dashboard(ticked.repository.id, ticked.issue)

    def show_again(self, ticked: Ticked) -> None:
        """The boxes are to show what holds: somebody changed them who may not."""
        self.store.ask_to_write(ticked.repository.id)

    def carry_out(self, ticked: Ticked) -> tuple[str, ...]:
        """The schedules that were paused now: what runs of them is to end. Twice is once."""
        paused = []
        for tick in ticked.ticks:
            log.info("box ticked", box=tick.box, schedule=tick.schedule, on=tick.on, login=ticked.login)
            if self._carry_out(ticked, tick):
                paused.append(tick.schedule)
        self.store.ask_to_write(ticked.repository.id)
        return tuple(paused)

    def _carry_out(self, ticked: Ticked, tick: Tick) -> bool:
        key = ticked.repository.id
        if tick.box is Box.RUN:
            self.store.want(key, tick.schedule, ticked.login if tick.on else "")
            return False
        found = self.store.find(key, tick.schedule)
        if found is None:
            return False
        if tick.on:
            self.store.pause(key, tick.schedule, Pause.PERSON)
        else:
            self.store.wake(key, tick.schedule, find_next(found, self.now()), self.now())
        return tick.on
