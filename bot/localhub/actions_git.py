"""Changes to refs and pull requests, with what follows from them: push events, synchronised pull requests.

Every way in (REST, git push, seeding) ends in `after_ref_change`. The caller holds `Hub.lock`.
"""

from dataclasses import dataclass

from bot.localhub.actions_threads import next_number, set_state
from bot.localhub.events import emit, emit_push, emit_thread
from bot.localhub.gitstore import ZERO_SHA, Signature
from bot.localhub.records import Actor, Pull, Repository, Thread
from bot.localhub.replies import Refused, invalid, unprocessable
from bot.localhub.state import Hub


def create_ref(hub: Hub, record: Repository, actor: Actor, name: str, sha: str) -> None:
    if not name.startswith("refs/") or name.count("/") < 2:
        raise unprocessable("Reference name must start with 'refs/' and contain at least two slashes.")
    if record.git.ref(name) is not None:
        raise unprocessable("Reference already exists")
    _check_target(record, name, sha)
    record.git.set_ref(name, sha)
    after_ref_change(hub, record, actor, name, ZERO_SHA, sha)


def update_ref(hub: Hub, record: Repository, actor: Actor, name: str, sha: str, *, force: bool) -> None:
    before = record.git.ref(name)
    if before is None:
        raise unprocessable("Reference does not exist")
    _check_target(record, name, sha)
    if not force and not record.git.is_ancestor(before, sha):
        raise unprocessable("Update is not a fast forward")
    record.git.set_ref(name, sha)
    if before != sha:
        after_ref_change(hub, record, actor, name, before, sha)


def delete_ref(hub: Hub, record: Repository, actor: Actor, name: str) -> None:
    before = record.git.ref(name)
    if before is None:
        raise unprocessable("Reference does not exist")
    record.git.delete_ref(name)
    after_ref_change(hub, record, actor, name, before, ZERO_SHA)


def _check_target(record: Repository, name: str, sha: str) -> None:
    kind = record.git.kind(sha) if len(sha) == 40 else None
    if kind is None or (name.startswith("refs/heads/") and kind != "commit"):
        raise unprocessable("Object does not exist")


def after_ref_change(hub: Hub, record: Repository, actor: Actor, name: str, before: str, after: str) -> None:
    """Webhooks of a moved, new or deleted ref, then the pull requests whose head it is."""
    record.pushed_at = hub.now()
    emit_push(hub, record, name, before, after, actor)
    kind, _, short = name.removeprefix("refs/").partition("/")
    if kind not in ("heads", "tags"):
        return
    if ZERO_SHA in (before, after):
        event = "create" if before == ZERO_SHA else "delete"
        payload: dict[str, object] = {
            "ref": short,
            "ref_type": "branch" if kind == "heads" else "tag",
            "pusher_type": "user",
        }
        if event == "create":
            payload |= {"master_branch": record.default_branch, "description": record.description or None}
        emit(hub, record, event, actor, payload)
    for thread in [t for t in record.threads.values() if t.state == "open" and t.pull]:
        if kind == "heads" and thread.pull and thread.pull.head_ref == short and not thread.pull.fork:
            _synchronise(hub, record, thread, actor, before, after)


def _synchronise(hub: Hub, record: Repository, thread: Thread, actor: Actor, before: str, after: str) -> None:
    assert thread.pull is not None
    if after == ZERO_SHA:
        set_state(hub, record, thread, actor, "closed")
        return
    thread.pull.head_sha = after
    thread.updated_at = hub.now()
    record.git.set_ref(f"refs/pull/{thread.number}/head", after)
    emit_thread(hub, record, thread, "synchronize", actor, before=before, after=after)


@dataclass(frozen=True)
class NewPull:
    title: str
    body: str | None
    head: str  # branch, or owner:branch
    base: str
    draft: bool = False
    maintainer_can_modify: bool = True
    fork: Repository | None = None  # `head` is a branch of it; its commit is here already


