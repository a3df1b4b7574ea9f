"""Changes to issues, pull requests as issues, comments, reactions and labels, each with its webhooks.

One function for each thing that can be done, used alike by the REST API, the pages and the seeding face. The
caller holds `Hub.lock` and has checked the permission; rules of content are checked here.
"""

from bot.domain.limits import BODY_CHARACTERS
from bot.localhub.events import emit, emit_thread
from bot.localhub.records import Account, Actor, Comment, Label, Reaction, Repository, Role, Thread
from bot.localhub.replies import Refused, invalid
from bot.localhub.shapes import REACTIONS, label, user
from bot.localhub.shapes_threads import comment as comment_shape
from bot.localhub.shapes_threads import issue as issue_shape
from bot.localhub.state import Hub

_LABEL_COLOUR = "ededed"  # what GitHub gives a label that was named without being made first


def next_number(record: Repository) -> int:
    """Issues and pull requests share one sequence."""
    return max(record.threads, default=0) + 1


def open_issue(hub: Hub, record: Repository, actor: Actor, title: str, body: str | None) -> Thread:
    _check_text(title, "Issue", "title", required=True)
    _check_text(body or "", "Issue", "body", required=False)
    now = hub.now()
    thread = Thread(
        hub.new_id("thread"), next_number(record), title, body, actor.account, actor.app, now, now
    )
    record.threads[thread.number] = thread
    emit_thread(hub, record, thread, "opened", actor)
    return thread


def edit_thread(
    hub: Hub, record: Repository, thread: Thread, actor: Actor, changes: dict[str, object]
) -> None:
    """Title, body and state; unknown keys were dropped by the caller."""
    before: dict[str, object] = {}
    for key in ("title", "body"):
        text = changes.get(key)
        if isinstance(text, str) and text != getattr(thread, key):
            _check_text(text, "Issue", key, required=key == "title")
            before[key] = {"from": getattr(thread, key) or ""}
            setattr(thread, key, text)
    thread.updated_at = hub.now()
    if before:
        emit_thread(hub, record, thread, "edited", actor, changes=before)
    state = changes.get("state")
    if state in ("open", "closed") and state != thread.state:
        set_state(hub, record, thread, actor, str(state), changes.get("state_reason"))


def set_state(
    hub: Hub, record: Repository, thread: Thread, actor: Actor, state: str, reason: object = None
) -> None:
    closing = state == "closed"
    thread.state = state
    thread.closed_at = hub.now() if closing else None
    thread.closed_by = actor.account if closing else None
    if not thread.pull:
        thread.state_reason = (str(reason) if reason else "completed") if closing else "reopened"
    thread.updated_at = hub.now()
    emit_thread(hub, record, thread, "closed" if closing else "reopened", actor)


def create_comment(hub: Hub, record: Repository, thread: Thread, actor: Actor, body: str) -> Comment:
    _check_text(body, "IssueComment", "body", required=True)
    if thread.locked and actor.app is None and hub.role(actor.account, record) < Role.WRITE:
        raise Refused(403, "Unable to create comment because issue is locked.")
    now = hub.now()
    new = Comment(hub.new_id("comment"), actor.account, actor.app, body, now, now)
    thread.comments.append(new)
    thread.updated_at = now
    _emit_comment(hub, record, thread, new, "created", actor)
    return new


def edit_comment(
    hub: Hub, record: Repository, found: tuple[Thread, Comment], actor: Actor, body: str
) -> None:
    thread, comment = found
    _check_text(body, "IssueComment", "body", required=True)
    comment.earlier_bodies.append(comment.body)
    comment.body = body
    comment.updated_at = hub.now()
    changes = {"body": {"from": comment.earlier_bodies[-1]}}
    _emit_comment(hub, record, thread, comment, "edited", actor, changes=changes)


def delete_comment(hub: Hub, record: Repository, found: tuple[Thread, Comment], actor: Actor) -> None:
    thread, comment = found
    thread.comments.remove(comment)
    _emit_comment(hub, record, thread, comment, "deleted", actor)


def _emit_comment(
    hub: Hub, record: Repository, thread: Thread, comment: Comment, action: str, actor: Actor, **extra: object
) -> None:
    payload = {
        "action": action,
        "issue": issue_shape(hub, record, thread),
        "comment": comment_shape(hub, record, thread, comment),
    }
    emit(hub, record, "issue_comment", actor, {**payload, **extra})


def react(hub: Hub, reactions: list[Reaction], actor: Actor, content: object) -> tuple[Reaction, bool]:
    """Add a reaction; the same one by the same account again gives the old one and False. No webhook, as GitHub."""
    if not isinstance(content, str) or content not in REACTIONS:
        raise invalid("Reaction", "content", "invalid")
    for old in reactions:
        if old.content == content and old.account.id == actor.account.id:
            return old, False
    new = Reaction(hub.new_id("reaction"), actor.account, content, hub.now())
    reactions.append(new)
    return new, True


def ensure_label(hub: Hub, record: Repository, name: str, colour: str = _LABEL_COLOUR) -> Label:
    """The label by name, whatever the letters' case; made when it is missing."""
    found = next((x for x in record.labels.values() if x.name.lower() == name.lower()), None)
    if found is None:
        found = record.labels[name] = Label(hub.new_id("label"), name, colour)
    return found


def add_labels(hub: Hub, record: Repository, thread: Thread, actor: Actor, names: list[str]) -> None:
    for name in names:
        item = ensure_label(hub, record, name)
        if item.name not in thread.labels:
            thread.labels.append(item.name)
            thread.updated_at = hub.now()
            emit_thread(hub, record, thread, "labeled", actor, label=label(hub, record, item))


def assign(hub: Hub, record: Repository, thread: Thread, actor: Actor, account: Account) -> None:
    """People who may see the repository; whoever is assigned already stays so."""
    if account.kind == "Bot" or hub.role(account, record) < Role.READ:
        raise invalid("Issue", "assignees", "invalid")
    if account not in thread.assignees:
        thread.assignees.append(account)
        thread.updated_at = hub.now()
        emit_thread(hub, record, thread, "assigned", actor, assignee=user(hub, account))


def remove_label(hub: Hub, record: Repository, thread: Thread, actor: Actor, name: str) -> None:
    present = next((n for n in thread.labels if n.lower() == name.lower()), None)
    if present is None:
        raise Refused(404, "Label does not exist")
    thread.labels.remove(present)
    emit_thread(hub, record, thread, "unlabeled", actor, label=label(hub, record, record.labels[present]))


def _check_text(text: object, resource: str, name: str, *, required: bool) -> None:
    if not isinstance(text, str) or (required and not text.strip()):
        raise invalid(resource, name, "missing_field")
    if len(text) > BODY_CHARACTERS:
        raise invalid(
            resource, name, "custom", f"{name} is too long (maximum is {BODY_CHARACTERS} characters)"
        )
