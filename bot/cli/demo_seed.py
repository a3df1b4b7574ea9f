"""Fills the hub on localhost for the demo: an App with its key, two people, a repository, an issue.

Talks to the hub's control API only; what it makes is what a person with a browser would make.
"""

import secrets
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from bot.errors import Bug, ForPerson
from bot.localhub.client import HubControl
from bot.localhub.seed_ground import NewApp

REPORTER, MAINTAINER = "noor", "ada"
"""Noor reports (may read), Ada asks the agent (may write)."""

_OWNER = "pullwright-demo"


@dataclass(frozen=True)
class Project:
    """What to work on. `source` None: the built-in project."""

    name: str
    title: str
    body: str
    source: Path | None = None
    base: str = "HEAD"


@dataclass(frozen=True)
class Seeded:
    full_name: str
    issue: int
    app_id: int
    private_key: Path
    webhook_secret: str


def builtin_project() -> Project:
    """The shift book with its bug; the issue describes the symptom as a user would."""
    issue = files("bot.cli").joinpath("demo_assets/issue.md").read_text(encoding="utf-8")
    title, body = parse_issue(issue)
    return Project("timesheet", title, body)


def load_project(repo: Path, base: str, issue: Path | None) -> Project:
    """A person's own repository and issue. Raises ForPerson that names the file and the remedy."""
    git_dir = repo / ".git" if (repo / ".git").is_dir() else repo
    if not (git_dir / "objects").is_dir():
        raise ForPerson(f"{repo} is no git repository.", "Name a clone, or a bare repository.")
    if issue is None:
        raise ForPerson("REPO needs an issue.", "Name a Markdown file: make demo REPO=... ISSUE=issue.md")
    if not issue.is_file():
        raise ForPerson(
            f"There is no file {issue}.", "ISSUE names a Markdown file; its heading is the title."
        )
    title, body = parse_issue(issue.read_text(encoding="utf-8"))
    name = repo.resolve().name.removesuffix(".git")
    return Project(name or "repository", title, body, git_dir.resolve(), base)


def parse_issue(text: str) -> tuple[str, str]:
    """Title and body: the first line that is not blank (heading marks and bold taken off), then the rest."""
    head, _, body = text.lstrip().partition("\n")
    title = head.strip().lstrip("#").strip().removeprefix("**").removesuffix("**").strip()
    if not title:
        raise ForPerson("The issue's file is empty.", "Its first heading is the title, the rest the body.")
    return title, body.strip()


def seed(hub: HubControl, project: Project, data_dir: Path) -> Seeded:
    """Make everything but the comment. The App's key is written below `data_dir`, for us alone."""
    private, public = _make_key(data_dir / "app.pem")
    full_name = f"{_OWNER}/{project.name}"
    hub.add_person(REPORTER, "Noor")
    hub.add_person(MAINTAINER, "Ada")
    secret = secrets.token_hex(32)
    app = hub.add_app(NewApp(slug="pullwright", account=_OWNER, public_key_pem=public, webhook_secret=secret))
    if project.source is None:
        hub.add_repository(full_name, builtin_files(), description="Hours from a shift book")
    else:
        hub.import_repository(full_name, project.source, project.base)
    hub.set_role(full_name, REPORTER, "read")
    hub.set_role(full_name, MAINTAINER, "write")
    issue = hub.open_issue(full_name, REPORTER, project.title, project.body)
    return Seeded(full_name, issue, app["app_id"], private, secret)


def builtin_files() -> dict[str, bytes]:
    """Path to content of the built-in project, without what Python leaves behind."""
    found: dict[str, bytes] = {}

    def walk(folder: Traversable, prefix: str) -> None:
        for entry in folder.iterdir():
            if entry.name == "__pycache__":
                continue
            if entry.is_dir():
                walk(entry, f"{prefix}{entry.name}/")
            else:
                found[prefix + entry.name] = entry.read_bytes()

    walk(files("bot.cli").joinpath("demo_assets/project"), "")
    if not found:
        raise Bug("the demo's project is not installed")
    return found


def _make_key(path: Path) -> tuple[Path, str]:
    """A new RSA key as GitHub gives for an App: the private half in a file, the public half as text."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return path, public.decode()
