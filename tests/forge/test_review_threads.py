"""Our threads of a pull request, with what people did to them; resolved in one request."""

import pytest

from bot.domain.review_memory import ThreadReply
from bot.errors import GitHubFault
from bot.forge.review_comments import EDITED_QUERY
from bot.forge.review_threads import THREADS_QUERY, render_resolve
from bot.forge.reviews import NewReview, ReviewComment
from tests.forge.conftest import NAME
from tests.official.graphql import document_problems


@pytest.fixture
def pull(world) -> int:
    world.server.seed.commit(NAME, {"a.py": b"x = 2\ny = 3\n"}, "Change", branch="change")
    return world.server.seed.open_pull(NAME, "ada", "Change", "", "change")


@pytest.fixture
def comments(world, github, pull) -> list[int]:
    two = tuple(ReviewComment("a.py", line, line, "RIGHT", f"Line {line}.") for line in (1, 2))
    head = world.server.seed.refs(NAME)["refs/heads/change"]
    github.reviews.create_review(pull, NewReview(head, "Two things.", two))
    return [one["id"] for one in world.server.seed.thread(NAME, pull)["review_comments"]]


@pytest.mark.parametrize("document", [THREADS_QUERY, EDITED_QUERY, render_resolve(1), render_resolve(30)])
def test_what_is_sent_is_a_document_of_githubs_schema(document: str) -> None:
    assert document_problems(document) == []


def test_threads_say_what_people_did_to_them(world, github, pull, comments) -> None:
    seed = world.server.seed
    seed.answer_finding(NAME, pull, "ada", comments[0], "By design.")
    seed.dislike_finding(NAME, pull, "ada", comments[0])
    seed.resolve_finding(NAME, pull, "ada", comments[1])
    first, second = github.review_threads.fetch_own(pull)
    assert (first.path, first.line, first.text, first.resolved) == ("a.py", 1, "Line 1.", False)
    assert first.url.endswith(f"#discussion_r{comments[0]}")
    assert first.replies == (ThreadReply("ada", False, "By design."),)
    assert first.disliked_by == ("ada",)
    assert (second.resolved, second.resolved_by) == (True, "ada")


def test_threads_of_people_are_not_ours(world, github, pull) -> None:
    token = world.server.seed.add_person("bo")
    world.server.seed.set_role(NAME, "bo", "write")
    import httpx2

    body = {"body": "Mine.", "path": "a.py", "line": 1, "side": "RIGHT"}
    body["commit_id"] = world.server.seed.refs(NAME)["refs/heads/change"]
    url = f"{world.server.api_url}/repos/{NAME}/pulls/{pull}/comments"
    with httpx2.Client(trust_env=False) as http:
        assert http.post(url, json=body, headers={"authorization": f"Bearer {token}"}).status_code == 201
    assert github.review_threads.fetch_own(pull) == ()


def test_several_are_resolved_by_one_request_and_resolving_again_changes_nothing(
    world, github, pull, comments
) -> None:
    ids = tuple(thread.id for thread in github.review_threads.fetch_own(pull))
    before = world.requests("POST", "/graphql")
    assert github.review_threads.resolve(ids) == ids
    assert world.requests("POST", "/graphql") == before + 1
    assert github.review_threads.resolve(ids) == ids
    assert [(t.resolved, t.resolved_by) for t in github.review_threads.fetch_own(pull)] == [(True, "")] * 2
    assert set(world.server.seed.resolved_findings(NAME, pull)) == set(comments)


def test_more_threads_than_a_page_are_all_read(world, github, pull) -> None:
    head = world.server.seed.refs(NAME)["refs/heads/change"]
    many = tuple(ReviewComment("a.py", 1, 1, "RIGHT", f"Thing {n}.") for n in range(60))
    github.reviews.create_review(pull, NewReview(head, "Many.", many))
    assert [t.text for t in github.review_threads.fetch_own(pull)] == [one.body for one in many]


def test_what_github_refuses_inside_of_an_answer_is_a_fault(github, pull, comments) -> None:
    with pytest.raises(GitHubFault) as caught:
        github.review_threads.fetch_own(999)
    assert caught.value.status == 404
    with pytest.raises(GitHubFault) as caught:
        github.review_threads.resolve(("PRRT_bm9uZQ",))
    assert caught.value.status == 404


def test_a_bad_day_is_waited_out_and_a_revoked_token_is_replaced(world, github, pull, comments) -> None:
    ids = tuple(thread.id for thread in github.review_threads.fetch_own(pull))
    world.fault("POST", "/graphql$", 502)
    world.server.seed.end_tokens(revoked=True)
    assert github.review_threads.resolve(ids) == ids
