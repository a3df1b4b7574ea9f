"""Requests as a webhook would make them."""

from bot.domain.ids import InstallationId, RepositoryId
from bot.domain.tasks import RepositoryRef, TaskRequest


def request(comment: int, issue: int = 1, repository: int = 10, installation: int = 100) -> TaskRequest:
    return TaskRequest(
        installation=InstallationId(installation),
        repository=RepositoryRef(RepositoryId(repository), f"octo/r{repository}", "main"),
        issue=issue,
        issue_title="It breaks",
        issue_body="Here: é \U0001f600",
        comment_id=comment,
        instruction="",
        requested_by="ada",
        requested_by_id=7,
        requested_at="2026-03-01T00:00:00Z",
    )
