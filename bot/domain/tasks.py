"""A task and what asked for it, as plain data."""

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.commands import CommandWord
from bot.domain.ids import InstallationId, RepositoryId, TaskId
from bot.domain.schedules import MaintenanceRef


class TaskKind(StrEnum):
    CHANGE = "change"  # ends in a pull request
    ANSWER = "answer"  # ends in a comment: ask, explain, plan
    REVIEW = "review"  # ends in a review of a pull request
    FOLLOW_UP = "follow_up"  # goes on with a pull request: ends in a commit on its branch
    MAINTENANCE = "maintenance"  # a change that a schedule asked for: ends in the schedule's one pull request


class WayIn(StrEnum):
    """How a task was asked for; the repository's `triggers` open and close them."""

    MENTION = "mention"  # in a comment
    OPENED = "opened"  # in the title or text of a new issue or pull request
    LABEL = "label"
    ASSIGN = "assign"  # of a configured machine user
    REVIEW_REQUEST = "review_request"  # of a configured machine user or team
    BUTTON = "button"  # of a check run of ours
    REVIEWED = "reviewed"  # a review of the agent's own pull request, without a mention
    CHECKS = "checks"  # nobody: a check of the agent's own pull request failed
    EVENT = "event"  # nobody: a pull request came to a configured moment
    SCHEDULE = "schedule"  # nobody: the repository's file named the time


class TaskStatus(StrEnum):
    HELD = "held"  # asked for by somebody without write access, until somebody with it says `go`
    QUEUED = "queued"  # accepted by the intake, not admitted yet
    RUNNING = "running"  # admitted: a workflow exists or is about to
    WAITING = "waiting"  # for a person or a time; holds no slot
    FINISHED = "finished"


class Phase(StrEnum):
    """The coarse steps of a change, in order (ASK only when the model asks); each is a step of the durable workflow."""

    ACCEPT = "accept"
    PREPARE = "prepare"
    WORK = "work"
    ASK = "ask"  # between two segments of the work: questions are posted, a person's reply is waited for
    VERIFY = "verify"
    PUBLISH = "publish"
    REPORT = "report"


@dataclass(frozen=True)
class RepositoryRef:
    id: RepositoryId
    full_name: str  # owner/name, as in the payload
    default_branch: str


@dataclass(frozen=True)
class TaskRequest:
    """What a person asked for, taken from the webhook's payload and never fetched again (law 6)."""

    installation: InstallationId
    repository: RepositoryRef
    issue: int
    issue_title: str
    issue_body: str
    comment_id: int  # 0: the newly opened issue itself asked
    instruction: str  # the text without the mention; "fix this" leaves the issue as the instruction
    requested_by: str  # login, for texts
    requested_by_id: int
    requested_at: str  # ISO 8601, from the payload
    kind: TaskKind = TaskKind.CHANGE
    attempts: int = 1  # at once; more only when asked for
    word: CommandWord = CommandWord.FIX
    cause: str = ""  # what asked, when it was neither a comment nor the opened issue: names the task
    is_pull: bool = False  # `issue` is a pull request
    model: str = ""  # flags; empty and 0: as the operator set it
    base: str = ""
    budget_usd: float = 0.0
    way: WayIn = WayIn.MENTION
    called: str = ""  # whom ASSIGN and REVIEW_REQUEST named: a login, or `organisation/team`
    head: str = ""  # the commit of a pull request that an event named; empty: whatever it is when it is begun
    review: int = 0  # the submitted review whose comments are the points of a follow-up
    base_from: str = ""  # who chose `base` where no flag did, for people
    base_line: str = ""  # the branch that the issue's text names, if its author's word counts
    milestone: str = ""  # the issue's, by its title
    thread: int = 0  # `comment_id` is a review comment, in the thread that begins with this one
    maintenance: MaintenanceRef | None = (
        None  # of a schedule's turn, which has no issue, and of repairs of its work
    )

    review_by: int = 0  # made again: by whom the review is, and when it was submitted (ISO 8601)
    review_at: str = ""
    review_comment: int = 0  # and the comment of it whose text is the instruction

    @property
    def reviewer(self) -> int:
        """Whose review asks: the account's id."""
        return self.review_by or self.requested_by_id

    @property
    def reviewed_at(self) -> str:
        """When the review was submitted, ISO 8601."""
        return self.review_at or self.requested_at

    @property
    def asking_comment(self) -> int:
        """The review comment whose text is the instruction; 0: none."""
        if self.review_at:
            return self.review_comment
        return self.comment_id if self.thread else 0

    @property
    def is_event(self) -> bool:
        """Nobody asked: something happened to a commit."""
        return bool(self.head) and not self.comment_id

    @property
    def base_branch(self) -> str:
        """What the work starts from, and where a pull request goes."""
        return self.base or self.repository.default_branch

    @property
    def task_id(self) -> TaskId:
        """The same comment, or the same opened issue, is the same task, whatever delivery brings it."""
        if self.cause:
            return TaskId(f"t-{self.cause}")
        if self.comment_id:
            return TaskId(f"t-{self.comment_id}")
        return TaskId(f"t-i{self.repository.id}-{self.issue}")

    @property
    def active_key(self) -> str:
        """At most one unfinished task may hold this key: one task for each issue, pull request or schedule."""
        if self.maintenance is not None and self.kind is TaskKind.MAINTENANCE:
            return render_schedule_key(self.repository.id, self.maintenance.schedule)
        return render_active_key(self.repository.id, self.issue)


def render_active_key(repository: RepositoryId, issue: int) -> str:
    """The key of the one task that may be active on an issue or pull request."""
    return f"{repository}#{issue}"


def render_schedule_key(repository: RepositoryId, schedule: str) -> str:
    """The key of the one task that may be active for a schedule."""
    return f"{repository}#schedule:{schedule}"
