"""Words that the agent has not heard when its work is over: the work goes on with them, or people are told.

No more of them come once the phase PUBLISH or REPORT has begun, or an end stands in the task's log
(`Deliveries.steer`), so what is unheard then is all that there will be.

Must never: go back to the work twice for the same words. A run that can't hear them would come back with them, for
ever and without a turn that anybody paid for; what it went back for is a fact, written with the move to the work.
"""

from dataclasses import replace
from functools import reduce

from bot.agent.contract import EventKind, Feedback, Heard, Steering
from bot.agent.history import State, fold, hear
from bot.domain import limits
from bot.domain.budget import decide_exhausted, remaining
from bot.domain.ids import CommitSha
from bot.domain.outcomes import Outcome
from bot.domain.tasks import Phase
from bot.tasks.change.desk import Desk
from bot.tasks.change.facts import render_facts
from bot.tasks.workflow import Next
from bot.texts.late_words import render_unheard
from bot.texts.redact import redact

_SPOKEN_TO = "Somebody with write access wrote to you meanwhile; the next message says what. Go on with it."
_GOES_ON = (
    "",
    Outcome.UNVERIFIED,
    Outcome.ANSWERED,
    Outcome.CLEAN,
    Outcome.NO_CHANGE_NEEDED,
    Outcome.NEEDS_CLARIFICATION,
    Outcome.BLOCKED,
    Outcome.DECLINED,
    Outcome.MODEL_MISBEHAVED,
)
"""Ends of the agent's own, which a person's word may change. At a bound, and without a model, nothing can be heard."""


async def find_unheard(desk: Desk) -> tuple[Steering, ...]:
    """What people said that the attempt under way has not heard yet, oldest first."""
    messages = [row.body for row in await desk.log.load() if row.kind is EventKind.MESSAGE]
    return await desk.inbox.drain(reduce(hear, messages, Heard()))


async def has_unheard(desk: Desk) -> bool:
    """Whether people said something that the agent has not heard yet."""
    return bool(await find_unheard(desk))


async def hear_late_words(desk: Desk, phase: Phase) -> Next | None:
    """Back to the work when somebody spoke behind its last turn, before anything is published or told; once for the
    same words, and only while there is something left to spend on them."""
    facts = desk.facts
    if phase not in (Phase.PUBLISH, Phase.REPORT) or facts.outcome not in _GOES_ON or facts.branch:
        return None
    newest = max((one.seq for one in await find_unheard(desk)), default=0)
    if newest <= facts.called_back:
        return None
    state = fold(await desk.log.load())
    worked = bool(state.messages) or facts.submission is not None
    if not worked or not can_go_on(desk, state):
        return None
    # Behind all that this attempt was told: after a second one, which was worse, the rounds are those of that one.
    number = max(facts.round, state.feedback_round) + 1
    heard = replace(facts, feedback=_SPOKEN_TO, outcome="", detail="", round=number, called_back=newest)
    return Next(Phase.WORK, render_facts(replace(heard, commit=CommitSha(""), evidence=None)))


async def describe_unheard(desk: Desk) -> str:
    """For the last comment: what was not heard, and how to have it done. Empty: everything was."""
    settings = desk.services.settings
    said = tuple((one.author, redact(one.text, settings.secrets)) for one in await find_unheard(desk))
    return render_unheard(said, settings.handle)


def can_go_on(desk: Desk, state: State) -> bool:
    """Whether an attempt that came to `state` has turns, tokens, money and time for more."""
    return decide_exhausted(remaining(desk.budget, desk.spent_before), state.spent) is None


async def call_attempt(desk: Desk, number: int) -> Feedback | None:
    """What one of several attempts is told first, when the work has begun again for late words; None: it has heard them
    all, or has nothing left, and stands as it ended. Run again after a death it gives the same, or what is harmless."""
    # Each beginning has numbers of its own, behind those of the verifications of the one before (`run_attempt`).
    first = desk.facts.round * (limits.VERIFY_ROUNDS + 1)
    state = fold(await desk.log_of(number).load())
    called = state.feedback_round >= first
    if first and (called or (await desk.inbox.drain(state.heard) and can_go_on(desk, state))):
        return Feedback(first, _SPOKEN_TO)
    return None
