"""A tour of everything that GitHub's description has for us: each of its 93 operations is asked at least once.

Answers and webhooks are judged by the official material (tests/official). Requests are sent under the bot's name,
so they are judged as well. What is left unsaid at the end (an operation that was never asked, a waiver that nothing
needs) fails the tour.
"""

import base64
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest

from bot.forge.wire import USER_AGENT
from bot.localhub.actions_checks import press_button
from bot.localhub.records import Actor
from bot.localhub.seed_ground import NewApp
from bot.localhub.server import HubServer
from bot.localhub.state import Hub
from tests.localhub.receiver import Receiver, receiving
from tests.official.judge import Judge, description, waivers
from tests.official.recordings import recorded
from tests.stories.world import make_key

NAME = "octo/app"
REPO = f"/repos/{NAME}"
_EVERYTHING = dict.fromkeys(
    ("actions", "checks", "contents", "issues", "pull_requests", "repository_hooks", "statuses"), "write"
)


THREADS = """
query ($number: Int!) {
  repository(owner: "octo", name: "app") {
    pullRequest(number: $number) { reviewThreads(first: 9) { nodes { id } } }
  }
}
"""
_ON_ISSUES = ("opened", "edited", "closed", "reopened", "labeled", "unlabeled")
_ON_PULLS = (
    *("synchronize", "review_requested", "review_request_removed", "converted_to_draft", "ready_for_review"),
    *_ON_ISSUES,
)
WEBHOOKS = {
    *(("issues", action) for action in _ON_ISSUES),
    *(("pull_request", action) for action in _ON_PULLS),
    *(("issue_comment", action) for action in ("created", "edited", "deleted")),
    *(("pull_request_review_comment", action) for action in ("created", "edited")),
    *(("pull_request_review_thread", action) for action in ("resolved", "unresolved")),
    *(("check_run", action) for action in ("created", "completed", "requested_action")),
    ("check_suite", "completed"),
    ("pull_request_review", "submitted"),
    ("repository", "renamed"),
    ("installation", "created"),
    *((event, None) for event in ("push", "create", "delete", "ping", "status")),
}
"""Everything that the hub can send: each is sent, and judged by its schema."""


@dataclass
class Tour:
    hub: HubServer
    http: httpx2.Client
    app_id: int
    person: str  # a token of ada, who may write
    judge: Judge = field(default_factory=Judge)
    token: str = ""

    def ask(self, method: str, path: str, body: Any = None, *, status: int = 200, token: str = "") -> Any:
        given = {"authorization": f"Bearer {token or self.token}", "user-agent": USER_AGENT}
        answer = self.http.request(method, self.hub.api_url + path, headers=given, json=body)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content and "json" in answer.headers["content-type"] else answer.text

    def query(self, document: str, **variables: Any) -> Any:
        given = {"authorization": f"Bearer {self.token}", "user-agent": USER_AGENT}
        body = {"query": document, "variables": variables}
        answer = self.http.post(f"{self.hub.url}/api/graphql", headers=given, json=body).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def mutate(self, name: str, key: str, subject: str) -> None:
        document = f"mutation ($id: ID!) {{ {name}(input: {{{key}: $id}}) {{ clientMutationId }} }}"
        self.query(document, id=subject)

    def as_app(self) -> str:
        now = int(time.time())
        claims = {"iat": now - 60, "exp": now + 540, "iss": str(self.app_id)}
        return jwt.encode(claims, make_key()[0], "RS256")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def tour(tmp_path: Path, receiver: Receiver) -> Iterator[Tour]:
    hub = Hub(tmp_path / "hub", time.time)
    judge = Judge()
    hub.watchers.append(judge.hear_exchange)
    with HubServer(hub) as server, httpx2.Client(trust_env=False) as http:
        seed = server.seed
        person = seed.add_person("ada")
        seed.add_person("ben")
        seed.add_repository(NAME, {"a.py": b"x = 1\ny = 2\nz = 3\n", "docs/a.md": b"# A\n"})
        seed.set_role(NAME, "ada", "write")
        seed.set_role(NAME, "ben", "read")
        app = seed.add_app(
            NewApp("bot", "octo", make_key()[1], receiver.url, "a secret", permissions=_EVERYTHING)
        )
        seed.open_issue(NAME, "ada", "It breaks", "Here.")
        seed.commit(NAME, {"a.py": b"x = 1\ny = 22\nz = 3\n"}, "Fix", branch="fix")
        yield Tour(server, http, app["app_id"], person, judge)


