"""The face for seeding and control: what a person with a browser would do, as plain calls.

Used directly in story tests (hub in a thread) and through `control` and `client` by the demo (hub in a process of
its own). Takes and gives plain values only, so that both ways are the same. Raises Refused where GitHub would
refuse, KeyError for a repository, person or thread that was never made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from bot.localhub import actions_threads as act
from bot.localhub.actions_checks import press_button
from bot.localhub.actions_ci import begin_job, begin_workflow, create_status, end_job
from bot.localhub.actions_git import NewPull, after_ref_change, create_pull
from bot.localhub.actions_reviews import (
    Place,
    create_comment,
    create_review,
    reply,
    request_reviewers,
    resolve,
)
from bot.localhub.events import EVENTS, emit, emit_installation, redeliver
from bot.localhub.faults import Fault
from bot.localhub.gitstore import ZERO_SHA, GitStore, Signature
from bot.localhub.records import (
    Account,
    AccountKind,
    Actor,
    App,
    Installation,
    Json,
    Repository,
    Role,
    Status,
    Thread,
)
from bot.localhub.rest_app import delivery_item
from bot.localhub.shapes_checks import check_run
from bot.localhub.shapes_reviews import review, review_comment
from bot.localhub.shapes_threads import comment, issue, pull_request
from bot.localhub.state import Hub

DEFAULT_PERMISSIONS = {
    "actions": "read",
    "checks": "write",
    "contents": "write",
    "issues": "write",
    "metadata": "read",
    "pull_requests": "write",
    "statuses": "read",
}
SEED_TIME = 1_790_000_000  # author and committer time of seeded commits: the same files give the same SHAs


@dataclass(frozen=True)
class NewApp:
    """`account`: the owner of the repositories on which it is installed. `repositories` None: all of them."""

    slug: str
    account: str
    public_key_pem: str
    webhook_url: str = ""
    webhook_secret: str = ""
    permissions: Mapping[str, str] | None = None
    events: tuple[str, ...] = EVENTS
    repositories: tuple[str, ...] | None = None


class Seed:
    """Every method takes `Hub.lock` for itself."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    # -- people and apps ------------------------------------------------------------------------------------
    def add_person(self, login: str, name: str = "") -> str:
        """Make an account; returns a token with which the person can use the API and git."""
        with self.hub.lock:
            return self.hub.new_person_token(self.hub.ensure_account(login, AccountKind.USER, name)).text

    def add_app(self, new: NewApp) -> dict[str, int]:
        """Register an App and install it; returns `app_id` and `installation_id`. Sends no webhook."""
        hub = self.hub
        key = load_pem_public_key(new.public_key_pem.encode())
        if not isinstance(key, RSAPublicKey):
            raise ValueError("an App's key is RSA")  # noqa: TRY004 - wrong content, not a wrong type
        with hub.lock:
            app = App(
                hub.new_id("app"),
                new.slug,
                new.slug,
                hub.ensure_account(new.account, AccountKind.ORGANIZATION),
                hub.ensure_account(f"{new.slug}[bot]", AccountKind.BOT),
                key,
                new.webhook_url,
                new.webhook_secret,
                {"metadata": "read", **(new.permissions or DEFAULT_PERMISSIONS)},
                new.events,
                hub.new_id("hook"),
                hub.now(),
            )
            hub.apps[app.id] = app
            chosen = None if new.repositories is None else {self._repo(n).id for n in new.repositories}
            place = Installation(hub.new_id("installation"), app, app.owner, chosen, hub.now())
            hub.installations[place.id] = place
            return {"app_id": app.id, "installation_id": place.id}

    def set_webhook(self, app_id: int, url: str, secret: str) -> None:
        """Where the App's events go from now on; an empty URL switches them off."""
        with self.hub.lock:
            self.hub.apps[app_id].webhook_url, self.hub.apps[app_id].webhook_secret = url, secret

    def announce(self, app_id: int) -> None:
        """Send `ping` and `installation` created, as GitHub does after an installation."""
        with self.hub.lock:
            for place in self.hub.installations.values():
                if place.app.id == app_id:
                    emit_installation(self.hub, place, Actor(place.account))

    # -- repositories ---------------------------------------------------------------------------------------
    def add_repository(
        self, full_name: str, files: Mapping[str, bytes], *, private: bool = True, description: str = ""
    ) -> str:
        """A repository with one commit on `main`; returns the commit's id. Names ending in `*` are executable."""
        with self.hub.lock:
            record = self._new_repository(full_name, private, description)
            self.commit(full_name, files, "Initial commit")
            return record.git.ref(f"refs/heads/{record.default_branch}") or ""

    def add_empty_repository(self, full_name: str, *, private: bool = True, description: str = "") -> None:
        """A repository without any commit, as it is right after it was made on the page."""
        with self.hub.lock:
            self._new_repository(full_name, private, description)

    def set_default_branch(self, full_name: str, branch: str) -> None:
        """The default branch gets another name; nothing is left under the old one."""
        with self.hub.lock:
            record = self._repo(full_name)
            record.git.rename_branch(record.default_branch, branch)
            record.default_branch = branch

    def import_repository(
        self, full_name: str, source: Path, base: str, *, private: bool = True, description: str = ""
    ) -> str:
        """A repository whose `main` is commit `base` of a git directory, with its history and nothing later."""
        with self.hub.lock:
            record = self._new_repository(full_name, private, description)
            sha = record.git.copy_from(source, base)
            record.git.set_ref(f"refs/heads/{record.default_branch}", sha)
            return sha

    def commit(
        self, full_name: str, files: Mapping[str, bytes | None], message: str, branch: str = "main"
    ) -> str:
        """One more commit on a branch (made from the default branch if missing); None deletes. No webhook."""
        with self.hub.lock:
            record = self._repo(full_name)
            git = record.git
            tip = git.ref(f"refs/heads/{branch}") or git.ref(f"refs/heads/{record.default_branch}")
            before = git.commit(tip) if tip else None
            listed = git.entries(before.tree, recursive=True) if before else None
            entries = {e.path: (e.mode, e.sha) for e in listed or [] if e.kind != "tree"}
            for name, content in files.items():
                path = name.removesuffix("*")
                entries.pop(path, None)
                if content is not None:
                    mode = 0o100755 if name.endswith("*") else 0o100644
                    entries[path] = (mode, git.add_blob(content))
            when = before.committer.when + 60 if before else SEED_TIME
            login = record.owner.login
            who = Signature(login, f"{record.owner.id}+{login}@users.noreply.localhost", when)
            sha = git.add_commit(git.add_tree(entries), [tip] if tip else [], message, who, who)
            git.set_ref(f"refs/heads/{branch}", sha)
            return sha

    def _new_repository(self, full_name: str, private: bool, description: str) -> Repository:
        hub = self.hub
        owner, _, name = full_name.partition("/")
        if hub.repository(full_name) is not None or not owner or not name or "/" in name or ".." in full_name:
            raise ValueError(f"not a new owner/name: {full_name}")
        git = GitStore.create(hub.data_dir / owner / f"{name}.git", "main")
        account = hub.ensure_account(owner, AccountKind.ORGANIZATION)
        now = hub.now()
        record = Repository(
            hub.new_id("repository"), account, name, description, private, "main", now, now, git
        )
        hub.repositories[record.id] = record
        return record

    def rename_repository(self, full_name: str, new_name: str) -> None:
        """A new name under the same owner; the old one leads there, and `repository` renamed is sent."""
        with self.hub.lock:
            record = self._repo(full_name)
            before = record.name
            record.earlier_names.append(record.full_name.lower())
            record.name = new_name
            changes = {"repository": {"name": {"from": before}}}
            emit(
                self.hub, record, "repository", Actor(record.owner), {"action": "renamed", "changes": changes}
            )

    # -- CI of others -----------------------------------------------------------------------------------------
    def add_workflow_run(
        self, full_name: str, branch: str, jobs: Mapping[str, tuple[str, str]], workflow: str = "ci"
    ) -> int:
        """A finished run of GitHub Actions on a branch: job name to (conclusion, log). Returns its id."""
        with self.hub.lock:
            run = self.begin_workflow(full_name, branch, list(jobs), workflow)
            for name, (conclusion, log) in jobs.items():
                self.end_job(full_name, run, name, conclusion, log)
            return run

    def begin_workflow(self, full_name: str, branch: str, jobs: list[str], workflow: str = "ci") -> int:
        """A run of GitHub Actions whose jobs have begun. Returns its id."""
        with self.hub.lock:
            record = self._repo(full_name)
            sha = record.git.ref(f"refs/heads/{branch}")
            if sha is None:
                raise KeyError(branch)
            return begin_workflow(self.hub, record, (branch, sha), jobs, workflow).id

    def begin_job(self, full_name: str, run: int, name: str) -> int:
        """One more job of a run, or one of them again. Returns its id, which is its check run's too."""
        with self.hub.lock:
            record = self._repo(full_name)
            return begin_job(self.hub, record, record.workflow_runs[run], name).id

    def end_job(
        self,
        full_name: str,
        run: int,
        name: str,
        conclusion: str,
        log: str = "",
        annotations: list[Json] | None = None,
    ) -> None:
        """The newest job of that name ends."""
        with self.hub.lock:
            record = self._repo(full_name)
            job = [one for one in record.workflow_runs[run].jobs if one.name == name][-1]
            end_job(self.hub, record, job, conclusion, log, annotations or [])

    def set_status(self, full_name: str, login: str, branch: str, state: str, context: str = "ci") -> None:
        """A commit status on a branch's tip, as another service sets it."""
        with self.hub.lock:
            record, creator = self._repo(full_name), self._person(login)
            sha = record.git.ref(f"refs/heads/{branch}") or ""
            about = f"{context}: {state}"
            made = Status(
                self.hub.new_id("status"), sha, state, context, about, None, creator, self.hub.now()
            )
            create_status(self.hub, record, creator, made)

    def set_role(self, full_name: str, login: str, role: str) -> None:
        """`role`: none, read, triage, write, maintain, admin."""
        with self.hub.lock:
            self._person(login)
            self._repo(full_name).collaborators[login.lower()] = Role[role.upper()]

    # -- threads --------------------------------------------------------------------------------------------
    def open_issue(self, full_name: str, login: str, title: str, body: str) -> int:
        """Returns the number."""
        with self.hub.lock:
            actor = Actor(self._person(login))
            return act.open_issue(self.hub, self._repo(full_name), actor, title, body).number

    def comment(self, full_name: str, number: int, login: str, body: str) -> int:
        """Comment as a person (readers may, as on GitHub); returns the comment's id."""
        with self.hub.lock:
            record = self._repo(full_name)
            actor = Actor(self._person(login))
            return act.create_comment(self.hub, record, record.threads[number], actor, body).id

    def edit_body(self, full_name: str, number: int, login: str, body: str) -> None:
        """Change the text of an issue or pull request as a person."""
        with self.hub.lock:
            record = self._repo(full_name)
            actor = Actor(self._person(login))
            act.edit_thread(self.hub, record, record.threads[number], actor, {"body": body})

    def close_issue(self, full_name: str, number: int, login: str) -> None:
        with self.hub.lock:
            record = self._repo(full_name)
            act.set_state(self.hub, record, record.threads[number], Actor(self._person(login)), "closed")

    def open_pull(self, full_name: str, login: str, title: str, body: str, head: str) -> int:
        """Open a pull request to the default branch as a person; returns the number."""
        with self.hub.lock:
            record = self._repo(full_name)
            new = NewPull(title, body, head, record.default_branch)
            return create_pull(self.hub, record, Actor(self._person(login)), new).number

    def push(self, full_name: str, login: str, files: Mapping[str, bytes | None], branch: str) -> str:
        """One more commit on a branch, pushed by a person: pull requests of it move on, webhooks are sent."""
        with self.hub.lock:
            record, name = self._repo(full_name), f"refs/heads/{branch}"
            before = record.git.ref(name) or ZERO_SHA
            sha = self.commit(full_name, files, "More", branch)
            after_ref_change(self.hub, record, Actor(self._person(login)), name, before, sha)
            return sha

    def label(self, full_name: str, number: int, login: str, name: str) -> None:
        """Put a label on as a person; it is made when it is new."""
        with self.hub.lock:
            record = self._repo(full_name)
            act.add_labels(self.hub, record, record.threads[number], Actor(self._person(login)), [name])

    def set_milestone(self, full_name: str, number: int, title: str) -> None:
        """Put an issue into a milestone. No webhook."""
        with self.hub.lock:
            self._repo(full_name).threads[number].milestone = title

    def assign(self, full_name: str, number: int, login: str, assignee: str) -> None:
        """Assign somebody as a person."""
        with self.hub.lock:
            record = self._repo(full_name)
            thread, actor = record.threads[number], Actor(self._person(login))
            act.assign(self.hub, record, thread, actor, self._person(assignee))

    def request_review(self, full_name: str, number: int, login: str, reviewer: str) -> None:
        """Ask somebody for a review as a person."""
        with self.hub.lock:
            record = self._repo(full_name)
            thread = record.threads[number]
            if thread.pull is None:
                raise KeyError(number)
            place = Place(self.hub, record, thread, thread.pull, Actor(self._person(login)))
            request_reviewers(place, [reviewer])

    def edit_comment(self, full_name: str, comment_id: int, login: str, body: str) -> None:
        """Edit a comment as a person."""
        with self.hub.lock:
            record = self._repo(full_name)
            places = [(t, c) for t in record.threads.values() for c in t.comments if c.id == comment_id]
            act.edit_comment(self.hub, record, places[0], Actor(self._person(login)), body)

    def press_button(self, full_name: str, check_run_id: int, login: str, identifier: str) -> None:
        """Click one of a check run's actions as a person."""
        with self.hub.lock:
            record = self._repo(full_name)
            run = record.check_runs[check_run_id]
            press_button(self.hub, record, run, Actor(self._person(login)), identifier)

    def submit_review(
        self, full_name: str, number: int, login: str, body: str, comments: list[Json], event: str = "COMMENT"
    ) -> int:
        """A review as a person, with its comments (`path`, `line`, `body`); returns its id."""
        with self.hub.lock:
            place = self._place(full_name, number, login)
            return create_review(place, {"body": body, "event": event, "comments": comments}).id

    def comment_on_line(
        self, full_name: str, number: int, login: str, path: str, line: int, body: str
    ) -> int:
        """A single comment on the diff as a person; returns its id."""
        with self.hub.lock:
            place = self._place(full_name, number, login)
            given = {"path": path, "line": line, "body": body, "commit_id": place.pull.head_sha}
            return create_comment(place, given).id

    def answer_finding(self, full_name: str, number: int, login: str, comment: int, body: str) -> None:
        """Reply in the thread that a review comment began."""
        with self.hub.lock:
            reply(self._place(full_name, number, login), comment, body)

    def dislike_finding(self, full_name: str, number: int, login: str, comment: int) -> None:
        """👎 on a review comment."""
        with self.hub.lock:
            place = self._place(full_name, number, login)
            found = next(one for one in place.pull.review_comments if one.id == comment)
            act.react(self.hub, found.reactions, place.actor, "-1")

    def resolve_finding(self, full_name: str, number: int, login: str, comment: int) -> None:
        """Resolve the thread that a review comment began."""
        with self.hub.lock:
            place = self._place(full_name, number, login)
            resolve(place, next(one for one in place.pull.review_comments if one.id == comment), True)

    def resolved_findings(self, full_name: str, number: int) -> dict[int, str]:
        """Review comments whose threads are resolved, and by whom."""
        with self.hub.lock:
            pull = self._repo(full_name).threads[number].pull
            return {} if pull is None else {key: who.login for key, who in pull.resolved.items()}

    def _place(self, full_name: str, number: int, login: str) -> Place:
        record = self._repo(full_name)
        thread = record.threads[number]
        if thread.pull is None:
            raise KeyError(number)
        return Place(self.hub, record, thread, thread.pull, Actor(self._person(login)))

    # -- bad days -------------------------------------------------------------------------------------------
    def order_fault(self, **fault: Any) -> None:
        """The next matching requests fail; the fields of `faults.Fault`."""
        self.hub.faults.add(Fault(**fault))

    def clear_faults(self) -> None:
        self.hub.faults.clear()

    def end_tokens(self, *, revoked: bool) -> None:
        """Every installation token that was given out so far is revoked, or at the end of its hour."""
        with self.hub.lock:
            for token in self.hub.tokens.values():
                if token.installation is not None:
                    token.revoked = token.revoked or revoked
                    token.expires_at = self.hub.clock()

    # -- reading --------------------------------------------------------------------------------------------
    def thread(self, full_name: str, number: int) -> Json:
        """An issue or pull request: `issue`, `comments`, `reactions` by comment id ("0": the body's); for a pull
        request also `pull`, `diff`, `reviews`, `review_comments` and `check_runs`."""
        hub = self.hub
        with hub.lock:
            record = self._repo(full_name)
            thread = record.threads[number]
            shown: Json = {
                "issue": issue(hub, record, thread),
                "comments": [comment(hub, record, thread, c) for c in thread.comments],
                "reactions": _reactions(thread),
            }
            if thread.pull:
                pull = pull_request(hub, record, thread)
                root = record.git.compare(thread.pull.base_sha, thread.pull.head_sha).merge_base
                changes = record.git.changes(root, thread.pull.head_sha)
                shown["pull"] = pull
                shown["diff"] = b"".join(c.diff for c in changes).decode(errors="replace")
                runs = hub.check_runs_for(record, thread.pull.head_sha)
                shown["reviews"] = [review(hub, record, thread, one) for one in thread.pull.reviews]
                said = thread.pull.review_comments
                shown["review_comments"] = [review_comment(hub, record, thread, one) for one in said]
                shown["check_runs"] = [check_run(hub, record, r) for r in runs]
            return shown

    def threads(self, full_name: str) -> list[Json]:
        """Every issue and pull request, oldest first, in short."""
        with self.hub.lock:
            return [
                {
                    "number": t.number,
                    "title": t.title,
                    "state": t.state,
                    "author": t.author.login,
                    "is_pull": t.pull is not None,
                    "comments": len(t.comments),
                    "head": t.pull.head_ref if t.pull else None,
                }
                for t in self._repo(full_name).threads.values()
            ]

    def refs(self, full_name: str) -> dict[str, str]:
        with self.hub.lock:
            return self._repo(full_name).git.refs()

    def file(self, full_name: str, revision: str, path: str) -> bytes | None:
        """A file's bytes at a branch or commit; None when there is none."""
        with self.hub.lock:
            git = self._repo(full_name).git
            sha = git.resolve(revision)
            entry = git.entry_at(sha, path) if sha else None
            return git.blob(entry.sha) if entry else None

    def deliveries(self) -> list[Json]:
        """Every delivery, oldest first, as in GitHub's list."""
        with self.hub.lock:
            return [delivery_item(d) for d in self.hub.courier.deliveries]

    def redeliver(self, delivery_id: int) -> int:
        """Returns the new record's id; the delivery id (guid) stays."""
        with self.hub.lock:
            again = redeliver(self.hub, delivery_id)
            if again is None:
                raise KeyError(delivery_id)
            return again.id

    def requests(self) -> list[Json]:
        with self.hub.lock:
            return [dict(vars(r)) for r in self.hub.requests]

    def wait_idle(self, timeout_s: float = 10.0) -> bool:
        """Wait until every webhook has its outcome."""
        return self.hub.courier.wait_idle(timeout_s)

    # -- look-ups -------------------------------------------------------------------------------------------
    def _repo(self, full_name: str) -> Repository:
        found = self.hub.repository(full_name)
        if found is None:
            raise KeyError(full_name)
        return found

    def _person(self, login: str) -> Account:
        found = self.hub.account(login)
        if found is None:
            raise KeyError(login)
        return found


def _reactions(thread: Thread) -> dict[str, list[Any]]:
    places = {"0": thread.reactions, **{str(c.id): c.reactions for c in thread.comments}}
    return {place: [[r.account.login, r.content] for r in items] for place, items in places.items()}
