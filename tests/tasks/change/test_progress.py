"""Progress reaches the rows and the comment, and never gets in the way."""

import asyncio
from typing import Any

import pytest

from bot.agent.contract import PlanStep, StepStatus
from bot.domain.budget import Spent
from bot.errors import RetryLater, Superseded
from bot.tasks.change.progress import Progress


async def _nothing(_: object) -> None:
    return None


async def test_lines_are_kept_in_order_and_none_is_lost_at_the_end() -> None:
    kept: list[str] = []

    async def keep(body: dict[str, Any]) -> None:
        kept.extend(body["lines"])

    async with Progress(keep, _nothing) as progress:
        progress.command_started("$ pytest\n  -q")
        progress.command_ended("$ pytest -q", ok=False, seconds=1.24)
    assert kept == ["$ pytest -q", "failed after 1.2 s: $ pytest -q"]


async def test_the_comment_is_edited_only_when_something_changed_and_a_failing_edit_is_no_fault() -> None:
    seen: list[tuple[int, int]] = []

    async def edit(progress: Progress) -> None:
        seen.append((progress.spent.turns, len(progress.steps)))
        if len(seen) == 1:
            raise RetryLater("busy", 60)

    async with Progress(_nothing, edit, edit_spacing_s=0.01) as progress:
        progress.turn(Spent(turns=1))
        while len(seen) < 1:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        assert seen == [(1, 0)]
        progress.plan((PlanStep("look", StepStatus.PENDING),))
        while len(seen) < 2:
            await asyncio.sleep(0.005)
    assert seen == [(1, 0), (1, 1)]


async def test_a_superseded_run_stops_writing() -> None:
    tries = 0

    async def keep(_: dict[str, Any]) -> None:
        nonlocal tries
        tries += 1
        raise Superseded("another worker")

    async with Progress(keep, _nothing) as progress:
        progress.command_started("ls")
        with pytest.raises(Superseded):
            await progress.flush()
        progress.command_started("ls again")
    assert tries == 2


async def test_a_superseded_run_edits_the_comment_no_more() -> None:
    tries = 0
    refused = asyncio.Event()

    async def edit(_: Progress) -> None:
        nonlocal tries
        tries += 1
        refused.set()
        raise Superseded("another worker")

    async with Progress(_nothing, edit, edit_spacing_s=0.01) as progress:
        progress.turn(Spent(turns=1))
        await refused.wait()
        progress.turn(Spent(turns=2))
        await asyncio.sleep(0.05)
    assert tries == 1


async def test_a_busy_database_costs_no_line_and_no_result() -> None:
    kept: list[str] = []
    tries = 0

    async def keep(body: dict[str, Any]) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise RetryLater("busy", 1.0)
        kept.extend(body["lines"])

    async with Progress(keep, _nothing) as progress:
        progress.command_started("ls")
        while tries < 1:
            await asyncio.sleep(0.01)
    assert kept == ["ls"]