def test_every_operation_is_answered_as_github_describes_it(tour: Tour) -> None:
    see_the_app(tour)
    see_issues(tour)
    see_git(tour)
    see_pulls(tour)
    see_reviews(tour)
    see_checks(tour)
    see_what_people_do(tour)
    see_the_rest(tour)
    assert tour.hub.seed.wait_idle()
    sent = {(delivery.event, delivery.action) for delivery in tour.hub.hub.courier.deliveries}
    assert sent == WEBHOOKS, sent ^ WEBHOOKS
    for delivery in tour.hub.hub.courier.deliveries:
        tour.judge.hear_delivery(delivery)
    assert not tour.judge.objections, tour.judge.verdict()
    asked = {name for name, _ in tour.judge.seen}
    assert asked == set(description().operations())
    assert tour.judge.used == set(waivers()), "a waiver that nothing needs"
    compared = [key for key in tour.judge.seen if key in recorded()]
    assert len(compared) >= 70, "too few answers that real GitHub was recorded for"


def see_the_app(tour: Tour) -> None:
    app = tour.as_app()
    tour.ask("GET", "/app", token=app)
    tour.ask("GET", "/app", token="nonsense", status=401)
    tour.ask("GET", "/app/hook/config", token=app)
    (place,) = tour.ask("GET", "/app/installations", token=app)
    tour.ask("GET", f"/app/installations/{place['id']}", token=app)
    tour.ask("GET", f"{REPO}/installation", token=app)
    tour.ask("GET", "/orgs/octo/installation", token=app)
    tokens = f"/app/installations/{place['id']}/access_tokens"
    short = tour.ask("POST", tokens, {"repositories": ["app"]}, status=201, token=app)["token"]
    tour.ask("DELETE", "/installation/token", status=204, token=short)
    tour.ask("GET", "/installation/repositories", status=401, token=short)
    tour.token = tour.ask("POST", tokens, {"permissions": _EVERYTHING}, status=201, token=app)["token"]
    tour.ask("GET", "/installation/repositories")
    tour.ask("GET", "/rate_limit")
    tour.ask("GET", "/meta")
    tour.ask("GET", "/users/ada")
    tour.ask("GET", REPO)
    tour.ask("GET", "/repos/octo/none", status=404)
    tour.ask("GET", f"{REPO}/collaborators/ada", status=204)
    tour.ask("GET", f"{REPO}/collaborators/ada/permission")


def see_issues(tour: Tour) -> None:
    tour.ask("POST", f"{REPO}/labels", {"name": "bug", "color": "ff0000"}, status=201)
    tour.ask("GET", f"{REPO}/labels")
    number = tour.ask("POST", f"{REPO}/issues", {"title": "Two", "body": "More"}, status=201)["number"]
    issue = f"{REPO}/issues/{number}"
    tour.ask("GET", f"{REPO}/issues")
    tour.ask("GET", issue)
    tour.ask("PATCH", issue, {"state": "closed", "state_reason": "not_planned"})
    tour.ask("PATCH", issue, {"state": "open", "title": "Three"})
    tour.ask("POST", f"{issue}/labels", {"labels": ["bug"]})
    tour.ask("DELETE", f"{issue}/labels/bug")
    tour.ask("DELETE", f"{issue}/labels/bug", status=404)
    made = tour.ask("POST", f"{issue}/comments", {"body": "hi"}, status=201)["id"]
    comment = f"{REPO}/issues/comments/{made}"
    tour.ask("GET", f"{issue}/comments")
    tour.ask("GET", f"{issue.rpartition('/')[0]}/comments")
    tour.ask("GET", f"{issue}/timeline")
    tour.ask("GET", comment)
    tour.ask("PATCH", comment, {"body": "hello"})
    for place in (issue, comment):
        reaction = tour.ask("POST", f"{place}/reactions", {"content": "eyes"}, status=201)["id"]
        tour.ask("POST", f"{place}/reactions", {"content": "eyes"})
        tour.ask("GET", f"{place}/reactions")
        tour.ask("DELETE", f"{place}/reactions/{reaction}", status=204)
    tour.ask("DELETE", comment, status=204)


