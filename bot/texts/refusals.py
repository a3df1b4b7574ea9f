"""What a person is told whose request did not become a task: one or two sentences, once. Pure."""

from typing import Final

from bot.domain.commands import CommandWord
from bot.domain.decisions import RefusedRequest
from bot.domain.flags import WANTED
from bot.domain.outcomes import Refusal
from bot.texts.sanitise import code, sanitise_line

# Every refusal has one here or in `_reason`; tests see to it.
_SENTENCES: Final = {
    Refusal.PERMISSION_UNKNOWN: "GitHub did not tell me whether you have write access, so I did not start. Please ask "
    "again later.",
    Refusal.ALREADY_ACTIVE: "I am at work here already; the comment with the 👀 shows how far I am.",
    Refusal.MANY_WAIT: "So many requests wait here for their turn already that I take no further one; `status` names "
    "them. Ask again when some of them are done.",
    Refusal.LOCKED: "This conversation is locked, so I did not start.",
    Refusal.ON_PULL_REQUEST: "On pull requests I review and make changes; questions I answer in issues.",
    Refusal.NOT_ON_ISSUE: "That is for pull requests, and this is an issue. Ask me in the pull request.",
    Refusal.ISSUE_ALLOWANCE: "What may be spent on this issue is used up. The operator can raise the limit.",
    Refusal.AUTHOR_ALLOWANCE: "What you may spend within a day is used up. Ask again tomorrow, or the operator for "
    "more.",
    Refusal.REPOSITORY_ALLOWANCE: "What may be spent on this repository within a day is used up. Please ask again "
    "tomorrow.",
    Refusal.DAY_ALLOWANCE: "What I may spend within a day is used up. Please ask again tomorrow.",
    Refusal.WAY_CLOSED: "In this repository I am not asked like that (`triggers` in `.github/pullwright.yml`); `help` "
    "says how.",
    Refusal.NOTHING_RUNNING: "Nothing of mine is running here. To ask for a change, write `fix` and then what is "
    "wanted.",
    Refusal.TASK_OVER: "That was over already, so nothing was stopped; what else I am at here goes on.",
    Refusal.NOTHING_TO_RETRY: "I have not worked here yet, so there is nothing to try again. Write `fix` and then what "
    "is wanted.",
    Refusal.NOTHING_HELD: "No request waits here to be released. To ask for a change yourself, write `fix this`.",
    Refusal.EDITED_SINCE: "The request was edited or deleted after it was made, so I did not start: what you read may "
    "not be what I was given. Ask in a comment of your own.",
}


def render_refusal(refused: RefusedRequest, handle: str) -> str:
    """The person is addressed without being notified: they are reading the thread anyway."""
    return f"{sanitise_line(refused.login, 60)}: {_reason(refused, handle)}"


def _reason(refused: RefusedRequest, handle: str) -> str:
    match refused.refusal:
        case Refusal.NO_WRITE_ACCESS:
            return (
                "I work for people with write access to this repository. One of them can release your request: by "
                f"`{handle} go` with the at sign before it, or by the label `{handle}:fix`."
            )
        case Refusal.ISSUE_CLOSED:
            return (
                f"This is closed. Reopen it and mention `{handle}` again if there is still something to do."
            )
        case Refusal.UNKNOWN_COMMAND:
            return _unknown_command(refused)
        case Refusal.UNAVAILABLE_COMMAND:
            return (
                f"{code(refused.word, 40)} is not available here; `help` lists what is. To ask for a change, "
                "write `fix` after the mention, and then what is wanted."
            )
        case Refusal.BAD_FLAG:
            return _bad_flag(refused)
        case Refusal.PULL_OPEN:
            return (
                f"My pull request {sanitise_line(refused.word, 20)} for this issue is open. Say there what is still "
                "missing and I go on with it; for another try beside it, write `retry` here."
            )
        case _:
            return _SENTENCES[refused.refusal]


def _unknown_command(refused: RefusedRequest) -> str:
    meant = f" Did you mean `{refused.near}`?" if refused.near else ""
    words = ", ".join(f"`{word}`" for word in sorted(CommandWord))
    known = f"There are {words}; whole sentences are taken for a change."
    return f"I know no command {code(refused.word, 40)}.{meant} {known}"


def _bad_flag(refused: RefusedRequest) -> str:
    if refused.wanted:
        return f"{code(refused.word, 40)} needs {refused.wanted}."
    meant = f" Did you mean `--{refused.near}`?" if refused.near else ""
    flags = ", ".join(f"`--{name}`" for name in WANTED)
    return (
        f"I know no flag {code(refused.word, 40)}.{meant} There are {flags}. If it is part of what you want, put it "
        "between backticks."
    )
