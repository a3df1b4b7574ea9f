"""What a delivery can come down to, as plain data; `triggers` decides which of them it is."""

from dataclasses import dataclass, field
from typing import Final

from bot.domain.auto_review import AutoReview
from bot.domain.boxes import Ticked
from bot.domain.commands import CommandWord
from bot.domain.ids import CommitSha, InstallationId, RepositoryId, TaskId
from bot.domain.outcomes import Ignored, Refusal
from bot.domain.tasks import RepositoryRef, TaskRequest, WayIn, render_active_key


@dataclass(frozen=True)
class Reply:
    """A person's comment on an issue: the answer, if a task there waits for one. Whether the person may is asked
    like for a request (law 6)."""

    installation: InstallationId
    repository: RepositoryRef
    issue: int
    comment_id: int
    login: str
    user_id: int
    text: str

    @property
    def active_key(self) -> str:
        """Of the task that may wait for it."""
        return render_active_key(self.repository.id, self.issue)


@dataclass(frozen=True)
class IgnoredDelivery:
    """Nothing is done and nobody is told, unless it is a `reply` that a task waits for. `detail` is for the log,
    never holds the payload's text."""

    reason: Ignored
    detail: str = ""
    reply: Reply | None = field(default=None, compare=False)


@dataclass(frozen=True)
class RefusedRequest:
    """Somebody asked and can't have it. Where to answer, whom, and about which word.

    `word` and `near`: of UNKNOWN_COMMAND and BAD_FLAG, what was written and what may have been meant; `wanted`: what
    a flag's value has to be."""

    refusal: Refusal
    installation: InstallationId
    repository: RepositoryRef
    issue: int
    comment_id: int  # 0: the newly opened issue itself asked
    login: str
    word: str = ""
    near: str = ""
    wanted: str = ""
    way: WayIn = WayIn.MENTION
    called: str = ""


@dataclass(frozen=True)
class Control:
    """A word about tasks: stop, status, retry, go, help. `request`: where it was said, by whom, and with what text.

    `or_task`: what is asked for if there is nothing to release (a label, which says both). `only`: the one task that
    it is about (a button), whatever else is at work there."""

    word: CommandWord
    request: TaskRequest
    or_task: bool = False
    only: TaskId | None = None


@dataclass(frozen=True)
class Closed:
    """An issue or pull request is closed, deleted or moved away: what runs on it is over."""

    repository: RepositoryId
    issue: int
    login: str

    @property
    def active_key(self) -> str:
        return render_active_key(self.repository, self.issue)


@dataclass(frozen=True)
class Removed:
    """The App has lost an account (`repositories` None) or some repositories of one: what runs there is over."""

    installation: InstallationId
    repositories: tuple[RepositoryId, ...] | None
    detail: str


class Button:
    """Identifiers of our check runs' buttons; GitHub takes 20 characters."""

    STOP: Final = "stop"
    RETRY: Final = "retry"
    FIX: Final = "fix"  # of a review that found something


@dataclass(frozen=True)
class Pressed:
    """A button of a check run of ours. `task`: whose check run it is."""

    button: str
    task: TaskId
    installation: InstallationId
    repository: RepositoryRef
    login: str
    user_id: int
    check: int


@dataclass(frozen=True)
class Reviewed:
    """A review, or a comment of one, that mentions nobody: a request if the pull request is ours, which the database
    knows."""

    request: TaskRequest


@dataclass(frozen=True)
class FailedCheck:
    """A check of a commit failed. `at`: when, as GitHub says it (ISO 8601). Whether the commit is ours, the database
    knows."""

    installation: InstallationId
    repository: RepositoryRef
    commit: CommitSha
    at: str


Decision = (
    TaskRequest
    | AutoReview
    | Reviewed
    | FailedCheck
    | Control
    | Closed
    | Removed
    | Pressed
    | Ticked
    | IgnoredDelivery
    | RefusedRequest
)


def asked_of(decision: TaskRequest | Control | RefusedRequest) -> TaskRequest | RefusedRequest:
    """What was asked for, and where a word was said."""
    return decision.request if isinstance(decision, Control) else decision


def person_of(decision: TaskRequest | RefusedRequest | Reply | Ticked) -> tuple[str, int]:
    """Login and id of whoever it comes from; id 0: not known."""
    if isinstance(decision, TaskRequest):
        return decision.requested_by, decision.requested_by_id
    return decision.login, 0 if isinstance(decision, RefusedRequest) else decision.user_id
