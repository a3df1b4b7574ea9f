"""What a delivery asks for: a task, a refusal that its sender is told, or nothing. Pure.

The only ways to start a task: a newly created comment on an issue, and a newly opened issue, both written by
a person and mentioning the agent (law 6). Whether the person may is not decided here: `domain.access`, after
GitHub was asked. Ask first also for a `RefusedRequest`: strangers are not answered at length.

Must never: start from an edited text, from a bot, or from a text that an app wrote in a person's name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from bot.domain.commands import AVAILABLE, Command, parse_command
from bot.domain.ids import InstallationId, RepositoryId
from bot.domain.outcomes import Ignored, Refusal
from bot.domain.payloads import IssueCommentPayload, IssuesPayload
from bot.domain.tasks import RepositoryRef, TaskRequest, render_active_key


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
    """Somebody asked and can't have it. Where to answer, whom, and about which word."""

    refusal: Refusal
    installation: InstallationId
    repository: RepositoryRef
    issue: int
    comment_id: int  # 0: the newly opened issue itself asked
    login: str
    word: str = ""  # the command that is not available, for UNKNOWN_COMMAND


Decision = TaskRequest | IgnoredDelivery | RefusedRequest

_STARTING_ACTION: Final = {"issue_comment": "created", "issues": "opened"}


def decide_trigger(event: str, payload: Mapping[str, Any], handle: str) -> Decision:
    """What the delivery `event` with its decoded `payload` asks of `@handle`. Never raises for JSON."""
    action = _STARTING_ACTION.get(event)
    if action is None:
        return IgnoredDelivery(Ignored.UNKNOWN_EVENT, event[:100])
    if payload.get("action") != action:
        return IgnoredDelivery(Ignored.UNKNOWN_ACTION, str(payload.get("action"))[:100])
    if payload.get("installation") is None:
        return IgnoredDelivery(Ignored.NOT_INSTALLED)
    try:
        if event == "issue_comment":
            return _decide_comment(IssueCommentPayload.model_validate(payload), handle)
        return _decide_issue(IssuesPayload.model_validate(payload), handle)
    except ValidationError as error:
        places = (".".join(str(part) for part in fault["loc"]) for fault in error.errors()[:5])
        return IgnoredDelivery(Ignored.MALFORMED, ", ".join(places))


def unavailable_command_text(word: str) -> str:
    """The sentence for a command that is known but can't be used yet."""
    usable = " and ".join(f"`{name.value}`" for name in sorted(AVAILABLE))
    return (
        f"`{word}` is not available yet; {usable} are. To ask for a change, write `fix` after the mention, "
        "and then what is wanted."
    )


def _decide_comment(payload: IssueCommentPayload, handle: str) -> Decision:
    comment = payload.comment
    ignored = _ignore_author(payload, comment.performed_via_github_app)
    if ignored is not None:
        return ignored
    if comment.user is not None and comment.user.id != payload.sender.id:
        return IgnoredDelivery(Ignored.MALFORMED, "the comment's author is not the sender")
    if comment.updated_at != comment.created_at:
        return IgnoredDelivery(Ignored.EDITED)
    command = parse_command(comment.body, handle)
    if command is None:
        return IgnoredDelivery(Ignored.NO_MENTION, reply=_reply(payload))
    return _decide(payload, command, comment.id, str(comment.created_at))


def _reply(payload: IssueCommentPayload) -> Reply:
    repository, sender = payload.repository, payload.sender
    return Reply(
        InstallationId(payload.installation.id),
        RepositoryRef(RepositoryId(repository.id), repository.full_name, repository.default_branch),
        payload.issue.number,
        payload.comment.id,
        sender.login,
        sender.id,
        payload.comment.body,
    )


def _decide_issue(payload: IssuesPayload, handle: str) -> Decision:
    ignored = _ignore_author(payload, payload.issue.performed_via_github_app)
    if ignored is not None:
        return ignored
    if payload.changes:
        return IgnoredDelivery(Ignored.TRANSFERRED)
    author = payload.issue.user
    if author is None or author.id != payload.sender.id:
        return IgnoredDelivery(Ignored.MALFORMED, "the issue's author is not the sender")
    command = parse_command(payload.issue.body, handle)
    return _decide(payload, command, 0, str(payload.issue.created_at))


def _ignore_author(
    payload: IssueCommentPayload | IssuesPayload, via_app: dict[str, Any] | None
) -> IgnoredDelivery | None:
    if not payload.sender.is_person:
        return IgnoredDelivery(Ignored.BOT_SENDER, payload.sender.login)
    if via_app is not None:
        return IgnoredDelivery(Ignored.BOT_SENDER, "written by an app in a person's name")
    return None


def _decide(
    payload: IssueCommentPayload | IssuesPayload, command: Command | None, comment_id: int, written_at: str
) -> Decision:
    if command is None:
        return IgnoredDelivery(Ignored.NO_MENTION)
    issue, sender = payload.issue, payload.sender
    installation = InstallationId(payload.installation.id)
    repository = RepositoryRef(
        RepositoryId(payload.repository.id), payload.repository.full_name, payload.repository.default_branch
    )
    refusal = _refuse(payload, command)
    if refusal is not None:
        word = command.word.value if refusal is Refusal.UNKNOWN_COMMAND else ""
        return RefusedRequest(refusal, installation, repository, issue.number, comment_id, sender.login, word)
    return TaskRequest(
        installation=installation,
        repository=repository,
        issue=issue.number,
        issue_title=issue.title,
        issue_body=issue.body,
        comment_id=comment_id,
        instruction=command.instruction,
        requested_by=sender.login,
        requested_by_id=sender.id,
        requested_at=written_at,
    )


def _refuse(payload: IssueCommentPayload | IssuesPayload, command: Command) -> Refusal | None:
    """The first reason against it; a word that we can't serve comes before the state of the issue."""
    if not command.available:
        return Refusal.UNKNOWN_COMMAND
    if payload.issue.pull_request is not None:
        return Refusal.ON_PULL_REQUEST
    if payload.issue.locked:
        return Refusal.LOCKED
    if payload.issue.state == "closed":
        return Refusal.ISSUE_CLOSED
    return None
