"""Branches: where they stand. Reading only; what is pushed goes over git (`repos/`)."""

import base64
import re
from http import HTTPStatus
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
        """The commit that the branch points to; None when there is no such branch, or no commit at all. Raises
        GitHubFault, RetryLater."""
        try:
            found = self._client.find(f"/git/ref/heads/{quoted(branch)}")
        except GitHubFault as fault:
            if fault.status == HTTPStatus.CONFLICT:  # "Git Repository is empty."
                return None
            raise
        if found is None:
            return None
        target = found.get("object") if isinstance(found, dict) else None
        sha = str(target.get("sha") or "") if isinstance(target, dict) else ""
        if found.get("ref") != f"refs/heads/{branch}" or not _SHA.fullmatch(sha):
            raise RetryLater(f"GitHub's answer does not name the commit of `{branch}`.", 1.0)
        return CommitSha(sha)

    def find_file(self, path: str, branch: str) -> bytes | None:
        """A file's content on a branch, up to a megabyte (GitHub gives no more here); None: there is none. Raises
        GitHubFault, RetryLater."""
        found = self._client.find(f"/contents/{quoted(path)}", {"ref": branch})
        if not isinstance(found, dict) or found.get("encoding") != "base64":
            return None
        return base64.b64decode(str(found.get("content") or ""))

    def fetch_merge_base(self, base: CommitSha, head: CommitSha) -> CommitSha:
        """The commit from which `head` left `base`: a pull request's diff begins there. Raises GitHubFault (404: they
        have none in common), RetryLater."""
        query = {"per_page": "1"}  # of the commits between, which nobody needs here
        found = self._client.get(f"/compare/{quoted(base)}...{quoted(head)}", query)
        commit = found.get("merge_base_commit") if isinstance(found, dict) else None
        sha = str(commit.get("sha") or "") if isinstance(commit, dict) else ""
        if not _SHA.fullmatch(sha):
            raise RetryLater("GitHub's answer names no merge base.", 1.0)
        return CommitSha(sha)

    def fetch_head(self, branch: str) -> CommitSha:
        """As `find_branch`, for a branch that must be there. Raises GitHubFault; without a status when it is
        only the branch that is not there: the repository is, and we may see it."""
        sha = self.find_branch(branch)
        if sha is None:
            raise GitHubFault(
                f"There is no branch `{branch}`.",
                "If the repository is empty it needs a first commit; if the branch was renamed, ask again.",
            )
        return sha
