"""The three commits that a follow-up stands on, in this host's cache."""

from bot.domain.ids import CommitSha, TreeSha
from bot.tasks.change.desk import Desk


async def fetch_commits(desk: Desk) -> tuple[TreeSha, TreeSha, TreeSha]:
    """Trees of head, trunk and rules, in this host's cache."""
    follow = desk.follow
    head = await _fetch(desk, f"refs/pull/{desk.request.issue}/head", desk.facts.base_commit)
    trunk = await _fetch(desk, f"refs/heads/{follow.base_branch}", follow.trunk_commit)
    rules = await _fetch(desk, f"refs/heads/{follow.base_branch}", follow.rules_commit)
    return head, trunk, rules


async def _fetch(desk: Desk, ref: str, commit: CommitSha) -> TreeSha:
    repos = desk.services.repos
    fetched = await desk.with_remote(
        desk.fetch_remote, lambda remote: repos.fetch(desk.key, remote, ref, commit)
    )
    return fetched.tree
