import pytest

from bot.errors import GitHubFault
from bot.forge.reviews import NewReview, ReviewComment
from tests.forge.conftest import NAME

MARKER = "<!-- pullwright:review:t-1 -->"


@pytest.fixture
def pull(world) -> int:
    world.server.seed.commit(NAME, {"a.py": b"x = 2\ny = 3\n"}, "Change", branch="change")
    return world.server.seed.open_pull(NAME, "ada", "Change", "", "change")


def new_review(world, *comments: ReviewComment, body: str = f"Two things. {MARKER}") -> NewReview:
    return NewReview(world.server.seed.refs(NAME)["refs/heads/change"], body, comments)


def test_a_review_with_its_comments_is_made_at_once_and_found_by_its_marker(world, github, pull):
    assert github.reviews.find_review(pull, MARKER) is None
    comments = (
        ReviewComment("a.py", 1, 2, "RIGHT", "A range."),
        ReviewComment("a.py", 2, 2, "RIGHT", "One line."),
    )
    made = github.reviews.create_review(pull, new_review(world, *comments))
    assert github.reviews.find_review(pull, MARKER) == made
    assert github.reviews.find_review(pull, "<!-- other -->") is None
    shown = world.server.seed.thread(NAME, pull)
    assert [(one["start_line"], one["line"]) for one in shown["review_comments"]] == [(1, 2), (None, 2)]
    assert shown["reviews"][0]["state"] == "COMMENTED"
    assert github.reviews.fetch_said(pull) == (made.body,)


def test_one_line_beside_the_diff_refuses_the_whole_review(world, github, pull):
    beside = ReviewComment("a.py", 9, 9, "RIGHT", "Nowhere.")
    with pytest.raises(GitHubFault) as caught:
        github.reviews.create_review(pull, new_review(world, beside))
    assert caught.value.status == 422
    assert github.reviews.find_review(pull, MARKER) is None


def test_the_merge_base_is_where_the_branch_left(world, github, pull):
    base = github.refs.find_branch("main")
    world.server.seed.commit(NAME, {"b.py": b"z = 1\n"}, "Meanwhile", branch="main")
    shown = github.pulls.fetch_pull(pull)
    assert github.refs.fetch_merge_base(github.refs.find_branch("main"), shown.head_sha) == base
