"""A pull request is reviewed again: what was said is not said again, what is mended is resolved, what people waved off
stays unsaid. Named after the complaints of the field: the same comment on every push, and dismissed findings that
come back."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.localhub.actions_git import after_ref_change
from bot.localhub.records import Actor
from tests.model_server.seen import Seen
from tests.stories.model import Call, Turn
from tests.stories.test_review import END, HEAD, checks, finding, pull_story
from tests.stories.world import NAME, World

pytestmark = pytest.mark.stories  # an application of its own for each: not in the fast suite

MENDED = HEAD.replace("sum(xs) / len(xs)", "sum(xs) / len(xs) if xs else 0")
FIRST: list[Turn] = [finding(suggestion="    return sum(xs) / len(xs) if xs else 0"), END]


def settle(number: int = 1, mended: bool = True) -> Call:
    return Call(
        "settle_finding", {"number": number, "mended": mended, "why": "`mean([])` is 0. All tests pass."}
    )


def first_then(*again: Turn) -> Callable[[Seen], Turn]:
    """The second review is told what the first one said."""

    def turn(seen: Seen) -> Turn:
        told_before = b"What earlier reviews said" in seen.raw
        return (again if told_before else FIRST)[seen.turn]

    return turn


def told(world: World) -> str:
    """Everything that the model was told at the beginning of the last review."""
    return json.dumps(world.model.requests[-1]["messages"][:3])


def review(world: World) -> str:
    """Somebody asks for one; how it ended."""
    return str(world.wait_for_task(world.comment("ada", "@agent review")).outcome)


def test_what_is_mended_is_resolved_and_only_what_is_new_is_looked_at(tmp_path: Path) -> None:
    with pull_story(tmp_path, first_then(settle(), END)) as world:
        assert review(world) == "findings"
        old = world.thread()["pull"]["head"]["sha"]
        world.hub.seed.push(NAME, "eve", {"app.py": MENDED.encode()}, "mean")
        assert review(world) == "clean"
        said = told(world)
        assert f"A review has seen this pull request up to {old[:12]}" in said
        assert "+    return sum(xs) / len(xs) if xs else 0" in said
        assert "1. P1 app.py:6: Empty list divides by zero" in said
        (comment,) = world.thread()["review_comments"]
        assert world.hub.seed.resolved_findings(NAME, world.issue) == {comment["id"]: "pullwright[bot]"}
        body = world.thread()["reviews"][1]["body"]
        assert "~~P1 [`app.py:6`]" in body
        assert "All tests pass" not in body
        assert f"what is new since `{old[:10]}`" in body
        assert checks(world) == [("success", "Reviewed: nothing found")]


def test_what_is_not_mended_stays_open_and_is_not_said_again(tmp_path: Path) -> None:
    with pull_story(tmp_path, first_then(settle(mended=False), END)) as world:
        assert review(world) == "findings"
        world.hub.seed.push(NAME, "eve", {"README.md": b"# Means\n"}, "mean")
        assert review(world) == "findings"
        assert len(world.thread()["review_comments"]) == 1
        assert world.hub.seed.resolved_findings(NAME, world.issue) == {}
        assert checks(world) == [("failure", "Reviewed: nothing new, 1 told before")]
        assert "**Still open from before**" in world.thread()["reviews"][1]["body"]


@pytest.mark.parametrize(("who", "outcome"), [("ada", "clean"), ("eve", "findings")])
def test_what_a_person_waves_off_is_not_said_again_and_counts_only_if_they_may_not_write(
    tmp_path: Path, who: str, outcome: str
) -> None:
    again = finding(title="An empty list divides by zero")
    with pull_story(tmp_path, first_then(again, END)) as world:
        assert review(world) == "findings"
        (comment,) = world.thread()["review_comments"]
        world.hub.seed.answer_finding(NAME, world.issue, who, comment["id"], "By design: callers check.")
        world.hub.seed.push(NAME, "eve", {"README.md": b"# Means\n"}, "mean")
        assert review(world) == outcome
        assert ("Dismissed by people" in told(world)) is (who == "ada")
        assert len(world.thread()["reviews"]) == 3, (
            "the second review, and the answer, which GitHub counts as one"
        )
        assert len(world.thread()["review_comments"]) == 2, "the finding, and the answer to it"


def test_after_a_force_push_all_of_it_is_looked_at_and_the_reason_is_said(tmp_path: Path) -> None:
    with pull_story(tmp_path, first_then(END)) as world:
        assert review(world) == "findings"
        _rewrite(world, "mean")
        assert review(world) == "findings", "nobody said that it is mended"
        assert "A review has seen this pull request" not in told(world)
        assert "history was rewritten since" in world.thread()["reviews"][1]["body"]


def test_when_the_base_moved_into_it_all_of_it_is_looked_at(tmp_path: Path) -> None:
    with pull_story(tmp_path, first_then(END)) as world:
        assert review(world) == "findings"
        world.hub.seed.commit(NAME, {"other.py": b"x = 1\n"}, "Meanwhile", "main")
        _merge_main(world, "mean")
        assert review(world) == "findings"
        assert "the base has moved since" in world.thread()["reviews"][1]["body"]


def test_a_focus_looks_at_all_of_it(tmp_path: Path) -> None:
    with pull_story(tmp_path, first_then(END)) as world:
        assert review(world) == "findings"
        world.hub.seed.push(NAME, "eve", {"README.md": b"# Means\n"}, "mean")
        world.wait_for_task(world.comment("ada", "@agent review mind the names"))
        assert "A review has seen this pull request" not in told(world)


def _rewrite(world: World, branch: str) -> None:
    """The same change as one new commit on main."""
    world.hub.seed.commit(NAME, {"app.py": HEAD.encode()}, "Mean, again", "rewritten")
    _move(world, branch, world.hub.seed.refs(NAME)["refs/heads/rewritten"])


def _merge_main(world: World, branch: str) -> None:
    record = world.hub.hub.repository(NAME)
    assert record is not None
    refs, git = world.hub.seed.refs(NAME), record.git
    head, main = refs[f"refs/heads/{branch}"], refs["refs/heads/main"]
    commit = git.commit(head)
    assert commit is not None
    entries = {one.path: (one.mode, one.sha) for one in git.entries(commit.tree, recursive=True) or []}
    other = git.entry_at(main, "other.py")
    assert other is not None
    files = {path: entry for path, entry in entries.items() if entry[0] != 0o40000}
    tree = git.add_tree({**files, "other.py": (other.mode, other.sha)})
    _move(world, branch, git.add_commit(tree, [head, main], "Merge", commit.author, commit.committer))


def _move(world: World, branch: str, sha: str) -> None:
    hub = world.hub.hub
    with hub.lock:
        record, person, name = hub.repository(NAME), hub.account("eve"), f"refs/heads/{branch}"
        assert record is not None
        assert person is not None
        before = record.git.ref(name)
        assert before is not None
        record.git.set_ref(name, sha)
        after_ref_change(hub, record, Actor(person), name, before, sha)
