"""GitHub's bad days, over real HTTP: what is repeated, what is not, and what the caller is told."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest

from bot.domain.ids import InstallationId, RepositoryId
from bot.domain.limits import EFFECT_SETTLE_S, GITHUB_READ_TRIES, RETRY_AFTER_DEFAULT_S, RETRY_AFTER_MOST_S
from bot.errors import GitHubFault, RetryLater
from bot.forge.answers import Answer, WriteUnclear, is_limit, limits_writes, wait_for
from bot.forge.forge import Forge, ForgeSettings, RepositoryForge
from bot.forge.pacing import OwnTurns
from bot.store.database import Database
from bot.store.write_turns import WriteTurns
from tests.forge.conftest import NAME


@pytest.fixture
def issue(world) -> int:
    return world.server.seed.open_issue(NAME, "ada", "Broken", "It fails")


def test_a_read_outlives_passing_server_faults(world, github, issue):
    world.fault("GET", f"/issues/{issue}$", 502, times=GITHUB_READ_TRIES - 1)
    assert github.threads.fetch_issue(issue).title == "Broken"
    assert world.pauses == [0.5, 1.0, 2.0]


def test_a_read_gives_up_after_a_few_tries(world, github, issue):
    world.fault("GET", f"/issues/{issue}$", 503, times=100)
    with pytest.raises(RetryLater) as caught:
        github.threads.fetch_issue(issue)
    assert not isinstance(caught.value, WriteUnclear)
    assert world.requests("GET", f"/issues/{issue}") == GITHUB_READ_TRIES


@pytest.mark.parametrize("performed", [True, False])
def test_a_write_with_a_server_fault_is_sent_once_and_called_unclear(world, github, issue, performed):
    world.fault("POST", "/comments$", 502, performed=performed)
    with pytest.raises(WriteUnclear) as caught:
        github.threads.create_tracking_comment(issue, "MARK")
    assert caught.value.after_s == EFFECT_SETTLE_S
    assert world.requests("POST", "/comments") == 1
    found = github.threads.find_tracking_comment(issue, "MARK")
    assert (found is not None) == performed


def test_an_edit_is_sent_once_too(world, github, issue):
    made = github.threads.create_tracking_comment(issue, "MARK")
    world.fault("PATCH", "/issues/comments/", 500, times=5)
    with pytest.raises(WriteUnclear):
        github.threads.edit_comment(made.id, "x")
    assert world.requests("PATCH", "/issues/comments/") == 1


def test_a_page_of_a_proxy_is_no_answer(world, github, issue):
    world.fault("POST", "/comments$", 200, body={})
    with pytest.raises(WriteUnclear):
        github.threads.create_tracking_comment(issue, "MARK")


@pytest.mark.parametrize(
    ("status", "headers", "message", "after_s"),
    [
        (429, {"Retry-After": "17"}, "slow down", 17.0),
        (429, {}, "slow down", RETRY_AFTER_DEFAULT_S),
        (403, {"Retry-After": "9"}, "Forbidden", 9.0),
        (403, {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}, "Forbidden", RETRY_AFTER_MOST_S),
        (429, {"Retry-After": "soon"}, "slow down", RETRY_AFTER_DEFAULT_S),
        (403, {}, "You have exceeded a secondary rate limit. Please wait", RETRY_AFTER_DEFAULT_S),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_limit_is_told_to_the_caller_and_not_waited_out(
    world, github, issue, method, status, headers, message, after_s
):
    world.fault(method, "/comments$", status, headers=headers, body={"message": message}, times=9)
    send = {
        "GET": lambda: github.threads.find_tracking_comment(issue, "MARK"),
        "POST": lambda: github.threads.create_tracking_comment(issue, "MARK"),
    }[method]
    with pytest.raises(RetryLater) as caught:
        send()
    assert caught.value.after_s == after_s
    assert not isinstance(caught.value, WriteUnclear)
    assert world.pauses == []
    assert world.requests(method, "/comments") == 1


@pytest.fixture
def jobs(world, key) -> Iterator[tuple[RepositoryForge, RepositoryForge]]:
    """In two processes that share their turns to write."""
    turns = OwnTurns(0.0, time.monotonic)
    settings = ForgeSettings(world.server.api_url, world.app_id, key.private, write_spacing_s=0)
    forges = [Forge(settings, world.clock, world.pauses.append, turns) for _ in range(2)]
    place = (world.installation, NAME, world.repository)
    with forges[0].repository(*place) as one, forges[1].repository(*place) as other:
        yield one, other
    for forge in forges:
        forge.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_limit_that_one_met_keeps_the_writes_of_the_others_here(world, jobs, issue, method):
    one, other = jobs
    world.fault(method, "/comments$", 403, headers={"Retry-After": "90"}, body={"message": "slow down"})
    meet = one.threads.find_tracking_comment if method == "GET" else one.threads.create_tracking_comment
    with pytest.raises(RetryLater, match="slow down"):
        meet(issue, "MARK")
    sent = world.requests("POST", "/comments")
    for job in (other, one):
        with pytest.raises(RetryLater, match="nothing was sent") as caught:
            job.threads.create_tracking_comment(issue, "MARK")
        assert 80.0 < caught.value.after_s <= 90.0
        assert job.threads.find_tracking_comment(issue, "MARK") is None  # GitHub is asked as before
    assert world.requests("POST", "/comments") == sent
    assert world.pauses == []


def test_a_count_that_is_no_writes_holds_nobody_back(world, jobs, issue):
    used_up = {"x-ratelimit-remaining": "0", "x-ratelimit-resource": "graphql", "retry-after": "90"}
    world.fault("GET", "/comments$", 403, headers=used_up, body={"message": "API rate limit exceeded"})
    with pytest.raises(RetryLater):
        jobs[0].threads.find_tracking_comment(issue, "MARK")
    assert jobs[1].threads.create_tracking_comment(issue, "MARK").id
    assert limits_writes(Answer(403, {**used_up, "x-ratelimit-resource": "core"}, ""))
    assert limits_writes(Answer(429, {"x-ratelimit-remaining": "9", "x-ratelimit-resource": "graphql"}, ""))
    assert not limits_writes(Answer(403, {}, '{"message": "Resource not accessible"}'))


def test_without_a_turn_nothing_is_sent(world, issue, key):
    with contextlib.closing(Database("postgresql://nobody@127.0.0.1:1/none")) as away:
        turns = WriteTurns(away, "w1", 0.0, world.clock)
        settings = ForgeSettings(world.server.api_url, world.app_id, key.private)
        forge = Forge(settings, world.clock, world.pauses.append, turns)
        with forge.repository(world.installation, NAME, world.repository) as job:
            assert job.threads.fetch_issue(issue)
            with pytest.raises(RetryLater, match="did not answer") as caught:
                job.threads.create_tracking_comment(issue, "MARK")
        forge.close()
    assert not isinstance(caught.value, WriteUnclear)
    assert world.requests("POST", "/comments") == 0


def test_the_primary_limit_waits_for_its_reset_by_githubs_clock():
    headers = {
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "1790000100",
        "date": formatdate(1_790_000_040, usegmt=True),
    }
    answer = Answer(403, headers, '{"message": "API rate limit exceeded for installation ID 1."}')
    assert is_limit(answer)
    assert wait_for(answer, now=0.0) == 61.0
    assert wait_for(Answer(403, {**headers, "date": "x"}, ""), now=1_790_000_000.0) == 101.0


SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
SPENT = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "4000000000"}


def refused(kind: str | None, message: str) -> dict[str, object]:
    """GraphQL's own form."""
    return {"errors": [{"message": message} if kind is None else {"type": kind, "message": message}]}


