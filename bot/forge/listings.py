"""What is open in a repository: one page of pull requests or of issues, with a token that can only read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from bot.domain.limits import OPEN_READ
from bot.forge.answers import Json
from bot.forge.client import RepositoryClient

_THREAD: Final = """
          number title createdAt updatedAt authorAssociation
          author { __typename login ... on User { databaseId } }
          labels(first: 5) { nodes { name } }
"""
PULLS_QUERY: Final = f"""
query OpenPulls($owner: String!, $name: String!, $most: Int!) {{
  repository(owner: $owner, name: $name) {{
    pullRequests(first: $most, states: [OPEN], orderBy: {{field: UPDATED_AT, direction: ASC}}) {{
      totalCount
      nodes {{{_THREAD}          isDraft isCrossRepository mergeable
          statusCheckRollup {{ state }}
          latestOpinionatedReviews(first: 10) {{ nodes {{ state }} }}
      }}
    }}
  }}
}}
"""
"""Two points of GitHub's 5,000 an hour: a list of OPEN_READ with two short ones for each."""
ISSUES_QUERY: Final = f"""
query OpenIssues($owner: String!, $name: String!, $most: Int!) {{
  repository(owner: $owner, name: $name) {{
    issues(first: $most, states: [OPEN], orderBy: {{field: CREATED_AT, direction: DESC}}) {{
      totalCount
      nodes {{{_THREAD}          body
      }}
    }}
  }}
}}
"""


@dataclass(frozen=True)
class OpenThread:
    """An open pull request or issue. `text`: of an issue. `checks`, `review`: GitHub's word, empty when there is none.
    `author_id` 0: a bot, or a deleted account. Times are ISO 8601."""

    number: int
    title: str
    text: str
    author: str
    author_id: int
    is_bot: bool
    association: str
    labels: tuple[str, ...]
    created_at: str
    updated_at: str
    draft: bool = False
    fork: bool = False
    conflicting: bool = False
    checks: str = ""  # SUCCESS, FAILURE, ERROR, PENDING, EXPECTED
    review: str = ""  # CHANGES_REQUESTED, APPROVED


@dataclass(frozen=True)
class OpenThreads:
    """The first of them, and how many there are in all."""

    shown: tuple[OpenThread, ...]
    in_all: int


class Listings:
    """`client` has a token that reads and nothing else. Close it. Blocking."""

    def __init__(self, client: RepositoryClient, own_login: Callable[[], str]) -> None:
        self._client, self._own_login = client, own_login

    def fetch_pulls(self) -> OpenThreads:
        """Open pull requests, those first that nobody touched for longest. Raises GitHubFault, RetryLater."""
        return self._fetch(PULLS_QUERY, "pullRequests")

    def fetch_issues(self) -> OpenThreads:
        """Open issues of others than ourselves (our dashboard is none), the newest first. Raises GitHubFault,
        RetryLater."""
        found = self._fetch(ISSUES_QUERY, "issues")
        own = self._own_login().lower().removesuffix("[bot]")
        kept = tuple(one for one in found.shown if not (one.is_bot and one.author.lower() == own))
        return OpenThreads(kept, found.in_all - (len(found.shown) - len(kept)))

    def close(self) -> None:
        self._client.close()

    def _fetch(self, document: str, name: str) -> OpenThreads:
        page = self._client.query(document, {"most": OPEN_READ})["repository"][name]
        return OpenThreads(tuple(map(_thread, _nodes(page))), int(page["totalCount"]))


def _thread(node: Json) -> OpenThread:
    author = node.get("author") or {}  # null when the account is gone
    states = {str(one.get("state") or "") for one in _nodes(node.get("latestOpinionatedReviews"))}
    return OpenThread(
        number=int(node["number"]),
        title=str(node.get("title") or ""),
        text=str(node.get("body") or ""),
        author=str(author.get("login") or "ghost"),
        author_id=int(author.get("databaseId") or 0),
        is_bot=author.get("__typename") == "Bot",
        association=str(node.get("authorAssociation") or "NONE"),
        labels=tuple(str(one.get("name") or "") for one in _nodes(node.get("labels"))),
        created_at=str(node.get("createdAt") or ""),
        updated_at=str(node.get("updatedAt") or ""),
        draft=bool(node.get("isDraft")),
        fork=bool(node.get("isCrossRepository")),
        conflicting=node.get("mergeable") == "CONFLICTING",
        checks=str((node.get("statusCheckRollup") or {}).get("state") or ""),
        review=next((word for word in ("CHANGES_REQUESTED", "APPROVED") if word in states), ""),
    )


def _nodes(connection: Any) -> list[Json]:
    return [node for node in (connection or {}).get("nodes") or [] if isinstance(node, dict)]
