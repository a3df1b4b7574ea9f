"""Every named end of a task, every named refusal, every reason to ignore a delivery: three closed sets.

The same word stands in the comment, the check run, the log and the database (law 8).
"""

from enum import StrEnum


class Outcome(StrEnum):
    """How a task ended. Exactly one for each finished task."""

    PROVEN = "proven"  # pull request, tier A: failed before, passes after, nothing broken
    CHECKED = "checked"  # pull request, tier B: nothing broken, no proof possible
    UNTESTED = "untested"  # pull request, tier C: the tests could not run
    UNVERIFIED = "unverified"  # tier D: verification was red; the patch is handed over, not proposed
    NO_CHANGE_NEEDED = "no_change_needed"  # the model showed that nothing is wrong
    NEEDS_CLARIFICATION = "needs_clarification"  # the model asked back
    BLOCKED = "blocked"  # the model gave up and said why
    DECLINED = "declined"  # the model refused to work on it
    OUT_OF_TURNS = "out_of_turns"
    OUT_OF_TOKENS = "out_of_tokens"
    OUT_OF_MONEY = "out_of_money"
    OUT_OF_TIME = "out_of_time"
    MODEL_MISBEHAVED = "model_misbehaved"  # malformed, empty or repeated answers beyond the limit
    MODEL_UNAVAILABLE = "model_unavailable"  # the model's server refuses or stays away
    NO_SANDBOX = "no_sandbox"  # no back end works on this host
    SETUP_FAILED = "setup_failed"  # the repository's set-up failed in the sandbox
    REPOSITORY_UNUSABLE = "repository_unusable"  # can't be fetched, read or published
    ACCESS_LOST = "access_lost"  # the requester or the App may not write any more
    BRANCH_TAKEN = "branch_taken"  # somebody else moved the branch that we own
    STOPPED = "stopped"  # a person stopped it
    CRASHED = "crashed"  # a bug of ours, or five attempts were cut short


class Refusal(StrEnum):
    """Why a request that named the agent did not become a task. The person is told once, briefly."""

    NO_WRITE_ACCESS = "no_write_access"
    PERMISSION_UNKNOWN = "permission_unknown"  # GitHub did not say: fail closed
    ALREADY_ACTIVE = "already_active"  # one active task for each issue
    ISSUE_CLOSED = "issue_closed"
    LOCKED = "locked"
    UNKNOWN_COMMAND = "unknown_command"
    ISSUE_ALLOWANCE = "issue_allowance"  # what may be spent on this issue is used up
    AUTHOR_ALLOWANCE = "author_allowance"  # by this person within a day
    REPOSITORY_ALLOWANCE = "repository_allowance"  # on this repository within a day
    DAY_ALLOWANCE = "day_allowance"  # by everybody within a day
    ON_PULL_REQUEST = "on_pull_request"  # changes start from issues; on pull requests nothing is done yet


class Ignored(StrEnum):
    """Why a delivery caused nothing at all. Nobody is told; it stands in the database and the log."""

    UNKNOWN_EVENT = "unknown_event"
    UNKNOWN_ACTION = "unknown_action"
    NO_MENTION = "no_mention"
    BOT_SENDER = "bot_sender"
    NOT_INSTALLED = "not_installed"  # the payload names no installation
    TRANSFERRED = "transferred"  # an old issue from another repository: its text is not the sender's request
    EDITED = "edited"  # the text is not the one that was first written (law 6)
    MALFORMED = "malformed"  # signed, but not what the schema says
    REPLY_WITHOUT_ACCESS = (
        "reply_without_access"  # an answer to our questions, by somebody who may not give it
    )
    ALREADY_HANDLED = "already_handled"  # the same comment came under another delivery id
