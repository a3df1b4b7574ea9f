"""What a schedule's turn stands on: the default branch, and what its built-in instruction needs there."""

from bot.agent.contract import AgentTask, Mode, RepositoryFacts
from bot.agent.maintenance import render_instruction
from bot.domain.repo_config import PRESETS
from bot.domain.repo_sections import BuiltIn
from bot.domain.schedules import ScheduleResult
from bot.tasks.change.attempts import tell_earlier
from bot.tasks.change.desk import Desk
from bot.tasks.change.environment import prepare as prepare_base
from bot.tasks.change.ground import open_verifier
from bot.tasks.change.prepare import agents_paths, render_commands
from bot.tasks.maintenance.accept import end_early
from bot.tasks.maintenance.listing import fetch_listings
from bot.verify.baseline import Baseline

_NEED_REGISTRIES = (BuiltIn.DEPENDENCIES, BuiltIn.SECURITY)


async def prepare(desk: Desk) -> bool:
    """As for a change; then whether the work can begin. False: the facts say why not. Raises RepositoryFault,
    SetupFailed, SandboxUnavailable."""
    await prepare_base(desk)
    _, facts = desk.turn
    uses = BuiltIn(facts.uses) if facts.uses else None
    if uses in _NEED_REGISTRIES:  # whoever asks for updates lets the work reach where they come from
        await desk.learn(network=tuple(dict.fromkeys((*desk.facts.network, *PRESETS))))
    if facts.reads and not any(one.threads for one in await fetch_listings(desk)):
        await end_early(desk, ScheduleResult.NOTHING_TO_DO, "Nothing of what it reads is open.")
        return False
    if uses is None:
        return True
    async with open_verifier(desk.ground) as verifier:
        ended = decide_early_end(uses, await verifier.baseline())
    if ended is None:
        return True
    await end_early(desk, *ended)
    return False


def decide_early_end(uses: BuiltIn, baseline: Baseline) -> tuple[ScheduleResult, str] | None:
    """What the tests of the base say before anything is paid for. Pure."""
    if uses is BuiltIn.FAILING_TESTS:
        if baseline.problem or baseline.failing or baseline.flaky:
            return None
        return ScheduleResult.NOTHING_TO_DO, f"All {len(baseline.passing)} tests of the default branch pass."
    if baseline.failing and not baseline.passing:
        return ScheduleResult.TESTS_RED_AT_BASE, f"{len(baseline.failing)} fail and none passes."
    return None


async def describe(desk: Desk) -> AgentTask:
    """Everything that the first messages say: no issue, no thread."""
    ref, turn = desk.turn
    facts, request = desk.facts, desk.request
    paths = tuple(sorted(await desk.base_files()))
    rules = agents_paths(paths)
    texts = await desk.read_base(rules)
    return AgentTask(
        repository=RepositoryFacts(
            request.repository.full_name,
            paths,
            render_commands(facts.chosen),
            tuple((path, texts[path]) for path in rules if path in texts),
        ),
        base_commit=facts.base_commit,
        base_tree=facts.base_tree,
        instruction=render_instruction(BuiltIn(turn.uses) if turn.uses else None, turn.prompt),
        requested_by=ref.schedule,
        earlier=tell_earlier(facts.earlier),
        mode=Mode.MAINTENANCE,
        facts=(
            f"Default branch: {request.repository.default_branch}",
            f"The schedule is called `{ref.schedule}`.",
            *await desk.services.repos.left_out(desk.key, facts.base_tree),
        ),
        listings=await fetch_listings(desk),
    )
