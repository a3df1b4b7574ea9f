"""The ground that stories stand on: people, Apps, repositories, and the CI of others.

Beneath `seed.Seed`, whose face and rules it shares. Raises KeyError for what was never made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from bot.localhub.actions_ci import begin_job, begin_workflow, create_status, end_job
from bot.localhub.events import EVENTS, emit, emit_installation
from bot.localhub.gitstore import GitStore, Signature
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
)
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


class GroundSeed:
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