@pytest.mark.parametrize(
    ("status", "headers", "body", "after_s"),
    [
        (200, {}, refused("RATE_LIMITED", "API rate limit exceeded"), RETRY_AFTER_DEFAULT_S),
        (200, {}, refused("RATE_LIMIT", "Too much"), RETRY_AFTER_DEFAULT_S),
        (200, {"Retry-After": "17"}, refused("RATE_LIMIT", "Too much"), 17.0),
        (200, {"Retry-After": "17"}, refused(None, "Something"), 17.0),
        (200, {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}, refused(None, "x"), RETRY_AFTER_MOST_S),
        (200, SPENT, {"data": None, **refused(None, "Something")}, RETRY_AFTER_MOST_S),
        (200, {}, refused(None, SECONDARY), RETRY_AFTER_DEFAULT_S),
        (200, {}, {"message": SECONDARY, "documentation_url": "x"}, RETRY_AFTER_DEFAULT_S),
        (403, {}, {"message": SECONDARY}, RETRY_AFTER_DEFAULT_S),
        (403, {}, refused("RATE_LIMIT", "Too much"), RETRY_AFTER_DEFAULT_S),
        (403, {}, {"message": "You have triggered an abuse detection mechanism."}, RETRY_AFTER_DEFAULT_S),
        (403, {"Retry-After": "9"}, {"message": "Forbidden"}, 9.0),
        (403, SPENT, {"message": "Forbidden"}, RETRY_AFTER_MOST_S),
        (429, {}, {"message": "slow down"}, RETRY_AFTER_DEFAULT_S),
    ],
)
def test_a_limit_of_the_other_api_is_one_in_whatever_form_it_comes(
    world, github, issue, status, headers, body, after_s
):
    world.fault("POST", "/graphql$", status, headers=headers, body=body)
    with pytest.raises(RetryLater) as caught:
        github.review_threads.fetch_own(issue)
    assert caught.value.after_s == after_s
    assert world.pauses == []
    assert world.requests("POST", "/graphql") == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (refused("NOT_FOUND", "Could not resolve to a PullRequest"), 404),
        (refused("FORBIDDEN", "Resource not accessible by integration"), 403),
        (refused("MAX_NODE_LIMIT_EXCEEDED", "Too many nodes"), 0),
        (refused(None, "Parse error"), 0),
        ({"data": None}, 0),
    ],
)
def test_what_the_other_api_refuses_for_good_stays_a_refusal(world, github, issue, body, status):
    world.fault("POST", "/graphql$", 200, headers={"x-ratelimit-remaining": "10"}, body=body)
    with pytest.raises(GitHubFault) as caught:
        github.review_threads.fetch_own(issue)
    assert caught.value.status == status


