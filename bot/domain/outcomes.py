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
    ANSWERED = "answered"  # a question was answered, or a plan made: one comment
    CLEAN = "clean"  # reviewed, nothing found
    FINDINGS = "findings"  # reviewed, with findings
    UNDONE = "undone"  # the newest commit of ours was taken back by one more commit
    FLAKY = "flaky"  # the checks that are red passed on this very commit: nothing was changed
    HANDED_OVER = "handed_over"  # still red after so many repairs: a person has to look
    STALE = "stale"  # the pull request moved on while it was reviewed or worked on
    NO_CHANGE_NEEDED = (
        "no_change_needed"  # nothing is wrong: the model showed it, or no check is red because of us
    )
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
    ACCESS_LOST = "access_lost"  # the App may not read or write here any more
    ACCESS_WITHDRAWN = "access_withdrawn"  # who asked may not write here any more
    BRANCH_TAKEN = "branch_taken"  # somebody else moved the branch that we own
    STOPPED = "stopped"  # a person stopped it
    NOT_RUN = "not_run"  # a schedule's turn in which nothing was begun; the dashboard says why
    CLOSED = "closed"  # the issue or pull request was closed while it was worked on
    CRASHED = "crashed"  # a bug of ours, or five attempts were cut short


def parse_outcome(word: str) -> Outcome:
    """An end as a row names it. One that only a newer version knows, which ran beside this one, is CRASHED here:
    there is no text for it."""
    try:
        return Outcome(word)
    except ValueError:
        return Outcome.CRASHED


class Refusal(StrEnum):
    """Why a request that named the agent did not become a task. The person is told once, briefly."""

    NO_WRITE_ACCESS = "no_write_access"
    PERMISSION_UNKNOWN = "permission_unknown"  # GitHub did not say: fail closed
    ALREADY_ACTIVE = "already_active"  # one active task for each issue
    MANY_WAIT = "many_wait"  # REQUESTS_WAITING wait for their turn there already
    ISSUE_CLOSED = "issue_closed"
    LOCKED = "locked"
    UNKNOWN_COMMAND = "unknown_command"  # no word that we know
    UNAVAILABLE_COMMAND = "unavailable_command"  # a command that is not there yet, or not here
    BAD_FLAG = "bad_flag"  # unknown, or with a value that it can't have
    NOT_ON_ISSUE = "not_on_issue"  # the word is about pull requests
    NOTHING_RUNNING = "nothing_running"  # there is no task to stop, or to tell the state of
    TASK_OVER = "task_over"  # the task that a button was to stop
    NOTHING_TO_RETRY = "nothing_to_retry"
    NOTHING_HELD = "nothing_held"  # no request waits here for somebody to release it
    EDITED_SINCE = "edited_since"  # the held text is not what stands there now
    ISSUE_ALLOWANCE = "issue_allowance"  # what may be spent on this issue is used up
    AUTHOR_ALLOWANCE = "author_allowance"  # by this person within a day
    REPOSITORY_ALLOWANCE = "repository_allowance"  # on this repository within a day
    DAY_ALLOWANCE = "day_allowance"  # by everybody within a day
    WAY_CLOSED = "way_closed"  # the repository's file does not want to be asked like that
    PULL_OPEN = "pull_open"  # ours for this issue is open: it goes on there
    ON_PULL_REQUEST = "on_pull_request"  # questions are answered on issues


class Ignored(StrEnum):
    """Why a delivery caused nothing at all. Nobody is told; it stands in the database and the log."""

    UNKNOWN_EVENT = "unknown_event"
    UNKNOWN_ACTION = "unknown_action"
    NO_MENTION = "no_mention"
    BOT_SENDER = "bot_sender"
    NOT_INSTALLED = "not_installed"  # the payload names no installation
    TRANSFERRED = "transferred"  # an old issue from another repository: its text is not the sender's request
    NOTHING_TO_END = "nothing_to_end"  # an issue was closed, or the App removed, where nothing ran
    ENDED_BEFORE = "ended_before"  # a request that was stopped, or its issue closed, before it was decided
    UNKNOWN_TASK = "unknown_task"  # a button of a task that is not in the database
    NOT_RED = "not_red"  # a check is over that did not fail
    NOT_OURS = "not_ours"  # a check failed of a commit that is not the agent's
    ACCESS_WITHDRAWN = "access_withdrawn"  # for whom it would be done may not write here any more
    NOT_CONFIGURED = "not_configured"  # the repository's file does not ask for it
    EDITED = "edited"  # the text is not the one that was first written (law 6)
    MALFORMED = "malformed"  # signed, but not what the schema says
    REPLY_WITHOUT_ACCESS = (
        "reply_without_access"  # an answer to our questions, by somebody who may not give it
    )
    TICK_WITHOUT_ACCESS = "tick_without_access"  # of a dashboard's box, by somebody who may not
    NO_DASHBOARD = "no_dashboard"  # boxes of an issue that is not our dashboard
    ALREADY_HANDLED = "already_handled"  # the same comment came under another delivery id
