"""Why a request that is understood can't be served here: its words, its place, the state of its issue. Pure.

Whether the person may ask at all is decided elsewhere (`domain.access`), and comes before all of this.
"""

from dataclasses import replace

from bot.domain.commands import CONTROLS, ON_PULLS, Command, CommandWord, Unknown
from bot.domain.decisions import RefusedRequest
from bot.domain.flags import FlagFault
from bot.domain.outcomes import Refusal
from bot.domain.payloads import IssuePart
from bot.domain.tasks import TaskKind, TaskRequest


def refuse(asked: TaskRequest, issue: IssuePart, command: Command) -> RefusedRequest | None:
    """The first reason against it; words that we can't serve come before the state of the issue."""
    plain = as_refused(asked, Refusal.UNAVAILABLE_COMMAND)
    match command.fault:
        case Unknown(word, near):
            return replace(plain, refusal=Refusal.UNKNOWN_COMMAND, word=word, near=near)
        case FlagFault(flag, near, wanted):
            return replace(plain, refusal=Refusal.BAD_FLAG, word=flag, near=near, wanted=wanted)
    if command.word in CONTROLS:
        begins = command.word in (CommandWord.RETRY, CommandWord.GO)
        over = refuse_state(issue) if begins else None
        return replace(plain, refusal=over) if over else None
    if command.flags.attempts > 1 and asked.kind is not TaskKind.CHANGE:
        return replace(plain, word="--attempts")
    if command.flags.base and asked.is_pull:  # it has a base of its own
        return replace(plain, word="--base")
    if (refusal := _refuse_place(asked, issue)) is not None:
        return replace(plain, refusal=refusal)
    return None


def _refuse_place(asked: TaskRequest, issue: IssuePart) -> Refusal | None:
    if asked.is_pull and asked.kind is TaskKind.ANSWER:
        return Refusal.ON_PULL_REQUEST
    if not asked.is_pull and asked.word in ON_PULLS:
        return Refusal.NOT_ON_ISSUE
    return refuse_state(issue)


def refuse_state(issue: IssuePart) -> Refusal | None:
    """Why nothing can be begun on it."""
    if issue.locked:
        return Refusal.LOCKED
    return Refusal.ISSUE_CLOSED if issue.state == "closed" else None


def as_refused(request: TaskRequest | RefusedRequest, refusal: Refusal) -> RefusedRequest:
    """The answer to a request, where it was made. One that is refused already is now refused for this: the person's
    missing right comes before anything else that is wrong with it."""
    if isinstance(request, RefusedRequest):
        return replace(request, refusal=refusal, word="", near="", wanted="")
    return RefusedRequest(
        refusal,
        request.installation,
        request.repository,
        request.issue,
        request.comment_id,
        request.requested_by,
        way=request.way,
        called=request.called,
    )
