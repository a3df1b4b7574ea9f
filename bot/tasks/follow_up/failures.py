"""What CI says of the red checks: annotations and logs, as material for the model and as a diagnosis for people.

Read again wherever it is needed, so that nothing that was written by others lies in the task's row. A log that may not
be read is said to be missing; it is no reason to stop.
"""

from contextlib import closing
from dataclasses import dataclass, replace

import structlog

from bot.agent.stack_traces import find_places
from bot.agent.tools.truncate import fold_noise, render_cut
from bot.domain import limits
from bot.domain.ci import Check, Suspicion, decide_suspicions
from bot.domain.ci_log import find_excerpt, focus_log
from bot.domain.evidence import Tier
from bot.domain.unified_diff import parse_diff
from bot.errors import ForPerson, GitHubFault
from bot.forge.ci import Annotation, CiReader
from bot.tasks.change.desk import Desk
from bot.tasks.follow_up.fetch import fetch_commits
from bot.tasks.follow_up.so_far import load_so_far
from bot.texts.red_checks import RedCheck

log = structlog.get_logger()


@dataclass(frozen=True)
class Failure:
    """One red check. `log` without times and clean-up; empty: there is none, or `missing` says why."""

    check: Check
    annotations: tuple[Annotation, ...] = ()
    log: str = ""
    missing: str = ""
    suspicions: tuple[Suspicion, ...] = ()

    @property
    def said(self) -> str:
        """Everything in which it may name files."""
        remarks = (f"{one.path}:{one.start_line} {one.message}" for one in self.annotations)
        return "\n".join((self.check.summary, *remarks, self.log))


async def read_failures(desk: Desk) -> tuple[Failure, ...]:
    """The red checks that the task is about, the first CI_CHECKS of them. Raises GitHubFault, RetryLater."""
    wanted = set(desk.facts.checks.red) if desk.facts.checks else set()
    with closing(desk.open_ci()) as ci:
        head = await desk.call(ci.fetch_checks, desk.facts.base_commit)
        red = [one for one in head.failed if one.name in wanted][: limits.CI_CHECKS]
        found = [await desk.call(_read, ci, one) for one in red]
    if not found or not await _has_trees(desk):
        return tuple(found)
    paths = tuple(sorted(await desk.base_files()))
    diff = await desk.services.repos.diff(desk.key, desk.follow.trunk_tree, desk.facts.base_tree)
    changed = tuple(one.path for one in parse_diff(diff))
    verified = await _is_verified(desk)
    return tuple(
        replace(
            one,
            suspicions=decide_suspicions(
                one.check, (p.path for p in find_places(one.said, paths)), changed, verified=verified
            ),
        )
        for one in found
    )


def _read(ci: CiReader, check: Check) -> Failure:
    annotations = ci.fetch_annotations(check.id) if check.job else ()
    try:
        read = ci.fetch_log(check.job) if check.job else None
    except GitHubFault as fault:
        log.warning("a job's log can't be read", check=check.id, why=str(fault))
        return Failure(check, annotations, missing="The App may not read its log.")
    if read is None:
        return Failure(check, annotations, missing="Its log is not here to be read." if check.job else "")
    return Failure(check, annotations, fold_noise(focus_log(read.text)))


async def _has_trees(desk: Desk) -> bool:
    """Whether head and trunk are here; fetched where the task ended before it had to. Without them a suspicion less."""
    if desk.facts.base_tree and desk.follow.trunk_tree:
        return True
    try:
        head, trunk, rules = await fetch_commits(desk)
    except ForPerson as fault:
        log.warning("no suspicion without the files", task=desk.taken.id, why=str(fault))
        return False
    follow = replace(desk.follow, trunk_tree=trunk, rules_tree=rules)
    await desk.learn(base_tree=head, follow=follow, host=desk.services.settings.host)
    return True


async def _is_verified(desk: Desk) -> bool:
    """Whether the harness itself found the tests of this very commit green."""
    so_far = await load_so_far(desk)
    measured = (one.facts.evidence for one in so_far if one.facts.commit == desk.facts.base_commit)
    return any(one is not None and one.tier in (Tier.A, Tier.B) for one in measured)


_WHY = {
    Suspicion.SAME_COMMIT: "it passed on this very commit before",
    Suspicion.ELSEWHERE: "it names no file that the pull request changes",
    Suspicion.VERIFIED: "the tests passed when the harness ran them on this very commit",
}


def render_material(failures: tuple[Failure, ...]) -> tuple[tuple[str, str], ...]:
    """For the model: a heading and the text of each. Pure."""
    return tuple((f"{one.check.name} ({one.check.word})", _render_one(one)) for one in failures)


def render_suspicions(failures: tuple[Failure, ...]) -> tuple[str, ...]:
    """For the model: a sentence of the harness for each check that may not be the pull request's fault. Pure."""
    return tuple(
        f"Check number {number} below may be flaky: {' and '.join(_WHY[why] for why in one.suspicions)}."
        for number, one in enumerate(failures, start=1)
        if one.suspicions
    )


def _render_one(failure: Failure) -> str:
    check = failure.check
    remarks = (
        f"{one.path}:{one.start_line}: {one.level}: {_cut(' '.join((one.title, one.message)))}"
        for one in failure.annotations
    )
    shown = render_cut(failure.log, limit_bytes=limits.CI_LOG_BYTES) if failure.log else failure.missing
    parts = (_cut(check.title), _cut(check.summary), "\n".join(remarks), shown)
    return "\n\n".join(part for part in parts if part.strip())


def _cut(text: str) -> str:
    return render_cut(text.strip(), limit_bytes=limits.CI_TEXT_BYTES)


def list_red(failures: tuple[Failure, ...]) -> tuple[RedCheck, ...]:
    """For people. Pure."""
    return tuple(
        RedCheck(
            one.check.name,
            one.check.url,
            one.check.word,
            tuple(_WHY[why] for why in one.suspicions),
            find_excerpt(one.log, limits.CI_EXCERPT_LINES) if one.log else "",
        )
        for one in failures
    )
