"""What a delivery asks for: a task, a word to a running one, a refusal that its sender is told, or nothing. Pure.

The ways in: a newly created comment, a newly opened issue or pull request, both written by a person and mentioning the
agent; a label that a person puts on; a machine user that a person assigns or asks for a review; a button of our own
check run (law 6). Whether the person may is not decided
here: `domain.access`, after GitHub was asked. Ask first also for a `RefusedRequest`: strangers are not answered at
length. Closing and removing the App need no asking: whoever could do that may end the work on it.

Must never: start from an edited text, from a bot, or from a text that an app wrote in a person's name.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError

from bot.domain.auto_review import AutoReview
from bot.domain.base_choice import find_base_line
from bot.domain.boxes import Ticked, find_ticks
from bot.domain.check_triggers import decide_status, decide_suite
from bot.domain.commands import ANSWERS, CONTROLS, Command, CommandWord, parse_command
from bot.domain.decisions import (
    Button,
    Closed,
    Control,
    Decision,
    IgnoredDelivery,
    Pressed,
    Removed,
    Reply,
    Reviewed,
)
from bot.domain.ids import InstallationId, RepositoryId, TaskId
from bot.domain.outcomes import Ignored
from bot.domain.payloads import (
    CheckRunPayload,
    CheckSuitePayload,
    InstallationPayload,
    IssueCommentPayload,
    IssuePart,
    IssuesPayload,
    PullRequestPayload,
    ReviewCommentPayload,
    ReviewPayload,
    Sent,
    StatusPayload,
)
from bot.domain.repo_config import Moment
from bot.domain.request_refusals import refuse, refuse_state
from bot.domain.review_words import read_said
from bot.domain.tasks import RepositoryRef, TaskKind, TaskRequest, WayIn

_MOMENTS: Final = {
    "opened": Moment.OPENED,
    "ready_for_review": Moment.READY,
    "synchronize": Moment.PUSHED,
}
_ACTIONS: Final = {
    "issue_comment": frozenset({"created"}),
    "issues": frozenset({"opened", "edited", "labeled", "assigned", "closed", "deleted", "transferred"}),
    "pull_request": frozenset({"opened", "labeled", "review_requested", "closed", *_MOMENTS}),
    "check_run": frozenset({"requested_action"}),
    "check_suite": frozenset({"completed"}),
    "pull_request_review": frozenset({"submitted"}),
    "pull_request_review_comment": frozenset({"created"}),
    "status": frozenset({""}),  # has none
    "installation": frozenset({"deleted", "suspend"}),
    "installation_repositories": frozenset({"removed"}),
}
_OVER: Final = frozenset({"closed", "deleted", "transferred"})


def fix_label(handle: str) -> str:
    """The label that asks for a change, or releases one that is held."""
    return f"{handle}:fix"


def review_label(handle: str) -> str:
    """The label that asks for a review of a pull request."""
    return f"{handle}:review"


def decide_trigger(event: str, payload: Mapping[str, Any], handle: str) -> Decision:
    """What the delivery `event` with its decoded `payload` asks of `@handle`. Never raises for JSON."""
    actions = _ACTIONS.get(event)
    if actions is None:
        return IgnoredDelivery(Ignored.UNKNOWN_EVENT, event[:100])
    action = payload.get("action", "")
    if not isinstance(action, str) or action not in actions:
        return IgnoredDelivery(Ignored.UNKNOWN_ACTION, str(action)[:100])
    if payload.get("installation") is None:
        return IgnoredDelivery(Ignored.NOT_INSTALLED)
    try:
        return _DECIDE[event](payload, handle)
    except ValidationError as error:
        places = (".".join(str(part) for part in fault["loc"]) for fault in error.errors()[:5])
        return IgnoredDelivery(Ignored.MALFORMED, ", ".join(places))


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
    asked = _request(payload, payload.issue, is_pull=payload.issue.pull_request is not None)
    return _decide(
        replace(asked, comment_id=comment.id, requested_at=str(comment.created_at)), payload.issue, command
    )


def _reply(payload: IssueCommentPayload) -> Reply:
    sender = payload.sender
    return Reply(
        InstallationId(payload.installation.id),
        _repository(payload),
        payload.issue.number,
        payload.comment.id,
        sender.login,
        sender.id,
        payload.comment.body,
    )


def _decide_issue(payload: IssuesPayload, handle: str) -> Decision:
    if payload.action in _OVER:
        return Closed(RepositoryId(payload.repository.id), payload.issue.number, payload.sender.login)
    if payload.action == "edited":
        return _decide_ticked(payload)
    if payload.action == "labeled":
        return _decide_label(payload, payload.issue, handle)
    if payload.action == "assigned":
        return _decide_assigned(payload)
    if payload.changes:
        return IgnoredDelivery(Ignored.TRANSFERRED)
    return _decide_opened(payload, payload.issue, handle)


def _decide_ticked(payload: IssuesPayload) -> Decision:
    """The one edit that may cause something: a box of our dashboard. Whether the issue is ours is asked later."""
    if not payload.sender.is_person:
        return IgnoredDelivery(Ignored.BOT_SENDER, payload.sender.login)
    changed = (payload.changes or {}).get("body")
    before = changed.get("from") if isinstance(changed, dict) else None
    ticks = find_ticks(before, payload.issue.body) if isinstance(before, str) else ()
    if not ticks:
        return IgnoredDelivery(Ignored.EDITED)
    sender, installation = payload.sender, InstallationId(payload.installation.id)
    return Ticked(installation, _repository(payload), payload.issue.number, sender.login, sender.id, ticks)


def _decide_pull(payload: PullRequestPayload, handle: str) -> Decision:
    pull = payload.pull_request
    if payload.action in _OVER:
        return Closed(RepositoryId(payload.repository.id), pull.number, payload.sender.login)
    if payload.action == "labeled":
        return _decide_label(payload, pull, handle)
    if payload.action == "review_requested":
        return _decide_requested(payload)
    decision: Decision = IgnoredDelivery(Ignored.NO_MENTION)
    if payload.action == "opened":
        decision = _decide_opened(payload, pull, handle)
    asks = not isinstance(decision, IgnoredDelivery) or decision.reason is not Ignored.NO_MENTION
    return decision if asks else _decide_moment(payload)


def _decide_moment(payload: PullRequestPayload) -> AutoReview | IgnoredDelivery:
    """Whether the repository wants it is asked later. One task for each head: a push makes a new one."""
    if not payload.sender.is_person:
        return IgnoredDelivery(Ignored.BOT_SENDER, payload.sender.login)
    pull, moment = payload.pull_request, _MOMENTS[payload.action]
    asked = replace(
        _request(payload, pull, is_pull=True),
        kind=TaskKind.REVIEW,
        word=CommandWord.REVIEW,
        cause=f"p{payload.repository.id}-{pull.number}-{hashlib.sha256(pull.head.sha.encode()).hexdigest()[:12]}",
        head=pull.head.sha,
        way=WayIn.EVENT,
        requested_at=str(pull.updated_at),
    )
    author = pull.user.login if pull.user else ""
    labels = tuple(label.name for label in pull.labels)
    return AutoReview(asked, moment, author, bool(pull.draft), pull.base.ref, labels)


def _decide_opened(payload: IssuesPayload | PullRequestPayload, issue: IssuePart, handle: str) -> Decision:
    """The text of a new issue or pull request may ask, or its title."""
    ignored = _ignore_author(payload, issue.performed_via_github_app)
    if ignored is not None:
        return ignored
    if issue.user is None or issue.user.id != payload.sender.id:
        return IgnoredDelivery(Ignored.MALFORMED, "the issue's author is not the sender")
    command = parse_command(issue.body, handle) or parse_command(issue.title, handle)
    if command is None:
        return IgnoredDelivery(Ignored.NO_MENTION)
    asked = _request(payload, issue, is_pull=isinstance(payload, PullRequestPayload))
    return _decide(replace(asked, requested_at=str(issue.created_at), way=WayIn.OPENED), issue, command)


def _decide_label(payload: IssuesPayload | PullRequestPayload, issue: IssuePart, handle: str) -> Decision:
    """A label has no text: the issue is the instruction. Each putting on asks once: its time names the task."""
    if not payload.sender.is_person:
        return IgnoredDelivery(Ignored.BOT_SENDER, payload.sender.login)
    is_pull = isinstance(payload, PullRequestPayload)
    words = {fix_label(handle): CommandWord.FIX, review_label(handle): CommandWord.REVIEW}
    word = words.get(payload.label.name.lower() if payload.label else "")
    if word is None:
        return IgnoredDelivery(Ignored.UNKNOWN_ACTION, "another label")
    asked = replace(
        _request(payload, issue, is_pull=is_pull),
        cause=_named_once("l", payload, issue, word),
        way=WayIn.LABEL,
        requested_at=str(issue.updated_at),
    )
    decision = _decide(asked, issue, Command(word, ""))
    if isinstance(decision, TaskRequest) and word is CommandWord.FIX:
        return Control(CommandWord.GO, decision, or_task=True)
    return decision


def _decide_assigned(payload: IssuesPayload) -> Decision:
    """Whether the assigned one is a configured machine user is asked later. Nobody hands work to themselves: that is
    what a machine user that works by another program would do (ids are compared, names can be anybody's)."""
    if not payload.sender.is_person:
        return IgnoredDelivery(Ignored.BOT_SENDER, payload.sender.login)
    called = payload.assignee
    if called is None or called.id == payload.sender.id:
        return IgnoredDelivery(Ignored.UNKNOWN_ACTION, "assigned nobody else")
    issue = payload.issue
    asked = replace(
        _request(payload, issue, is_pull=False),
        cause=_named_once("a", payload, issue, str(called.id)),
        way=WayIn.ASSIGN,
        called=called.login,
        requested_at=str(issue.updated_at),
    )
    decision = _decide(asked, issue, Command(CommandWord.FIX, ""))
    return Control(CommandWord.GO, decision, or_task=True) if isinstance(decision, TaskRequest) else decision


def _decide_requested(payload: PullRequestPayload) -> Decision:
    """As with an assigned one: whether it is a configured machine user or team is asked later."""
    if not payload.sender.is_person:
        return IgnoredDelivery(Ignored.BOT_SENDER, payload.sender.login)
    person, team, pull = payload.requested_reviewer, payload.requested_team, payload.pull_request
    if person is not None and person.id == payload.sender.id:
        return IgnoredDelivery(Ignored.UNKNOWN_ACTION, "requested nobody else")
    owner = payload.repository.full_name.partition("/")[0]
    called = person.login if person else f"{owner}/{team.slug}" if team and team.slug else ""
    if not called:
        return IgnoredDelivery(Ignored.UNKNOWN_ACTION, "requested nobody")
    asked = replace(
        _request(payload, pull, is_pull=True),
        cause=_named_once("q", payload, pull, called),
        way=WayIn.REVIEW_REQUEST,
        called=called,
        requested_at=str(pull.updated_at),
    )
    return _decide(asked, pull, Command(CommandWord.REVIEW, ""))


def _named_once(kind: str, payload: Sent, issue: IssuePart, what: str) -> str:
    """The cause of a task that no text asked for: the same event gives the same one, a later one another."""
    token = hashlib.sha256(f"{what} {issue.updated_at}".encode()).hexdigest()[:12]
    return f"{kind}{payload.repository.id}-{issue.number}-{token}"


def _decide_removed(payload: InstallationPayload) -> Removed:
    lost = tuple(RepositoryId(one.id) for one in payload.repositories_removed)
    installation, login = InstallationId(payload.installation.id), payload.sender.login
    match payload.action:
        case "deleted":
            return Removed(installation, None, f"The App was removed by {login}.")
        case "suspend":
            return Removed(installation, None, f"The App was suspended by {login}.")
        case _:
            return Removed(installation, lost, f"The repository was taken from the App by {login}.")


def _decide_button(payload: CheckRunPayload) -> Decision:
    if not payload.sender.is_person:
        return IgnoredDelivery(Ignored.BOT_SENDER, payload.sender.login)
    button = payload.requested_action.identifier
    if button not in (Button.STOP, Button.RETRY, Button.FIX):
        return IgnoredDelivery(Ignored.UNKNOWN_ACTION, "another button")
    check, sender = payload.check_run, payload.sender
    return Pressed(
        button,
        TaskId(check.external_id),
        InstallationId(payload.installation.id),
        _repository(payload),
        sender.login,
        sender.id,
        check.id,
    )


def _decide_said(payload: ReviewPayload | ReviewCommentPayload, handle: str) -> Decision:
    """A review and its comments are one task, whichever delivery comes first."""
    said = read_said(payload)
    ignored = _ignore_author(payload, said.via_app)
    if ignored is not None:
        return ignored
    if said.author != payload.sender.id or not said.review:
        return IgnoredDelivery(Ignored.MALFORMED, "the author is not the sender, or there is no review")
    pull = payload.pull_request
    asked = replace(
        _request(payload, pull, is_pull=True),
        cause=f"v{payload.repository.id}-{said.review}",
        comment_id=said.comment,
        review=said.review,
        thread=said.thread,
        requested_at=said.at,
    )
    command = parse_command(said.text, handle)
    if command is not None:
        return _decide(asked, pull, command)
    if not said.asks or refuse_state(pull) is not None:
        return IgnoredDelivery(Ignored.NO_MENTION)
    asked = replace(asked, kind=TaskKind.FOLLOW_UP, way=WayIn.REVIEWED)
    return Reviewed(replace(asked, instruction=said.text.strip()))


def _ignore_author(payload: Sent, via_app: dict[str, Any] | None) -> IgnoredDelivery | None:
    if not payload.sender.is_person:
        return IgnoredDelivery(Ignored.BOT_SENDER, payload.sender.login)
    if via_app is not None:
        return IgnoredDelivery(Ignored.BOT_SENDER, "written by an app in a person's name")
    return None


def _repository(payload: Sent) -> RepositoryRef:
    found = payload.repository
    return RepositoryRef(RepositoryId(found.id), found.full_name, found.default_branch)


def _request(payload: Sent, issue: IssuePart, *, is_pull: bool) -> TaskRequest:
    """All that does not depend on the words."""
    return TaskRequest(
        installation=InstallationId(payload.installation.id),
        repository=_repository(payload),
        issue=issue.number,
        issue_title=issue.title,
        issue_body=issue.body,
        comment_id=0,
        instruction="",
        requested_by=payload.sender.login,
        requested_by_id=payload.sender.id,
        requested_at="",
        is_pull=is_pull,
        base_line="" if is_pull else find_base_line(issue.body, issue.author_association),
        milestone=issue.milestone.title if issue.milestone else "",
        cause=f"i{payload.repository.id}-{issue.number}" if is_pull else "",
    )


def _decide(asked: TaskRequest, issue: IssuePart, command: Command) -> Decision:
    if asked.comment_id and not asked.review:
        asked = replace(asked, cause="")
    asked = replace(
        asked,
        instruction=command.instruction,
        word=command.word,
        kind=_kind(command.word, is_pull=asked.is_pull),
        model=command.flags.model,
        base=command.flags.base,
        budget_usd=command.flags.budget_usd,
        attempts=command.flags.attempts,
    )
    refused = refuse(asked, issue, command)
    if refused is not None:
        return refused
    return Control(command.word, asked) if command.word in CONTROLS else asked


def _kind(word: CommandWord, *, is_pull: bool) -> TaskKind:
    if word in ANSWERS:
        return TaskKind.ANSWER
    if word is CommandWord.REVIEW:
        return TaskKind.REVIEW
    return TaskKind.FOLLOW_UP if is_pull else TaskKind.CHANGE


_DECIDE: Final[dict[str, Callable[[Mapping[str, Any], str], Decision]]] = {
    "issue_comment": lambda sent, handle: _decide_comment(IssueCommentPayload.model_validate(sent), handle),
    "issues": lambda sent, handle: _decide_issue(IssuesPayload.model_validate(sent), handle),
    "pull_request": lambda sent, handle: _decide_pull(PullRequestPayload.model_validate(sent), handle),
    "pull_request_review": lambda sent, handle: _decide_said(ReviewPayload.model_validate(sent), handle),
    "pull_request_review_comment": lambda sent, handle: _decide_said(
        ReviewCommentPayload.model_validate(sent), handle
    ),
    "check_run": lambda sent, _: _decide_button(CheckRunPayload.model_validate(sent)),
    "check_suite": lambda sent, _: decide_suite(CheckSuitePayload.model_validate(sent)),
    "status": lambda sent, _: decide_status(StatusPayload.model_validate(sent)),
    "installation": lambda sent, _: _decide_removed(InstallationPayload.model_validate(sent)),
    "installation_repositories": lambda sent, _: _decide_removed(InstallationPayload.model_validate(sent)),
}
"""The events of `_ACTIONS`. Each raises ValidationError."""
