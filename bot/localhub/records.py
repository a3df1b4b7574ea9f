"""What the hub remembers: accounts, apps, repositories, threads, checks. Plain records without behaviour.

The records are mutable on purpose: they are the hub's only database. Whoever changes one holds `Hub.lock`.
Times are ISO 8601 strings in UTC with whole seconds, as GitHub writes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from bot.localhub.gitstore import GitStore

Json = dict[str, Any]


class AccountKind(StrEnum):
    USER = "User"
    BOT = "Bot"
    ORGANIZATION = "Organization"


class Role(IntEnum):
    """A person's role in a repository; each includes the ones below it."""

    NONE = 0
    READ = 1
    TRIAGE = 2
    WRITE = 3
    MAINTAIN = 4
    ADMIN = 5

    @property
    def word(self) -> str:
        return self.name.lower()

    @property
    def permission(self) -> str:
        """The old four-word scale of the permission endpoint: maintain is told as write, triage as read."""
        folded = {Role.TRIAGE: Role.READ, Role.MAINTAIN: Role.WRITE}.get(self, self)
        return folded.word


@dataclass(frozen=True)
class Account:
    id: int
    login: str
    kind: AccountKind
    name: str
    created_at: str


@dataclass
class App:
    id: int
    slug: str
    name: str
    owner: Account
    bot: Account
    public_key: RSAPublicKey | None  # None: GitHub's own, for which nobody else speaks
    webhook_url: str
    webhook_secret: str
    permissions: dict[str, str]
    events: tuple[str, ...]
    hook_id: int
    created_at: str
    setup_url: str = ""  # where the browser goes after an installation


@dataclass
class Installation:
    id: int
    app: App
    account: Account
    repositories: set[int] | None  # None: every repository of the account, also later ones
    created_at: str


@dataclass(frozen=True)
class Actor:
    """Who does something: a person, or an App's bot account (then `app` is set)."""

    account: Account
    app: App | None = None


@dataclass
class Reaction:
    id: int
    account: Account
    content: str
    created_at: str


@dataclass
class Comment:
    id: int
    author: Account
    app: App | None
    body: str
    created_at: str
    updated_at: str
    reactions: list[Reaction] = field(default_factory=list)
    earlier_bodies: list[str] = field(default_factory=list)  # oldest first, for tests of edits in place
    minimized: str | None = None  # the reason


@dataclass
class Label:
    id: int
    name: str
    color: str
    description: str | None = None


@dataclass
class Review:
    """`state`: PENDING (seen by its author only), COMMENTED, APPROVED, CHANGES_REQUESTED, DISMISSED."""

    id: int
    author: Account
    app: App | None
    body: str
    state: str
    commit_id: str
    submitted_at: str | None
    edited_at: str | None = None


@dataclass(frozen=True)
class Anchor:
    """What a review comment is about: lines of one side of the diff, or the file (`line` None)."""

    path: str
    line: int | None
    side: str = "RIGHT"
    start_line: int | None = None
    start_side: str | None = None
    hunk: str = ""  # the diff's hunk down to the line


@dataclass
class ReviewComment:
    """One comment in a review thread; the first one of a thread has `in_reply_to` None and stands for it."""

    id: int
    review_id: int
    author: Account
    app: App | None
    body: str
    anchor: Anchor
    commit_id: str
    created_at: str
    updated_at: str
    in_reply_to: int | None = None
    reactions: list[Reaction] = field(default_factory=list)


@dataclass
class Pull:
    """What a pull request has beyond an issue. Head and base are branches of the same repository, or the head is one of
    `fork`, whose commits this repository has below `refs/pull/` only."""

    id: int
    head_ref: str
    head_sha: str
    base_ref: str
    base_sha: str
    draft: bool
    maintainer_can_modify: bool
    merged_at: str | None = None
    merge_sha: str | None = None
    reviews: list[Review] = field(default_factory=list)
    review_comments: list[ReviewComment] = field(default_factory=list)
    resolved: dict[int, Account] = field(default_factory=dict)  # by a thread's first comment: who resolved it
    requested: list[Account] = field(default_factory=list)
    fork: "Repository | None" = None


