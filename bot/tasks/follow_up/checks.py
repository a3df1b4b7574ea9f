"""Red checks of a pull request: wait until they are over, see whose fault they are, decide what follows.

The wait holds no slot: the phase ends, and is run again at the time of the next look. All of it happens in ACCEPT,
before anything is fetched or set up; a person's word ends the wait.

Races, and how each is closed:
- The head moves while checks are waited for: what was red is no longer what stands there. A repair that an event began
  ends as STALE (the new head has checks of its own); one that a person wants goes on with the new head.
- A person speaks between the last look and the end: no more words come in once REPORT has begun, so they are looked for
  there, and it is looked at once more with them.
- A check is run again between the look and the repair: the repair is about the commit, and says what it saw.
"""

from contextlib import closing
from dataclasses import replace

from bot.domain import limits
from bot.domain.check_requests import asks_for_repair
from bot.domain.ci import (
    Blame,
    CheckSet,
    Earlier,
    NotYet,
    Step,
    count_repairs,
    decide_blame,
    decide_next,
    decide_settled,
)
from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase, TaskRequest, WayIn
from bot.tasks.change.accept import begin_tracking, edit_tracking
from bot.tasks.change.desk import Desk
from bot.tasks.change.facts import CheckFacts, parse_facts, render_facts
from bot.tasks.change.late_words import find_unheard, has_unheard
from bot.tasks.follow_up.accept import decide_end, is_quiet, pin
from bot.tasks.workflow import Next, PhaseEnd, Waiting
from bot.texts.markers import tracking_marker
from bot.texts.red_checks import render_waiting

_ENDS = {
    Step.NOTHING_RED: Outcome.NO_CHANGE_NEEDED,
    Step.RED_ON_BASE: Outcome.NO_CHANGE_NEEDED,
    Step.FLAKY: Outcome.FLAKY,
    Step.HAND_OVER: Outcome.HANDED_OVER,
}


def is_about_checks(request: TaskRequest) -> bool:
    """Whether a follow-up is about red checks: one of them began it, or a person asks for that and no more."""
    return request.way is WayIn.CHECKS or asks_for_repair(request.instruction)


async def settle(desk: Desk) -> PhaseEnd:
    """One look at the checks of the pinned head. Raises GitHubFault, RetryLater."""
    if desk.facts.checks is None:
        await desk.learn(checks=CheckFacts(desk.services.clock.now()))
    if not await _find_head(desk):
        return Next(Phase.REPORT)
    known = desk.facts.checks or CheckFacts(0.0)
    with closing(desk.open_ci()) as ci:
        head = await desk.call(ci.fetch_checks, desk.facts.base_commit)
        now = desk.services.clock.now()
        settled = decide_settled(head, known.began, now, desk.services.settings.waits)
        if isinstance(settled, NotYet) and not await has_unheard(desk):
            await _tell_waiting(desk, head.unfinished)
            return Waiting(settled.until, "checks that still run", counted=False)
        commits = dict.fromkeys((desk.follow.rules_commit, desk.follow.trunk_commit))
        bases = [await desk.call(ci.fetch_checks, commit) for commit in commits]
    return await _decide(desk, head, decide_blame(head, bases))


async def _find_head(desk: Desk) -> bool:
    """False: it is over, by the outcome that the facts name."""
    pull = await desk.call(desk.github.pulls.fetch_pull, desk.request.issue)
    ended = decide_end(pull, desk.request.head)
    if ended is not None:
        await desk.learn(outcome=ended[0].value, detail=ended[1])
        return False
    if pull.head_sha != desk.facts.base_commit:
        await pin(desk, pull)
    return True


async def _decide(desk: Desk, head: CheckSet, blame: Blame) -> PhaseEnd:
    repairs = count_repairs(await _list_earlier(desk))
    step = decide_next(blame, repairs, limits.CI_REPAIRS, asked=not desk.request.is_event)
    known = desk.facts.checks or CheckFacts(0.0)
    checks = replace(
        known,
        step=step.value,
        red=tuple(one.name for one in blame.ours),
        on_base=tuple(one.name for one in blame.on_base),
        passed_again=tuple(one.name for one in head.checks if one.passed_again),
        unfinished=head.unfinished,
        repairs=repairs,
    )
    await desk.learn(checks=checks)
    if step is Step.REPAIR or await has_unheard(desk):
        await begin_tracking(desk)
        return Next(Phase.PREPARE)
    await desk.learn(outcome=_ENDS[step].value)
    return Next(Phase.REPORT)


async def look_again(desk: Desk) -> Next | None:
    """Before an end without work is told: back to the checks when somebody spoke behind the last look, once for the
    same words. With them `_decide` goes to work."""
    facts = desk.facts
    ended = facts.checks is not None and facts.outcome in _ENDS.values()
    newest = max((one.seq for one in await find_unheard(desk)), default=0) if ended else 0
    if newest <= facts.called_back or await desk.log.load():
        return None
    return Next(Phase.ACCEPT, render_facts(replace(facts, outcome="", detail="", called_back=newest)))


async def _list_earlier(desk: Desk) -> list[Earlier]:
    """The finished tasks on the pull request, newest first."""
    finished = await desk.call(desk.services.tasks.list_finished, desk.request.active_key)
    return [
        Earlier(by_person=not asked.is_event, repaired=_has_repaired(asked, parse_facts(view.facts).checks))
        for view, asked in reversed(finished)
    ]


def _has_repaired(asked: TaskRequest, checks: CheckFacts | None) -> bool:
    return asked.way is WayIn.CHECKS and checks is not None and checks.step == Step.REPAIR


async def _tell_waiting(desk: Desk, unfinished: tuple[str, ...]) -> None:
    """Who asked reads what is waited for; nobody asked where an event did. Told again only when it is another."""
    known = desk.facts.checks or CheckFacts(0.0)
    if is_quiet(desk.request) or unfinished == known.unfinished:
        return
    await edit_tracking(desk, render_waiting(unfinished, tracking_marker(desk.taken.id)))
    await desk.learn(checks=replace(known, unfinished=unfinished))


def is_worth_a_word(desk: Desk) -> bool:
    """Whether people are told of the end. Where nobody called, what has resolved itself is not told."""
    facts = desk.facts
    if not is_quiet(desk.request) or facts.comment:
        return True
    match Outcome(facts.outcome):
        case Outcome.CLOSED | Outcome.STALE | Outcome.STOPPED:
            return False
        case Outcome.NO_CHANGE_NEEDED:
            return facts.checks is not None and bool(facts.checks.on_base or facts.checks.passed_again)
        case _:
            return True
