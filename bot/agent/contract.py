"""What the agent needs from the rest of the world, and how it ends. `tasks` implements the protocols.

The event log is the run's memory: everything that the loop decides is a function of its rows, so a run that
dies anywhere goes on from the log without paying for a recorded reply twice. Nothing here knows a database,
GitHub, or how a sandbox works.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from bot.agent.stack_traces import Region
from bot.domain.budget import Budget, Spent
from bot.domain.findings import Finding, Shown
from bot.domain.ids import CommitSha, TreeSha
from bot.domain.outcomes import Outcome
from bot.llm.contract import Model
from bot.sandbox.contract import Workspace

JsonObject = dict[str, Any]


# -- the log ------------------------------------------------------------------------------------------------


class EventKind(StrEnum):
    STARTED = "started"  # the first messages and the tools, as they were sent
    REPLY = "reply"  # one reply of the model
    OUTPUTS = "outputs"  # the answers to all calls of that reply, and the snapshot after them
    MESSAGE = "message"  # a later message to the model: feedback, a person's steering, a nudge
    COMPACTED = (
        "compacted"  # what the conversation was shortened to: the next request does not extend the last
    )
    PAID = "paid"  # what a request cost that brought no reply


@dataclass(frozen=True)
class Event:
    kind: EventKind
    body: JsonObject  # plain JSON, no NUL characters, no lone surrogates


class EventLog(Protocol):
    """The append-only rows of one task."""

    async def load(self) -> tuple[Event, ...]:
        """All rows in the order of appending."""
        ...

    async def append(self, kind: EventKind, body: JsonObject) -> None:
        """Durable when it returns. Raises Superseded when another worker owns the task now."""
        ...


# -- people and progress ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Steering:
    """What a person with access said while the agent works. `id`: of the comment. `seq`: grows from one to the next, in
    the order in which they were taken in, which need not be that of the comments."""

    id: int
    author: str
    text: str
    seq: int


@dataclass(frozen=True)
class Heard:
    """How far people were heard: everything up to `seq`. `comments`: what older versions heard, whose rows know the
    comment only."""

    seq: int = 0
    comments: frozenset[int] = frozenset()

    def has(self, seq: int, comment: int) -> bool:
        """Whether the words with this number, of this comment, were heard."""
        return seq <= self.seq or comment in self.comments


class Inbox(Protocol):
    async def drain(self, heard: Heard) -> tuple[Steering, ...]:
        """What came in and was not heard yet, oldest first. The log remembers how far it was taken, so nothing is
        lost or taken twice when a run dies between."""
        ...


class StepStatus(StrEnum):
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"


@dataclass(frozen=True)
class PlanStep:
    step: str
    status: StepStatus


class Observer(Protocol):
    """Progress for people. Called from the loop: must neither block nor raise."""

    def turn(self, spent: Spent) -> None: ...

    def plan(self, steps: tuple[PlanStep, ...]) -> None: ...

    def command_started(self, label: str) -> None:
        """A tool starts; `label` is one line, for example `$ pytest -q`."""
        ...

    def command_ended(self, label: str, ok: bool, seconds: float) -> None: ...

    def text(self, delta: str) -> None:
        """A piece of the model's text while it streams. A retried stream starts over."""
        ...


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since the epoch."""
        ...


# -- the work tree ------------------------------------------------------------------------------------------


class TestRunner(Protocol):
    async def run(self, selection: tuple[str, ...]) -> str:
        """Run the detected tests (empty: the harness chooses) on the work tree as it is now; the answer is
        already rendered as a difference against the baseline. Raises ForModel when nothing could run."""
        ...

    async def reproduce(self, script: str) -> Shown:
        """Run a script over the files that the work began with, and over those of its base: each in a fresh
        workspace, so that nothing which the model left behind takes part."""
        ...


class Snapshots(Protocol):
    async def take(self) -> TreeSha:
        """Keep the work tree as it is now. Called after each batch of calls that may have changed it."""
        ...

    async def restore(self, tree: TreeSha) -> Workspace:
        """The workspace with exactly the content of `tree`: the first call of every run, and before tools are
        run again after a crash. May hand out the open workspace if it is known to be at `tree`."""
        ...

    async def fork(self) -> Workspace:
        """A second workspace over the work tree as it is now, for background processes; whoever asks closes it."""
        ...

    async def summarise(self, tree: TreeSha) -> str:
        """The change from the base to `tree`, a line for each file with its counts; empty when there is none."""
        ...


class SubmitOutcome(StrEnum):
    """The four ways to submit; all of them are acceptable results."""

    FIXED = "fixed"
    NO_CHANGE_NEEDED = "no_change_needed"
    NEEDS_CLARIFICATION = "needs_clarification"
    BLOCKED = "blocked"


@dataclass(frozen=True)
class Submission:
    """What the model says about its work: explanations only. Whether tests pass is measured elsewhere."""

    outcome: SubmitOutcome
    title: str
    summary: str
    root_cause: str = ""
    regression_tests: tuple[str, ...] = ()
    risks: str = ""
    questions: tuple[str, ...] = ()
    points: tuple[str, ...] = ()  # of a follow-up: as `domain/follow_up.py` reads them


class Gate(Protocol):
    async def check(self, submission: Submission, tree: TreeSha) -> tuple[str, ...]:
        """Static faults of the change from base to `tree`, each a sentence for the model; empty = clean."""
        ...


# -- the task -----------------------------------------------------------------------------------------------


class Trust(StrEnum):
    """How far the author of a comment is trusted, in words that the model reads."""

    WRITER = "has write access"
    MEMBER = "member or collaborator"
    OUTSIDER = "no write access"
    UNKNOWN = "access unknown"


@dataclass(frozen=True)
class ThreadComment:
    author: str
    trust: Trust
    at: str  # ISO 8601
    text: str


@dataclass(frozen=True)
class ListedThread:
    """An open pull request or issue in a list. `about`: dates and states, in the harness's words; `text`: title, labels
    and the like, in the words of others."""

    number: int
    author: str
    trust: Trust
    about: str
    text: str


@dataclass(frozen=True)
class Listing:
    """What is open on GitHub. `kind`: "pull request", "issue"; `order`: which ones come first; `in_all`: how many there
    are, of which a turn is shown some."""

    kind: str
    order: str
    in_all: int
    threads: tuple[ListedThread, ...]


@dataclass(frozen=True)
class DetectedCommand:
    purpose: str  # test, lint, setup
    command: str
    source: str  # where it was found, for example `pyproject.toml`


@dataclass(frozen=True)
class RepositoryFacts:
    """What all tasks on the repository share; rendered first, so that they share a cached prefix."""

    full_name: str
    paths: tuple[str, ...]  # every file of the base tree; the prompt shows two levels
    commands: tuple[DetectedCommand, ...] = ()
    agents_md: tuple[tuple[str, str], ...] = ()  # (path, text) from the base branch, root to leaf


class Mode(StrEnum):
    """What a run is for; decides its tools."""

    CHANGE = "change"
    REVIEW = "review"  # findings in place of edits
    ANSWER = "answer"  # words in place of edits
    FOLLOW_UP = "follow_up"  # a change on top of a pull request, with an answer to each point
    MERGE = "merge"  # a branch and its base are brought together
    MAINTENANCE = "maintenance"  # a change that a schedule asks for; nobody is there to answer questions


@dataclass(frozen=True)
class EarlierFinding:
    """What a review said before. `number`: by which the model settles it; 0: a person waved it off."""

    number: int
    place: str  # path:line
    priority: str
    title: str


@dataclass(frozen=True)
class Settled:
    """What the model says about an earlier finding."""

    number: int
    mended: bool
    why: str


@dataclass(frozen=True)
class AgentTask:
    """Everything that the first messages say."""

    repository: RepositoryFacts
    base_commit: CommitSha
    base_tree: TreeSha
    instruction: str
    requested_by: str
    issue: int = 0  # 0: there is none, the instruction stands for itself
    issue_title: str = ""
    issue_body: str = ""
    issue_author: str = ""
    issue_trust: Trust = Trust.UNKNOWN
    thread: tuple[ThreadComment, ...] = ()  # in order of time
    regions: tuple[Region, ...] = ()  # of the base tree, around the lines that the issue's stack traces name
    earlier: str = ""  # what is known of an earlier attempt, in the harness's words
    sides: tuple[tuple[str, str], ...] = ()  # of a merge: a heading, and what that side did as a diff
    checks: tuple[tuple[str, str], ...] = ()  # red in CI: a heading and what CI says of it, written by others
    points: int = 0  # of a review, which stand in the instruction and are to be answered one by one
    so_far: str = ""  # what was done on this pull request before, in the harness's words
    mode: Mode = Mode.CHANGE
    rules: tuple[tuple[str, str], ...] = ()  # for reviews: (path of the AGENTS.md, text), root to leaf
    since: str = ""  # the commit that the last review saw, when only what is new is looked at
    news: str = ""  # the diff since then, which its git can't show
    earlier_findings: tuple[EarlierFinding, ...] = ()
    facts: tuple[str, ...] = ()  # one sentence each: linked pull requests, default branch
    listings: tuple[Listing, ...] = ()  # what is open on GitHub, for a schedule that reads it


@dataclass(frozen=True)
class Feedback:
    """Why a submission was not enough: the verification's findings. `round` counts from 1 and makes handing
    the same feedback in again after a crash harmless."""

    round: int
    text: str


@dataclass(frozen=True)
class Deps:
    """What a run works with. One set for each run; nothing in it is shared between runs."""

    model: Model
    events: EventLog
    inbox: Inbox
    observer: Observer
    clock: Clock
    tests: TestRunner
    snapshots: Snapshots
    gate: Gate
    budget: Budget = field(default_factory=Budget)
    window: int = 128_000  # tokens that the model takes in one request


# -- the ends -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finished:
    """The model submitted and the gate found nothing. `tree` is what it submitted."""

    submission: Submission
    tree: TreeSha
    spent: Spent
    findings: tuple[Finding, ...] = ()  # of a review
    settled: tuple[Settled, ...] = ()  # earlier ones; the last word on each number holds


@dataclass(frozen=True)
class Waiting:
    """The model asked a person (the `ask_person` tool); the reply starts the next segment."""

    questions: tuple[str, ...]
    tree: TreeSha
    spent: Spent


@dataclass(frozen=True)
class Deferred:
    """The model's server asked for a longer pause than the loop waits. Go on at `until` (epoch seconds)."""

    until: float
    reason: str
    spent: Spent


@dataclass(frozen=True)
class Exhausted:
    """A bound was reached, or the model or its server gave up. `tree` is the work so far: nothing is lost."""

    outcome: Outcome
    detail: str
    tree: TreeSha
    spent: Spent
    findings: tuple[Finding, ...] = ()


End = Finished | Waiting | Deferred | Exhausted