@dataclass
class Thread:
    """An issue; with `pull` set, a pull request (on GitHub each pull request is an issue too)."""

    id: int
    number: int
    title: str
    body: str | None
    author: Account
    app: App | None
    created_at: str
    updated_at: str
    state: str = "open"
    state_reason: str | None = None
    closed_at: str | None = None
    closed_by: Account | None = None
    locked: bool = False
    labels: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)
    pull: Pull | None = None
    assignees: list[Account] = field(default_factory=list)
    milestone: str = ""  # its title; the hub has no milestones of their own


@dataclass
class Status:
    """A commit status, the older sibling of check runs."""

    id: int
    sha: str
    state: str
    context: str
    description: str | None
    target_url: str | None
    creator: Account
    created_at: str


@dataclass
class Job:
    id: int
    name: str
    conclusion: str | None  # None: still running
    log: str


@dataclass
class WorkflowRun:
    """One run of GitHub Actions, as seeded: nothing here runs workflows."""

    id: int
    name: str
    head_branch: str
    head_sha: str
    event: str
    conclusion: str | None
    created_at: str
    jobs: list[Job]
    suite: "CheckSuite"


@dataclass
class Hook:
    """A repository's own webhook: kept, never sent."""

    id: int
    events: list[str]
    url: str
    active: bool
    created_at: str


@dataclass
class CheckSuite:
    id: int
    app: App
    head_sha: str
    created_at: str


@dataclass
class CheckRun:
    id: int
    suite: CheckSuite
    name: str
    head_sha: str
    status: str
    conclusion: str | None
    started_at: str | None
    completed_at: str | None
    details_url: str | None
    external_id: str
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[Json] = field(default_factory=list)
    actions: list[Json] = field(default_factory=list)


@dataclass
class Repository:
    id: int
    owner: Account
    name: str
    description: str
    private: bool
    default_branch: str
    created_at: str
    pushed_at: str
    git: GitStore
    collaborators: dict[str, Role] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    threads: dict[int, Thread] = field(default_factory=dict)
    check_runs: dict[int, CheckRun] = field(default_factory=dict)
    statuses: list[Status] = field(default_factory=list)
    workflow_runs: dict[int, WorkflowRun] = field(default_factory=dict)
    hooks: dict[int, Hook] = field(default_factory=dict)
    earlier_names: list[str] = field(default_factory=list)  # GitHub redirects them to the new one
    signed_commits: set[str] = field(
        default_factory=set
    )  # made by REST with an App's token: shown as verified

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"


@dataclass
class Token:
    """An installation's token, or a person's (then `person` is set and scope does not apply)."""

    text: str
    expires_at: float | None  # seconds since the epoch
    installation: Installation | None = None
    repositories: set[int] | None = None  # None: whatever the installation covers at that time
    permissions: dict[str, str] = field(default_factory=dict)
    person: Account | None = None
    revoked: bool = False


@dataclass(frozen=True)
class RequestRecord:
    """One request the hub answered, for tests that count writes or look for a leaked credential kind."""

    method: str
    path: str
    status: int
    caller: str  # anonymous, app, installation, person
    login: str


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, whole, for whoever watches the hub (`Hub.watchers`)."""

    method: str
    path: str  # below the API's prefix
    query: Mapping[str, str]
    user_agent: str
    request: bytes
    status: int
    response: bytes
    faulty: bool  # answered by a fault on order


@dataclass
class Delivery:
    id: int
    guid: str  # the same on a redelivery
    hook_app: App
    event: str
    action: str | None
    installation_id: int
    repository_id: int | None
    headers: dict[str, str]
    payload: bytes
    delivered_at: str
    redelivery: bool = False
    status: str = "pending"
    status_code: int = 0
    duration_s: float = 0.0
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: str = ""