def test_an_answer_with_the_last_request_of_the_hour_is_a_good_one(world, github, issue):
    pull = {"reviewThreads": {"pageInfo": {"hasNextPage": False}, "nodes": []}}
    body = {"data": {"repository": {"pullRequest": pull}}}
    world.fault("POST", "/graphql$", 200, headers=SPENT, body=body)
    assert github.review_threads.fetch_own(issue) == ()


def test_a_plain_403_names_the_permission_that_is_missing(world, github, issue):
    headers = {"x-accepted-github-permissions": "issues=write"}
    world.fault("POST", "/comments$", 403, headers=headers, body={"message": "Resource not accessible"})
    with pytest.raises(GitHubFault, match="issues=write") as caught:
        github.threads.create_tracking_comment(issue, "MARK")
    assert caught.value.status == 403


def test_a_write_that_is_redirected_is_sent_once_more_after_the_name_was_looked_up(world, github, issue):
    moved = {"Location": f"{world.server.api_url}/repositories/1/issues/1/comments"}
    world.fault("POST", "/comments$", 307, headers=moved, body={"message": "Moved Permanently"})
    github.threads.create_tracking_comment(issue, "MARK")
    assert len(github.threads.find_comments(issue, "MARK")) == 1
    assert world.requests("POST", "/comments") == 2


