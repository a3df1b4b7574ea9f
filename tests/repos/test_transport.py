"""Git servers on their bad days, over real HTTP: what is asked again and when, what is refused. Asked once."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import pytest

from bot.domain.limits import RETRY_AFTER_DEFAULT_S
from bot.errors import RepositoryFault, RetryLater, TokenRefused
from bot.repos.contract import Remote
from tests.repos.conftest import KEY, NAME, GitWorld
from tests.repos.git_backend import serving

AGAIN_S = 5.0
DAY = "Thu, 01 Jan 2026 00:00:00 GMT"
DAY_AND_90_S = "Thu, 01 Jan 2026 00:01:30 GMT"
GIT = {"Content-Type": "application/x-git-upload-pack-advertisement"}
SPENT = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767225690", "Date": DAY}
Way = Callable[[GitWorld, Remote], Awaitable[object]]


async def fetch(world: GitWorld, remote: Remote) -> object:
    return await world.repos.fetch(KEY, remote, "refs/heads/main")


async def push(world: GitWorld, remote: Remote) -> object:
    base = await world.fetch()
    commit = await world.repos.commit(KEY, base.tree, (base.commit,), "Fix it\n", 1_790_000_000)
    return await world.repos.push(KEY, remote, "refs/heads/agent/1-fix", commit, None)


both_ways = pytest.mark.parametrize("way", [fetch, push])


@dataclass
class Answering:
    """A server with one answer for everything; the paths that it was asked for."""

    url: str = ""
    seen: list[str] = field(default_factory=list)

    def remote(self, name: str) -> Remote:
        return Remote(f"{self.url}/{name}.git", "ghs_token")


@contextmanager
def answering(status: int, headers: dict[str, str], body: bytes = b"") -> Iterator[Answering]:
    made = Answering()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            made.seen.append(self.path)
            if status == 0:
                self.close_connection = True
                return
            self.send_response_only(status)
            for name, value in {**headers, "Content-Length": str(len(body)), "Connection": "close"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with serving(Handler) as made.url:
        yield made


@both_ways
@pytest.mark.parametrize(
    ("status", "headers", "body", "after_s"),
    [
        pytest.param(429, {"Retry-After": "17"}, b"", 17.0, id="429"),
        pytest.param(429, {}, b"slow down", RETRY_AFTER_DEFAULT_S, id="429 bare"),
        pytest.param(429, {"Retry-After": DAY_AND_90_S, "Date": DAY}, b"", 90.0, id="429 with a date"),
        pytest.param(403, {"Retry-After": "17"}, b"Forbidden", 17.0, id="403 with a time"),
        pytest.param(403, SPENT, b"Forbidden", 91.0, id="403 until the reset"),
        pytest.param(403, {}, b"You hit a secondary rate limit", RETRY_AFTER_DEFAULT_S, id="403 in words"),
        pytest.param(503, {"Retry-After": "17"}, b"", 17.0, id="503"),
        pytest.param(503, {"Retry-After": DAY_AND_90_S, "Date": DAY}, b"", 90.0, id="503 with a date"),
        pytest.param(503, {"Retry-After": "0"}, b"", 1.0, id="503 at once"),
        pytest.param(503, {}, b"", AGAIN_S, id="503 bare"),
        pytest.param(502, {}, b"<h1>404</h1>", AGAIN_S, id="502"),
        pytest.param(200, {"Content-Type": "text/html"}, b"<h1>Down</h1>", AGAIN_S, id="a page"),
        pytest.param(0, {}, b"", AGAIN_S, id="no answer"),
    ],
)
async def test_a_bad_day_is_told_at_once_with_its_time_and_whatever_the_repository_is_called(
    world: GitWorld, way: Way, status: int, headers: dict[str, str], body: bytes, after_s: float
) -> None:
    with answering(status, headers, body) as server, pytest.raises(RetryLater) as caught:
        await way(world, server.remote("octo/app-404-401-403"))
    assert caught.value.after_s == after_s
    assert len(server.seen) == 1


@both_ways
@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, b"", TokenRefused, "token"),
        (403, b"Write access to repository not granted.\n", TokenRefused, "Write access"),
        (403, b"", TokenRefused, "403"),
        (404, b"", RepositoryFault, "no such repository"),
        (410, b"", RepositoryFault, "no such repository"),
        (451, b"", RepositoryFault, "no such repository"),
        (413, b"", RepositoryFault, "size"),
    ],
)
async def test_a_refusal_is_one_by_its_status(
    world: GitWorld, way: Way, status: int, body: bytes, kind: type[Exception], words: str
) -> None:
    with answering(status, {}, body) as server, pytest.raises(kind, match=words) as caught:
        await way(world, server.remote("octo/app-503"))
    assert type(caught.value) is kind
    assert len(server.seen) == 1


def packet(content: bytes) -> bytes:
    return f"{len(content) + 4:04x}".encode() + content


async def test_a_commit_whose_name_looks_like_a_status_is_no_refusal(world: GitWorld) -> None:
    said = b"ERR upload-pack: not our ref " + b"401403404" * 4 + b"0000\n"
    body = packet(b"# service=git-upload-pack\n") + b"0000" + packet(said)
    with answering(200, GIT, body) as server, pytest.raises(RetryLater, match="not our ref") as caught:
        await fetch(world, server.remote(NAME))
    assert caught.value.after_s == AGAIN_S


@pytest.mark.parametrize(
    ("way", "service"), [(fetch, "git-upload-pack"), (push, "git-receive-pack")], ids=["fetch", "push"]
)
async def test_a_server_that_fails_in_the_middle_is_not_waited_for_either(
    world: GitWorld, way: Way, service: str
) -> None:
    asked: list[str] = []
    world.hub.seed.order_fault(
        method="POST",
        path=f"/{service}$",
        status=503,
        headers={"retry-after": "17"},
        times=9,
        happens=lambda: asked.append(service),
    )
    with pytest.raises(RetryLater) as caught:
        await way(world, world.remote)
    assert caught.value.after_s == 17.0
    assert asked == [service]


async def test_a_redirect_is_followed_and_takes_the_token_to_no_other_host(world: GitWorld) -> None:
    there = {"Location": f"{world.remote.url}/info/refs?service=git-upload-pack"}
    with answering(301, there) as server, pytest.raises(TokenRefused):
        await fetch(world, Remote(f"{server.url}/octo/old.git", world.remote.token))
    assert len(server.seen) == 1


async def test_a_repository_that_was_renamed_is_fetched_by_its_old_name(world: GitWorld) -> None:
    main = world.hub.seed.refs(NAME)["refs/heads/main"]
    world.hub.seed.rename_repository(NAME, "renamed")
    assert (await world.fetch()).commit == main