def see_git(tour: Tour) -> None:
    tour.ask("GET", f"{REPO}/branches/main")
    tour.ask("GET", f"{REPO}/contents/a.py")
    tour.ask("GET", f"{REPO}/contents/docs")
    tour.ask("GET", f"{REPO}/contents/none", status=404)
    text = base64.b64encode(b"new\n").decode()
    made = tour.ask("PUT", f"{REPO}/contents/b.py", {"message": "Add", "content": text}, status=201)
    change = {"message": "Again", "content": text, "sha": made["content"]["sha"]}
    tour.ask("PUT", f"{REPO}/contents/b.py", change)
    head = tour.ask("GET", f"{REPO}/git/ref/heads/main")["object"]["sha"]
    tour.ask("GET", f"{REPO}/git/matching-refs/heads/ma")
    tour.ask("GET", f"{REPO}/commits")
    tour.ask("GET", f"{REPO}/commits/{head}")
    tour.ask("GET", f"{REPO}/compare/main...fix")
    blob = tour.ask("POST", f"{REPO}/git/blobs", {"content": "text", "encoding": "utf-8"}, status=201)["sha"]
    tour.ask("GET", f"{REPO}/git/blobs/{blob}")
    entry = {"path": "c.py", "mode": "100644", "type": "blob", "sha": blob}
    base = tour.ask("GET", f"{REPO}/git/commits/{head}")["tree"]["sha"]
    tree = tour.ask("POST", f"{REPO}/git/trees", {"base_tree": base, "tree": [entry]}, status=201)["sha"]
    tour.ask("GET", f"{REPO}/git/trees/{tree}")
    new = {"message": "One more", "tree": tree, "parents": [head]}
    commit = tour.ask("POST", f"{REPO}/git/commits", new, status=201)["sha"]
    tour.ask("POST", f"{REPO}/git/refs", {"ref": "refs/heads/more", "sha": head}, status=201)
    tour.ask("PATCH", f"{REPO}/git/refs/heads/more", {"sha": commit, "force": False})
    tour.ask("DELETE", f"{REPO}/git/refs/heads/more", status=204)


def see_pulls(tour: Tour) -> None:
    new = {"title": "Fix", "head": "fix", "base": "main", "body": "Why", "draft": False}
    tour.ask("POST", f"{REPO}/pulls", {**new, "head": "none"}, status=422)
    number = tour.ask("POST", f"{REPO}/pulls", new, status=201)["number"]
    tour.ask("POST", f"{REPO}/pulls", new, status=422)
    pull = f"{REPO}/pulls/{number}"
    tour.ask("GET", f"{REPO}/pulls")
    tour.ask("GET", pull)
    tour.ask("PATCH", pull, {"title": "Fix it"})
    tour.ask("GET", f"{pull}/files")
    tour.ask("GET", f"{pull}/commits")
    tour.ask("PUT", f"{pull}/update-branch", {}, status=202)
    tour.ask("PUT", f"{pull}/update-branch", {}, status=422)


def see_reviews(tour: Tour) -> None:
    (pull,) = tour.ask("GET", f"{REPO}/pulls")
    at, head = f"{REPO}/pulls/{pull['number']}", pull["head"]["sha"]
    ada = tour.person
    asked = {"reviewers": ["ada"]}
    tour.ask("POST", f"{at}/requested_reviewers", asked, status=201)
    tour.ask("GET", f"{at}/requested_reviewers")
    tour.ask("DELETE", f"{at}/requested_reviewers", asked)
    tour.ask("POST", f"{at}/requested_reviewers", {"reviewers": ["bot[bot]"]}, status=422)
    inline = {"path": "a.py", "line": 2, "side": "RIGHT", "body": "Why 22?"}
    review = {"event": "COMMENT", "body": "Two things", "commit_id": head, "comments": [inline]}
    first = tour.ask("POST", f"{at}/reviews", review)["id"]
    bad = {**review, "comments": [inline, {**inline, "line": 99}]}
    tour.ask("POST", f"{at}/reviews", bad, status=422)
    tour.ask("POST", f"{at}/reviews", {"event": "APPROVE"}, status=422)  # one's own
    pending = tour.ask("POST", f"{at}/reviews", {"body": "wait"}, token=ada)["id"]
    assert tour.ask("GET", f"{at}/reviews/{pending}", status=404)
    tour.ask("POST", f"{at}/reviews/{pending}/events", {"event": "APPROVE"}, token=ada)
    assert [r["state"] for r in tour.ask("GET", f"{at}/reviews")] == ["COMMENTED", "APPROVED"]
    tour.ask("GET", f"{at}/reviews/{first}")
    (comment,) = tour.ask("GET", f"{at}/reviews/{first}/comments")
    one = f"{REPO}/pulls/comments/{comment['id']}"
    tour.ask("GET", one)
    tour.ask("PATCH", one, {"body": "Why 22, not 2?"})
    tour.ask("POST", f"{one}/reactions", {"content": "+1"}, status=201)
    tour.ask("POST", f"{at}/comments/{comment['id']}/replies", {"body": "Because."}, status=201, token=ada)
    span = {**inline, "commit_id": head, "start_line": 1, "start_side": "RIGHT", "line": 3}
    tour.ask("POST", f"{at}/comments", span, status=201)
    tour.ask("POST", f"{at}/comments", {**span, "line": 99}, status=422)
    assert len(tour.ask("GET", f"{at}/comments")) == 3


