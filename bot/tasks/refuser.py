"""Tells a person once, briefly, that a request is refused; implements `intake.Refuser` and `intake.Permissions`.

Little noise, and no loudspeaker for strangers: one comment for each person, issue and reason, found by its marker
before it is written, whatever the number of requests. Blocking.
"""

from contextlib import closing
from dataclasses import dataclass

from bot.domain.access import Permission
from bot.domain.ids import InstallationId
from bot.domain.tasks import RepositoryRef
from bot.domain.triggers import RefusedRequest
from bot.forge.forge import Forge
from bot.texts.markers import refusal_marker
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
        with closing(self.forge.repository(installation, repository.full_name, repository.id)) as github:
            return github.threads.fetch_permission(login, user_id)

    def tell(self, refused: RefusedRequest) -> None:
        """See `intake.Refuser`."""
        place = (refused.installation, refused.repository.full_name, refused.repository.id)
        with closing(self.forge.repository(*place)) as github:
            marker = refusal_marker(refused.issue, refused.login, refused.refusal)
            if github.threads.find_tracking_comment(refused.issue, marker) is None:
                body = render_refusal(refused.refusal, refused.login, self.handle, refused.word)
                made = github.threads.create_tracking_comment(refused.issue, f"{body}\n\n{marker}")
                # Two workers that both believe they lead: each sees the oldest one now, and the younger goes.
                oldest = github.threads.find_tracking_comment(refused.issue, marker)
                if oldest is not None and oldest.id != made.id:
                    github.threads.delete_comment(made.id)
