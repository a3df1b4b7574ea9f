"""What is open, with a token that can only read."""

from contextlib import closing
from dataclasses import replace

import pytest

from bot.domain.limits import OPEN_READ
from bot.errors import GitHubFault
from bot.forge.listings import ISSUES_QUERY, PULLS_QUERY, Listings
from tests.forge.conftest import NAME
from tests.official.graphql import document_problems


@pytest.fixture
def listings(world):
    with closing(world.forge.listings(world.installation, NAME, world.repository)) as made:
        yield made


@pytest.mark.parametrize("document", [PULLS_QUERY, ISSUES_QUERY])
def test_what_is_sent_is_a_document_of_githubs_schema(document: str) -> None:
    assert document_problems(document) == []


def test_pull_requests_come_with_what_is_known_of_them(world, listings: Listings) -> None:
    seed = world.server.seed
    for branch in ("one", "two", "three"):
        seed.commit(NAME, {"a.py": branch.encode()}, branch, branch=branch)
    first, second, third = (
        seed.open_pull(NAME, "ada", f"Change {branch}", "", branch) for branch in ("one", "two", "three")
    )
    seed.close_issue(NAME, third, "ada")
    seed.comment(NAME, first, "ada", "Ping.")  # touched last
    world.clock.ahead += 5
    found = listings.fetch_pulls()
    assert found.in_all == 2
    assert {one.number for one in found.shown} == {first, second}
    one = next(one for one in found.shown if one.number == second)
    assert (one.title, one.author, one.is_bot, one.draft, one.fork) == (
        "Change two",
        "ada",
        False,
        False,
        False,
    )
    assert one.author_id > 0
    assert one.created_at.endswith("Z")
    assert (one.checks, one.review, one.conflicting) == ("", "", False)


def test_issues_come_newest_first_with_their_text_and_without_our_own(
    world, github, listings: Listings
) -> None:
    seed = world.server.seed
    before = listings.fetch_issues().in_all
    number = seed.open_issue(NAME, "ada", "It breaks", "When x.")
    github.threads.create_issue("Scheduled maintenance", "ours")
    found = listings.fetch_issues()
    assert found.in_all == before + 1
    newest = next(one for one in found.shown if one.number == number)
    assert (newest.title, newest.text, newest.labels) == ("It breaks", "When x.", ())


def test_one_page_is_read_and_the_rest_is_counted(world, listings: Listings) -> None:
    for number in range(OPEN_READ + 5):
        world.server.seed.open_issue(NAME, "ada", f"Issue {number}", "")
    asked = world.requests("POST", "graphql")
    found = listings.fetch_issues()
    assert len(found.shown) == OPEN_READ
    assert found.in_all >= OPEN_READ + 5
    assert world.requests("POST", "graphql") == asked + 1


def test_its_token_can_change_nothing(world, listings: Listings) -> None:
    number = world.server.seed.open_issue(NAME, "ada", "It breaks", "")
    with pytest.raises(GitHubFault) as caught:
        listings._client.write("POST", f"/issues/{number}/comments", {"body": "x"})
    assert caught.value.status == 403


def test_what_is_missing_is_no_fault(listings: Listings) -> None:
    """Accounts that are gone, and what GitHub does not know yet."""
    from bot.forge.listings import _thread

    bare = _thread({"number": 3, "author": None, "labels": None, "statusCheckRollup": None})
    assert (bare.author, bare.author_id, bare.labels, bare.association) == ("ghost", 0, (), "NONE")
    told = _thread(
        {
            "number": 3,
            "author": {"__typename": "Bot", "login": "dependabot"},
            "mergeable": "CONFLICTING",
            "statusCheckRollup": {"state": "FAILURE"},
            "latestOpinionatedReviews": {"nodes": [{"state": "APPROVED"}, {"state": "CHANGES_REQUESTED"}]},
        }
    )
    assert told == replace(
        bare, author="dependabot", is_bot=True, conflicting=True, checks="FAILURE", review="CHANGES_REQUESTED"
    )