def see_checks(tour: Tour) -> None:
    head = tour.ask("GET", f"{REPO}/git/ref/heads/fix")["object"]["sha"]
    new = {"name": "pullwright", "head_sha": head, "status": "in_progress"}
    run = tour.ask("POST", f"{REPO}/check-runs", new, status=201)["id"]
    tour.ask("POST", f"{REPO}/check-runs", {**new, "status": "completed"}, status=422)
    note = {
        "path": "a.py",
        "start_line": 2,
        "end_line": 2,
        "annotation_level": "notice",
        "message": "Look",
    }
    output = {"title": "Proven", "summary": "All of it", "annotations": [note]}
    done = {"status": "completed", "conclusion": "success", "output": output}
    tour.ask("PATCH", f"{REPO}/check-runs/{run}", done)
    tour.ask("GET", f"{REPO}/check-runs/{run}")
    tour.ask("GET", f"{REPO}/check-runs/{run}/annotations")
    tour.ask("GET", f"{REPO}/commits/{head}/check-runs")
    tour.ask("GET", f"{REPO}/commits/{head}/check-suites")
    tour.ask("POST", f"{REPO}/statuses/{head}", {"state": "success", "context": "ci"}, status=201)
    assert tour.ask("GET", f"{REPO}/commits/{head}/status")["state"] == "success"


def see_what_people_do(tour: Tour) -> None:
    """What sends webhooks and has no operation of its own."""
    tour.hub.seed.announce(tour.app_id)
    record = tour.hub.hub.repository(NAME)
    assert record is not None
    with tour.hub.hub.lock:
        run = next(iter(record.check_runs.values()))
        run.actions = [{"label": "Stop", "description": "Stop this task", "identifier": "stop"}]
        press_button(tour.hub.hub, record, run, Actor(tour.hub.hub.accounts["ada"]), "stop")
    (pull,) = tour.ask("GET", f"{REPO}/pulls")
    at = f"{REPO}/issues/{pull['number']}"
    tour.ask("POST", f"{at}/labels", {"labels": ["bug"]})
    tour.ask("DELETE", f"{at}/labels/bug")
    tour.ask("PATCH", f"{REPO}/pulls/{pull['number']}", {"state": "closed"})
    tour.ask("PATCH", f"{REPO}/pulls/{pull['number']}", {"state": "open"})
    ways = (
        ("convertPullRequestToDraft", "pullRequestId"),
        ("markPullRequestReadyForReview", "pullRequestId"),
    )
    for name, key in ways:
        tour.mutate(name, key, pull["node_id"])
    found = tour.query(THREADS, number=pull["number"])["repository"]["pullRequest"]["reviewThreads"]["nodes"]
    for name in ("resolveReviewThread", "unresolveReviewThread"):
        tour.mutate(name, "threadId", found[0]["id"])


def see_the_rest(tour: Tour) -> None:
    run = tour.hub.seed.add_workflow_run(NAME, "fix", {"test": ("failure", "E assert 1 == 2\n")})
    tour.ask("GET", f"{REPO}/actions/runs/{run}")
    tour.ask("GET", f"{REPO}/actions/runs/1", status=404)
    (job,) = tour.ask("GET", f"{REPO}/actions/runs/{run}/jobs")["jobs"]
    tour.ask("GET", f"{REPO}/actions/jobs/{job['id']}/logs", status=302)
    tour.ask("POST", f"{REPO}/dispatches", {"event_type": "ping"}, status=204)
    hook = {
        "name": "web",
        "events": ["push"],
        "config": {"url": "http://127.0.0.1:9/x", "content_type": "json"},
    }
    tour.ask("POST", f"{REPO}/hooks", hook, status=201)
    tour.ask("GET", f"{REPO}/hooks")
    app = tour.as_app()
    assert tour.hub.seed.wait_idle()
    items = tour.ask("GET", "/app/hook/deliveries", token=app)
    tour.ask("GET", f"/app/hook/deliveries/{items[0]['id']}", token=app)
    tour.ask("POST", f"/app/hook/deliveries/{items[0]['id']}/attempts", status=202, token=app)
    tour.ask("PATCH", "/app/hook/config", {"url": tour.hub.url + "/nowhere"}, token=app)
    number = tour.ask("GET", f"{REPO}/pulls")[0]["number"]
    tour.ask("PUT", f"{REPO}/pulls/{number}/merge", {"merge_method": "squash"})
    tour.ask("POST", "/app-manifests/unknown/conversions", status=404)
    tour.hub.seed.rename_repository(NAME, "renamed")
    tour.ask("GET", REPO, status=301)
    record = tour.hub.hub.repository("octo/renamed")
    assert record is not None
    assert tour.ask("GET", f"/repositories/{record.id}")["name"] == "renamed"
