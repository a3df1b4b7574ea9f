"""Accept: the base pinned, the schedule read from it, and whether this turn may work (`domain/schedules.py`).

The authority is the file on the default branch (law 6), read at the pinned commit: what was stored when the turn became
due only said that it is time.
"""

from datetime import datetime

from bot.domain.outcomes import Outcome
from bot.domain.repo_config import REPO_CONFIG_PATH, ConfigFault, RepoConfig, parse_repo_config
from bot.domain.schedules import (
    OwnPull,
    ScheduleResult,
    Standing,
    decide_beginning,
    schedule_branch,
)
from bot.errors import Bug
from bot.tasks.change.desk import Desk


async def accept(desk: Desk) -> bool:
    """False: nothing is begun, and the facts say why. Idempotent. Raises GitHubFault, RetryLater."""
    if not desk.facts.base_commit:
        branch = desk.request.base_branch
        await desk.learn(base_commit=await desk.call(desk.github.refs.fetch_head, branch))
    try:
        config = await read_file(desk, desk.facts.base_commit)
    except ConfigFault as fault:
        await end_early(desk, ScheduleResult.CONFIG_INVALID, str(fault))
        return False
    ref = desk.request.maintenance
    if ref is None:
        raise Bug("a maintenance task without a schedule")
    spec = config.schedules.tasks.get(ref.schedule)
    if spec is None:
        await end_early(desk, ScheduleResult.REMOVED)
        return False
    decided = decide_beginning(ref, await look(desk, ref.schedule), config.schedules.open_pulls)
    if isinstance(decided, ScheduleResult):
        await end_early(desk, decided)
        return False
    uses = spec.uses.value if spec.uses else ""
    reads = tuple(one.value for one in spec.reads)
    said = {"uses": uses, "prompt": spec.prompt, "draft": spec.draft, "reads": reads}
    await desk.learn_turn(**said, pull=decided.pull, over=decided.over)
    return True


async def read_file(desk: Desk, ref: str) -> RepoConfig:
    """The repository's own file on a branch or at a commit. Raises ConfigFault, GitHubFault, RetryLater."""
    found = await desk.call(desk.github.refs.find_file, REPO_CONFIG_PATH, ref)
    return parse_repo_config((found or b"").decode("utf-8", "replace"))


async def look(desk: Desk, schedule: str) -> Standing:
    """What stands on GitHub now: nothing that we stored is taken for it."""
    branch = schedule_branch(schedule)
    head = await desk.call(desk.github.refs.find_branch, branch)
    pulls = await desk.call(desk.github.pulls.list_own, branch)
    others = await desk.call(desk.github.pulls.list_open_own, schedule_branch(""))
    now = desk.services.clock.now()
    found = tuple(
        OwnPull(one.number, one.open, one.merged, one.head_sha, _days_since(one.created_at, now))
        for one in pulls
    )
    return Standing(head or "", found, len(others), desk.facts.base_commit)


async def end_early(desk: Desk, result: ScheduleResult, detail: str = "") -> None:
    """The turn is over before it began, or before anything was published."""
    await desk.learn_turn(result=result.value)
    await desk.learn(outcome=Outcome.NOT_RUN.value, detail=detail)


def _days_since(text: str, now: float) -> float:
    """0.0 when GitHub does not say."""
    try:
        return (now - datetime.fromisoformat(text).timestamp()) / 86_400
    except ValueError:
        return 0.0
