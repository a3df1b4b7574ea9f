"""A request made once more: by `retry`, or by `go` for one that was held. Pure."""

import re
from dataclasses import replace

from bot.domain.commands import parse_command
from bot.domain.tasks import TaskRequest

_RETRY_WORD = re.compile(r"\bretry\b", re.IGNORECASE)


def again(last: TaskRequest, asked: TaskRequest) -> TaskRequest:
    """The last request, asked for by whoever said `retry`; words behind it are added to the instruction. A review stays
    the one of whoever wrote it, as it was then. Pure."""
    more = _RETRY_WORD.sub("", asked.instruction, count=1).strip(" \t\r\n.,!:;")
    instruction = f"{last.instruction or 'fix this'}\n\n{more}" if more else last.instruction
    return replace(
        last,
        repository=asked.repository,
        issue_title=asked.issue_title,
        issue_body=asked.issue_body,
        comment_id=asked.comment_id,
        cause=asked.cause,
        thread=asked.thread,
        instruction=instruction,
        head="",
        review_by=last.reviewer if last.review else 0,
        review_at=last.reviewed_at if last.review else "",
        review_comment=last.asking_comment if last.review else 0,
        requested_by=asked.requested_by,
        requested_by_id=asked.requested_by_id,
        requested_at=asked.requested_at,
        model=asked.model or last.model,
        base=asked.base or last.base,
        base_from="" if asked.base else last.base_from,
        budget_usd=asked.budget_usd or last.budget_usd,
    )


def says_the_same(held: TaskRequest, asked: TaskRequest, text: str, handle: str) -> bool:
    """Whether `text`, which a person reads now, is what was held: same words, same flags. Pure."""
    command = parse_command(text, handle)
    if command is None and not held.comment_id:  # the issue's title asked
        command = parse_command(asked.issue_title, handle)
    if command is None:
        return False
    flags = command.flags
    now = (command.word, command.instruction, flags.model, flags.base, flags.budget_usd)
    return now == (held.word, held.instruction, held.model, held.base, held.budget_usd)
