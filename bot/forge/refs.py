"""Branches: where they stand. Reading only; what is pushed goes over git (`repos/`)."""

import re
from typing import Final

from bot.domain.ids import CommitSha
from bot.errors import GitHubFault, RetryLater
from bot.forge.client import RepositoryClient, quoted

_SHA: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class Refs:
    def __init__(self, client: RepositoryClient) -> None:
        self._client = client

    def fetch_default_branch(self) -> str:
        """Its name now, not as the payload said. Raises GitHubFault, RetryLater."""
        return str(self._client.record(fresh=True)["default_branch"])

    def find_branch(self, branch: str) -> CommitSha | None:
        """The commit that the branch points to; None when there is no such branch. Raises GitHubFault,
        RetryLater."""
        found = self._client.find(f"/git/ref/heads/{quoted(branch)}")
        if found is None:
            return None
        target = found.get("object") if isinstance(found, dict) else None
        sha = str(target.get("sha") or "") if isinstance(target, dict) else ""
        if found.get("ref") != f"refs/heads/{branch}" or not _SHA.fullmatch(sha):
            raise RetryLater(f"GitHub's answer does not name the commit of `{branch}`.", 1.0)
        return CommitSha(sha)

    def fetch_head(self, branch: str) -> CommitSha:
        """As `find_branch`, for a branch that must be there. Raises GitHubFault (404: there is none)."""
        sha = self.find_branch(branch)
        if sha is None:
            raise GitHubFault(f"There is no branch `{branch}`.", "Push it, or name another one.", status=404)
        return sha
