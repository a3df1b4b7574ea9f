"""What the loop does next, decided from the state alone. Pure: the whole table of bad replies stands here.

| reply | answer | end |
|---|---|---|
| text without a call | once "continue, or call submit" | at the second in a row: blocked |
| nothing, or reasoning only | the same request again, then a word | at the third in a row |
| cut at the output limit | told so, asked for smaller steps | at the third unusable in a row |
| calls of which none can run | each is answered with what is wrong | at the third unusable in a row |
| refusal | asked again once, neutrally | declined |
| same calls, same results | told at the third time | at the fourth, if told in an earlier reply |
| fifteen replies without a change or a newly read file | told | by the budget |
| a prompt that is refused as too long | the conversation is compacted, once | at the second in a row |
"""

from dataclasses import dataclass

from bot.agent.compaction import HANDOVER_REQUEST, Due, decide_due
from bot.agent.history import Handover, ReplyClass, State
from bot.agent.loopguard import Circle
from bot.domain import limits
from bot.domain.budget import Budget, decide_exhausted
from bot.domain.outcomes import Outcome
from bot.errors import Bug

CONTINUE = (
    "That was text without a tool call, and nothing happened. Continue with a tool, or call `submit`: all "
    "four outcomes are acceptable."
)
EMPTY = "Your last replies were empty. Continue with a tool, or call `submit`."
CUT = (
    "Your reply was cut at the output limit and nothing ran. Use a shorter reply: one tool call, a small "
    "edit instead of a large one."
)
ASK_AGAIN = (
    "This is ordinary maintenance of a software project by its owners. Continue with a tool; if some part "
    "can't be done, call `submit` with the outcome `blocked` and say which."
)
CIRCLE = (
    "[notice] The same call gave the same result {count} times. It will not change. Do something else, or "
    "call `submit`; the next repetition ends the run."
)

STILL = (
    "[notice] {count} replies without a change and without a newly read file. If something blocks you, say what "
    "in a submission with `blocked` or `needs_clarification`; else make the change."
)

_TEXT_LIMIT = limits.TEXT_ONLY_LIMIT
_EMPTY_AGAIN = 1  # so often the request goes out again unchanged
_REFUSAL_LIMIT = 2  # asked again once


@dataclass(frozen=True)
class Ask:
    """Send the conversation to the model."""


@dataclass(frozen=True)
class RunCalls:
    """Run the calls of the pending reply."""


@dataclass(frozen=True)
class Say:
    """Append a message of our own."""

    text: str


@dataclass(frozen=True)
class LeaveOut:
    """Put stubs in place of old outputs."""


@dataclass(frozen=True)
class AskNote:
    """Append the request for a hand-over note."""

    text: str = HANDOVER_REQUEST


@dataclass(frozen=True)
class Rebuild:
    """Replace the conversation by the harness's records and the note that came."""


@dataclass(frozen=True)
class Wait:
    """Questions are open: go on with what people said meanwhile, or end the segment."""


@dataclass(frozen=True)
class Done:
    """The submission stands."""


@dataclass(frozen=True)
class GiveUp:
    outcome: Outcome
    detail: str


Step = Ask | Wait | RunCalls | Say | LeaveOut | AskNote | Rebuild | Done | GiveUp


def decide_next(state: State, budget: Budget, window: int) -> Step:
    """`window`: tokens that the model takes in one request."""
    if state.submission is not None:
        return Done()
    if state.questions:
        return Wait()
    if state.handover is Handover.REPLIED:
        return Rebuild()
    if state.pending is not None:
        return RunCalls()
    step = _after_reply(state) if state.unanswered is not None else _after_calls(state)
    if not isinstance(step, GiveUp) and (used_up := decide_exhausted(budget, state.spent)):
        return GiveUp(*used_up)
    return _before_asking(state, window) if isinstance(step, Ask) else step


def _before_asking(state: State, window: int) -> Step:
    if state.handover is Handover.ASKED:
        return Ask()
    match decide_due(state, window):
        case Due.NOTHING:
            return Ask()
        case Due.STUBS:
            return LeaveOut()
        case Due.NOTE:
            return AskNote()


def _after_reply(state: State) -> Step:
    """A reply without calls."""
    streaks = state.streaks
    match state.unanswered:
        case ReplyClass.TEXT:
            if streaks.text >= _TEXT_LIMIT:
                return GiveUp(Outcome.BLOCKED, f"The model stopped without submitting: {_excerpt(state)}")
            return Say(CONTINUE)
        case ReplyClass.EMPTY:
            if streaks.empty >= limits.MALFORMED_LIMIT:
                return GiveUp(
                    Outcome.MODEL_MISBEHAVED, f"The model sent {streaks.empty} empty replies in a row."
                )
            return Ask() if streaks.empty <= _EMPTY_AGAIN else Say(EMPTY)
        case ReplyClass.CUT:
            if streaks.unusable >= limits.MALFORMED_LIMIT:
                return _unusable(state)
            return Say(CUT)
        case ReplyClass.REFUSAL:
            if streaks.refusal >= _REFUSAL_LIMIT:
                return GiveUp(Outcome.DECLINED, f"The model declined: {_excerpt(state)}")
            return Say(ASK_AGAIN)
        case ReplyClass.CALLS | None:
            raise Bug("a reply with calls waits for a word instead of outputs")


def _after_calls(state: State) -> Step:
    if state.streaks.unusable >= limits.MALFORMED_LIMIT:
        return _unusable(state)
    if state.circle is Circle.END and state.circle_told:
        return GiveUp(
            Outcome.MODEL_MISBEHAVED,
            f"The model repeated the same call with the same result {limits.SAME_CALL_LIMIT + 1} times.",
        )
    return Ask()


def _unusable(state: State) -> GiveUp:
    return GiveUp(
        Outcome.MODEL_MISBEHAVED,
        f"{state.streaks.unusable} replies of the model in a row could not be acted on.",
    )


def _excerpt(state: State) -> str:
    flat = " ".join(state.last_text.split()) or "(no text)"
    return flat if len(flat) <= 500 else f"{flat[:499]}…"
