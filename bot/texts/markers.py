"""Hidden marks by which our own comments and pull requests are found again. Pure.

An HTML comment that GitHub does not show. A marker alone proves nothing: people quote us, marker included; whoever
searches compares the author too (`forge/`).
"""

import hashlib
import re
from typing import Final

from bot.domain.follow_up import PointAnswer
from bot.domain.ids import CommitSha, TaskId
from bot.domain.outcomes import Refusal

_SEEN: Final = re.compile(r"<!-- pullwright:seen:([0-9a-f]{40,64}):([0-9a-f]{40,64}) -->")
_PULL: Final = re.compile(r"<!-- pullwright:pull:([A-Za-z0-9-]{1,100}) -->")


def tracking_marker(task: TaskId) -> str:
    """In the one tracking comment of a task."""
    return f"<!-- pullwright:task:{task} -->"


def page_marker(task: TaskId, number: int) -> str:
    """In a further comment with what did not fit into the tracking comment."""
    return f"<!-- pullwright:page:{task}:{number} -->"


def asking_marker(task: TaskId, asking: str) -> str:
    """In the comment that calls a person to a task's questions; `asking` names the questions."""
    return f"<!-- pullwright:asking:{task}:{asking} -->"


def review_marker(task: TaskId) -> str:
    """In a review's text."""
    return f"<!-- pullwright:review:{task} -->"


def finding_marker(fingerprint: str) -> str:
    """In each finding's text: what was said is not said again."""
    return f"<!-- pullwright:finding:{fingerprint} -->"


def point_marker(task: TaskId, comment: int, answer: PointAnswer) -> str:
    """In the answer to one point of a review."""
    return f"<!-- pullwright:point:{task}:{comment}:{answer.value} -->"


_QUESTION: Final = re.compile(r"<!-- pullwright:point:[A-Za-z0-9-]{1,100}:\d{1,20}:question -->")


def is_question(body: str) -> bool:
    """Whether this answer of ours to a point asks back."""
    return _QUESTION.search(body) is not None


def seen_marker(head: CommitSha, base: CommitSha) -> str:
    """In a review that was done to the end: the head that it saw, and the commit from which that left its base."""
    return f"<!-- pullwright:seen:{head}:{base} -->"


def find_seen(text: str) -> tuple[CommitSha, CommitSha] | None:
    """What a review of ours says that it saw."""
    found = _SEEN.search(text)
    return (CommitSha(found[1]), CommitSha(found[2])) if found else None


def pull_marker(task: TaskId) -> str:
    """In the pull request's text."""
    return f"<!-- pullwright:pull:{task} -->"


def find_pull_task(body: str) -> TaskId | None:
    """The task whose pull request this text says it is. Anybody can write that: compare with what the task knows."""
    found = _PULL.search(body)
    return TaskId(found[1]) if found else None


SECTION: Final = "<!-- pullwright:section -->"
"""Where our part of a pull request's text begins; it ends with `pull_marker`."""


def replace_section(body: str, section: str, task: TaskId) -> str | None:
    """`body` with our part of it exchanged for `section`; None when somebody has taken away where it begins or ends.

    What people wrote before and behind it stays as it is.
    """
    begin, end = body.find(SECTION), body.find(pull_marker(task))
    if begin < 0 or end < begin:
        return None
    return f"{body[:begin]}{section.strip()}{body[end + len(pull_marker(task)) :]}"


TOLD_EACH_TIME: Final = frozenset(
    {
        Refusal.UNKNOWN_COMMAND,
        Refusal.UNAVAILABLE_COMMAND,
        Refusal.BAD_FLAG,
        Refusal.NOTHING_RUNNING,
        Refusal.NOTHING_TO_RETRY,
        Refusal.NOTHING_HELD,
    }
)
"""Only people with write access come to hear these, and each answer is about what they just wrote."""


def refusal_marker(issue: int, login: str, refusal: Refusal, comment_id: int = 0) -> str:
    """One for each person, issue and reason: the same person is told the same thing once, whatever the number of
    comments (TOLD_EACH_TIME: once for each). The login is hashed: it is another's text, and `--` in it would end the
    comment."""
    person = hashlib.sha256(login.lower().encode()).hexdigest()[:16]
    comment = f":{comment_id}" if refusal in TOLD_EACH_TIME and comment_id else ""
    return f"<!-- pullwright:refused:{issue}:{refusal.value}:{person}{comment} -->"


def reply_marker(comment_id: int) -> str:
    """In the answer to one comment: `help`, `status`."""
    return f"<!-- pullwright:reply:{comment_id} -->"
