"""Hidden marks by which our own comments and pull requests are found again. Pure.

An HTML comment that GitHub does not show. A marker alone proves nothing: people quote us, marker included; whoever
searches compares the author too (`forge/`).
"""

import hashlib

from bot.domain.ids import TaskId
from bot.domain.outcomes import Refusal


def tracking_marker(task: TaskId) -> str:
    """In the one tracking comment of a task."""
    return f"<!-- pullwright:task:{task} -->"


def asking_marker(task: TaskId, asking: str) -> str:
    """In the comment that calls a person to a task's questions; `asking` names the questions."""
    return f"<!-- pullwright:asking:{task}:{asking} -->"


def pull_marker(task: TaskId) -> str:
    """In the pull request's text."""
    return f"<!-- pullwright:pull:{task} -->"


def refusal_marker(issue: int, login: str, refusal: Refusal) -> str:
    """One for each person, issue and reason: the same person is told the same thing once. The login is hashed:
    it is another's text, and `--` in it would end the comment."""
    person = hashlib.sha256(login.lower().encode()).hexdigest()[:16]
    return f"<!-- pullwright:refused:{issue}:{refusal.value}:{person} -->"
