"""The hub's state: every account, app, repository and token, with look-ups, ids and the clock.

All changes happen under `lock` (re-entrant): the request dispatcher, the seeding face, pages and git pushes take
it. Ids count up from a base for each kind, tokens and delivery ids are derived from counters, so the same
seeding gives the same ids and SHAs in each run. Nothing survives the process but the bare repositories.
"""

import base64
import hashlib
import itertools
import json
import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.localhub.faults import Faults
from bot.localhub.records import (
    Account,
    AccountKind,
    App,
    CheckRun,
    CheckSuite,
    Comment,
    Exchange,
    Installation,
    Repository,
    RequestRecord,
    Role,
    Thread,
    Token,
)
from bot.localhub.webhooks import Courier

if TYPE_CHECKING:
    from bot.localhub.manifest import Proposal

TOKEN_LIFETIME_S = 3600  # GitHub: installation tokens live one hour
_NAMESPACE = uuid.UUID("8f0a6d0e-0f7b-5c39-9a53-6f3f3b8a6c11")  # ours; makes delivery ids repeatable

# A base for each kind keeps ids of different kinds apart, so that mixing them up shows in a test.
_ID_BASES = {
    "account": 9_000_000,
    "app": 700_000,
    "installation": 50_000_000,
    "hook": 400_000_000,
    "repository": 1_200_000_000,
    "thread": 2_300_000_000,
    "pull": 1_700_000_000,
    "comment": 3_100_000_000,
    "reaction": 250_000_000,
    "label": 6_000_000_000,
    "suite": 30_000_000_000,
    "check": 40_000_000_000,
    "delivery": 90_000_000_000,
    "review": 3_500_000_000,
    "review comment": 2_600_000_000,
    "status": 35_000_000_000,
    "workflow run": 19_000_000_000,
    "job": 54_000_000_000,
}


@dataclass
class Hub:
    """One GitHub on localhost. `clock` gives seconds since the epoch; `base_url` is set by the server."""

    data_dir: Path
    clock: Callable[[], float]
    base_url: str = "http://127.0.0.1:0"
    lock: threading.RLock = field(default_factory=threading.RLock)
    accounts: dict[str, Account] = field(default_factory=dict)  # by login in lower case
    apps: dict[int, App] = field(default_factory=dict)
    installations: dict[int, Installation] = field(default_factory=dict)
    repositories: dict[int, Repository] = field(default_factory=dict)
    suites: dict[int, CheckSuite] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    requests: list[RequestRecord] = field(default_factory=list)
    watchers: list[Callable[[Exchange], None]] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    courier: Courier = field(default_factory=Courier)
    proposals: dict[str, "Proposal"] = field(default_factory=dict)  # by the code of the manifest flow
    _counters: dict[str, "itertools.count[int]"] = field(default_factory=dict)

    # -- time, ids ------------------------------------------------------------------------------------------
    def now(self) -> str:
        return iso(self.clock())

    def new_id(self, kind: str) -> int:
        counter = self._counters.setdefault(kind, itertools.count(_ID_BASES.get(kind, 0) + 1))
        return next(counter)

    def new_guid(self) -> str:
        return str(uuid.uuid5(_NAMESPACE, str(self.new_id("guid"))))

    def request_id(self) -> str:
        number = self.new_id("request")
        return f"{number:04X}:{number % 7919:06X}:{number:08X}"

    # -- accounts -------------------------------------------------------------------------------------------
    def account(self, login: str) -> Account | None:
        return self.accounts.get(login.lower())

    def ensure_account(self, login: str, kind: AccountKind = AccountKind.USER, name: str = "") -> Account:
        found = self.account(login)
        if found is None:
            found = Account(self.new_id("account"), login, kind, name or login, self.now())
            self.accounts[login.lower()] = found
        return found

    # -- repositories and what is in them ---------------------------------------------------------------------
    def repository(self, full_name: str) -> Repository | None:
        wanted = full_name.lower()
        return next((r for r in self.repositories.values() if r.full_name.lower() == wanted), None)

    def renamed(self, full_name: str) -> Repository | None:
        """The repository that had this name once."""
        wanted = full_name.lower()
        return next((r for r in self.repositories.values() if wanted in r.earlier_names), None)

    def role(self, account: Account, repository: Repository) -> Role:
        if account.id == repository.owner.id:
            return Role.ADMIN
        floor = Role.NONE if repository.private else Role.READ
        return max(floor, repository.collaborators.get(account.login.lower(), Role.NONE))

    def find_comment(self, repository: Repository, comment_id: int) -> tuple[Thread, Comment] | None:
        for thread in repository.threads.values():
            for comment in thread.comments:
                if comment.id == comment_id:
                    return thread, comment
        return None

    def check_runs_for(self, repository: Repository, sha: str) -> list[CheckRun]:
        return [run for run in repository.check_runs.values() if run.head_sha == sha]

    # -- installations and tokens -----------------------------------------------------------------------------
    def covers(self, installation: Installation, repository: Repository) -> bool:
        if installation.account.id != repository.owner.id:
            return False
        return installation.repositories is None or repository.id in installation.repositories

    def installations_for(self, repository: Repository) -> list[Installation]:
        return [i for i in self.installations.values() if self.covers(i, repository)]

    def covered(self, installation: Installation, ids: Iterable[int] | None = None) -> list[Repository]:
        """The repositories of an installation, or those among `ids` that it covers."""
        wanted = None if ids is None else set(ids)
        return [
            r
            for r in self.repositories.values()
            if self.covers(installation, r) and (wanted is None or r.id in wanted)
        ]

    def new_installation_token(
        self, installation: Installation, repositories: set[int] | None, permissions: dict[str, str]
    ) -> Token:
        number = self.new_id("token")
        token = Token(
            _token_text(installation, number, int(self.clock())),
            self.clock() + TOKEN_LIFETIME_S,
            installation,
            repositories,
            permissions,
        )
        self.tokens[token.text] = token
        return token

    def new_person_token(self, person: Account) -> Token:
        digest = hashlib.sha256(f"person {person.login} {self.new_id('token')}".encode()).hexdigest()
        token = Token(f"ghp_{digest[:36]}", None, person=person)
        self.tokens[token.text] = token
        return token

    def close(self) -> None:
        """Stop sending webhooks and let go of the repositories' files. Idempotent."""
        self.courier.close()
        with self.lock:
            for repository in self.repositories.values():
                repository.git.close()


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_iso(text: str) -> int:
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


def _token_text(installation: Installation, number: int, now: int) -> str:
    """Today's shape, `ghs_<app>_<jwt>`: long, with `_`, `-` and `.`; a client must treat it as opaque."""
    head = _b64(b'{"alg":"RS256","typ":"JWT"}')
    claims = {"iss": installation.app.id, "sub": installation.id, "iat": now, "n": number}
    body = _b64(json.dumps(claims).encode())
    seal = _b64(hashlib.sha512(f"{head}.{body}".encode()).digest() + b"\xfb\xff\xbf")
    return f"ghs_{installation.app.id}_{head}.{body}.{seal}"


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
