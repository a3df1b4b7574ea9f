"""Tells a person once, briefly, that a request is refused, and answers short questions; implements `telling.Refuser`,
`intake.Permissions` and `control.Answerer`.

Little noise, and no loudspeaker for strangers: one comment for each person, issue and reason, found by its marker
before it is written, whatever the number of requests. Blocking.
"""

from dataclasses import dataclass

from bot.domain.access import Permission
from bot.domain.decisions import RefusedRequest
from bot.domain.ids import InstallationId
from bot.domain.repo_config import REPO_CONFIG_PATH
from bot.domain.tasks import RepositoryRef, TaskRequest
from bot.forge.forge import Forge, RepositoryForge
from bot.texts.markers import refusal_marker, reply_marker
from bot.texts.refusals import render_refusal


@dataclass(frozen=True)
class GitHubDesk:
    """What the intake asks of GitHub. `handle`: the name that people mention."""

    forge: Forge
    handle: str

    def fetch_permission(
        self, installation: InstallationId, repository: RepositoryRef, login: str, user_id: int
    ) -> Permission:
        """See `intake.Permissions`."""
        with self._open(installation, repository) as github:
            return github.threads.fetch_permission(login, user_id)

    def tell(self, refused: RefusedRequest) -> None:
        """See `intake.Refuser`."""
        with self._open(refused.installation, refused.repository) as github:
            marker = refusal_marker(refused.issue, refused.login, refused.refusal, refused.comment_id)
            _say_once(github, refused.issue, render_refusal(refused, self.handle), marker)

    def answer(self, asked: TaskRequest, text: str) -> None:
        """See `control.Answerer`."""
        with self._open(asked.installation, asked.repository) as github:
            _say_once(github, asked.issue, text, reply_marker(asked.comment_id))

    def acknowledge(self, asked: TaskRequest) -> None:
        """See `control.Answerer`."""
        with self._open(asked.installation, asked.repository) as github:
            github.threads.create_reaction(asked.issue, asked.comment_id)

    def fetch_text(self, asked: TaskRequest) -> str | None:
        """See `control.Answerer`."""
        with self._open(asked.installation, asked.repository) as github:
            return github.threads.find_text(asked.issue, asked.comment_id)

    def fetch_config(self, asked: TaskRequest | RefusedRequest) -> str:
        """See `control.Answerer`."""
        with self._open(asked.installation, asked.repository) as github:
            found = github.refs.find_file(REPO_CONFIG_PATH, asked.repository.default_branch)
            return (found or b"").decode("utf-8", "replace")

    def has_branch(self, asked: TaskRequest, branch: str) -> bool:
        """See `control.Answerer`."""
        with self._open(asked.installation, asked.repository) as github:
            return github.refs.find_branch(branch) is not None

    def is_pull_open(self, asked: TaskRequest, pull: int) -> bool:
        """See `control.Answerer`."""
        with self._open(asked.installation, asked.repository) as github:
            return github.pulls.fetch_pull(pull).open

    def fetch_changed(self, asked: TaskRequest) -> tuple[str, ...]:
        """See `control.Answerer`."""
        with self._open(asked.installation, asked.repository) as github:
            return github.pulls.fetch_changed(asked.issue)

    def _open(self, installation: InstallationId, repository: RepositoryRef) -> RepositoryForge:
        return self.forge.repository(installation, repository.full_name, repository.id)


def _say_once(github: RepositoryForge, issue: int, text: str, marker: str) -> None:
    threads = github.threads
    if threads.find_tracking_comment(issue, marker) is None:
        made = threads.create_tracking_comment(issue, f"{text}\n\n{marker}")
        # Two workers that both believe they lead: each sees the oldest one now, and the younger goes.
        oldest = threads.find_tracking_comment(issue, marker)
        if oldest is not None and oldest.id != made.id:
            threads.delete_comment(made.id)