def test_a_write_that_is_redirected_again_is_no_success(world, github, issue):
    world.fault("POST", "/comments$", 307, body={"message": "Moved Permanently"}, times=2)
    with pytest.raises(GitHubFault, match="renamed") as caught:
        github.threads.create_tracking_comment(issue, "MARK")
    assert caught.value.status == 307


def serve_and_drop(answers: list[bytes]) -> tuple[str, list[bytes], socket.socket]:
    """A server that answers each connection with the next bytes and drops it; the requests it saw."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen: list[bytes] = []

    def run() -> None:
        for answer in answers:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                seen.append(connection.recv(65536))
                time.sleep(0.02)
                connection.sendall(answer)

    threading.Thread(target=run, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}", seen, listener


def json_answer(body: str, status: str = "200 OK") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"Connection: close\r\n\r\n{body}"
    ).encode()


TOKEN = json_answer('{"token": "ghs_x", "expires_at": "2999-01-01T00:00:00Z"}', "201 Created")
RECORD = json_answer('{"id": 1, "full_name": "acme/shop", "default_branch": "main"}')


def job_at(url: str, key, pauses: list[float]):
    forge = Forge(ForgeSettings(url, 7, key.private, write_spacing_s=0), pause=pauses.append)
    return forge.repository(InstallationId(1), NAME, RepositoryId(1))


def test_a_dropped_connection_is_survived_by_reads(key):
    pauses: list[float] = []
    url, seen, listener = serve_and_drop([TOKEN, b"", b"HTTP/1.1 200 OK\r\nContent-Le", RECORD])
    with listener, job_at(url, key, pauses) as job:
        assert job.refs.fetch_default_branch() == "main"
    assert [request.split(b" ")[0] for request in seen] == [b"POST", b"GET", b"GET", b"GET"]
    assert len(pauses) == 2


def test_a_dropped_connection_leaves_a_write_unclear(key):
    url, seen, listener = serve_and_drop([TOKEN, RECORD, b"", b"", b""])
    with listener, job_at(url, key, []) as job, pytest.raises(WriteUnclear):
        job.threads.create_tracking_comment(3, "MARK")
    assert [request.split(b" ")[:2] for request in seen[2:]] == [
        [b"POST", b"/repos/acme/shop/issues/3/comments"]
    ]
    assert b"X-GitHub-Api-Version: 2022-11-28" in seen[2]


def test_a_name_that_belongs_to_another_repository_is_refused(key):
    other = json_answer('{"id": 2, "full_name": "acme/shop", "default_branch": "main"}')
    url, seen, listener = serve_and_drop([TOKEN, other])
    with listener, job_at(url, key, []) as job, pytest.raises(GitHubFault, match="another repository"):
        job.threads.create_tracking_comment(3, "MARK")
    assert len(seen) == 2


def test_a_search_that_github_did_not_filter_finds_only_what_is_ours(key):
    """GitHub ignores a head filter that it can't read, and lists pull requests of forks."""

    def pull(number: int, branch: str = "agent/1", repository: int | None = 1, login: str = "agent[bot]"):
        repo = None if repository is None else {"id": repository}
        head = {"ref": branch, "sha": "0" * 40, "repo": repo}
        return {"number": number, "head": head, "user": {"login": login}, "body": "MARK", "state": "open"}

    listed = [pull(9), pull(1, branch="agent/12"), pull(2, repository=5), pull(3, repository=None)]
    listed += [pull(4, login="ada"), {**pull(5), "user": None}, pull(8)]
    slug = json_answer('{"slug": "agent"}')
    url, _, listener = serve_and_drop([TOKEN, RECORD, json_answer(json.dumps(listed)), slug])
    with listener, job_at(url, key, []) as job:
        found = job.pulls.find_pull("agent/1", "MARK")
    assert found is not None
    assert found.number == 8


def test_nobody_listening_is_a_passing_fault(key):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with job_at(url, key, []) as job, pytest.raises(RetryLater):
        job.threads.fetch_issue(1)
