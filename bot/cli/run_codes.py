"""The exit codes of `pullwright run`: one for each kind of end, so that a script can tell them apart. Pure."""

from typing import Final, assert_never

from bot.domain.outcomes import Outcome

NOT_FIXED: Final = 1
REFUSED: Final = 4
STUCK: Final = 5
OUT_OF_BUDGET: Final = 6
PROVIDER: Final = 7
ASKED: Final = 8


def decide_exit_code(outcome: Outcome) -> int:
    """0 only for what was proven or checked (tiers A and B). 2 and 3 are settings and sandbox, see `main.py`."""
    match outcome:
        case Outcome.PROVEN | Outcome.CHECKED:
            return 0
        case Outcome.UNTESTED | Outcome.UNVERIFIED | Outcome.NO_CHANGE_NEEDED | Outcome.BLOCKED:
            return NOT_FIXED
        case Outcome.CRASHED | Outcome.STOPPED | Outcome.CLOSED:
            return NOT_FIXED
        case (
            Outcome.ANSWERED
            | Outcome.CLEAN
            | Outcome.FINDINGS
            | Outcome.STALE
            | Outcome.NOT_RUN
            | Outcome.FLAKY
            | Outcome.HANDED_OVER
            | Outcome.UNDONE
        ):
            return NOT_FIXED  # not of a change
        case Outcome.NO_SANDBOX:
            return 3
        case Outcome.DECLINED | Outcome.ACCESS_LOST | Outcome.ACCESS_WITHDRAWN | Outcome.BRANCH_TAKEN:
            return REFUSED
        case Outcome.REPOSITORY_UNUSABLE | Outcome.SETUP_FAILED:
            return REFUSED
        case Outcome.MODEL_MISBEHAVED:
            return STUCK
        case Outcome.OUT_OF_TURNS | Outcome.OUT_OF_TOKENS | Outcome.OUT_OF_MONEY | Outcome.OUT_OF_TIME:
            return OUT_OF_BUDGET
        case Outcome.MODEL_UNAVAILABLE:
            return PROVIDER
        case Outcome.NEEDS_CLARIFICATION:
            return ASKED
        case _:
            assert_never(outcome)
