"""What is kept of listings: few, not too long, and nobody's change to one is seen by another."""

from bot.domain.ids import InstallationId, RepositoryId, TreeSha
from bot.repos.contract import FileMode, RepoKey
from bot.repos.listings import Listing, Listings

KEY, OTHER = (RepoKey(InstallationId(1), RepositoryId(number)) for number in (2, 3))
A, B, C = (TreeSha(letter * 40) for letter in "abc")


def listing(*paths: str) -> Listing:
    return dict.fromkeys(paths, (FileMode.REGULAR, "0" * 40))


def test_one_that_was_kept_is_found_by_its_repository_and_tree() -> None:
    kept = Listings()
    kept.keep(KEY, A, listing("a.py"))
    assert kept.find(KEY, A) == listing("a.py")
    assert kept.find(KEY, B) is None
    assert kept.find(OTHER, A) is None


def test_changing_what_was_given_changes_nothing_for_others() -> None:
    kept, mine = Listings(), listing("a.py")
    kept.keep(KEY, A, mine)
    mine.clear()
    found = kept.find(KEY, A)
    assert found == listing("a.py")
    found.clear()
    assert kept.find(KEY, A) == listing("a.py")


def test_the_one_that_was_asked_for_longest_ago_goes() -> None:
    kept = Listings(most=2)
    kept.keep(KEY, A, listing("a"))
    kept.keep(KEY, B, listing("b"))
    kept.find(KEY, A)
    kept.keep(KEY, C, listing("c"))
    assert [kept.find(KEY, tree) is not None for tree in (A, B, C)] == [True, False, True]


def test_a_very_long_one_is_not_kept() -> None:
    kept = Listings(most_paths=1)
    kept.keep(KEY, A, listing("a", "b"))
    assert kept.find(KEY, A) is None
