"""What a person is told whose request did not become a task: one or two sentences, once. Pure."""

from typing import assert_never

from bot.domain.outcomes import Refusal
from bot.domain.triggers import unavailable_command_text
from bot.texts.sanitise import sanitise_line


def render_refusal(refusal: Refusal, login: str, handle: str, word: str = "") -> str:
    """`login` is addressed without being notified: they are reading the thread anyway."""
    return f"{sanitise_line(login, 60)}: {_reason(refusal, handle, word)}"


def _reason(refusal: Refusal, handle: str, word: str) -> str:
    match refusal:
        case Refusal.NO_WRITE_ACCESS:
            return "I work for people with write access to this repository. One of them can ask me here."
        case Refusal.PERMISSION_UNKNOWN:
            return "GitHub did not tell me whether you have write access, so I did not start. Please ask again later."
        case Refusal.ALREADY_ACTIVE:
            return "I am working on this issue already; the comment with the 👀 shows how far I am."
        case Refusal.ISSUE_CLOSED:
            return f"This issue is closed. Reopen it and mention `{handle}` again if there is still something to do."
        case Refusal.LOCKED:
            return "This conversation is locked, so I did not start."
        case Refusal.ON_PULL_REQUEST:
            return "I can't work on pull requests yet, only on issues. Ask me in an issue."
        case Refusal.ISSUE_ALLOWANCE:
            return "What may be spent on this issue is used up. The operator can raise the limit."
        case Refusal.AUTHOR_ALLOWANCE:
            return "What you may spend within a day is used up. Ask again tomorrow, or the operator for more."
        case Refusal.REPOSITORY_ALLOWANCE:
            return "What may be spent on this repository within a day is used up. Please ask again tomorrow."
        case Refusal.DAY_ALLOWANCE:
            return "What I may spend within a day is used up. Please ask again tomorrow."
        case Refusal.UNKNOWN_COMMAND:
            return unavailable_command_text(word)
        case _:
            assert_never(refusal)
