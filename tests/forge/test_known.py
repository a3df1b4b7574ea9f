"""What is polled costs nothing when nothing has changed, and is never another reader's."""

from contextlib import closing

import pytest

from bot.domain.ids import CommitSha
from bot.errors import GitHubFault
from bot.forge.answers import Answer, Request
from bot.forge.known import KnownAnswers
from tests.forge.conftest import NAME, World

ASKED = Request("GET", "/a", {"page": "1"})


def answer(text: str = "{}", **headers: str) -> Answer:
    return Answer(200, headers or {"etag": "e"}, text)


def statuses(world: World, part: str) -> list[int]:
    return [one["status"] for one in world.server.seed.requests() if part in one["path"]]


def test_a_file_that_has_not_changed_is_not_sent_again(world: World) -> None:
    for _ in range(3):
        with closing(world.forge.files(world.installation)) as files:
            assert files.find_text(NAME, "a.py", "main") == "x = 1\n"
    assert statuses(world, "/contents/") == [200, 304, 304]
    world.server.seed.commit(NAME, {"a.py": b"x = 2\n"}, "More")
    with closing(world.forge.files(world.installation)) as files:
        assert files.find_text(NAME, "a.py", "main") == "x = 2\n"
    assert statuses(world, "/contents/")[-1] == 200


def test_checks_are_polled_for_nothing_until_one_ends(world: World) -> None:
    head = CommitSha(world.server.seed.commit(NAME, {"a.py": b"x = 2\n"}, "Fix", branch="b"))
    run = world.server.seed.begin_workflow(NAME, "b", ["test"])
    for _ in range(2):
        with closing(world.forge.ci(world.installation, NAME, world.repository)) as ci:
            assert "test" in ci.fetch_checks(head).unfinished
    assert 304 in statuses(world, "/check-runs")
    world.server.seed.end_job(NAME, run, "test", "failure")
    with closing(world.forge.ci(world.installation, NAME, world.repository)) as ci:
        assert [one.name for one in ci.fetch_checks(head).failed] == ["test"]


def test_who_lost_access_is_not_shown_what_was_known(world: World) -> None:
    with closing(world.forge.files(world.installation)) as files:
        assert files.find_text(NAME, "a.py", "main") is not None
        world.fault("GET", "/contents/", 403)
        with pytest.raises(GitHubFault):
            files.find_text(NAME, "a.py", "main")


def test_a_job_reads_everything_anew(world: World) -> None:
    """What it reads decides whether something is written."""
    issue = world.server.seed.open_issue(NAME, "ada", "It breaks", "Here.")
    for _ in range(2):
        with world.job() as github:
            github.threads.find_comments(issue, "nobody's marker")
    assert 304 not in statuses(world, "/issues/")


def test_what_one_reader_knows_no_other_does() -> None:
    known = KnownAnswers()
    known.keep("one", ASKED, answer())
    assert known.find("one", ASKED) == answer()
    assert known.find("another", ASKED) is None
    assert known.find("one", Request("GET", "/a", {"page": "2"})) is None


def test_only_so_many_are_kept_and_the_least_used_go_first() -> None:
    known = KnownAnswers(most=2)
    for path in ("/a", "/b"):
        known.keep("r", Request("GET", path), answer())
    known.find("r", Request("GET", "/a"))
    known.keep("r", Request("GET", "/c"), answer())
    assert [known.find("r", Request("GET", path)) is None for path in ("/a", "/b", "/c")] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("request_", "good"),
    [
        (Request("POST", "/a"), answer()),
        (Request("GET", "/a"), answer(date="today")),
        (Request("GET", "/a"), answer("x" * 11)),
    ],
    ids=["a write", "without a name", "too long"],
)
def test_what_is_not_kept(request_: Request, good: Answer) -> None:
    known = KnownAnswers(most_characters=10)
    known.keep("r", request_, good)
    assert known.find("r", request_) is None
