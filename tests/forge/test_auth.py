import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import jwt
import pytest

from bot.domain.ids import InstallationId, RepositoryId
from bot.domain.limits import TOKEN_SPARE_S
from bot.errors import GitHubFault, SettingsFault
from bot.forge.auth import AppKey
from bot.forge.forge import Forge, ForgeSettings
from tests.forge.conftest import NAME, make_key


def test_the_jwt_is_backdated_and_ends_within_githubs_ten_minutes(key):
    token = AppKey(7, key.private).sign(1_790_000_000.0)
    claims = jwt.decode(token, key.public, algorithms=["RS256"], options={"verify_exp": False})
    assert claims["iss"] == "7"
    assert claims["iat"] < 1_790_000_000 < claims["exp"] < 1_790_000_000 + 600


@pytest.mark.parametrize("pem", ["", "no key", "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----"])
def test_a_key_that_is_none_is_a_fault_of_the_settings(pem):
    with pytest.raises(SettingsFault, match="private key"):
        Forge(ForgeSettings("http://127.0.0.1:1", 7, pem))


def test_the_key_is_not_shown():
    assert "SECRET" not in repr(ForgeSettings("http://127.0.0.1:1", 7, "SECRET"))


def test_tokens_reach_one_repository_with_the_least_permissions(world):
    hub = world.server.hub
    push = world.forge.push_token(world.installation, world.repository)
    fetch = world.forge.fetch_token(world.installation, world.repository)
    assert push != fetch
    assert hub.tokens[push].repositories == {world.repository}
    assert hub.tokens[push].permissions == {"contents": "write", "metadata": "read"}
    assert hub.tokens[fetch].permissions == {"contents": "read", "metadata": "read"}


def test_a_token_is_minted_once_and_again_before_it_ends(world):
    first = world.forge.push_token(world.installation, world.repository)
    assert world.forge.push_token(world.installation, world.repository) == first
    world.clock.ahead += 3600 - TOKEN_SPARE_S + 1
    assert world.forge.push_token(world.installation, world.repository) != first


def test_many_threads_mint_one_token(world):
    def ask(_: int) -> str:
        return world.forge.push_token(world.installation, world.repository)

    with ThreadPoolExecutor(12) as pool:
        assert len(set(pool.map(ask, range(24)))) == 1
    assert world.requests("POST", "/access_tokens") == 1


def test_a_token_that_was_revoked_is_replaced_within_the_request(world, github):
    issue = world.server.seed.open_issue(NAME, "ada", "Broken", "It fails")
    github.threads.fetch_issue(issue)
    for token in world.server.hub.tokens.values():
        if token.installation is not None:
            token.revoked = True
    github.threads.create_tracking_comment(issue, "MARK")
    assert len(github.threads.find_comments(issue, "MARK")) == 1


def test_a_server_fault_while_minting_passes(world):
    world.fault("POST", "/access_tokens", 502, times=2)
    assert world.forge.push_token(world.installation, world.repository)


def test_a_repository_that_is_not_covered_gets_no_token(world):
    with pytest.raises(GitHubFault) as caught:
        world.forge.push_token(world.installation, RepositoryId(1))
    assert caught.value.status == 422
    with pytest.raises(GitHubFault):
        world.forge.push_token(InstallationId(1), world.repository)


def test_a_wrong_key_is_named_as_such(world):
    settings = ForgeSettings(world.server.api_url, world.app_id, make_key().private)
    with pytest.raises(GitHubFault, match="private key"):
        Forge(settings, now=world.clock).own_login()


def test_jobs_in_many_threads_do_not_mix_up_their_answers(world):
    seed = world.server.seed
    issues = [seed.open_issue(NAME, "ada", f"Issue {n}", "") for n in range(4)]

    def read(number: int) -> list[str]:
        with world.job() as job:
            return [job.threads.fetch_issue(number).title for _ in range(8)]

    with ThreadPoolExecutor(4) as pool:
        for n, titles in enumerate(pool.map(read, issues)):
            assert titles == [f"Issue {n}"] * 8


class OneByOne(BaseHTTPRequestHandler):
    """Answers what it was asked, slowly, and notes how many requests were there at once."""

    inside: ClassVar[list[str]] = []
    most: ClassVar[list[int]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer({"token": "ghs_x", "expires_at": "2999-01-01T00:00:00Z"})

    def do_GET(self) -> None:
        self.inside.append(self.path)
        self.most.append(len(self.inside))
        time.sleep(0.01)
        self.inside.remove(self.path)
        number = self.path.rpartition("/")[2]
        self._answer({"id": 1, "full_name": NAME, "title": number})

    def _answer(self, data: dict[str, object]) -> None:
        body = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_one_job_in_many_threads_asks_one_thing_after_the_other(key):
    """PyGithub's connection holds one request at a time: a second one would take the first one's answer."""
    with ThreadingHTTPServer(("127.0.0.1", 0), OneByOne) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings = ForgeSettings(f"http://127.0.0.1:{server.server_port}", 7, key.private)
        numbers = list(range(1, 25))
        job = Forge(settings).repository(InstallationId(1), NAME, RepositoryId(1))
        with job, ThreadPoolExecutor(6) as pool:
            titles = [thread.title for thread in pool.map(job.threads.fetch_issue, numbers)]
        server.shutdown()
    assert titles == [str(number) for number in numbers]
    assert max(OneByOne.most) == 1


def test_no_log_holds_a_token(world, github, caplog):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "github")  # as an operator does who looks for a fault
    issue = world.server.seed.open_issue(NAME, "ada", "Broken", "It fails")
    github.threads.fetch_issue(issue)
    world.forge.push_token(world.installation, world.repository)
    tokens = list(world.server.hub.tokens)
    assert len(tokens) >= 2
    assert not any(token in caplog.text for token in tokens)
    assert "Bearer" not in caplog.text


@pytest.mark.parametrize("ahead_s", [3_600, -3_600, 90, -90, 0])
def test_a_clock_of_ours_that_is_off_is_put_right_by_githubs(world, ahead_s):
    forge = Forge(
        ForgeSettings(world.server.api_url, world.app_id, world.forge._settings.private_key_pem, 0),
        now=lambda: world.clock() + ahead_s,
        pause=world.pauses.append,
    )
    for _ in range(2):
        with forge.repository(world.installation, NAME, world.repository) as github:
            assert github.refs.fetch_default_branch() == "main"
    refused = [r for r in world.server.seed.requests() if r["status"] == 401]
    assert len(refused) <= 1  # learned once
    forge.close()


def test_a_key_of_another_app_is_asked_about_once(world):
    forge = Forge(ForgeSettings(world.server.api_url, world.app_id, make_key().private, 0), now=world.clock)
    with pytest.raises(GitHubFault, match="private key"):
        forge.own_login()
    assert world.requests("GET", "/app") == 1
    forge.close()
