"""The hub refuses what GitHub refuses, and says what GitHub says: tokens, permissions, webhooks."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest

from bot.localhub.seed_ground import NewApp
from bot.localhub.server import HubServer
from tests.localhub.receiver import Receiver, receiving
from tests.official.judge import judged_hub
from tests.stories.world import make_key

NAME = "octo/app"
SECRET = "a secret of the test"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@dataclass
class World:
    hub: HubServer
    app: dict[str, int]
    clock: list[float]
    http: httpx2.Client

    def as_app(self, **claims: Any) -> str:
        now = int(self.clock[0])
        return jwt.encode(
            {"iat": now - 60, "exp": now + 540, "iss": str(self.app["app_id"]), **claims},
            make_key()[0],
            "RS256",
        )

    def token(self, **body: Any) -> httpx2.Response:
        path = f"/app/installations/{self.app['installation_id']}/access_tokens"
        return self.ask("POST", path, self.as_app(), body)

    def ask(self, method: str, path: str, token: str, body: Any = None) -> httpx2.Response:
        given = {"authorization": f"Bearer {token}"}
        return self.http.request(method, self.hub.api_url + path, headers=given, json=body)


@pytest.fixture
def world(tmp_path: Path, receiver: Receiver) -> Iterator[World]:
    clock = [time.time()]
    with judged_hub(tmp_path / "hub", lambda: clock[0]) as hub, httpx2.Client(trust_env=False) as http:
        seed = hub.seed
        seed.add_person("ada")
        seed.add_repository(NAME, {"a.py": b"x = 1\n"})
        seed.add_repository("octo/other", {"b.py": b"y = 1\n"})
        seed.set_role(NAME, "ada", "write")
        app = seed.add_app(NewApp("bot", "octo", make_key()[1], receiver.url, SECRET))
        seed.open_issue(NAME, "ada", "It breaks", "Here.")
        seed.wait_idle()
        yield World(hub, app, clock, http)


def test_an_app_needs_a_good_and_young_jwt(world: World) -> None:
    assert world.ask("GET", "/app", world.as_app()).json()["slug"] == "bot"
    assert world.ask("GET", "/app", "nonsense").status_code == 401
    assert world.ask("GET", "/app", world.as_app(exp=int(world.clock[0]) + 3600)).status_code == 401
    assert world.ask("GET", "/app", world.as_app(exp=int(world.clock[0]) - 1)).status_code == 401
    assert world.ask("GET", "/app", world.as_app(iss="999")).status_code == 404  # "Integration not found"


def test_a_token_is_good_for_its_repository_its_permissions_and_an_hour(world: World) -> None:
    made = world.token(repositories=["app"], permissions={"issues": "write", "metadata": "read"})
    assert made.status_code == 201
    token = made.json()["token"]
    assert world.ask("POST", f"/repos/{NAME}/issues/1/comments", token, {"body": "hi"}).status_code == 201
    assert world.ask("GET", f"/repos/{NAME}/git/ref/heads/main", token).status_code == 403
    assert world.ask("GET", "/repos/octo/other/issues", token).status_code == 404
    world.clock[0] += 3601
    assert world.ask("GET", f"/repos/{NAME}/issues/1", token).status_code == 401


def test_a_token_can_not_ask_for_more_than_the_app_has(world: World) -> None:
    assert world.token(permissions={"administration": "write"}).status_code == 422
    assert world.token(repositories=["nobody/has/this"]).status_code == 422


def test_strangers_see_no_private_repository(world: World) -> None:
    assert world.http.get(f"{world.hub.api_url}/repos/{NAME}").status_code == 404


def test_the_permission_of_a_person_is_told(world: World) -> None:
    token = world.token().json()["token"]
    answer = world.ask("GET", f"/repos/{NAME}/collaborators/ada/permission", token).json()
    assert (answer["permission"], answer["user"]["login"]) == ("write", "ada")


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 422), ({"body": ""}, 422), ({"body": "x" * 65_537}, 422), ({"body": "x" * 65_536}, 201)],
)
def test_a_comment_has_a_body_of_at_most_65536_characters(
    world: World, body: dict[str, str], status: int
) -> None:
    token = world.token().json()["token"]
    assert world.ask("POST", f"/repos/{NAME}/issues/1/comments", token, body).status_code == status


def test_a_pull_request_needs_a_branch_with_something_on_it(world: World) -> None:
    token = world.token().json()["token"]
    new = {"title": "Fix", "head": "fix", "base": "main", "body": "Why"}
    assert world.ask("POST", f"/repos/{NAME}/pulls", token, new).status_code == 422
    world.hub.seed.commit(NAME, {"a.py": b"x = 2\n"}, "Fix", branch="fix")
    made = world.ask("POST", f"/repos/{NAME}/pulls", token, new)
    assert made.status_code == 201
    assert made.json()["user"]["login"] == "bot[bot]"
    assert world.ask("POST", f"/repos/{NAME}/pulls", token, new).status_code == 422


def test_a_webhook_is_signed_and_has_all_its_headers(world: World, receiver: Receiver) -> None:
    receiver.taken.clear()
    world.hub.seed.comment(NAME, 1, "ada", "@agent fix this")
    assert world.hub.seed.wait_idle()
    ((headers, body),) = receiver.taken
    expected = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert headers["x-hub-signature-256"] == expected
    assert headers["x-github-event"] == "issue_comment"
    assert headers["user-agent"].startswith("GitHub-Hookshot/")
    for name in ("x-github-delivery", "x-github-hook-id", "x-github-hook-installation-target-id"):
        assert headers[name]
    payload = json.loads(body)
    assert payload["action"] == "created"
    assert payload["comment"]["body"] == "@agent fix this"
    assert payload["installation"]["id"] == world.app["installation_id"]


def test_a_redelivery_has_the_same_id_and_bytes(world: World, receiver: Receiver) -> None:
    receiver.taken.clear()
    world.hub.seed.comment(NAME, 1, "ada", "hi")
    assert world.hub.seed.wait_idle()
    world.hub.seed.redeliver(world.hub.seed.deliveries()[-1]["id"])
    assert world.hub.seed.wait_idle()
    (first, body), (second, again) = receiver.taken
    assert body == again
    assert first["x-github-delivery"] == second["x-github-delivery"]


def test_deliveries_are_paged_by_a_cursor_as_github_does(world: World) -> None:
    for number in range(5):
        world.hub.seed.comment(NAME, 1, "ada", f"hi {number}")
    assert world.hub.seed.wait_idle()
    seen, path = [], "/app/hook/deliveries?per_page=2"
    while path:
        answer = world.ask("GET", path, world.as_app())
        seen += [item["id"] for item in answer.json()]
        path = answer.links.get("next", {}).get("url", "").removeprefix(world.hub.api_url)
        assert not path or "cursor=v1_" in path
    assert seen == sorted({one["id"] for one in world.hub.seed.deliveries()}, reverse=True)
