"""What REST has no word for: threads, drafts, minimised comments. Documents are judged by GitHub's own schema."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bot.forge.wire import USER_AGENT
from bot.localhub.seed_ground import NewApp
from bot.localhub.server import HubServer
from tests.official.graphql import cut_problems, document_problems
from tests.official.judge import judged_hub
from tests.stories.world import make_key

NAME = "octo/app"
REPO = f"/repos/{NAME}"

THREADS = """
query ($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      id isDraft
      reviewThreads(first: 1, after: $after) {
        nodes {
          id isResolved isOutdated path line
          resolvedBy { login }
          comments(first: 10) { nodes { fullDatabaseId author { login } body } }
        }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}
"""
RESOLVE = (
    "mutation ($id: ID!) { %s(input: {threadId: $id}) { thread { id isResolved resolvedBy { login } } } }"
)
DRAFT = "mutation ($id: ID!) { %s(input: {pullRequestId: $id}) { pullRequest { isDraft } } }"
MINIMISE = """
mutation ($id: ID!) {
  minimizeComment(input: {subjectId: $id, classifier: OUTDATED}) {
    minimizedComment { isMinimized minimizedReason }
  }
}
"""


@dataclass
class World:
    hub: HubServer
    http: httpx2.Client
    token: str  # of ada, who may write
    reader: str
    pull: int

    def rest(self, method: str, path: str, body: Any = None) -> Any:
        given = {"authorization": f"Bearer {self.token}", "user-agent": USER_AGENT}
        return self.http.request(method, self.hub.api_url + path, headers=given, json=body).json()

    def ask(self, document: str, token: str = "", **variables: Any) -> Any:
        given = {"authorization": f"Bearer {token or self.token}", "user-agent": USER_AGENT}
        body = {"query": document, "variables": variables}
        answer = self.http.post(f"{self.hub.url}/api/graphql", headers=given, json=body)
        assert answer.status_code == 200
        return answer.json()

    def threads(self, after: str | None = None) -> Any:
        found = self.ask(THREADS, owner="octo", name="app", number=self.pull, after=after)
        return found["data"]["repository"]["pullRequest"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with judged_hub(tmp_path / "hub", lambda: 1_790_000_000.0) as hub, httpx2.Client(trust_env=False) as http:
        seed = hub.seed
        token, reader = seed.add_person("ada"), seed.add_person("ben")
        seed.add_repository(NAME, {"a.py": b"x = 1\ny = 2\n"})
        seed.set_role(NAME, "ada", "write")
        seed.set_role(NAME, "ben", "read")
        seed.add_app(NewApp("bot", "octo", make_key()[1], "http://127.0.0.1:9/nobody"))
        seed.commit(NAME, {"a.py": b"x = 1\ny = 3\n"}, "Fix", branch="fix")
        made = World(hub, http, token, reader, 0)
        made.pull = made.rest("POST", f"{REPO}/pulls", {"title": "Fix", "head": "fix", "base": "main"})[
            "number"
        ]
        inline = {"path": "a.py", "line": 2, "side": "RIGHT"}
        comments = [{**inline, "body": "Why?"}, {**inline, "body": "And here?"}]
        made.rest("POST", f"{REPO}/pulls/{made.pull}/reviews", {"event": "COMMENT", "comments": comments})
        yield made


def test_the_hubs_schema_is_a_cut_of_githubs() -> None:
    assert list(cut_problems()) == []


def test_a_wrong_document_is_objected_to() -> None:
    assert document_problems("query { repository(owner: 1, name: 2) { nme } }")
    assert document_problems("query {")


def test_threads_are_listed_page_by_page_resolved_and_opened_again(world: World) -> None:
    first = world.threads()
    (thread,) = first["reviewThreads"]["nodes"]
    assert (thread["path"], thread["isResolved"], thread["comments"]["nodes"][0]["body"]) == (
        "a.py",
        False,
        "Why?",
    )
    assert first["reviewThreads"]["pageInfo"]["hasNextPage"]
    second = world.threads(first["reviewThreads"]["pageInfo"]["endCursor"])
    assert second["reviewThreads"]["nodes"][0]["comments"]["nodes"][0]["body"] == "And here?"
    assert not second["reviewThreads"]["pageInfo"]["hasNextPage"]
    done = world.ask(RESOLVE % "resolveReviewThread", id=thread["id"])["data"]["resolveReviewThread"][
        "thread"
    ]
    assert done == {"id": thread["id"], "isResolved": True, "resolvedBy": {"login": "ada"}}
    again = world.ask(RESOLVE % "unresolveReviewThread", id=thread["id"])["data"]["unresolveReviewThread"]
    assert again["thread"]["isResolved"] is False
    sent = [(d.event, d.action) for d in world.hub.hub.courier.deliveries]
    assert sent[-2:] == [
        ("pull_request_review_thread", "resolved"),
        ("pull_request_review_thread", "unresolved"),
    ]


def test_a_pull_request_becomes_a_draft_and_ready_again(world: World) -> None:
    pull = world.threads()["id"]
    for name, draft in (("convertPullRequestToDraft", True), ("markPullRequestReadyForReview", False)):
        assert world.ask(DRAFT % name, id=pull)["data"][name]["pullRequest"]["isDraft"] is draft
    sent = [d.action for d in world.hub.hub.courier.deliveries if d.event == "pull_request"]
    assert sent[-2:] == ["converted_to_draft", "ready_for_review"]


def test_a_comment_is_minimised(world: World) -> None:
    made = world.rest("POST", f"{REPO}/issues/{world.pull}/comments", {"body": "Old news"})
    shown = world.ask(MINIMISE, id=made["node_id"])["data"]["minimizeComment"]["minimizedComment"]
    assert shown["isMinimized"] is True


def test_who_may_not_and_what_is_not_there_are_errors_in_a_good_answer(world: World) -> None:
    thread = world.threads()["reviewThreads"]["nodes"][0]["id"]
    refused = world.ask(RESOLVE % "resolveReviewThread", world.reader, id=thread)
    assert refused["errors"][0]["type"] == "FORBIDDEN"
    missing = world.ask(RESOLVE % "resolveReviewThread", id="PRRT_xyz")
    assert missing["errors"][0]["type"] == "NOT_FOUND"
    assert world.threads()["reviewThreads"]["nodes"][0]["isResolved"] is False