def create_pull(hub: Hub, record: Repository, actor: Actor, new: NewPull) -> Thread:
    """Raises Refused (422) as GitHub does: unknown branches, no commits between them, an open one already."""
    owner, _, branch = new.head.rpartition(":")
    head_sha = record.git.ref(f"refs/heads/{branch}")
    if head_sha is None or (owner and owner.lower() != record.owner.login.lower()):
        raise invalid("PullRequest", "head", "invalid")
    base_sha = record.git.ref(f"refs/heads/{new.base}")
    if base_sha is None:
        raise invalid("PullRequest", "base", "invalid")
    if any(_same_open(t, branch, new.base) for t in record.threads.values()):
        name = f"{record.owner.login}:{branch}"
        raise invalid("PullRequest", "", "custom", f"A pull request already exists for {name}.")
    if not record.git.compare(base_sha, head_sha).ahead:
        raise invalid("PullRequest", "", "custom", f"No commits between {new.base} and {branch}")
    if not new.title.strip():
        raise invalid("PullRequest", "title", "missing_field")
    now = hub.now()
    pull = Pull(
        hub.new_id("pull"), branch, head_sha, new.base, base_sha, new.draft, new.maintainer_can_modify
    )
    pull.fork = new.fork
    thread = Thread(
        hub.new_id("thread"),
        next_number(record),
        new.title,
        new.body,
        actor.account,
        actor.app,
        now,
        now,
        pull=pull,
    )
    record.threads[thread.number] = thread
    record.git.set_ref(f"refs/pull/{thread.number}/head", head_sha)
    emit_thread(hub, record, thread, "opened", actor)
    return thread


def _same_open(thread: Thread, head: str, base: str) -> bool:
    pull = thread.pull
    return pull is not None and thread.state == "open" and (pull.head_ref, pull.base_ref) == (head, base)


def change_base(hub: Hub, record: Repository, thread: Thread, actor: Actor, base: str) -> None:
    assert thread.pull is not None
    sha = record.git.ref(f"refs/heads/{base}")
    if sha is None:
        message = f"Proposed base branch '{base}' was not found"
        raise invalid("PullRequest", "base", "invalid", message)
    if thread.state != "open":
        raise Refused(422, "Cannot change the base branch of a closed pull request.")
    earlier = {"base": {"ref": {"from": thread.pull.base_ref}, "sha": {"from": thread.pull.base_sha}}}
    thread.pull.base_ref, thread.pull.base_sha = base, sha
    emit_thread(hub, record, thread, "edited", actor, changes=earlier)


def merge(hub: Hub, record: Repository, thread: Thread, actor: Actor, title: str) -> str:
    """One commit with the head's tree on the base branch (fast and enough for a stage); returns its id.

    Refused (405) when the base has moved since: nothing here resolves conflicts.
    """
    pull = thread.pull
    assert pull is not None
    git = record.git
    base = git.ref(f"refs/heads/{pull.base_ref}")
    head = git.commit(pull.head_sha)
    if base is None or head is None or not git.is_ancestor(base, pull.head_sha):
        raise Refused(405, "Pull Request is not mergeable")
    who = Signature(actor.account.login, _address(actor), int(hub.clock()))
    sha = git.add_commit(head.tree, [base, pull.head_sha], title, who, who)
    git.set_ref(f"refs/heads/{pull.base_ref}", sha)
    pull.merged_at, pull.merge_sha = hub.now(), sha
    after_ref_change(hub, record, actor, f"refs/heads/{pull.base_ref}", base, sha)
    set_state(hub, record, thread, actor, "closed")
    return sha


def update_branch(hub: Hub, record: Repository, thread: Thread, actor: Actor) -> None:
    """Merge the base into the head where that is a matter of paths; Refused (422) for a conflict."""
    pull = thread.pull
    assert pull is not None
    git = record.git
    base = git.ref(f"refs/heads/{pull.base_ref}")
    if base is None or git.is_ancestor(base, pull.head_sha):
        raise unprocessable("There are no new commits on the base branch.")
    root = git.compare(base, pull.head_sha).merge_base
    theirs, ours = git.changes(root, base), git.changes(root, pull.head_sha)
    if {c.path for c in theirs} & {c.path for c in ours}:
        raise unprocessable("merge conflict between base and head")
    head = git.commit(pull.head_sha)
    assert head is not None
    entries = {
        e.path: (e.mode, e.sha) for e in git.entries(head.tree, recursive=True) or [] if e.kind != "tree"
    }
    for change in theirs:
        entry = git.entry_at(base, change.path)
        entries.pop(change.previous_path or change.path, None)
        if entry is not None:
            entries[change.path] = (entry.mode, entry.sha)
    who = Signature(actor.account.login, _address(actor), int(hub.clock()))
    message = f"Merge branch '{pull.base_ref}' into {pull.head_ref}"
    sha = git.add_commit(git.add_tree(entries), [pull.head_sha, base], message, who, who)
    name = f"refs/heads/{pull.head_ref}"
    git.set_ref(name, sha)
    after_ref_change(hub, record, actor, name, pull.head_sha, sha)


def _address(actor: Actor) -> str:
    return f"{actor.account.id}+{actor.account.login}@users.noreply.localhost"
