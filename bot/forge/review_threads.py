"""Threads of review comments: read with what people did to them, and resolved. REST has no word for either.

Must never: resolve a thread that a person began, but on our own pull request when what it asks for is done.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from bot.domain import limits
from bot.domain.review_memory import ThreadReply, ThreadState
from bot.errors import GitHubFault
from bot.forge.answers import Json
from bot.forge.client import RepositoryClient

THREADS_QUERY: Final = """
query ReviewThreads($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      reviewThreads(first: 50, after: $after) {
        nodes {
          id isResolved path line
          resolvedBy { login }
          opening: comments(first: 1) {
            nodes {
              body url
              author { __typename login }
              reactions(content: THUMBS_DOWN, first: 20) { nodes { user { login } } }
            }
          }
          comments(first: 50) { nodes { body author { __typename login } } }
        }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}
"""
"""Two points of the 2,000 a minute: three lists of 50 for each page."""


class ReviewThreads:
    """`resolver`: the same repository with the token that may resolve. `own_login`: `name[bot]`."""

    def __init__(
        self, client: RepositoryClient, resolver: RepositoryClient, own_login: Callable[[], str]
    ) -> None:
        self._client, self._resolver, self._own_login = client, resolver, own_login

    def fetch_own(self, pull: int) -> tuple[ThreadState, ...]:
        """All threads of a pull request that we began, oldest first. Raises GitHubFault, RetryLater; GitHubFault too
        when there are more than REVIEW_THREADS: a look that was not at everything must not answer "none"."""
        own = self._own_login().lower().removesuffix("[bot]")
        return tuple(thread for node in self._nodes(pull) if (thread := _thread(node, own)) is not None)

    def find_open(self, pull: int, begins: frozenset[int], *, ours_only: bool) -> tuple[str, ...]:
        """The ids of the threads that are not resolved and begin with one of these comments; of those that we began, if
        only they are meant. Raises as `fetch_own`."""
        own = self._own_login().lower().removesuffix("[bot]")
        return tuple(
            str(node["id"])
            for node in self._nodes(pull)
            if node
            and not node.get("isResolved")
            and _begins_with(node) in begins
            and (not ours_only or _thread(node, own) is not None)
        )

    def _nodes(self, pull: int) -> list[Json | None]:
        found: list[Json | None] = []
        after: str | None = None
        for _ in range(limits.REVIEW_THREADS // 50):
            data = self._client.query(THREADS_QUERY, {"number": pull, "after": after})
            page = data["repository"]["pullRequest"]["reviewThreads"]
            found += page["nodes"] or []
            if not page["pageInfo"]["hasNextPage"]:
                return found
            after = page["pageInfo"]["endCursor"]
        raise GitHubFault(
            f"There are more than {limits.REVIEW_THREADS} review threads.", "Open a new pull request."
        )

    def resolve(self, ids: tuple[str, ...]) -> tuple[str, ...]:
        """Resolve threads, all in one request; those that are resolved now. Twice is once. Raises GitHubFault (the App
        may not, a thread is gone), RetryLater."""
        if not ids:
            return ()
        data = self._resolver.mutate(
            render_resolve(len(ids)), {f"t{place}": thread for place, thread in enumerate(ids)}
        )
        threads = ((answer or {}).get("thread") or {} for answer in data.values())
        return tuple(str(thread["id"]) for thread in threads if thread.get("isResolved"))


def render_resolve(count: int) -> str:
    """The document that resolves `count` threads, `$t0` and on."""
    declared = ", ".join(f"$t{place}: ID!" for place in range(count))
    calls = "\n".join(
        f"  r{place}: resolveReviewThread(input: {{threadId: $t{place}}}) {{ thread {{ id isResolved }} }}"
        for place in range(count)
    )
    return f"mutation ResolveThreads({declared}) {{\n{calls}\n}}\n"


_NUMBER: Final = re.compile(r"#discussion_r(\d+)$")


def _begins_with(node: Json) -> int:
    """The number that REST knows of a thread's first comment: its address ends with it. 0: it is not told."""
    opening = _nodes(node.get("opening"))
    found = _NUMBER.search(str(opening[0].get("url") or "")) if opening else None
    return int(found[1]) if found else 0


def _thread(node: Json | None, own: str) -> ThreadState | None:
    """None: not ours, or nothing that we are shown."""
    opening = _nodes((node or {}).get("opening"))
    if node is None or not opening:
        return None
    author = opening[0].get("author") or {}
    if author.get("__typename") != "Bot" or str(author.get("login") or "").lower() != own:
        return None
    resolver = str((node.get("resolvedBy") or {}).get("login") or "")
    disliked = (
        str((one.get("user") or {}).get("login") or "") for one in _nodes(opening[0].get("reactions"))
    )
    return ThreadState(
        id=str(node["id"]),
        path=str(node.get("path") or ""),
        line=node.get("line"),
        url=str(opening[0].get("url") or ""),
        text=str(opening[0].get("body") or ""),
        resolved=bool(node.get("isResolved")),
        resolved_by="" if resolver.lower().removesuffix("[bot]") == own else resolver,
        replies=tuple(_reply(one) for one in _nodes(node.get("comments"))[1:]),
        disliked_by=tuple(login for login in disliked if login),
    )


def _reply(node: Json) -> ThreadReply:
    author = node.get("author") or {}
    is_bot = author.get("__typename") == "Bot"
    return ThreadReply(str(author.get("login") or "ghost"), is_bot, str(node.get("body") or ""))


def _nodes(connection: Any) -> list[Json]:
    return [node for node in (connection or {}).get("nodes") or [] if isinstance(node, dict)]
