"""Several attempts at one task at once, each in workspaces of its own, and the best of them by what was measured.

Only when a person asks for it: it costs as many times as much. Every attempt has the whole budget of a task.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce

from bot.agent.contract import AgentTask, Observer
from bot.domain.budget import Spent, add_spent
from bot.domain.evidence import Evidence, Tier
from bot.domain.ids import TreeSha
from bot.tasks.change.attempt import AttemptEnd, AttemptTools, run_attempt
from bot.tasks.change.attempts import Candidate, choose_best, find_tied, render_choice
from bot.tasks.change.ground import Ground, open_verifier
from bot.verify.others import OthersSay


@dataclass(frozen=True)
class Best:
    """The best attempt, with what all of them together cost; `number` counts from 1. `until`: the model's server asks
    to wait, and one of them can go on then."""

    number: int
    end: AttemptEnd
    until: float | None


async def run_side_by_side(
    ground: Ground, task: AgentTask, open_tools: Callable[[int], AttemptTools], count: int
) -> Best:
    """`count` attempts at once; the first fault of the machinery ends them all. Raises what `run_attempt` raises.

    With the logs of attempts that died each goes on where it was; one that had ended is only verified again.
    """
    numbers = range(1, count + 1)
    tools = {number: open_tools(number) for number in numbers}
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(run_attempt(ground, task, tools[number])) for number in numbers]
    ends = [one.result() for one in running]
    waits = [end.until for end in ends if end.until is not None]
    best, evidence = await _choose(ground, ends, {} if waits else tools)
    spent = reduce(add_spent, (end.spent for end in ends), Spent())
    chosen = replace(ends[best - 1], spent=spent, evidence=evidence)
    return Best(best, chosen, max(waits) if waits else None)


async def _choose(
    ground: Ground, ends: list[AttemptEnd], tools: dict[int, AttemptTools]
) -> tuple[int, Evidence | None]:
    """The number of the best one and its evidence. Without `tools` nothing more is run."""
    candidates = tuple(
        [
            Candidate(number, end.outcome, end.tree, end.evidence, await _size(ground, end.tree))
            for number, end in enumerate(ends, start=1)
        ]
    )
    said = await _ask_others(ground, candidates, tools) if tools else {}
    best = choose_best(tuple(_with_others(one, said) for one in candidates))
    return best.number, _noted(best, said, len(ends))


async def _ask_others(
    ground: Ground, candidates: tuple[Candidate, ...], tools: dict[int, AttemptTools]
) -> dict[int, tuple[OthersSay, ...]]:
    """By number: what the proven tests of every other attempt say. Only of those between which they decide."""
    said: dict[int, tuple[OthersSay, ...]] = {}
    proven = [(one.number, one.evidence) for one in candidates if one.evidence and one.evidence.proofs]
    for one in find_tied(candidates):
        told = tools[one.number].observer.command_ended
        async with open_verifier(ground, one.tree) as verifier:
            says = [
                await verifier.run_tests_of(one.tree, evidence, told)
                for number, evidence in proven
                if number != one.number
            ]
        said[one.number] = tuple(says)
    return said


def _with_others(one: Candidate, said: dict[int, tuple[OthersSay, ...]]) -> Candidate:
    return replace(one, failed_others=sum(say.failed for say in said.get(one.number, ())))


def _noted(best: Candidate, said: dict[int, tuple[OthersSay, ...]], count: int) -> Evidence | None:
    """The evidence of the chosen one, with the runs and a note where tests of others had a say."""
    evidence, says = best.evidence, said.get(best.number, ())
    if evidence is None or not says:
        return evidence
    runs = (*evidence.runs, *(record for say in says for record in say.records))
    note = render_choice(best, sum(say.asked for say in says), count)
    return replace(evidence, runs=runs, notes=(*evidence.notes, note))


@dataclass
class Numbered:
    """An `AttemptObserver` that says of which attempt it speaks. Plans and words of several at once are not told."""

    observer: Observer
    number: int

    def phase(self, name: str) -> None:
        self.observer.command_started(f"[{self.number}] {name}")

    def turn(self, spent: Spent) -> None:
        """Each counts for itself; the sum is told at the end."""

    def plan(self, steps: object) -> None:
        """See above."""

    def text(self, delta: str) -> None:
        """See above."""

    def command_started(self, label: str) -> None:
        self.observer.command_started(f"[{self.number}] {label}")

    def command_ended(self, label: str, ok: bool, seconds: float) -> None:
        self.observer.command_ended(f"[{self.number}] {label}", ok, seconds)

    def verified(self, evidence: Evidence) -> None:
        ok = evidence.tier is not Tier.D
        self.observer.command_ended(f"[{self.number}] verification: tier {evidence.tier.value}", ok, 0.0)


async def _size(ground: Ground, tree: TreeSha) -> int:
    """Lines of the diff from the base."""
    return len((await ground.place.repos.diff(ground.place.key, ground.base_tree, tree)).splitlines())
